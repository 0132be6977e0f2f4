"""Step 06 after its run, on the stand-in: what is said of objects that a deleted run leaves."""

from types import SimpleNamespace

import pytest
from aws_rig import AwsRig

from xcomkit.clouds import Platform
from xcomkit.steps import verify_reruns
from xcomkit.steps.orchestration import DagStep

RUN = SimpleNamespace(dag_id="dag", run_id="run", state="success")


@pytest.fixture
def rig(stand_in, monkeypatch) -> AwsRig:
    for name in stand_in.replaced:
        monkeypatch.delenv(name, raising=False)
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    made = AwsRig(stand_in)
    made.make_bucket()
    key = "xcom_runbook_check/run/task/0f8fad5b-d9cb-469f-a165-70867728950e"
    made.put_object(f"{made.settings.prefix}/{key}", b"1")
    return made


def deleted(rig: AwsRig, folder):
    step = DagStep("06_verify_dag", rig.settings, folder, Platform(label="", issuer=""), rig.cloud)
    plane = SimpleNamespace(deployment=SimpleNamespace(delete_run=lambda *_: None))
    step.orchestration, step.dag_run = plane, RUN
    verify_reruns.delete(step)
    (check,) = step.checks
    return check


def test_objects_of_a_deleted_run_expire_only_if_the_bucket_says_so(rig, tmp_path):
    assert deleted(rig, tmp_path).status == "pass"

    rig.drift("XC207")  # the lifecycle is gone, retention_days is as before

    check = deleted(rig, tmp_path)
    assert (check.id, check.status) == ("XC710", "warn")
    assert "nothing removes them" in check.observed
