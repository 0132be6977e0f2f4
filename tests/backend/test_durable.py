"""The durable class: on S3 under a role, and by itself under the installed and newest Airflow."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from backend_target import Target

from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import Outcome, Payload, Where, encode, pull, purge, push
from xcomkit.backend.version_matrix import Row, measure
from xcomkit.findings.model import BACKENDS

pytestmark = pytest.mark.usefixtures("forked")
CLASS = "AIRFLOW__CORE__XCOM_BACKEND"
CODEC = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
RECORDS = Payload("records", 20_000)
WHERE = Where(dag_id="d", run_id="r", task_id="t")
UUID = "0b5c2f3e-8a1d-4c6b-9f2e-1a2b3c4d5e6f"


def steps(
    target: Target,
    *wanted: dict,
    without: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
    **changes: str,
) -> tuple[Outcome, ...]:
    """Run steps with the durable class under a role that may lack some rights, or have more."""
    identity = target.identity(without=without, more=more)
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


def test_purge_that_is_refused_is_an_error(target: Target) -> None:
    pushed, purged = steps(
        target, push(RECORDS, where=WHERE), purge(), without=("s3:DeleteObject",)
    )
    assert purged.error.type == "XComObjectError"  # s3fs's own rm says nothing
    assert f"{pushed.reference} was not deleted: PermissionError" in purged.error.message
    assert target.object_exists(key_of(pushed.reference))


def test_agents_that_may_not_list_the_bucket_push_pull_and_purge(target: Target) -> None:
    pushed, pulled, purged = steps(
        target, push(RECORDS, where=WHERE), pull(), purge(), without=("s3:ListBucket",)
    )
    assert (pushed.error, pulled.error, purged.error) == (None, None, None)
    assert not target.object_exists(key_of(pushed.reference))


def test_bucket_that_is_missing_is_an_error_and_is_not_made(target: Target) -> None:
    other = f"{target.bucket}-missing"
    path = target.settings.base_path.replace(target.bucket, other)
    (pushed,) = steps(target, push(RECORDS, where=WHERE), more=("s3:*",), **{PATH: path})
    assert pushed.error.type == "FileNotFoundError"
    assert other not in {one["Name"] for one in target.s3.list_buckets()["Buckets"]}


def test_push_and_pull_take_as_few_requests_as_they_can(target: Target) -> None:
    pushed, pulled, purged = steps(target, push(RECORDS, where=WHERE), pull(), purge())
    assert pushed.requests == {"PutObject": 1, "HeadObject": 1}
    assert pulled.requests == {"GetObject": 1}
    assert purged.requests == {"DeleteObject": 1}


def test_urls_of_the_users_own_in_earlier_rows_are_values(target: Target) -> None:
    texts = (
        f"https://api.example.com/v1/jobs/{UUID}",
        f"s3://my-bucket/exports/{UUID}.csv",
        f"s3://my-bucket/exports/2026/11/{UUID}.parquet",
        f"{target.settings.base_path}/{UUID}",
        f"gs://bucket/dag/run/task/{UUID}",
    )
    pulled = steps(target, *(pull(text, describe=True) for text in texts))
    assert [one.value["canonical"] if one.value else one.error for one in pulled] == [
        ["builtins.str", text] for text in texts
    ]


def test_no_release_of_common_io_can_stop_the_class() -> None:
    code = (
        "import sys; sys.modules['airflow.providers.common.io.xcom.backend'] = None;"
        " import xcomkit.durable"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-500:]


Found = dict[str, Any]


@pytest.fixture(scope="module", params=["oldest", "installed", "newest"])
def found(request: pytest.FixtureRequest) -> Found:
    """Return the outcomes of ``durable_cases.py`` under the ends of what is supported as well."""
    version = request.param
    python = sys.executable
    if version != "installed":
        python = request.getfixturevalue(version).interpreter
    done = subprocess.run(
        [python, Path(__file__).with_name("durable_cases.py")],
        env={"PATH": os.environ["PATH"], "XCOMKIT_ROOT": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return {**json.loads(done.stdout), "version": version, "newest": version == "newest"}


def test_large_value_is_an_object_until_it_is_deleted_and_a_small_one_stays(found: Found) -> None:
    assert found["round_trip"] == [True, True, False]
    assert found["small_value_stays_in_the_row"] == "small"


def test_text_that_looks_like_a_reference_comes_back_as_the_text(found: Found) -> None:
    assert found["text_that_looks_like_a_reference_comes_back_as_text"] == [True, True]


def test_no_url_or_path_of_the_users_own_is_taken_for_a_reference(found: Found) -> None:
    assert found["values_of_the_users_own"] == []


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("reference_elsewhere", "is a reference, but not below"),
        ("reference_of_the_new_layout_elsewhere", "is a reference, but not below"),
        ("reference_under_another_name_of_the_scheme", "is a reference, but not below s3a://"),
        ("reference_of_the_new_layout_under_another_scheme", "is a reference, but not below"),
        ("object_under_another_name", "was written under another name, bucket/d/r/t/cut"),
        ("codec_without_a_known_suffix", "would not be read back"),
        ("missing_object", "is not there: expired, deleted, or lost when it was written"),
        ("codec_that_is_not_installed", "no package for .lz4 is installed"),
        ("bomb", "grows beyond 1000000 bytes"),
        ("larger_than_can_be_read_back", "bytes of JSON, at most 200"),
        ("path_without_a_scheme", "has no scheme, so values would stay in this pod"),
    ],
)
def test_what_cannot_be_stored_or_read_is_an_error(found: Found, case: str, message: str) -> None:
    assert found[case]["error"].startswith("XComObjectError: ")
    assert message in found[case]["error"]


def test_object_that_is_cut_off_is_an_error_with_every_codec(found: Found) -> None:
    assert len(found["damaged_objects"]) == 5
    assert all(" cannot be read, " in error for error in found["damaged_objects"])


def test_every_codec_keeps_the_value_and_zstd_where_its_package_is(found: Found) -> None:
    zstd = found["codecs"].pop("zstd")
    assert found["codecs"] == {
        "gzip": ["gz", True], "zip": ["zip", True], "bz2": ["bz2", True],
        "lzma": ["lzma", True], "xz": ["xz", True],
    }  # fmt: skip
    has_zstd = found["version"] != "installed"
    assert zstd == ["zst", True] if has_zstd else "Make sure it is installed" in zstd
    assert found["gzip_has_level_6"] == [True, False]


def test_write_is_compared_by_size_and_by_the_stores_md5_where_it_has_one(found: Found) -> None:
    good = ["put", "bucket/d/r/t", "info"]  # only the listing of the own folder is forgotten
    bare, short, etag, right, wrong, block, blob, unset = found["digests"]
    assert bare == etag == right == block == unset == good
    assert "holds 3 bytes of the 6 written" in short["error"]
    assert "holds other bytes than the 6 written" in wrong["error"]
    assert "holds other bytes than the 6 written" in blob["error"]


def test_error_is_airflows_and_every_operation_has_a_timer(found: Found) -> None:
    assert "AirflowException" in found["error_is_airflows"]
    assert found["timers"] == [f"xcom_object_storage.{one}" for one in ("push", "pull", "purge")]


def test_trigger_pushes_and_pulls_in_its_event_loop(found: Found) -> None:
    if found["version"] == "oldest":
        assert "has no attribute 'aset'" in found["asynchronous"]["error"]
    else:
        assert found["asynchronous"] == [True, True]


def test_bucket_without_a_prefix_is_a_path_like_any_other(found: Found) -> None:
    assert found["bucket_alone_is_a_path"] == f"bucket/dag/run/task/{UUID}"


def test_no_id_and_no_key_makes_an_object_that_cannot_be_read(found: Found) -> None:
    assert found["odd_ids"] == []


def test_threshold_below_0_keeps_values_in_the_database_but_text_like_a_reference(
    found: Found,
) -> None:
    assert found["threshold_that_keeps_everything_in_the_database"] == [True, "small", True, True]
    assert found["no_path_at_all"] == [True, True]


def test_threshold_and_size_hold_exactly_at_their_limits(found: Found) -> None:
    assert found["threshold_at_its_edges"] == [True, True, False, True]
    assert found["json_exactly_at_the_limit"] is True


def test_purge_of_what_is_gone_or_below_another_path_lets_the_task_run_again(found: Found) -> None:
    assert found["purge_of_what_is_gone_or_elsewhere"] == "no error"


def test_task_instances_share_no_object_and_each_overwrites_its_own(found: Found) -> None:
    assert found["every_task_instance_has_an_object_of_its_own"] == 6
    paths, last, place = found["same_key_again"]
    assert last == 1
    assert (paths, place) == (
        (1, "d/r/t/ti*/a%2Fb%20%25.json") if found["newest"] else (2, "d/r/t/*")
    )


def test_task_that_writes_anothers_xcom_never_overwrites_it(found: Found) -> None:
    paths, same, place = found["another_tasks_xcom"]
    assert (paths, same) == (2, True)
    assert place == ("d/r/other/writ*/key.json" if found["newest"] else "d/r/other/*")


def test_long_ids_and_keys_still_make_an_object_that_can_be_read(found: Found) -> None:
    assert found["key_too_long_for_an_object"] == [True, True]


LOOP_DAG = """
from airflow.sdk import dag, task, task_group

@dag(schedule=None)
def loop():
    @task_group
    def accumulate():
        @task
        def increment(*, loop):
            return (0 if loop.index == 0 else loop.previous) + 1
        increment()

    @task
    def total(values):
        assert [*values] == [1, 2, 3], [*values]

    looped = accumulate.loop(max_iterations=3)
    looped >> total.override(task_id="total")([1, 2, 3])

loop()
"""


def test_task_loop_runs_on_the_newest_airflow_and_each_iteration_has_its_object(
    newest: Row, tmp_path: Path
) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/loop.py").write_text(LOOP_DAG)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "AIRFLOW__CORE__XCOM_BACKEND": BACKENDS["durable"],
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"file://{tmp_path}/store",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
    }  # fmt: skip
    for command in (("db", "migrate"), ("dags", "test", "loop")):
        done = subprocess.run(
            [newest.interpreter, "-m", "airflow", *command], env=environment, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=250,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
    objects = sorted(tmp_path.glob("store/loop/*/accumulate.increment/ti-*/return_value.json"))
    assert sorted(one.read_text() for one in objects) == ["1", "2", "3"]


def test_newest_airflow_and_the_installed_one_read_what_the_other_wrote(
    target: Target, newest: Row
) -> None:
    own = Row(metadata.version("apache-airflow"), Path(sys.executable))
    environment = {**target.effective, CLASS: BACKENDS["durable"], **target.identity().environment}
    matrix = measure(
        [own, newest], environment=environment, run_id="run", timeout=60, codecs=("gzip",),
        progress=lambda _: None,
    )  # fmt: skip
    assert [(c.verdict, c.reason) for c in matrix.cells] == [("pass", "")] * 4
    assert target.keys() == set()
