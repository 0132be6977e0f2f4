"""Rows of XCom through a Deployment's REST API, joined with the objects of a bucket."""

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from scripted_airflow import Reply, scripted_airflow

from xcomkit.findings.errors import AccessDeniedError, CredentialsError, ServiceError
from xcomkit.findings.model import StoredObject
from xcomkit.objects.orphans import Join, judge_orphans
from xcomkit.objects.sums import read_columns
from xcomkit.settings.settings import Settings
from xcomkit.steps import orphans
from xcomkit.steps.orphans import join_rows, orphans_table

ROWS = "GET /api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries"
RUNNING = "GET /api/v2/dags/~/dagRuns"
RUN = "manual__2026-02-28T23:59:59.123456+00:00"
OLD = datetime.now(UTC) - timedelta(days=30)
SETTINGS = Settings.from_mapping({"cloud": "aws", "bucket": "bucket", "prefix": "p"})


def key(number: int, task: str) -> str:
    return f"p/dag/{RUN}/{task}/{number:08x}-0000-4000-8000-000000000000"


def row(task: str, **changed):
    given = {"dag_id": "dag", "run_id": RUN, "task_id": task, "map_index": -1,
             "key": "return_value", "timestamp": f"{OLD:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    return {**given, **changed}


@pytest.fixture
def slept(monkeypatch):
    """Return the seconds that were slept, so to say."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def airflow(monkeypatch, slept):  # noqa: ARG001 - nobody waits
    monkeypatch.setenv("AIRFLOW_API_TOKEN", "a-token-of-the-deployment")
    with scripted_airflow() as running:
        running.on(RUNNING, Reply({"dag_runs": [], "total_entries": 0}))
        yield running


def holds(airflow, *rows, **values):
    """Make the airflow list these rows, and tell the values of some tasks."""

    def page(request):
        start = int(request.query["offset"])
        found = rows[start : start + min(int(request.query["limit"]), 100)]
        return Reply({"xcom_entries": found, "total_entries": len(rows)})

    airflow.on(ROWS, page)
    for task, value in values.items():
        airflow.on(value_of(task), Reply({**row(task), "value": value}))


def value_of(task: str) -> str:
    run = f"GET /api/v2/dags/dag/dagRuns/{quote(RUN, safe='')}"
    return f"{run}/taskInstances/{task}/xcomEntries/return_value"


def found(airflow, *objects, days: int = 7):
    with closing(Join("bucket", "p")) as join:
        join.add_objects(read_columns([StoredObject(one, 10, OLD) for one in objects]))
        return join_rows(join, rows=airflow.url, settings=SETTINGS, days=days, say=lambda _: None)


def test_rows_of_all_pages_are_joined_by_task_and_only_doubtful_values_are_read(airflow, slept):
    tasks = [f"t{number}" for number in range(250)]
    holds(airflow, *map(row, [*tasks, "small", "gone"]),
          small=[1, 2], gone=f"s3://c@bucket/{key(7, 'gone')}")  # fmt: skip

    result = found(airflow, key(1, "orphan"), *(key(n, task) for n, task in enumerate(tasks)))

    assert (result.objects, result.matched) == (251, 250)
    assert result.without_row.keys == [key(1, "orphan")]
    assert result.without_object.keys == [key(7, "gone")]
    assert len(airflow.asked(ROWS)) == 3
    assert len(airflow.requests) == 3 + 1 + 2
    assert slept == [0.1] * 4  # between three pages, and before each of two values
    assert [check.status for check in judge_orphans(result, is_whole=True)] == ["warn", "fail"]
    assert "1 of 251 objects" in repr(orphans_table(result))


@pytest.mark.parametrize("zone", ["+00:00", ""])
def test_nothing_counts_that_is_younger_than_the_longest_running_dag_run(airflow, zone):
    holds(airflow, row("t"), row("gone"), gone=f"s3://c@bucket/{key(7, 'gone')}")
    begun = OLD - timedelta(hours=1)
    airflow.on(
        RUNNING, Reply({"dag_runs": [{"start_date": f"{begun:%Y-%m-%dT%H:%M:%S.%f}{zone}"}]})
    )

    result = found(airflow, key(1, "orphan"), key(2, "t"))

    assert (result.without_row.count, result.without_object.count) == (0, 0)
    assert result.before == begun
    assert airflow.asked(RUNNING)[0].query["state"] == "running"
    assert found(airflow, key(1, "orphan"), days=40).without_row.count == 0


def test_row_that_goes_meanwhile_or_has_no_time_accuses_nobody(airflow):
    naive = row("naive", timestamp=f"{OLD:%Y-%m-%dT%H:%M:%S}")
    holds(airflow, row("t"), row("gone"), row("timeless", timestamp="<script>"), naive)

    result = found(airflow, key(2, "t"), key(3, "timeless"))

    assert (result.without_row.count, result.without_object.count) == (0, 0)


def test_values_beyond_the_limit_are_not_asked_for_and_leave_it_unknown(airflow, monkeypatch):
    monkeypatch.setattr("xcomkit.objects.orphans.MOST", 2)
    monkeypatch.setattr(orphans, "MOST", 2)
    holds(airflow, row("t"), *(row(f"s{n}") for n in range(4)), s0=1, s1=1, s2=1, s3=1)

    result = found(airflow, key(2, "t"))

    assert len(airflow.requests) == 4
    assert [check.status for check in judge_orphans(result, is_whole=True)] == ["pass", "unknown"]


@pytest.mark.parametrize(
    ("replies", "kind", "words"),
    [
        ({ROWS: Reply({"detail": "no"}, status=403)}, AccessDeniedError, r"airflow\.xcom\.get"),
        ({ROWS: Reply({"xcom_entries": [], "total_entries": 5})}, ServiceError, "0 of 5 entries"),
        ({RUNNING: Reply({"dag_runs": [{}]})}, ServiceError, "runs without a start"),
        ({RUNNING: Reply({"dag_runs": [{"start_date": "now"}]})}, ServiceError, "without a start"),
    ],
)
def test_rows_that_are_not_all_read_are_an_error(airflow, replies, kind, words):
    holds(airflow, row("t"))
    for place, reply in replies.items():
        airflow.on(place, reply)

    with pytest.raises(kind, match=words):
        found(airflow, key(1, "t"))


def test_deployment_without_a_token_is_not_asked(airflow, monkeypatch):
    monkeypatch.delenv("AIRFLOW_API_TOKEN")

    with pytest.raises(CredentialsError, match="holds no token"):
        found(airflow, key(1, "t"))
    assert not airflow.requests
