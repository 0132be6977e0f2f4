"""Every notebook by itself, under nbval; under plain papermill what its command line decides."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit.steps.opening import STEPS

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True,
                          text=True, check=False, timeout=1100)  # fmt: skip


def test_bucket_of_the_command_line_replaces_that_of_the_file(tmp_path):
    done = run(
        BIN / "papermill", ROOT / "notebooks/01_create_bucket.ipynb", tmp_path / "out.ipynb",
        "-f", ROOT / "parameters/local-aws.yaml", "-p", "bucket", "my-bucket",
        "-p", "run_dir", tmp_path / "run", "--no-progress-bar",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    assert "s3://my-bucket/astro/xcom" in (tmp_path / "out.ipynb").read_text()


def test_misspelled_parameter_stops_plain_papermill_in_one_line(tmp_path):
    done = run(
        BIN / "papermill", ROOT / "notebooks/01_create_bucket.ipynb", tmp_path / "out.ipynb",
        "-p", "buckt", "my-bucket", "--no-progress-bar",
    )  # fmt: skip

    assert done.returncode == 1
    assert "buckt: no such parameter; did you mean bucket?" in done.stderr


@pytest.mark.timeout(1200)  # eight kernels and six stand-ins, on a machine that is shared
def test_nbval_passes_on_every_notebook_alone(tmp_path):
    """But for step 06, whose plane takes as long as all others: the walkthrough runs it."""
    # A copy: a run without parameters writes its run directory beside the notebooks.
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, tmp_path / name)
    with (tmp_path / "parameters/local-aws.yaml").open("a") as practice:
        practice.write("repetitions: 1\npayload_sizes: [1000]\n")

    done = run(
        sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout", "600",
        "-p", "no:cacheprovider", "-q", "notebooks", "--ignore", f"notebooks/{STEPS[6]}.ipynb",
        cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:]
    evidence = {path.stem for path in tmp_path.glob("runs/*/evidence/*.json")}
    assert evidence >= {*STEPS} - {STEPS[6]}
