# ruff: noqa: INP001 - Airflow loads Dag files by path, not from a package
"""Test Dag of the XCom runbook: every reader proves value and type, so a lost XCom fails a task.

With Airflow's object storage backend a missing object does not raise: the reader gets the path
string instead of the value. Each reader here compares the type and a digest of what it gets with
what was written. It pulls inside the task: what a task takes as an argument is a rendered field,
of which Airflow keeps up to 4,096 characters in the metadata database.

The file needs Airflow and its standard provider alone, and can be copied to any Deployment. The
variable XCOM_RUNBOOK_QUEUES names further queues, separated by commas that shall take part. Its
second Dag is a later run that finds what the first one stored with an asset.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import Asset, Param, dag, task

QUEUES = [name for name in os.environ.get("XCOM_RUNBOOK_QUEUES", "").split(",") if name]
SMALL = {"text": "Grüße, 東京", "count": 3, "ratio": 0.25, "missing": None, "flag": True}
TOTALS = {"north": [1, 2], "south": []}
LONG_AGO = "2024-02-29T23:59:59+00:00"


def mark(run_id: str, name: str) -> str:
    """Return a text that is found nowhere but in a value of this run."""
    return hashlib.sha256(f"xcom runbook {name} {run_id}".encode()).hexdigest()


def assets() -> dict[str, Any]:
    """Return the asset that state is stored with, in both ways in which a task names one."""
    name, uri = "xcom_runbook_check", "x-xcom-runbook://check"
    return {"by name": Asset(name=name, uri=uri), "by URI": Asset.ref(uri=uri)}


def large_value(size: int, marked: str) -> list[dict[str, Any]]:
    """Return records that make about ``size`` bytes of JSON, the same ones for the same size."""
    digests = (hashlib.sha256(str(i).encode()).hexdigest() for i in range(size // 180 + 1))
    return [{"id": i, "mark": marked, "digest": text} for i, text in enumerate(digests)]


def typed_value() -> tuple[Any, ...]:
    """Return values of the types that JSON does not know and Airflow's encoder does.

    The tuple stands at the top because that is where the encoder keeps it: a tuple or frozenset
    inside a list or dict comes back from object storage as a list, which is no fault of a set-up.
    """
    return (
        datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC),
        date(2024, 2, 29),
        timedelta(days=1, microseconds=1),
        Decimal("19.99"),
        {"a", "b"},
        2**80,
        {"nested": [{"amounts": [Decimal("0.1"), {Decimal(2)}], "none": None}]},
    )


def shape(value: Any) -> Any:
    """Return the value with the type of every part beside it, in a stable order."""
    name = type(value).__name__
    if isinstance(value, dict):
        return name, sorted((key, shape(part)) for key, part in value.items())
    if isinstance(value, set):
        return name, sorted(repr(shape(part)) for part in value)
    if isinstance(value, list | tuple):
        return name, [shape(part) for part in value]
    return name, value.isoformat() if isinstance(value, datetime) else repr(value)


def expect(value: Any, written: Any) -> None:
    """Compare what was read with what was written, without putting values into the log.

    Raises:
        ValueError: when type or content differ; says so when the path came instead of the value.
    """
    parts = (repr(shape(part)).encode() for part in (value, written))
    got, wanted = (hashlib.sha256(part).hexdigest() for part in parts)
    if got == wanted:
        return
    if isinstance(value, str) and "://" in value:
        raise ValueError(f"XCom returned the reference {value[:1100]} instead of the value")
    raise ValueError(
        f"XCom returned {type(value).__name__} {got[:12]}, written was"
        f" {type(written).__name__} {wanted[:12]}"
    )


@task(multiple_outputs=False)  # type: ignore[untyped-decorator]
def push_small() -> dict[str, Any]:
    """Return a small value, which only a threshold of 0 sends to the bucket."""
    return SMALL


@task
def read_small(ti: Any, writers: Sequence[str]) -> None:
    """Pull the small values of several tasks and compare each."""
    for value in ti.xcom_pull(task_ids=list(writers)):
        expect(value, SMALL)


@task.branch
def choose() -> str:
    """Go one way of two."""
    return "push_large"


@task(show_return_value_in_logs=False)  # type: ignore[untyped-decorator]
def push_large(params: dict[str, Any], ti: Any) -> list[dict[str, Any]]:
    """Return records of about ``params["payload_bytes"]`` bytes of JSON, each with a mark."""
    return large_value(params["payload_bytes"], mark(ti.run_id, "stored"))


@task(multiple_outputs=False)  # type: ignore[untyped-decorator]
def not_taken() -> dict[str, Any]:
    """Return the small value, were it not skipped."""
    return SMALL


@task
def push_by_key(ti: Any) -> None:
    """Push under keys instead of returning: types beyond JSON, and what others take."""
    ti.xcom_push(key="region totals", value=TOTALS)
    ti.xcom_push(key="typed", value=typed_value())
    ti.xcom_push(key="argument", value={"note": mark(ti.run_id, "argument")})
    ti.xcom_push(key="moment", value=LONG_AGO)


@task(trigger_rule="all_done")  # type: ignore[untyped-decorator]
def take_argument(value: Any, ti: Any) -> None:
    """Compare an argument, by which most Dags pass values on, and what is pulled by task and key.

    It ends the run well whatever became of the trigger before it, which is judged by itself.
    """
    expect(value, {"note": mark(ti.run_id, "argument")})
    expect(ti.xcom_pull(task_ids="push_by_key", key="region totals"), TOTALS)
    expect(ti.xcom_pull(task_ids="push_by_key", key="typed"), typed_value())


@task
def fan_out(params: dict[str, Any]) -> list[int]:
    """Return the numbers of which each makes one mapped task."""
    return list(range(params["mapped_tasks"]))


@task
def square(number: int) -> int:
    """Return the square: arithmetic fails on a reference string."""
    return number * number


@task(  # type: ignore[untyped-decorator]
    retries=1, retry_delay=timedelta(0), multiple_outputs=False, inlets=[*assets().values()]
)
def push_after_retry(ti: Any, task_state_store: Any = None, asset_state_store: Any = None) -> Any:
    """Fail in the first push of a return value; what that try had pushed must not stay.

    Its state must, also when the task is cleared: Airflow 3.3 and newer have a store for it.
    """
    watermark = {"mark": mark(ti.run_id, "state")}
    if ti.try_number == 1 and task_state_store is not None:
        task_state_store.set("watermark", watermark)
        for way, asset in assets().items():
            asset_state_store[asset].set(f"{ti.run_id} {way}", watermark)
    elif task_state_store is not None:
        expect(task_state_store.get("watermark"), watermark)
    if ti.try_number == 1:
        ti.xcom_push(key="of the first try", value=SMALL)
        return object()  # no encoder knows it
    return SMALL


@task(inlets=[*assets().values()])  # type: ignore[untyped-decorator]
def find_state(params: dict[str, Any], asset_state_store: Any = None) -> None:
    """Compare what an earlier run stored with the asset, and delete it."""
    for way, asset in assets().items():
        store, key = asset_state_store[asset], f"{params['first_run']} {way}"
        expect(store.get(key), {"mark": mark(params["first_run"], "state")})
        store.delete(key)


@task(trigger_rule="none_failed_min_one_success")  # type: ignore[untyped-decorator]
def read_back(params: dict[str, Any], ti: Any) -> None:
    """Compare the records of the way that was taken, what the mapped tasks returned and a retry."""
    written = large_value(params["payload_bytes"], mark(ti.run_id, "stored"))
    expect(ti.xcom_pull(task_ids="push_large"), written)
    expect(ti.xcom_pull(task_ids="not_taken"), None)
    squares = [number * number for number in range(params["mapped_tasks"])]
    # asked for by its name alone, a single instance would give its value instead of a list
    expect(list(ti.xcom_pull(task_ids=["square"])), squares)
    expect(ti.xcom_pull(task_ids="push_after_retry"), SMALL)
    expect(ti.xcom_pull(task_ids="push_after_retry", key="of the first try"), None)


def small_values() -> None:
    """Push a small value on every queue, and read all of them on every queue."""
    places: list[tuple[str, dict[str, str]]] = [("", {})] + [
        (f"_on_{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}", {"queue": name}) for name in QUEUES
    ]
    writers = [push_small.override(task_id=f"push_small{end}", **on)() for end, on in places]
    names = [f"push_small{end}" for end, _ in places]
    for end, on in places:
        writers >> read_small.override(task_id=f"read_small{end}", **on)(writers=names)


@dag(  # type: ignore[untyped-decorator]
    schedule=None,
    default_args={"retries": 0},
    params={
        "payload_bytes": Param(200_000, type="integer", minimum=1),
        "mapped_tasks": Param(3, type="integer", minimum=1),
    },
    tags=["xcom-runbook"],
)
def xcom_runbook_check() -> None:
    """Push and read back values of all kinds, by every way in which tasks pass them on."""
    small_values()
    ways = [push_large(), not_taken()]
    choose() >> ways
    [*ways, square.expand(number=fan_out()), push_after_retry()] >> read_back()
    pushed = push_by_key()
    # The triggerer itself pulls this one. It knows no sequences: without an index it would hang.
    waiting = DateTimeSensorAsync(
        task_id="wait_in_triggerer",
        target_time="{{ ti.xcom_pull(task_ids='push_by_key', key='moment', map_indexes=-1) }}",
        start_from_trigger=True,
        end_from_trigger=True,
    )
    pushed >> waiting >> take_argument(pushed["argument"])


@dag(  # type: ignore[untyped-decorator]
    schedule=None,
    default_args={"retries": 0},
    params={"first_run": Param("", type="string")},
    tags=["xcom-runbook"],
)
def xcom_runbook_second_run() -> None:
    """Find what a run of the Dag above stored with an asset."""
    find_state()


xcom_runbook_check()
xcom_runbook_second_run()
