"""Step 06 reads the user's own Dag files and never runs them."""

import os
import re
from typing import cast

import pytest

from xcomkit.clouds import Cloud, Platform
from xcomkit.findings.model import Check
from xcomkit.notebook.step import Step
from xcomkit.settings.settings import Settings
from xcomkit.steps import verify_dag

ALERTING = """import os
from airflow.sdk import dag, task

os.environ["RAN"] = "yes"

def alert(context):
    context["ti"].xcom_pull(task_ids="count")

@dag(on_failure_callback=alert)
def report():
    @task
    def count():
        return 1
    count()

report()
"""


@pytest.fixture
def scanned(tmp_path, monkeypatch):
    monkeypatch.delenv("RAN", raising=False)

    def scan(folder: str) -> dict[str, Check]:
        settings = Settings.from_mapping({"bucket": "some-bucket", "dags_folder": folder})
        nobody = cast(Cloud, None)  # files are read here, no cloud is asked
        step = Step("06_verify_dag", settings, tmp_path, Platform(label="", issuer=""), nobody)
        verify_dag.scan(step)
        return {check.id: check for check in step.checks}

    return scan


def test_callback_that_pulls_is_red_with_file_and_line_and_was_not_run(scanned, tmp_path):
    (tmp_path / "report.py").write_text(ALERTING)

    checks = scanned(str(tmp_path))

    assert checks["XC030"].status == "fail"
    assert f"{tmp_path / 'report.py'}:7: " in checks["XC030"].observed
    assert checks["XC036"].status == "pass"
    assert "RAN" not in os.environ


def test_ignored_place_stays_visible(scanned, tmp_path):
    pull = '    context["ti"].xcom_pull(task_ids="count")'
    text = ALERTING.replace(pull, f"{pull}  # xcomkit: ignore XC030 goes away in May")
    (tmp_path / "report.py").write_text(text)

    check = scanned(str(tmp_path))["XC030"]

    assert (check.status, check.observed) == ("pass", "none; 1 ignored by comments")


def test_file_that_is_no_python_is_unknown_not_clean(scanned, tmp_path):
    (tmp_path / "broken.py").write_text("def (")

    assert [c.status for c in scanned(str(tmp_path)).values()].count("unknown") == 1


@pytest.mark.parametrize(
    ("folder", "status", "how"),
    [
        ("", "skip", "dags_folder is empty"),
        (".", "skip", "holds no Python file"),
        ("gone", "unknown", "InputError"),
    ],
    ids=["not named", "without a Dag file", "not there"],
)
def test_folder_without_a_dag_file_proves_nothing(scanned, tmp_path, folder, status, how):
    (check,) = scanned(str(tmp_path / folder) if folder else "").values()

    assert check.status == status
    assert how in check.how


def test_cell_that_is_run_again_starts_a_run_of_its_own():
    first, again = (verify_dag.new_run_id("runbook") for _ in range(2))

    assert first != again
    assert re.fullmatch(r"[A-Za-z0-9_.~:+-]+", first)  # Airflow, allowed_run_id_pattern
