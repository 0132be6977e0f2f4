"""Step 00: which versions are supported, and what is said of any other."""

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from xcomkit.clouds import Caller, Platform
from xcomkit.notebook.step import Step
from xcomkit.settings.settings import Settings
from xcomkit.steps.prerequisites import (
    check_caller,
    check_environment,
    check_versions,
    supported_versions,
)

ROOT = Path(__file__).parents[2]


def installed(folder: Path, **versions: str) -> None:
    """Put distributions in front of the installed ones."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        (info / "METADATA").write_text(text)


@pytest.mark.parametrize(
    ("airflow", "common_io", "status", "words"),
    [
        ("3.1.8", "1.6.5", "pass", "Airflow 3.1.8"),
        ("3.4.0b2", "1.11.0", "pass", "Airflow 3.4.0b2"),
        ("3.5.0", "1.11.0", "unknown", "Airflow 3.5.0: not among the versions tried"),
        ("3.0.6", "1.11.0", "fail", "cannot push at all"),
        ("3.3.2", "1.6.2", "fail", "common-io 1.6.2 breaks at import"),
    ],
)
def test_version_is_supported_unknown_or_known_to_be_broken(
    airflow: str, common_io: str, status: str, words: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    names = {"apache_airflow_core": airflow, "apache_airflow_providers_common_io": common_io}
    installed(tmp_path, **names)
    monkeypatch.syspath_prepend(str(tmp_path))

    check = check_versions()

    assert (check.status, words in check.observed) == (status, True)


def test_supported_versions_stand_in_pyproject_and_the_docs_say_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (named,) = (
        one for one in project["optional-dependencies"]["runbook"]
        if one.startswith("apache-airflow>")
    )  # fmt: skip
    lowest, below = named.removeprefix("apache-airflow>=").split(",<")
    major, minor = below.split(".")
    told = f"Airflow {lowest} to {major}.{int(minor) - 1}"

    assert set(str(supported_versions()).split(",")) == {f">={lowest}", f"<{below}"}
    for page in ("README.md", "docs/upgrading.md"):
        assert f"Supported are {told}" in (ROOT / page).read_text(), page


def test_tools_and_packages_are_looked_for_where_the_step_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helm").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    cloud = cast("Any", SimpleNamespace(agent_packages=("no-such-package",)))
    settings = Settings.from_mapping({"bucket": "some-bucket"})
    step = Step("00_prerequisites", settings, tmp_path, Platform(label="", issuer=""), cloud)

    check_environment(step)

    found = {check.id: (check.status, check.basis) for check in step.checks}
    assert found["XC102"] == ("fail", "rule")
    assert found["XC106"] == ("skip", "not-supported-here")
    assert found["XC107"] == ("pass", "rule")
    (tmp_path / "helm").unlink()
    check_environment(step)
    assert (step.checks[-1].id, step.checks[-1].status) == ("XC107", "skip")


@pytest.mark.parametrize(
    ("principal", "status"), [("arn:aws:iam::1:user/me", "pass"), ("", "fail")]
)
def test_caller_without_a_name_is_not_known(tmp_path: Path, principal: str, status: str) -> None:
    cloud = cast(Any, SimpleNamespace(who_am_i=lambda: Caller("1", principal, "asked")))
    settings = Settings.from_mapping({"bucket": "some-bucket"})
    step = Step("00_prerequisites", settings, tmp_path, Platform(label="", issuer=""), cloud)

    check_caller(step)

    assert [check.status for check in step.checks] == [status]
