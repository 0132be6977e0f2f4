from pathlib import Path

import pytest
from backend_target import Target

from xcomkit.backend.process import open_worker
from xcomkit.backend.silent_references import DAG_ID, check
from xcomkit.findings.errors import AccessDeniedError
from xcomkit.findings.model import BACKENDS

pytestmark = pytest.mark.usefixtures("forked")
QUIET = """from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend as Stock

class Quiet(Stock):
    @staticmethod
    def deserialize_value(result):
        value = Stock.deserialize_value(result)
        return None if isinstance(value, str) else value
"""
CLASS = "AIRFLOW__CORE__XCOM_BACKEND"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"


def checks(target: Target, backend: str, *, delete=None, **changes: str):
    environment = {**target.effective, CLASS: BACKENDS[backend], **changes}
    with open_worker({**environment, **target.identity().environment}, timeout=60) as worker:
        return check(
            worker,
            environment=environment,
            reader=target,
            delete=delete or remove_from(target),
            bucket=target.bucket,
            run_id="run",
        )


def remove_from(target: Target):
    return lambda keys: [target.s3.delete_object(Bucket=target.bucket, Key=key) for key in keys]


def test_stock_backend_hands_out_paths_when_anything_around_a_value_changes(target: Target):
    found = checks(target, "stock")
    assert [(one.id, one.status) for one in found] == [
        ("XC518", "fail"), ("XC519", "fail"), ("XC521", "fail"),
    ]  # fmt: skip
    assert all("the reader got the reference string as the value" in one.observed for one in found)


def test_class_that_hands_out_nothing_for_what_is_gone_is_red(target: Target, tmp_path: Path):
    (tmp_path / "quiet.py").write_text(QUIET)
    own = {CLASS: "quiet.Quiet", "PYTHONPATH": str(tmp_path)}
    found = checks(target, "stock", **own)
    assert {one.status for one in found} == {"fail"}
    assert "another value, without an error" in found[2].observed


def test_the_release_it_was_seen_on_is_told(target: Target):
    how = checks(target, "stock")[0].how
    assert "airflow 3." in how
    assert "common-io 1." in how


def test_durable_backend_raises_and_says_what_has_changed(target: Target):
    moved, renamed, expired = checks(target, "durable")
    assert {one.status for one in (moved, renamed, expired)} == {"pass"}
    assert "but not below" in moved.observed
    assert "aws_default_renamed" in renamed.observed
    assert "is not there" in expired.observed


def test_nothing_is_left_behind(target: Target):
    checks(target, "durable")
    keys = target.keys()
    assert [key for key in keys if DAG_ID in key] == []


def test_value_that_stays_in_the_database_has_no_reference_to_judge(target: Target):
    found = checks(target, "stock", **{THRESHOLD: "-1"})
    assert {one.status for one in found} == {"unknown"}


def test_object_that_may_not_be_taken_away_leaves_it_unknown(target: Target):
    def refuse(_keys: list[str]) -> None:
        raise AccessDeniedError("delete was refused")

    found = checks(target, "stock", delete=refuse)
    assert {one.status for one in found} == {"unknown"}
    assert "delete was refused" in found[0].observed


def test_object_that_is_still_there_after_all_proves_nothing(target: Target):
    found = checks(target, "stock", delete=lambda _keys: None)
    assert {one.status for one in found} == {"unknown"}
    assert "not known to be gone" in found[0].observed


def test_path_without_a_connection_id_has_none_to_rename(target: Target):
    path = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
    found = checks(target, "stock", **{path: f"s3://{target.bucket}/astro/xcom"})
    assert {one.status for one in found} == {"unknown"}


def test_threshold_that_keeps_small_values_does_not_hide_the_trap(target: Target):
    assert {one.status for one in checks(target, "stock", **{THRESHOLD: "1000000"})} == {"fail"}


@pytest.mark.parametrize("codec", ["gzip", "zip"])
def test_the_same_holds_behind_a_codec(target: Target, codec: str):
    variable = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
    assert {one.status for one in checks(target, "durable", **{variable: codec})} == {"pass"}
