"""The scripts for upstream show their defect, and each patch for upstream ends it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest

UPSTREAM = Path(__file__).parents[2] / "docs/upstream"
COMMON_IO = "apache-airflow-providers-common-io"
# Runs a script with a module of the real name taken from another file.
LOADER = """
import importlib.util, runpy, sys
name, file, script = sys.argv[1:]
class Patched:
    def find_spec(fullname, path=None, target=None):
        if fullname == name:
            return importlib.util.spec_from_file_location(name, file)
sys.meta_path.insert(0, Patched)
runpy.run_path(script, run_name="__main__")
"""


@dataclass(frozen=True)
class Patch:
    file: str
    script: str
    package: str
    module: str
    upstream: str  # the module's path in its own repository


BACKEND = "airflow.providers.common.io.xcom.backend"
BACKEND_FILE = f"providers/common/io/src/{BACKEND.replace('.', '/')}.py"
CLOSE = Patch("0001-close-the-file-of-a-compressed-xcom.patch", "failed_upload_is_silent.py",
              COMMON_IO, BACKEND, BACKEND_FILE)  # fmt: skip
RAISE = Patch("0002-raise-when-the-object-of-an-xcom-is-missing.patch",
              "missing_object_is_its_path.py", COMMON_IO, BACKEND, BACKEND_FILE)  # fmt: skip
DEFLATE = Patch("0003-deflate-zip.patch", "zip_is_stored.py",
                "fsspec", "fsspec.compression", "fsspec/compression.py")  # fmt: skip
STATE = "airflow.providers.common.io.state_store.backend"
KEEP = Patch("0004-raise-when-the-object-of-a-state-is-missing.patch", "missing_state_is_none.py",
             COMMON_IO, STATE, f"providers/common/io/src/{STATE.replace('.', '/')}.py")  # fmt: skip
PATCHES = (CLOSE, RAISE, DEFLATE, KEEP)


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python where nothing of this project is at hand but the interpreter."""
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, *command], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip


def fact(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line the script ends with; a traceback has none."""
    lines = [
        line for line in done.stdout.splitlines() if line.startswith(("defect:", "no defect:"))
    ]
    assert lines, f"The script did not come to its end:\n{done.stdout}{done.stderr}"
    assert done.returncode == (0 if lines[-1].startswith("defect:") else 1), lines[-1]
    return lines[-1]


def patched(patch: Patch, folder: Path) -> Path:
    """Return the installed module with the patch applied to it, in a tree like upstream's."""
    installed = distribution(patch.package)
    copy = folder / patch.upstream
    copy.parent.mkdir(parents=True)
    copy.write_bytes(installed.locate_file(f"{patch.module.replace('.', '/')}.py").read_bytes())
    done = subprocess.run(
        ["git", "apply", "-p1", UPSTREAM / "patches" / patch.file], cwd=folder, check=False,
        env={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"{patch.file} no longer applies to {patch.package} {installed.version}. If upstream has"
        f" the fix, drop the patch and say so in README.md, else renew it.\n{done.stderr}"
    )
    return copy


@pytest.fixture
def before_and_after(tmp_path) -> Callable[[Patch], tuple[str, str]]:
    """Run a patch's script on the installed module and on the patched one."""

    def both(patch: Patch) -> tuple[str, str]:
        module = patched(patch, tmp_path)
        script = UPSTREAM / patch.script
        before = fact(run(tmp_path, script))
        assert before.startswith("defect:"), (
            f"The installed versions no longer have the defect {patch.script} shows. If upstream"
            f" has fixed it, drop {patch.file} and say so in README.md.\n{before}"
        )
        after = fact(run(tmp_path, "-c", LOADER, patch.module, module, script))
        assert after.startswith("no defect:"), f"{patch.file} does not end the defect: {after}"
        return before, after

    return both


def test_refused_upload_is_silent_with_gzip_and_raises_once_the_file_is_closed(before_and_after):
    before, after = before_and_after(CLOSE)

    assert "uncompressed, raised PermissionError; gzip, the pull returned 'memory://" in before
    assert "uncompressed, raised PermissionError; gzip, raised PermissionError;" in after


def test_missing_object_is_pulled_as_its_path_and_raises_with_the_patch(before_and_after):
    before, after = before_and_after(RAISE)

    assert "with its object, ['a value']; without, the pull returned 'file://" in before
    assert "with its object, ['a value']; without, raised FileNotFoundError;" in after


def test_missing_state_is_read_as_none_and_raises_with_the_patch(before_and_after):
    before, after = before_and_after(KEEP)

    assert "with its object, 'job-1'; without, the get returned None;" in before
    assert "with its object, 'job-1'; without, raised FileNotFoundError;" in after


def test_zip_is_larger_than_its_json_and_close_to_gzip_with_the_patch(before_and_after):
    sizes = []
    for line in before_and_after(DEFLATE):
        found = re.search(
            r" (\S+) bytes of JSON; zip (\S+); gzip (\S+); pulled intact: True;", line
        )
        sizes.append([int(size.replace(",", "")) for size in found.groups()])

    (json, stored, gzipped), (_, deflated, _) = sizes
    assert gzipped < json / 2 < json < stored < json + 200
    assert abs(deflated - gzipped) < gzipped / 10


def test_every_script_and_every_patch_is_tried_here_short_and_named_in_the_readme():
    texts = {path.name: path.read_text() for path in UPSTREAM.rglob("*.p*") if path.is_file()}
    readme = (UPSTREAM / "README.md").read_text()

    assert set(texts) == {name for patch in PATCHES for name in (patch.file, patch.script)}
    assert [name for name in texts if name not in readme] == []
    assert [name for name, text in texts.items() if "xcomkit" in text.lower()] == []
    assert all(len(text.splitlines()) <= 70 for text in texts.values())
