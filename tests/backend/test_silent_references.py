from collections.abc import Callable
from pathlib import Path

import pytest
from backend_target import CLASS, CODEC, PATH, THRESHOLD, Target

from xcomkit.backend.silent_references import DAG_ID, check
from xcomkit.findings.errors import AccessDeniedError
from xcomkit.findings.model import BACKENDS, Check

QUIET = """from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend as Stock

class Quiet(Stock):
    @staticmethod
    def deserialize_value(result):
        value = Stock.deserialize_value(result)
        return None if isinstance(value, str) else value
"""


def checks(
    target: Target,
    backend: str,
    *,
    delete: Callable[[list[str]], object] | None = None,
    **changes: str,
) -> tuple[Check, ...]:
    def remove(keys: list[str]) -> None:
        for key in keys:
            target.s3.delete_object(Bucket=target.bucket, Key=key)

    changes = {CLASS: BACKENDS[backend], **changes}
    with target.worker(**changes) as worker:
        return check(
            worker, environment={**target.effective, **changes}, reader=target,
            delete=delete or remove, bucket=target.bucket, run_id="run",
        )  # fmt: skip


@pytest.mark.parametrize("changes", [{}, {THRESHOLD: "1000000"}], ids=["", "threshold"])
def test_stock_backend_returns_paths_when_anything_around_a_value_changes(shared_target, changes):
    found = checks(shared_target, "stock", **changes)
    assert [(one.id, one.status) for one in found] == [
        ("XC518", "fail"), ("XC519", "fail"), ("XC521", "fail"),
    ]  # fmt: skip
    assert all("the reference string came back" in one.observed for one in found)


def test_class_that_hands_out_nothing_for_what_is_gone_is_red(shared_target, tmp_path: Path):
    (tmp_path / "quiet.py").write_text(QUIET)
    own = {CLASS: "quiet.Quiet", "PYTHONPATH": str(tmp_path)}
    found = checks(shared_target, "stock", **own)
    assert {one.status for one in found} == {"fail"}
    assert (
        "None came back, as if nothing had ever been stored, without an error" in found[2].observed
    )


@pytest.mark.parametrize("codec", ["", "gzip", "zip"])
def test_durable_backend_raises_says_what_has_changed_and_leaves_nothing(shared_target, codec):
    moved, renamed, expired = checks(shared_target, "durable", **{CODEC: codec})
    assert {one.status for one in (moved, renamed, expired)} == {"pass"}
    assert "but not below" in moved.observed
    assert "aws_default_renamed" in renamed.observed
    assert "is not there" in expired.observed
    assert [key for key in sorted(shared_target.keys()) if DAG_ID in key] == []


def refuse(_keys: list[str]) -> None:
    raise AccessDeniedError("delete was refused")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({THRESHOLD: "-1"}, "nothing to try it on"),
        ({PATH: "s3://bucket/astro/xcom"}, "the path names no connection id"),
        ({"delete": refuse}, "delete was refused"),
        ({"delete": lambda _keys: None}, "not known to be gone"),
    ],
    ids=["database", "no connection", "delete refused", "not deleted"],
)
def test_what_could_not_be_tried_is_unknown_and_says_why(shared_target, changes, message):
    found = checks(shared_target, "stock", **changes)
    assert {one.status for one in found} == {"unknown"}
    assert message in found[0].observed
