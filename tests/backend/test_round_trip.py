import gzip

import pytest
from backend_target import CLASS, CODEC, PATH, THRESHOLD, Target

from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import Payload
from xcomkit.backend.round_trip import (
    PAYLOADS,
    RULES,
    Proof,
    check_objects,
    check_pull,
    check_push,
    prove,
    push_all,
)
from xcomkit.findings.model import WorkerIdentity

SMALL = (Payload("small_dict"),)
RUN_ID = "manual__2026-01-02T03:04:05+00:00"
NO_PUT = ("s3:PutObject",)
CONNECTION = "AIRFLOW_CONN_AWS_DEFAULT"
pytestmark = pytest.mark.usefixtures("forked")


def proof_of(
    target: Target,
    *,
    identity: WorkerIdentity | None = None,
    payloads: tuple[Payload, ...] = SMALL,
    **changes: str | None,
) -> Proof:
    """Return the proof with variables changed, or left out where they are None."""
    identity = identity or target.identity()
    given = {**target.effective, **changes}
    environment = {name: value for name, value in given.items() if value is not None}
    with open_worker({**environment, **identity.environment}, timeout=60) as worker:
        return prove(
            worker, settings=target.settings, environment=environment, identity=identity,
            reader=target, payloads=payloads, run_id=RUN_ID,
        )  # fmt: skip


def statuses(proof: Proof) -> dict[str, str]:
    return {check.id: check.status for check in proof.checks}


def observed(proof: Proof, rule_id: str) -> str:
    return next(check.observed for check in proof.checks if check.id == rule_id)


def red(proof: Proof) -> set[str]:
    return {check.id for check in proof.checks if check.status not in ("pass", "skip")}


@pytest.mark.parametrize(("codec", "suffix"), [("", ""), ("gzip", ".gz")])
def test_round_trip_under_the_role_is_green_and_leaves_nothing(target: Target, codec, suffix):
    proof = proof_of(target, payloads=PAYLOADS, **{CODEC: codec})

    found = statuses(proof)
    assert found.pop("XC527") in ("pass", "skip")  # Airflow before 3.4 has no task loops
    assert set(found.values()) == {"pass"}
    assert {*found, "XC527"} == {rule.id for rule in RULES if rule.id < "XC530"}  # those of XCom
    assert target.keys() == set()
    assert {one.payload for one in proof.values} == set(PAYLOADS)
    assert all(one.key.endswith(suffix) for one in proof.values)
    assert all(one.key.startswith("astro/xcom/xcomkit_round_trip/") for one in proof.values)


def test_role_without_put_fails_the_push_and_names_the_cause(target: Target) -> None:
    proof = proof_of(target, identity=target.identity(without=NO_PUT))
    assert statuses(proof)["XC503"] == "fail"
    assert "AccessDenied" in observed(proof, "XC503")
    assert "PermissionError" in observed(proof, "XC503")


def test_role_without_put_behind_gzip_is_caught_although_the_push_succeeds(target: Target) -> None:
    proof = proof_of(target, identity=target.identity(without=NO_PUT), **{CODEC: "gzip"})
    found = statuses(proof)
    assert (found["XC503"], found["XC505"]) == ("pass", "skip")
    assert {found[id_] for id_ in ("XC504", "XC506", "XC508")} == {"fail"}
    assert "PermissionError" in observed(proof, "XC508")


def test_role_without_delete_fails_the_purge_and_the_keys_are_known(target: Target) -> None:
    proof = proof_of(target, identity=target.identity(without=("s3:DeleteObject",)))
    assert red(proof) == {"XC507"}
    assert "purge reported success, the object is still there" in observed(proof, "XC507")
    assert {one.key for one in proof.values} == target.keys() != set()


def test_object_deleted_between_push_and_pull_comes_back_as_its_reference(target: Target) -> None:
    with target.worker() as worker:
        values = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
        target.s3.delete_object(Bucket=target.bucket, Key=values[0].key)
        pulled = check_pull(worker, values)
        present, equal = check_objects(values, reader=target)
    assert pulled.status == "fail"
    reference = values[0].pushed.reference
    assert f"came back instead of the value: {reference}" in pulled.observed
    assert (present.status, equal.status) == ("fail", "skip")


def test_compression_none_as_a_word_fails_before_and_during_the_push(target: Target) -> None:
    proof = proof_of(target, **{CODEC: "None"})
    assert statuses(proof)["XC509"] == "fail"
    assert "ValueError: Compression None is not supported" in observed(proof, "XC503")


def test_renamed_connection_is_not_defined_for_the_agent(target: Target) -> None:
    other = target.effective[CONNECTION]
    proof = proof_of(target, **{CONNECTION: None, "AIRFLOW_CONN_AWS_OTHER": other})
    assert statuses(proof)["XC502"] == "fail"
    assert "aws_default is not defined for the agent" in observed(proof, "XC502")


def test_missing_threshold_leaves_the_value_in_the_database(target: Target) -> None:
    proof = proof_of(target, **{THRESHOLD: None})
    found = statuses(proof)
    assert (found["XC503"], found["XC504"], found["XC512"]) == ("fail", "skip", "fail")
    assert "stayed in the metadata database" in observed(proof, "XC503")
    assert target.keys() == set()


def test_values_below_a_chosen_threshold_may_stay_in_the_database(target: Target) -> None:
    settings = target.settings.model_copy(update={"threshold": 1000})
    with target.worker(**{THRESHOLD: "1000"}) as worker:
        values = push_all(worker, settings=settings, run_id=RUN_ID)
    stored, _ = check_push(values, settings=settings)
    assert stored.status == "pass"
    assert "stayed in the metadata database, threshold 1000" in stored.observed
    assert len(target.keys()) == 3


def test_threshold_above_every_value_proves_no_push(target: Target) -> None:
    settings = target.settings.model_copy(update={"threshold": 10**9})
    with target.worker(**{THRESHOLD: str(10**9)}) as worker:
        values = push_all(worker, settings=settings, run_id=RUN_ID, payloads=SMALL)
    assert [check.status for check in check_push(values, settings=settings)] == ["skip", "skip"]


def test_missing_path_writes_nothing_into_the_bucket(target: Target) -> None:
    found = statuses(proof_of(target, **{PATH: None}))
    assert (found["XC503"], found["XC512"]) == ("fail", "fail")
    assert target.keys() == set()


def test_path_into_another_prefix_is_no_reference_below_the_configured_one(target: Target) -> None:
    path = f"s3://aws_default@{target.bucket}/elsewhere"
    proof = proof_of(target, identity=target.identity(more=("s3:*",)), **{PATH: path})
    assert statuses(proof)["XC503"] == "fail"
    assert "/elsewhere/" in observed(proof, "XC503")


def test_class_that_does_not_exist_is_named_and_everything_else_skipped(target: Target) -> None:
    proof = proof_of(target, **{CLASS: "no_such_module.Backend"})
    assert red(proof) == {"XC501"}
    assert statuses(proof)["XC501"] == "fail"
    assert "no_such_module" in observed(proof, "XC501")


def test_missing_class_is_the_database_backend(target: Target) -> None:
    proof = proof_of(target, **{CLASS: None})
    assert (statuses(proof)["XC501"], statuses(proof)["XC503"]) == ("fail", "fail")
    assert "BaseXCom" in observed(proof, "XC501")


def test_caller_standing_in_for_the_agents_is_a_warning(target: Target) -> None:
    role = target.identity()
    caller = WorkerIdentity(subject="you", environment=role.environment, agents=False)
    assert red(proof_of(target, identity=caller)) == {"XC510"}


BOMB = b"0" * 50_000_000


@pytest.mark.parametrize("codec", ["", "gzip"])
def test_objects_replaced_by_garbage_are_not_what_airflow_encoded(
    target: Target, codec: str
) -> None:
    def replaced(body: bytes) -> tuple[str, str, str]:
        target.s3.put_object(Bucket=target.bucket, Key=values[0].key, Body=body)
        present, equal = check_objects(values, reader=target)
        return present.status, equal.status, equal.observed

    pack = gzip.compress if codec else bytes
    with target.worker(**{CODEC: codec}) as worker:
        values = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
        for body in (b"", b"\x1f\x8b garbage", b"null", gzip.compress(b"null")):
            assert replaced(body)[1] == check_pull(worker, values).status == "fail"
    size = values[0].encoded.bytes or 0
    message = f"small_dict: at least {size + 1} bytes instead of the {size} encoded"
    assert replaced(pack(BOMB)) == ("pass", "fail", message)


class LostAfter:
    """A reader during whose first look the worker is killed."""

    def __init__(self, target: Target, worker: Worker) -> None:
        self.target = target
        self.worker = worker

    def read_object(self, key: str) -> bytes:
        self.worker._process.kill()
        return self.target.read_object(key)

    def object_exists(self, key: str) -> bool:
        return self.target.object_exists(key)


def test_worker_lost_after_the_push_leaves_unknown_checks_and_known_keys(target: Target) -> None:
    with target.worker() as worker:
        proof = prove(
            worker, settings=target.settings, environment=target.effective,
            identity=target.identity(), reader=LostAfter(target, worker), payloads=SMALL,
            run_id=RUN_ID,
        )  # fmt: skip
    found = statuses(proof)
    assert (found["XC504"], found["XC506"], found["XC507"]) == ("pass", "unknown", "unknown")
    assert {one.key for one in proof.values} == target.keys() != set()


@pytest.mark.parametrize("name", ["no_such_module:rows", "json:no_such_function"])
def test_own_value_that_cannot_be_built_is_red_and_never_left_out(target: Target, name: str):
    proof = proof_of(target, payloads=(*SMALL, Payload("callable", text=name)))

    assert statuses(proof)["XC503"] == "fail"
    assert "callable: push raised" in observed(proof, "XC503")


def test_own_value_in_json_comes_back_as_it_was(target: Target):
    own = Payload("json", text='{"a": [1, 2.5, null, "x"]}')
    assert red(proof_of(target, payloads=(own,))) == set()
