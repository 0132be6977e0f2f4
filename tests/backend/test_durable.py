import os
import subprocess
import sys
from pathlib import Path

import pytest
from backend_target import Target

from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import Outcome, Payload, Where, encode, pull, purge, push
from xcomkit.model import BACKENDS

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
    environment = {
        **target.effective,
        CLASS: BACKENDS["durable"],
        **changes,
        **identity.environment,
    }
    with open_worker(environment, timeout=60) as worker:
        return worker.run(wanted)


def key_of(reference: str) -> str:
    return reference.partition("@")[2].partition("/")[2]


def test_each_class_reads_what_the_other_wrote_with_every_codec(target: Target) -> None:
    environment = {**target.effective, **target.identity().environment}
    durable = {CLASS: BACKENDS["durable"]}
    write = [encode(RECORDS, describe=True), push(RECORDS, where=WHERE)]
    with (
        open_worker(environment, timeout=60) as stock,
        open_worker({**environment, **durable}, timeout=60) as own,
    ):
        for codec in ("", "zip", "gzip", "bz2", "lzma", "xz"):
            for writer, reader in ((own, stock), (stock, own)):
                encoded, pushed = writer.run(write, environment={CODEC: codec})
                (pulled,) = reader.run([pull(pushed.reference, describe=True)])
                assert pulled.value == encoded.value, codec


def test_every_codec_makes_objects_smaller_and_none_keeps_the_json(target: Target) -> None:
    environment = {**target.effective, CLASS: BACKENDS["durable"], **target.identity().environment}
    sizes = {}
    with open_worker(environment, timeout=60) as own:
        for codec in ("", "zip", "gzip", "bz2", "lzma", "xz"):
            encoded, pushed = own.run(
                [encode(RECORDS), push(RECORDS, where=WHERE)], environment={CODEC: codec}
            )
            assert pushed.ignored == ()
            sizes[codec] = len(target.read_object(key_of(pushed.reference)))
    assert sizes.pop("") == encoded.bytes
    assert max(sizes.values()) < encoded.bytes / 2


def test_write_that_is_gone_when_it_is_looked_for_is_an_error(target: Target) -> None:
    target.stand_in.expire_before_read(target.settings.prefix)
    try:
        (pushed,) = steps(target, push(RECORDS, where=WHERE))
    finally:
        target.stand_in.expire_before_read("")
    assert pushed.error.type == "XComObjectError"
    assert "was written and is not there" in pushed.error.message


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
    assert purged.error.type == "XComObjectError"  # s3fs itself has said nothing
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


def test_object_of_another_size_than_was_written_is_an_error(tmp_path: Path) -> None:
    code = """
from io import BytesIO
from types import SimpleNamespace as Some
from xcomkit.durable import DurableXComObjectStorageBackend as Durable
path = Some(parent=Some(mkdir=lambda **_: None), fs=Some(invalidate_cache=lambda: None),
            open=lambda mode: BytesIO(), stat=lambda: Some(st_size=3))
Durable._write_large_value([1, 2], lambda suffix: path)
"""
    threshold = {"AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60,
        env={**threshold, "AIRFLOW_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 1
    assert "holds 3 bytes of the 6 written" in done.stderr.splitlines()[-1]
