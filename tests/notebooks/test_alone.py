"""Every notebook by itself: under plain papermill, and under nbval."""

import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit.opening import STEPS

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True,
                          text=True, check=False, timeout=280)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_notebook_passes_alone_under_plain_papermill(step, tmp_path):
    done = run(
        BIN / "papermill", ROOT / f"notebooks/{step}.ipynb", tmp_path / "out.ipynb",
        "-f", ROOT / "parameters/local-aws.yaml", "-p", "run_dir", tmp_path / "run",
        "-p", "repetitions", "1", "-p", "payload_sizes", "1000", "--no-progress-bar",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Passed unknown parameter" not in done.stderr
    assert (tmp_path / f"run/evidence/{step}.json").exists()


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


def test_nbval_passes_on_all_notebooks(tmp_path):
    # A copy: a run without parameters writes its run directory beside the notebooks.
    import shutil

    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copytree(ROOT / "parameters", tmp_path / "parameters")

    done = run(
        sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout", "240",
        "-p", "no:cacheprovider", "-q", "notebooks", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:]
