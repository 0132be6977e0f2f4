"""The state store on S3 under a role: proved by the parts that prove XComs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from backend_target import Target

from xcomkit.backend import components, lost_writes, round_trip, silent_references, state_scopes
from xcomkit.backend import type_fidelity as types
from xcomkit.backend.cross_read import Participant
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import STATE, Payload, Where, encode_and_push, pull, push
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import STATE_STORES, Check

RUN_ID = "manual__2026-01-02T03:04:05+00:00"
WHERE = Where("dag", RUN_ID, "task", key="watermark", subject="state")


def variables(target: Target, backend: str, codec: str = "") -> dict[str, str]:
    # the role of the target reaches below astro/xcom only
    return {
        STATE.class_variable: STATE_STORES[backend],
        STATE.path_variable: f"{target.settings.base_path}/state",
        STATE.codec_variable: codec,
    }


@contextmanager
def working(target: Target, backend: str, codec: str = "", **changes: object) -> Iterator[Worker]:
    with target.worker(**{**variables(target, backend, codec), **changes}) as worker:
        yield worker.about(STATE)


def proved(target: Target, **changes: str) -> dict[str, Check]:
    settings = target.settings.model_copy(update={"state_prefix": "astro/xcom/state"})
    given = {**variables(target, "durable"), **changes}
    with target.worker(**given) as worker:
        proof = round_trip.prove(
            worker.about(STATE), settings=settings, environment={**target.effective, **given},
            identity=target.identity(), reader=target, run_id=RUN_ID,
            payloads=round_trip.STATE_PAYLOADS,
        )  # fmt: skip
    return {one.id: one for one in proof.checks}


def test_state_is_set_found_by_somebody_else_got_back_and_deleted(shared_target: Target) -> None:
    found = proved(shared_target)
    assert {one.status for one in found.values()} == {"pass"}
    assert [*found] == [f"XC{number}" for number in range(530, 538)]
    assert (
        f"state/xcomkit_round_trip/{RUN_ID.replace(':', '%3A').replace('+', '%2B')}/small_dict/-1"
        in (found["XC532"].observed)
    )


@pytest.mark.parametrize(
    ("changes", "red"),
    [
        ({STATE.class_variable: "airflow.nowhere.Store"}, "XC530"),
        ({STATE.threshold_variable: "-1"}, "XC531"),
        ({STATE.codec_variable: "snappy"}, "XC531"),
        ({STATE.path_variable: "bucket/state"}, "XC531"),
        ({STATE.threshold_variable: "1000000"}, "XC532"),
    ],
)
def test_setting_that_loses_or_stops_state_is_red(
    shared_target: Target, changes: dict[str, str], red: str
) -> None:
    assert proved(shared_target, **changes)[red].status == "fail"


def test_every_scope_and_key_has_a_state_of_its_own(shared_target: Target, tmp_path) -> None:
    with working(shared_target, "durable") as worker:
        check = state_scopes.check(state_scopes.examine(worker, run_id=RUN_ID))
    assert check.status == "pass", check.observed
    (tmp_path / "flat.py").write_text(
        "from airflow.providers.common.io.state_store import backend\n"
        "from airflow.sdk.state import TaskScope\n"
        "class Flat(backend.StateStoreObjectStorageBackend):\n"
        "    def serialize_task_state_store_to_ref(self, *, value, key, scope):\n"
        "        scope = TaskScope(scope.dag_id, scope.run_id, scope.task_id)\n"
        "        return super().serialize_task_state_store_to_ref(\n"
        "            value=value, key=key or 'k', scope=scope)\n"
    )
    own = {STATE.class_variable: "flat.Flat", "PYTHONPATH": str(tmp_path)}
    with working(shared_target, "stock", **own) as worker:
        check = state_scopes.check(state_scopes.examine(worker, run_id=RUN_ID))
    assert check.status == "fail"
    assert "a task: value[0] came back as another builtins.str" in check.observed
    assert "an empty key: is stored" in check.observed


def test_reference_that_leads_nowhere_is_silent_with_the_stock_class_only(
    shared_target: Target,
) -> None:
    def delete(keys: list[str]) -> None:
        for key in keys:
            shared_target.s3.delete_object(Bucket=shared_target.bucket, Key=key)

    statuses = {}
    for backend in ("stock", "durable"):
        with working(shared_target, backend) as worker:
            found = silent_references.check(
                worker, environment=shared_target.effective, reader=shared_target, delete=delete,
                bucket=shared_target.bucket, run_id=RUN_ID,
            )  # fmt: skip
        statuses[backend] = {one.id: one.status for one in found}
    assert statuses["durable"] == dict.fromkeys(("XC542", "XC543", "XC544"), "pass")
    assert statuses["stock"] == {"XC542": "pass", "XC543": "pass", "XC544": "fail"}


def test_refused_overwrite_behind_a_codec_gives_the_earlier_state_back_or_an_error(
    shared_target: Target,
) -> None:
    seen = {}
    for backend in ("stock", "durable"):
        with working(shared_target, "durable", "gzip") as worker:
            old, _ = worker.run(encode_and_push(Payload("small_dict"), where=WHERE))
        with working(shared_target, backend, "gzip", without=("s3:PutObject",)) as worker:
            new, got = worker.run([push(Payload("records", 500), where=WHERE), pull(describe=True)])
        seen[backend] = new.error.type if new.error else got.value == old.value
    assert seen == {"stock": True, "durable": "PermissionError"}


def test_lost_writes_types_and_components_are_looked_at_for_state_too(
    shared_target: Target,
) -> None:
    with working(shared_target, "durable") as worker:
        writes = lost_writes.probe(
            worker, reader=shared_target, bucket=shared_target.bucket, codecs=("none", "gzip"),
            repetitions=2, run_id=RUN_ID, progress=str,
        )  # fmt: skip
        kinds = types.examine(worker, run_id=RUN_ID)
        moved = {STATE.path_variable: f"{shared_target.settings.base_path}/elsewhere"}
        pair = [Participant("one", worker), Participant("other", worker, moved)]
        readings = components.examine(pair, run_id=RUN_ID, subject=STATE)
    assert lost_writes.check(writes, configured="gzip", subject=STATE).status == "pass"
    assert [str(one) for one in writes] == [
        "4 of 4 there at once, 2 of 2 after the process had ended"
    ] * 2
    assert types.check(kinds, subject=STATE).status == "pass"
    assert not isinstance(kinds, ProcessError)
    kept = [one.name for one in kinds if one.through_object == "kept"]
    assert kept == ["str", "int above 64 bits", "float nan", "bool"]
    found = components.check(readings, identity="the role", subject=STATE)
    assert (found.id, found.status) == ("XC545", "fail")
    assert "is a reference, but not below" in found.observed
