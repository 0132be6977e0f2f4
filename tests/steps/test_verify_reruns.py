"""Step 06 after its run, on the stand-in: what is said of objects that a deleted run leaves."""

from types import SimpleNamespace

import pytest
from aws_rig import AwsRig

from xcomkit.clouds import Platform
from xcomkit.findings.errors import MissingError
from xcomkit.plane.reruns import XC709
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


def deleted(rig: AwsRig, folder, *checks):
    """Return the check of deleting the run of a step with these checks, and whether it was done."""
    step = DagStep("06_verify_dag", rig.settings, folder, Platform(label="", issuer=""), rig.cloud)
    done = []
    deployment = SimpleNamespace(delete_run=lambda *names: done.append(names))
    step.orchestration, step.dag_run = SimpleNamespace(deployment=deployment), RUN
    step.check(*checks)
    verify_reruns.delete(step)
    return step.checks[-1], bool(done)


def test_objects_of_a_deleted_run_expire_only_if_the_bucket_says_so(rig, tmp_path):
    check, is_done = deleted(rig, tmp_path)
    assert (check.id, check.status, is_done) == ("XC710", "pass", True)

    rig.drift("XC207")  # the lifecycle is gone, retention_days is as before

    check, _ = deleted(rig, tmp_path)
    assert (check.id, check.status) == ("XC710", "warn")
    assert "nothing removes them" in check.observed


@pytest.mark.parametrize("holds", [False, None])
def test_run_with_something_red_about_it_stays(rig, tmp_path, holds):
    red = XC709.judge(holds, expected="e", observed="o", how="h", basis="behaviour")

    check, is_done = deleted(rig, tmp_path, red)

    assert (check.id, check.status, is_done) == ("XC710", "skip", False)
    assert "run stays in Airflow" in check.observed


@pytest.mark.parametrize("fails", ["start", "finish"])
def test_second_run_that_cannot_be_had_leaves_the_check_of_the_first(rig, tmp_path, fails):
    settings = rig.settings.model_copy(update={"state_store": True})
    step = DagStep("06_verify_dag", settings, tmp_path, Platform(label="", issuer=""), rig.cloud)
    ran = SimpleNamespace(**vars(RUN), tasks=(), xcoms=())

    def second(name):
        def act(*_, **__):
            if name == fails:
                raise MissingError("no such Dag: xcom_runbook_second_run")

        return act

    step.dag_run = ran
    step.orchestration = SimpleNamespace(
        start=second("start"), finish=second("finish"), rerun=lambda *_, **__: ran
    )
    verify_reruns.clear(step)

    found = {check.id: check for check in step.checks}
    assert found.keys() == {"XC709", "XC720", "XC901"}
    assert "xcom_runbook_second_run" in found["XC901"].observed
    assert found["XC720"].status != "pass"
