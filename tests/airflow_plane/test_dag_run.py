"""The shipped Dag on the stand-in, under the agents' own web-identity role."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from leftovers import processes_with

from xcomkit.airflow_plane.dag_run import DagRun
from xcomkit.airflow_plane.in_process import run_dag
from xcomkit.airflow_plane.verdict import judge
from xcomkit.errors import ProcessError
from xcomkit.model import Check

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
CONF = {"payload_bytes": 1_000, "mapped_tasks": 2}
TIMEOUT = 120
WRONG = uuid4().hex  # stands for a password


def by_id(found: tuple[Check, ...]) -> dict[str, Check]:
    return {check.id: check for check in found}


def run(environment: dict[str, str]) -> DagRun:
    return run_dag(environment, conf=CONF, timeout=TIMEOUT, progress=lambda _: None)


@pytest.fixture(scope="module")
def heard_sentences() -> list[str]:
    return []


@pytest.fixture(scope="module")
def good_run(bucket: Any, agents_role: str, heard_sentences: list[str]) -> DagRun:
    environment = bucket.environment(agents_role)
    return run_dag(environment, conf=CONF, timeout=TIMEOUT, progress=heard_sentences.append)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_dag_passes_under_the_agents_role(good_run: DagRun, bucket: Any) -> None:
    found = by_id(judge(good_run, objects=bucket.listing(), settings=bucket.settings))

    assert {name: found[name].status for name in found} == {
        "XC701": "pass",
        "XC702": "pass",
        "XC703": "pass",
        "XC704": "pass",
    }
    assert found["XC701"].observed.startswith("run success, 20 of 20 as expected")
    assert found["XC703"].observed == "13 match"


def test_run_reports_each_task_and_row(good_run: DagRun, heard_sentences: list[str]) -> None:
    assert {task.name for task in good_run.tasks} >= {"push_small", "square[1]", "fan_in"}
    assert ("push_by_key", "region totals") in {(row.task_id, row.key) for row in good_run.xcoms}
    assert heard_sentences[0] == "metadata database is ready"
    assert {"task push_large ended", "task square[1] ended"} <= set(heard_sentences)


def test_deleted_and_extra_objects_are_named(good_run: DagRun, bucket: Any) -> None:
    objects = [found for found in bucket.listing() if found.run_id == good_run.run_id]
    lost = next(found for found in objects if found.task_id == "push_large")
    extra = lost.key[:-4] + "0000"
    bucket.s3.put_object(Bucket=bucket.settings.bucket, Key=extra, Body=b"1")
    bucket.s3.delete_object(Bucket=bucket.settings.bucket, Key=lost.key)
    try:
        found = by_id(judge(good_run, objects=bucket.listing(), settings=bucket.settings))
    finally:
        bucket.s3.put_object(Bucket=bucket.settings.bucket, Key=lost.key, Body=b"1")
        bucket.s3.delete_object(Bucket=bucket.settings.bucket, Key=extra)

    assert found["XC703"].status == "fail"
    assert f"no object for 1: {lost.key}" in found["XC703"].observed
    assert f"no row for 1: {extra}" in found["XC703"].observed


def test_role_without_put_object_fails_with_its_cause(bucket: Any) -> None:
    denied = run(bucket.environment(bucket.make_role("s3:GetObject", "s3:DeleteObject")))
    found = by_id(judge(denied, objects=bucket.listing(), settings=bucket.settings))

    assert found["XC701"].status == "fail"
    assert ": choose, fan_out, push_after_retry, push_argument, push_by_key, push_large," in (
        found["XC701"].observed
    )
    assert "AccessDenied) when calling the PutObject operation" in found["XC701"].observed
    assert found["XC704"].status == "fail"
    assert "9 x [error" in found["XC704"].observed
    assert "PermissionError: Access Denied" in found["XC704"].observed
    assert (found["XC702"].status, found["XC703"].status) == ("unknown", "skip")


def test_upload_hidden_by_a_codec_fails_the_reading_task(bucket: Any) -> None:
    role = bucket.make_role("s3:GetObject", "s3:DeleteObject")
    hidden = run(bucket.environment(role, **{f"{OPTION}_COMPRESSION": "gzip"}))
    found = by_id(judge(hidden, objects=bucket.listing(), settings=bucket.settings))

    states = {task.name: task.state for task in hidden.tasks}
    assert (states["push_small"], states["read_small"]) == ("success", "failed")
    assert "XCom returned the reference s3://" in found["XC701"].observed
    assert "no object for 11" in found["XC703"].observed
    assert "12 x Exception ignored in" in found["XC704"].observed
    assert "PermissionError: Access Denied" in found["XC704"].observed


def test_threshold_above_the_values_keeps_them_in_the_database(
    bucket: Any, agents_role: str, temporary: Path
) -> None:
    kept = run(bucket.environment(agents_role, **{f"{OPTION}_THRESHOLD": "1000000"}))
    found = by_id(judge(kept, objects=bucket.listing(), settings=bucket.settings))

    assert found["XC701"].status == "pass"
    assert found["XC702"].status == "fail"
    assert "13 of 13 rows hold something else" in found["XC702"].observed
    assert "Grüße" not in found["XC702"].observed
    assert found["XC703"].status == "skip"
    assert not list(temporary.iterdir())


def test_unknown_connection_is_seen_in_the_log_though_every_task_succeeds(
    bucket: Any, agents_role: str
) -> None:
    path = bucket.settings.base_path.replace("aws_default@", "renamed@")
    definition = json.dumps({"conn_type": "aws", "password": WRONG, "extra": {"token": WRONG}})
    environment = bucket.environment(
        agents_role,
        **{f"{OPTION}_PATH": path, "AIRFLOW_CONN_AWS_DEFAULT": definition},
        AWS_DEFAULT_REGION="eu-central-1",
    )
    ambient = run(environment)
    found = by_id(judge(ambient, objects=bucket.listing(), settings=bucket.settings))

    assert found["XC701"].status == "pass"
    assert found["XC702"].status == "fail"
    assert found["XC704"].status == "fail"
    assert "Unable to find AWS Connection ID 'renamed'" in found["XC704"].observed
    assert WRONG not in "".join(ambient.log)


@pytest.mark.parametrize("seconds", [0.5, 4])
def test_run_past_its_deadline_leaves_no_process_and_no_file(
    bucket: Any, agents_role: str, seconds: float, temporary: Path
) -> None:
    mark = f"MARK_OF_THIS_RUN={os.getpid()}-{time.monotonic_ns()}"
    name, value = mark.split("=")
    started = time.monotonic()

    with pytest.raises(ProcessError, match="did not finish within") as caught:
        run_dag(
            bucket.environment(agents_role, **{name: value}),
            conf=CONF,
            timeout=seconds,
            progress=lambda _: None,
        )

    assert time.monotonic() - started < seconds + 3
    assert caught.value.hint
    assert not processes_with(mark)
    assert not list(temporary.iterdir())


def test_environment_that_airflow_cannot_start_in_says_so_without_secrets(
    bucket: Any, agents_role: str, temporary: Path
) -> None:
    broken = bucket.environment(
        agents_role, AIRFLOW__API_AUTH__JWT_SECRET=WRONG, AIRFLOW__CORE__XCOM_BACKEND=f"no.{WRONG}"
    )

    with pytest.raises(ProcessError, match="before there was a run") as caught:
        run(broken)

    assert WRONG not in str(caught.value)
    assert not list(temporary.iterdir())


def test_users_own_airflow_and_credentials_are_not_seen(
    bucket: Any, agents_role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "airflow.cfg").write_text("[core\nbroken", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", WRONG)

    def stop(sentence: str) -> None:
        raise InterruptedError(sentence)

    with pytest.raises(InterruptedError, match="metadata database is ready"):
        run_dag(bucket.environment(agents_role), conf=CONF, timeout=120, progress=stop)

    assert sorted(path.name for path in (tmp_path / "airflow").iterdir()) == ["airflow.cfg"]


def test_dag_ends_with_whoever_started_it_even_after_a_sigkill(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from xcomkit.airflow_plane.in_process import _started\n"
        "home = Path(sys.argv[1])\n"
        "given = {'PATH': os.environ['PATH'], 'HOME': str(home), 'AIRFLOW_HOME': str(home)}\n"
        "with _started(given, conf={}, home=home) as dag:\n"
        "    print(dag.pid, flush=True)\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout
        dag = int(starter.stdout.readline())
        time.sleep(1)
        starter.kill()
    deadline = time.monotonic() + 2
    while is_running(dag) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not is_running(dag)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
