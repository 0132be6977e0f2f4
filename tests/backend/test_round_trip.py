import gzip
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from backend_target import Target

from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import Payload
from xcomkit.backend.round_trip import (
    PAYLOADS,
    RULES,
    Proof,
    check_objects,
    check_pull,
    check_purge,
    check_push,
    prove,
    push_all,
)
from xcomkit.findings.errors import AccessDeniedError
from xcomkit.findings.model import Check, WorkerIdentity

CODEC = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
SMALL = (Payload("small_dict"),)
RUN_ID = "manual__2026-01-02T03:04:05+00:00"
pytestmark = pytest.mark.usefixtures("forked")


@contextmanager
def working(
    environment: dict[str, str], identity: WorkerIdentity, *, timeout: float = 60
) -> Iterator[Worker]:
    with open_worker({**environment, **identity.environment}, timeout=timeout) as worker:
        yield worker


def proof_of(
    target: Target,
    environment: dict[str, str],
    *,
    identity: WorkerIdentity | None = None,
    payloads: tuple[Payload, ...] = SMALL,
) -> Proof:
    identity = identity or target.identity()
    with working(environment, identity) as worker:
        return prove(
            worker,
            settings=target.settings,
            environment=environment,
            identity=identity,
            reader=target,
            payloads=payloads,
        )


def by_id(proof: Proof) -> dict[str, Check]:
    return {check.id: check for check in proof.checks}


def red(proof: Proof) -> set[str]:
    return {check.id for check in proof.checks if check.status not in ("pass", "skip")}


def test_round_trip_under_the_role_is_green_and_leaves_nothing(target: Target) -> None:
    proof = proof_of(target, target.effective, payloads=PAYLOADS)
    statuses = {check.id: check.status for check in proof.checks}
    assert statuses.pop("XC527") in ("pass", "skip")  # Airflow before 3.4 has no task loops
    assert set(statuses.values()) == {"pass"}
    assert len(statuses) == len(RULES) - 1
    assert target.keys() == set()
    assert {trip.payload.kind for trip in proof.trips} == {
        "small_dict",
        "typed",
        "records",
        "dataframe",
    }


def test_round_trip_with_gzip_keeps_every_value_and_leaves_nothing(target: Target) -> None:
    proof = proof_of(target, {**target.effective, CODEC: "gzip"}, payloads=PAYLOADS)
    assert red(proof) == set()
    assert all(trip.key.endswith(".gz") for trip in proof.trips)
    assert target.keys() == set()


def test_role_without_put_fails_the_push_and_names_the_cause(target: Target) -> None:
    identity = target.identity(without=("s3:PutObject",))
    check = by_id(proof_of(target, target.effective, identity=identity))["XC503"]
    assert check.status == "fail"
    assert "AccessDenied" in check.observed
    assert "PermissionError" in check.observed


def test_role_without_put_behind_gzip_is_caught_although_the_push_succeeds(target: Target) -> None:
    identity = target.identity(without=("s3:PutObject",))
    checks = by_id(proof_of(target, {**target.effective, CODEC: "gzip"}, identity=identity))
    assert checks["XC503"].status == "pass"
    assert {checks[id_].status for id_ in ("XC504", "XC506", "XC508")} == {"fail"}
    assert "PermissionError" in checks["XC508"].observed
    assert checks["XC505"].status == "skip"


def test_role_without_delete_fails_the_purge_and_the_keys_are_known(target: Target) -> None:
    identity = target.identity(without=("s3:DeleteObject",))
    proof = proof_of(target, target.effective, identity=identity)
    assert red(proof) == {"XC507"}
    assert "purge reported success, the object is still there" in by_id(proof)["XC507"].observed
    assert {trip.key for trip in proof.trips} == target.keys()


def test_object_deleted_between_push_and_pull_comes_back_as_its_reference(target: Target) -> None:
    with working(target.effective, target.identity()) as worker:
        trips = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
        target.s3.delete_object(Bucket=target.bucket, Key=trips[0].key)
        pulled = check_pull(worker, trips)
        present, equal = check_objects(trips, reader=target)
    assert pulled.status == "fail"
    assert "the reference string came back instead of the value" in pulled.observed
    assert trips[0].pushed.reference in pulled.observed
    assert (present.status, equal.status) == ("fail", "skip")


def test_stages_can_be_called_one_by_one(target: Target) -> None:
    with working(target.effective, target.identity()) as worker:
        trips = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
        assert trips[0].key.startswith(f"astro/xcom/xcomkit_round_trip/{RUN_ID}/small_dict/")
        checks = (
            *check_push(trips, settings=target.settings),
            *check_objects(trips, reader=target),
            check_pull(worker, trips),
            check_purge(worker, trips, reader=target),
        )
    assert [check.status for check in checks] == ["pass"] * 6
    assert target.keys() == set()


def test_compression_none_as_a_word_fails_before_and_during_the_push(target: Target) -> None:
    checks = by_id(proof_of(target, {**target.effective, CODEC: "None"}))
    assert checks["XC509"].status == "fail"
    assert "ValueError: Compression None is not supported" in checks["XC503"].observed


def test_renamed_connection_is_not_defined_for_the_agent(target: Target) -> None:
    environment = dict(target.effective)
    environment["AIRFLOW_CONN_AWS_OTHER"] = environment.pop("AIRFLOW_CONN_AWS_DEFAULT")
    check = by_id(proof_of(target, environment))["XC502"]
    assert check.status == "fail"
    assert "aws_default is not defined for the agent" in check.observed


def test_missing_threshold_leaves_the_value_in_the_database(target: Target) -> None:
    environment = dict(target.effective)
    del environment[THRESHOLD]
    proof = proof_of(target, environment)
    assert by_id(proof)["XC503"].status == "fail"
    assert "stayed in the metadata database" in by_id(proof)["XC503"].observed
    assert by_id(proof)["XC512"].status == "fail"
    assert by_id(proof)["XC504"].status == "skip"
    assert target.keys() == set()


def test_values_below_a_chosen_threshold_may_stay_in_the_database(target: Target) -> None:
    settings = target.settings.model_copy(update={"threshold": 1000})
    environment = {**target.effective, THRESHOLD: "1000"}
    with working(environment, target.identity()) as worker:
        trips = push_all(worker, settings=settings, run_id=RUN_ID)
        stored, _ = check_push(trips, settings=settings)
    assert stored.status == "pass"
    assert "stayed in the metadata database, threshold 1000" in stored.observed
    assert len(target.keys()) == 3


def test_threshold_above_every_value_proves_no_push(target: Target) -> None:
    settings = target.settings.model_copy(update={"threshold": 10**9})
    environment = {**target.effective, THRESHOLD: str(10**9)}
    with working(environment, target.identity()) as worker:
        trips = push_all(worker, settings=settings, run_id=RUN_ID, payloads=SMALL)
    assert [check.status for check in check_push(trips, settings=settings)] == ["skip", "skip"]
    assert target.keys() == set()


def test_missing_path_writes_nothing_into_the_bucket(target: Target) -> None:
    environment = dict(target.effective)
    del environment[PATH]
    checks = by_id(proof_of(target, environment))
    assert checks["XC512"].status == "fail"
    assert checks["XC503"].status == "fail"
    assert target.keys() == set()


def test_path_into_another_prefix_is_no_reference_below_the_configured_one(target: Target) -> None:
    role = target.identity(more=("s3:*",))
    path = f"s3://aws_default@{target.bucket}/elsewhere"
    check = by_id(proof_of(target, {**target.effective, PATH: path}, identity=role))["XC503"]
    assert check.status == "fail"
    assert "/elsewhere/" in check.observed


def test_class_that_does_not_exist_is_named_and_everything_else_skipped(target: Target) -> None:
    environment = {**target.effective, "AIRFLOW__CORE__XCOM_BACKEND": "no_such_module.Backend"}
    proof = proof_of(target, environment)
    assert by_id(proof)["XC501"].status == "fail"
    assert "no_such_module" in by_id(proof)["XC501"].observed
    assert red(proof) == {"XC501"}


def test_missing_class_is_the_database_backend(target: Target) -> None:
    environment = dict(target.effective)
    del environment["AIRFLOW__CORE__XCOM_BACKEND"]
    checks = by_id(proof_of(target, environment))
    assert checks["XC501"].status == "fail"
    assert "BaseXCom" in checks["XC501"].observed
    assert checks["XC503"].status == "fail"


def test_caller_standing_in_for_the_agents_is_a_warning(target: Target) -> None:
    role = target.identity()
    caller = WorkerIdentity(subject="you", environment=role.environment, agents=False)
    assert red(proof_of(target, target.effective, identity=caller)) == {"XC510"}


class DeniedReader:
    def read_object(self, key: str) -> bytes:
        raise AccessDeniedError(f"{key}: not yours")

    def object_exists(self, key: str) -> bool:
        raise AccessDeniedError(f"{key}: not yours")


def test_reader_without_rights_leaves_the_checks_unknown_never_green(target: Target) -> None:
    with working(target.effective, target.identity()) as worker:
        trips = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
        present, equal = check_objects(trips, reader=DeniedReader())
        purged = check_purge(worker, trips, reader=DeniedReader())
    assert (present.status, equal.status, purged.status) == ("unknown", "skip", "unknown")


@pytest.mark.parametrize("codec", ["", "gzip"])
def test_object_replaced_by_a_bomb_is_unpacked_no_further_than_expected(
    target: Target, codec: str
) -> None:
    with working({**target.effective, CODEC: codec}, target.identity()) as worker:
        trips = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
    bomb = b"0" * 50_000_000
    body = gzip.compress(bomb) if codec else bomb
    target.s3.put_object(Bucket=target.bucket, Key=trips[0].key, Body=body)
    present, equal = check_objects(trips, reader=target)
    assert present.status == "pass"
    assert equal.status == "fail"
    size = trips[0].encoded.bytes or 0
    assert f"at least {size + 1} bytes instead of the {size} encoded" in equal.observed


def test_objects_replaced_by_garbage_are_not_what_airflow_encoded(target: Target) -> None:
    with working({**target.effective, CODEC: "gzip"}, target.identity()) as worker:
        trips = push_all(worker, settings=target.settings, run_id=RUN_ID, payloads=SMALL)
        for body in (b"", b"\x1f\x8b garbage", b"null", gzip.compress(b"null")):
            target.s3.put_object(Bucket=target.bucket, Key=trips[0].key, Body=body)
            assert check_objects(trips, reader=target)[1].status == "fail"
            assert check_pull(worker, trips).status == "fail"


def test_worker_lost_after_the_push_leaves_unknown_checks_and_known_keys(target: Target) -> None:
    role = target.identity()
    with working(target.effective, role) as worker:
        lost = LostAfter(target, worker)
        proof = prove(
            worker,
            settings=target.settings,
            environment=target.effective,
            identity=role,
            reader=lost,
            payloads=SMALL,
        )
    checks = by_id(proof)
    assert checks["XC504"].status == "pass"
    assert (checks["XC506"].status, checks["XC507"].status) == ("unknown", "unknown")
    assert {trip.key for trip in proof.trips} == target.keys() != set()


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


@pytest.mark.parametrize("name", ["no_such_module:rows", "json:no_such_function"])
def test_own_value_that_cannot_be_built_is_red_and_never_left_out(target: Target, name: str):
    own = Payload("callable", text=name)

    proof = proof_of(target, target.effective, payloads=(*PAYLOADS, own))

    assert by_id(proof)["XC503"].status == "fail"
    assert "callable: push raised" in by_id(proof)["XC503"].observed


def test_own_value_in_json_comes_back_as_it_was(target: Target):
    own = Payload("json", text='{"a": [1, 2.5, null, "x"]}')
    assert red(proof_of(target, target.effective, payloads=(own,))) == set()
