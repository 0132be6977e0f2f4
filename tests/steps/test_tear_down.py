"""Step 07 on the stand-in: what lands late goes as well."""

from types import SimpleNamespace

import pytest
from aws_rig import AwsRig
from line import become_administrator

from xcomkit.clouds import Platform
from xcomkit.findings import evidence
from xcomkit.findings.errors import AccessDeniedError, ServiceError
from xcomkit.notebook.step import Step
from xcomkit.steps import tear_down

PLACE = "astro/xcom/dag/run/"


@pytest.fixture
def rig(stand_in, monkeypatch) -> AwsRig:
    become_administrator(stand_in, monkeypatch)
    made = AwsRig(stand_in)
    made.make_bucket()
    return made


class WithALateWriter:
    """The cloud, and somebody whose upload ends just after the first deletion."""

    def __init__(self, rig: AwsRig) -> None:
        self.rig = rig
        self.late = ["late"]

    def __getattr__(self, name: str) -> object:
        return getattr(self.rig.cloud, name)

    def delete_keys(self, keys) -> int:
        deleted = self.rig.cloud.delete_keys(keys)
        if self.late:
            self.rig.put_object(f"{PLACE}{self.late.pop()}", b"1")
        return deleted


def open_step(rig: AwsRig, run, cloud) -> Step:
    platform = Platform(label="", issuer="")
    return Step("07_tear_down", rig.settings, run, platform, cloud)


def test_run_directory_in_which_nothing_was_recorded_proves_nothing(rig, tmp_path):
    rig.put_object(f"{PLACE}of-another-run", b"1")
    step = open_step(rig, tmp_path, rig.cloud)

    tear_down.remove_objects(step)
    tear_down.verify_objects(step)

    [check] = step.checks
    assert (check.id, check.status) == ("XC801", "skip")
    assert "run_dir" in check.remedy


def test_upload_of_a_cut_off_step_that_ends_after_the_deletion_is_removed_too(rig, tmp_path):
    evidence.record_created(tmp_path, kind="prefixes", names=[PLACE])
    rig.put_object(f"{PLACE}early", b"1")
    step = open_step(rig, tmp_path, WithALateWriter(rig))

    tear_down.remove_objects(step)
    tear_down.verify_objects(step)

    assert [(check.id, check.status) for check in step.checks] == [("XC801", "pass")]
    assert list(rig.cloud.list_keys_ever(PLACE)) == []


def test_recorded_object_that_is_still_there_is_red_and_named(rig, tmp_path):
    evidence.record_created(tmp_path, kind="objects", names=[f"{PLACE}left"])
    rig.put_object(f"{PLACE}left", b"1")
    step = open_step(rig, tmp_path, rig.cloud)

    tear_down.verify_objects(step)

    [check] = step.checks
    assert (check.status, check.observed) == ("fail", f"1 left: {PLACE}left")


def refused():
    raise AccessDeniedError("403")


def test_what_was_not_looked_for_is_never_told_as_gone(rig, tmp_path):
    typed = {"confirm_delete": rig.settings.bucket}
    rig.settings = rig.settings.model_copy(update=typed)
    rig.cloud.apply_tear_down(rig.cloud.plan_tear_down())
    step = open_step(rig, tmp_path, rig.cloud)
    tear_down.verify_target(step)
    (gone,) = step.checks
    rig.cloud.access.read_identity = refused
    tear_down.verify_target(step)

    (unseen,) = step.checks
    assert (gone.status, f"bucket {rig.settings.bucket}: absent" in gone.observed) == ("pass", True)
    assert (unseen.status, "403" in unseen.observed) == ("unknown", True)


def test_another_name_deletes_nothing_and_is_red(rig, tmp_path):
    rig.settings = rig.settings.model_copy(update={"confirm_delete": "another-bucket"})
    step = open_step(rig, tmp_path, rig.cloud)

    tear_down.plan_target(step)
    tear_down.verify_target(step)

    assert step.planned.changes
    assert not step.planned.pending
    assert [(check.id, check.status) for check in step.checks] == [("XC802", "fail")]


def test_deletion_that_cannot_be_looked_at_is_unknown(rig, tmp_path):
    def refuse() -> None:
        raise ServiceError("503")

    typed = {"confirm_delete": rig.settings.bucket}
    rig.settings = rig.settings.model_copy(update=typed)
    step = open_step(rig, tmp_path, SimpleNamespace(plan_tear_down=refuse))

    tear_down.verify_target(step)

    assert [(check.id, check.status) for check in step.checks] == [("XC802", "unknown")]


@pytest.mark.parametrize(
    ("action", "status"), [("unchanged", "pass"), ("keep", "fail"), ("delete", "fail")]
)
def test_target_is_gone_only_where_nothing_of_it_is_left(rig, tmp_path, action, status):
    rig.settings = rig.settings.model_copy(update={"confirm_delete": rig.settings.bucket})
    row = SimpleNamespace(action=action, setting="bucket", resource="b", note="", before="there")
    cloud = SimpleNamespace(plan_tear_down=lambda: SimpleNamespace(changes=[row]))
    step = open_step(rig, tmp_path, cloud)

    tear_down.verify_target(step)

    assert [check.status for check in step.checks] == [status]


def test_what_lies_below_a_recorded_prefix_is_recorded(rig, tmp_path):
    evidence.record_created(tmp_path, kind="prefixes", names=[PLACE])
    evidence.record_created(tmp_path, kind="objects", names=["a"])
    step = open_step(rig, tmp_path, SimpleNamespace(list_keys_ever=lambda place: [f"{place}old"]))

    assert tear_down._recorded(step) == ["a", f"{PLACE}old"]
