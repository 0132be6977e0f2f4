# ruff: noqa: INP001 - Airflow loads Dag files by path, not from a package
"""Test Dag of the XCom runbook: every reader proves value and type, so a lost XCom fails a task.

With Airflow's object storage backend a missing object does not raise: the reader gets the path
string instead of the value. Each reader here compares the type and a digest of what it gets with
what was written. The file needs Airflow alone and can be copied to any Deployment.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow.sdk import Param, dag, task

SMALL = {"text": "Grüße, 東京", "count": 3, "ratio": 0.25, "missing": None, "flag": True}
NUMBERS = [1, 2, 3]
TOTALS = {"north": [1, 2], "south": []}


def large_value(size: int) -> list[dict[str, Any]]:
    """Return records that make about ``size`` bytes of JSON, the same ones for the same size."""
    digests = (hashlib.sha256(str(i).encode()).hexdigest() for i in range(size // 100 + 1))
    return [{"id": i, "name": f"record {i}", "digest": text} for i, text in enumerate(digests)]


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
def read_small(value: Any) -> None:
    """Compare the small value."""
    expect(value, SMALL)


@task(show_return_value_in_logs=False)  # type: ignore[untyped-decorator]
def push_large(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return records of ``params["large_bytes"]`` bytes of JSON."""
    return large_value(params["large_bytes"])


@task
def read_large(value: Any, params: dict[str, Any]) -> None:
    """Compare the records."""
    expect(value, large_value(params["large_bytes"]))


@task
def push_typed() -> tuple[Any, ...]:
    """Return types beyond JSON."""
    return typed_value()


@task
def read_typed(value: Any) -> None:
    """Compare types and contents."""
    expect(value, typed_value())


@task
def fan_out() -> list[int]:
    """Return the numbers of which each makes one mapped task."""
    return NUMBERS


@task
def square(number: int) -> int:
    """Return the square: arithmetic fails on a reference string."""
    return number * number


@task
def fan_in(squares: Any) -> None:
    """Compare what the mapped tasks returned, in their order."""
    expect(list(squares), [number * number for number in NUMBERS])


@task
def push_by_key(ti: Any) -> None:
    """Push under a key of its own instead of returning."""
    ti.xcom_push(key="region totals", value=TOTALS)


@task
def read_by_key(ti: Any) -> None:
    """Pull by task and key and compare."""
    expect(ti.xcom_pull(task_ids="push_by_key", key="region totals"), TOTALS)


@dag(  # type: ignore[untyped-decorator]
    schedule=None,
    default_args={"retries": 0},
    params={"large_bytes": Param(200_000, type="integer", minimum=1)},
    tags=["xcom-runbook"],
)
def xcom_runbook_check() -> None:
    """Push and read back small, large and typed values, a fan-out, and a value under a key."""
    read_small(push_small())
    read_large(push_large())
    read_typed(push_typed())
    fan_in(square.expand(number=fan_out()))
    push_by_key() >> read_by_key()


xcom_runbook_check()
