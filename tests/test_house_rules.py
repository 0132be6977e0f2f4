"""What the whole repository must keep to, checked by the tools made for it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from xcomkit.settings import reference
from xcomkit.steps import rule_index as catalogue

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAMED_BY_THE_USER = (
    "jupyterlab", "papermill", "ipywidgets", "fsspec", "s3fs", "adlfs", "gcsfs", "boto3",
    "pyyaml", "nbval",
)  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=" ".join,
)
def test_tool_has_nothing_to_say(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True,
                          text=True, check=False)  # fmt: skip

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_lock_file_pins_every_package_with_hashes_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text()

    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in block
        assert "--hash=sha256:" in block


def requirements(of: dict) -> set[str]:
    names = [*of["dependencies"], *(r for e in of["optional-dependencies"].values() for r in e)]
    return {re.split(r"[\[<>=~ ]", name)[0] for name in names}


def test_conda_environment_names_all_packages_and_installs_this_project():
    project = PROJECT["project"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = {re.split(r"[<>=]", n)[0] for n in environment["dependencies"] if isinstance(n, str)}
    (pip,) = (n["pip"] for n in environment["dependencies"] if isinstance(n, dict))

    assert set(NAMED_BY_THE_USER) <= conda
    assert set(NAMED_BY_THE_USER) <= requirements(project)
    assert conda - {"python", "pip"} <= requirements(project)
    assert pip == ["-e .[runbook,local,test]"]


def test_table_of_checks_is_that_of_the_rules():
    assert (ROOT / "docs/checks.md").read_text() == catalogue.to_markdown(), "run: make docs"


def test_table_of_parameters_is_that_of_the_settings():
    assert (ROOT / "docs/parameters.md").read_text() == reference.to_markdown(), "run: make docs"


def test_every_module_has_one_screenful_of_purpose():
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / "xcomkit").rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 350
    }

    # worker.py must stay one file: it is piped into a pod (docs/decisions); durable.py too: it is
    # copied into the agents' image, with both of its backends.
    assert set(long) <= {"xcomkit/backend/worker.py", "xcomkit/durable.py"}


@pytest.mark.parametrize(("folder", "most"), [("xcomkit", 46_870), ("tests", 36_840)])
def test_tree_stays_within_its_budget(folder, most):
    """The goals are 33,000 and 25,000 lines: who removes some lowers the figure here."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout.split("\0")  # fmt: skip
    files = [ROOT / name for name in listed if name.endswith(".py")]

    assert sum(len(path.read_bytes().splitlines()) for path in files if path.exists()) <= most


def test_readme_is_under_130_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) < 130


def test_importing_the_package_imports_no_sdk_and_no_airflow():
    code = (
        "import sys, xcomkit.__main__, xcomkit.settings, xcomkit.steps.rule_index;"
        "import xcomkit.record.runner;"
        "heavy = {'boto3', 'botocore', 'airflow', 'pandas', 'moto', 'papermill',"
        " 'azure', 'google', 'googleapiclient', 'adlfs', 'gcsfs'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_skip_is_a_failure_where_everything_is_required(tmp_path, monkeypatch, required, code):
    (tmp_path / "test_it.py").write_text("import pytest\n\ndef test_it():\n    pytest.skip('no')\n")
    monkeypatch.setenv("XCOMKIT_REQUIRE_ALL", required)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))

    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "conftest", "test_it.py"],
                          cwd=tmp_path, check=False, capture_output=True)  # fmt: skip

    assert done.returncode == code


def test_ids_of_rules_are_unique_and_well_formed():
    assert all(re.fullmatch(r"XC\d{3}", rule_id) for rule_id in catalogue.RULES_BY_ID)
    for rule in catalogue.RULES_BY_ID.values():
        assert all((rule.title, rule.why, rule.remedy, rule.source))
        assert not rule.title.endswith(".")
        assert rule.why.endswith(".")
        assert rule.remedy[0].isupper()


@pytest.mark.parametrize("place", PROJECT["tool"]["pytest"]["ini_options"]["slow"])
def test_slow_tests_are_where_they_are_said_to_be(place):
    assert list(Path(__file__).parent.glob(place))
