"""What of the supported Pythons a machine with one of them can show.

Pyodide is CPython as WebAssembly, without processes, threads and compiled packages: the linter's
own tests run on it. Of the rest it is shown that the lock file can be installed.
"""

import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from xcomkit.stand_ins.common import npm

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OTHERS = ("3.12", "3.13")
# hypothesis and pydantic are compiled, and so is what these ask of the system
ELSEWHERE = (
    "cloud_files/test_cloud_reading.py", "dags/test_dag_scan_files.py",
    "inputs/test_input_files.py", "test_any_configuration.py", "test_connection_fields.py",
    "test_symptoms.py",
    "inputs/test_repository.py::test_other_charts_hidden_folders_links_and_bytes_are_left_alone",
)  # fmt: skip


def test_supported_pythons_are_stated_once_and_the_same_everywhere():
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if "Python :: 3." in one]

    assert named == ["3.11", *OTHERS]
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert "Supported are Airflow 3.1 to 3.4 on Python 3.11; the linter on 3.11 to 3.13." in (
        " ".join((ROOT / "README.md").read_text().split())
    )


@pytest.mark.parametrize("version", OTHERS)
def test_linter_passes_its_own_tests(version):
    folder = npm.install(HERE / "pyodide", say=sys.stderr.write)
    node, _ = npm.find_node()
    left_out = [word for one in ELSEWHERE for word in ("--deselect", f"tests/lint/{one}")]
    left_out += [f"--ignore=tests/lint/{one}" for one in ELSEWHERE if "::" not in one]

    done = subprocess.run(
        [node, HERE / "in_node.cjs", folder / f"node_modules/python-{version}", ROOT,
         sysconfig.get_path("purelib"), "-q", "-c", "/dev/null", "--rootdir=/repository",
         "--confcutdir=/repository/tests/lint", "-p", "no:cacheprovider", "-p", "no:faulthandler",
         "--capture=sys", "tests/lint", *left_out],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    said = done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.startswith(f"{version}."), said
    (passed,) = re.findall(r"^(\d+) passed.* in ", done.stdout, re.MULTILINE) or [said]
    assert int(passed) > 1000
    assert done.returncode == 0, said


@pytest.mark.parametrize("version", OTHERS)
def test_every_package_of_the_lock_file_has_a_wheel(version, tmp_path):
    done = subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "install", "-q", "--dry-run", "--no-deps",
         "--only-binary", ":all:", "--require-hashes", "--python-version", version,
         "--target", tmp_path, "-r", ROOT / "requirements.lock"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
