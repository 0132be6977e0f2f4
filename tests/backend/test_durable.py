"""The durable class: on S3 under a role, and by itself under the installed and newest Airflow."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import durable_cases
import pytest
from backend_target import CLASS, CODEC, PATH, Target

from xcomkit.backend.protocol import (
    Outcome,
    Payload,
    Step,
    Where,
    encode_and_push,
    pull,
    purge,
    push,
)
from xcomkit.backend.version_matrix import Row, measure
from xcomkit.findings.model import BACKENDS

pytestmark = pytest.mark.usefixtures("forked")
RECORDS = Payload("records", 20_000)
WHERE = Where(dag_id="d", run_id="r", task_id="t")
UUID = durable_cases.UUID
DURABLE = {CLASS: BACKENDS["durable"]}
CODECS = ("", "zip", "gzip", "bz2", "lzma", "xz")
Rights = tuple[str, ...]


def steps(
    target: Target, *wanted: Step, without: Rights = (), more: Rights = (), **changes: str
) -> tuple[Outcome, ...]:
    """Run steps with the durable class under a role that may lack some rights, or have more."""
    with target.worker(without=without, more=more, **{**DURABLE, **changes}) as worker:
        return worker.run(wanted)


def key_of(reference: str) -> str:
    return reference.partition("@")[2].partition("/")[2]


def test_each_class_reads_what_the_other_wrote_and_every_codec_makes_objects_smaller(
    target: Target,
) -> None:
    sizes = {}
    write = encode_and_push(RECORDS, where=WHERE)
    with target.worker() as stock, target.worker(**DURABLE) as own:
        for codec in CODECS:
            for writer, reader in ((stock, own), (own, stock)):
                encoded, pushed = writer.run(write, environment={CODEC: codec})
                (pulled,) = reader.run([pull(pushed.reference, describe=True)])
                assert pulled.value == encoded.value, codec
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
    pushed, *_ = steps(
        target, push(RECORDS, where=WHERE), without=("s3:PutObject",), **{CODEC: "gzip"}
    )
    assert pushed.error.type == "PermissionError"
    assert target.keys() == set()


def test_missing_object_and_moved_prefix_are_errors_not_the_path(target: Target) -> None:
    (pushed,) = steps(target, push(RECORDS, where=WHERE))
    (moved,) = steps(target, pull(pushed.reference), **{PATH: f"{target.settings.base_path}-moved"})
    target.s3.put_object(Bucket=target.bucket, Key=key_of(pushed.reference), Body=b"[1, 2")
    (damaged,) = steps(target, pull(pushed.reference))
    target.s3.delete_object(Bucket=target.bucket, Key=key_of(pushed.reference))
    (gone,) = steps(target, pull(pushed.reference))
    assert {one.error.type for one in (moved, damaged, gone)} == {"XComObjectError"}
    assert "have changed since it was written" in moved.error.message
    assert "cannot be read, 5 bytes" in damaged.error.message
    assert "is not there" in gone.error.message


def test_purge_that_is_refused_is_an_error(target: Target) -> None:
    pushed, purged = steps(
        target, push(RECORDS, where=WHERE), purge(), without=("s3:DeleteObject",)
    )
    assert purged.error.type == "XComObjectError"  # s3fs's own rm says nothing
    assert f"{pushed.reference} was not deleted: PermissionError" in purged.error.message
    assert target.object_exists(key_of(pushed.reference))


def test_agents_that_may_not_list_push_pull_and_purge_with_as_few_requests_as_can_be(
    target: Target,
) -> None:
    pushed, pulled, purged = steps(
        target, push(RECORDS, where=WHERE), pull(), purge(), without=("s3:ListBucket",)
    )
    assert (pushed.error, pulled.error, purged.error) == (None, None, None)
    assert pushed.requests == {"PutObject": 1, "HeadObject": 1}
    assert pulled.requests == {"GetObject": 1}
    assert purged.requests == {"DeleteObject": 1}
    assert not target.object_exists(key_of(pushed.reference))


def test_bucket_that_is_missing_is_an_error_and_is_not_made(target: Target) -> None:
    other = f"{target.bucket}-missing"
    path = target.settings.base_path.replace(target.bucket, other)
    (pushed,) = steps(target, push(RECORDS, where=WHERE), more=("s3:*",), **{PATH: path})
    assert pushed.error.type == "FileNotFoundError"
    assert other not in {one["Name"] for one in target.s3.list_buckets()["Buckets"]}


def test_urls_of_the_users_own_in_earlier_rows_are_values(target: Target) -> None:
    texts = (
        f"https://api.example.com/v1/jobs/{UUID}",
        f"s3://my-bucket/exports/{UUID}.csv",
        f"s3://my-bucket/exports/2026/11/{UUID}.parquet",
        f"{target.settings.base_path}/{UUID}",
        f"gs://bucket/dag/run/task/{UUID}",
    )
    pulled = steps(target, *(pull(text, describe=True) for text in texts))
    assert [one.canonical for one in pulled] == [["builtins.str", text] for text in texts]


def test_no_release_of_common_io_can_stop_the_class() -> None:
    code = (
        "import sys; sys.modules['airflow.providers.common.io.xcom.backend'] = None;"
        " import xcomkit.durable"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-500:]


@pytest.fixture(scope="module", params=["oldest", "installed", "newest"])
def problems(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return what ``durable_cases.py`` finds under the ends of what is supported as well."""
    version = request.param
    own = {"XCOMKIT_NO_ZSTD": "1"} if version == "installed" else {}
    own |= {"XCOMKIT_OLDEST": "1"} if version == "oldest" else {}
    python = sys.executable
    if version != "installed":
        python = request.getfixturevalue(version).interpreter
    done = subprocess.run(
        [python, durable_cases.__file__],
        env={"PATH": os.environ["PATH"], "XCOMKIT_ROOT": str(Path(__file__).parents[2]), **own},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("case", [one.__name__ for one in durable_cases.CASES])
def test_durable_class_without_any_cloud(problems: dict[str, str], case: str) -> None:
    assert problems[case] == ""


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
    environment = {**target.effective, **DURABLE, **target.identity().environment}
    matrix = measure(
        [own, newest], environment=environment, run_id="run", timeout=60, codecs=("gzip",),
        progress=str,
    )  # fmt: skip
    assert [(c.verdict, c.reason) for c in matrix.cells] == [("pass", "")] * 4
    assert target.keys() == set()
