import subprocess
import sys

import pytest
from backend_target import Target

from xcomkit.backend.process import Outcome, Payload, Where, encode, open_worker, pull, purge, push

DURABLE = "xcomkit.durable.DurableXComObjectStorageBackend"
CLASS = "AIRFLOW__CORE__XCOM_BACKEND"
CODEC = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
RECORDS = Payload("records", 20_000)
WHERE = Where(dag_id="d", run_id="r", task_id="t")


def steps(
    target: Target, *wanted: dict, without: tuple[str, ...] = (), **changes: str
) -> tuple[Outcome, ...]:
    """Run steps with the durable class under a role that may lack some rights."""
    identity = target.identity(without=without)
    environment = {**target.effective, CLASS: DURABLE, **changes, **identity.environment}
    with open_worker(environment, timeout=60) as worker:
        return worker.run(wanted)


def key_of(reference: str) -> str:
    return reference.partition("@")[2].partition("/")[2]


@pytest.mark.parametrize("codec", ["", "zip", "gzip", "bz2", "lzma", "xz"])
def test_stock_reads_what_durable_wrote_with_every_codec(target: Target, codec: str) -> None:
    encoded, pushed = steps(
        target, encode(RECORDS, describe=True), push(RECORDS, where=WHERE), **{CODEC: codec}
    )
    environment = {**target.effective, **target.identity().environment}
    with open_worker(environment, timeout=60) as stock:
        (pulled,) = stock.run([pull(pushed.reference, describe=True)])
    assert pulled.value == encoded.value
    assert pushed.ignored == ()
    stored = len(target.read_object(key_of(pushed.reference)))
    assert stored < encoded.bytes / 2 if codec else stored == encoded.bytes


def test_durable_reads_what_stock_wrote_with_zip(target: Target) -> None:
    environment = {**target.effective, CODEC: "zip", **target.identity().environment}
    with open_worker(environment, timeout=60) as stock:
        encoded, pushed = stock.run([encode(RECORDS, describe=True), push(RECORDS, where=WHERE)])
    (pulled,) = steps(target, pull(pushed.reference, describe=True))
    assert pulled.value == encoded.value


def test_refused_upload_behind_a_codec_is_an_error(target: Target) -> None:
    (pushed,) = steps(
        target, push(RECORDS, where=WHERE), without=("s3:PutObject",), **{CODEC: "gzip"}
    )
    assert pushed.error.type == "PermissionError"
    assert target.keys() == set()


def test_missing_object_and_moved_prefix_are_errors_not_the_path(target: Target) -> None:
    _, pushed = steps(target, encode(RECORDS), push(RECORDS, where=WHERE))
    (moved,) = steps(target, pull(pushed.reference), **{PATH: f"{target.settings.base_path}-moved"})
    target.s3.delete_object(Bucket=target.bucket, Key=key_of(pushed.reference))
    (gone,) = steps(target, pull(pushed.reference))
    assert moved.error.type == gone.error.type == "XComObjectError"
    assert "have changed since it was written" in moved.error.message
    assert "is not there" in gone.error.message


def test_damaged_object_is_an_error(target: Target) -> None:
    (pushed,) = steps(target, push(RECORDS, where=WHERE))
    target.s3.put_object(Bucket=target.bucket, Key=key_of(pushed.reference), Body=b"[1, 2")
    (pulled,) = steps(target, pull(pushed.reference))
    assert pulled.error.type == "XComObjectError"


def test_purge_that_leaves_the_object_is_an_error(target: Target) -> None:
    pushed, purged = steps(
        target, push(RECORDS, where=WHERE), purge(), without=("s3:DeleteObject",)
    )
    assert purged.error.type in ("XComObjectError", "PermissionError")
    assert target.object_exists(key_of(pushed.reference))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("del backend._get_threshold", "_get_threshold is missing"),
        ("backend.XComObjectStorageBackend.astore = lambda: 0", "astore is new"),
    ],
)
def test_unknown_common_io_is_refused_at_import(change: str, told: str) -> None:
    code = f"from airflow.providers.common.io.xcom import backend; {change}; import xcomkit.durable"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
