# ruff: noqa: INP001 - Airflow loads Dag files by path, not from a package
"""Load Dag of the XCom runbook: mapped tasks push and pull, and tell how long each took.

Times are taken inside the tasks, around the two calls alone, so that a first use of the store in a
fresh process counts, as it does in every task, and scheduling does not.
"""

import hashlib
import time
from typing import Any

from airflow.sdk import Param, dag, task

KEY = "load"


def payload(number: int) -> list[dict[str, Any]]:
    """Return records that make about 10,000 bytes of JSON, others for another number."""
    digests = (hashlib.sha256(f"{number} {i}".encode()).hexdigest() for i in range(106))
    return [{"id": i, "digest": text} for i, text in enumerate(digests)]


@task(show_return_value_in_logs=False)  # type: ignore[untyped-decorator]
def share_out(params: dict[str, Any]) -> list[int]:
    """Return a number for each mapped task."""
    return list(range(params["load_tasks"]))


@task(multiple_outputs=False)  # type: ignore[untyped-decorator]
def push_and_pull(number: int, ti: Any) -> dict[str, Any]:
    """Push a value, pull it back, compare, and return begin and end (s since 1970) of each."""
    value = payload(number)
    before = time.time()
    ti.xcom_push(key=KEY, value=value)
    between = time.time()
    found = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index, key=KEY)
    after = time.time()
    if found != value:
        raise ValueError(f"XCom returned {type(found).__name__}, not what was pushed")
    return {"before": before, "between": between, "after": after, "host": ti.hostname}


@task(trigger_rule="all_done", show_return_value_in_logs=False)  # type: ignore[untyped-decorator]
def collect(ti: Any) -> list[dict[str, Any]]:
    """Return what the mapped tasks measured, those that failed left out, as one XCom."""
    # asked for by its name alone, a single instance would give its value instead of a list
    return list(ti.xcom_pull(task_ids=["push_and_pull"]))


@dag(  # type: ignore[untyped-decorator]
    schedule=None,
    default_args={"retries": 0},
    params={"load_tasks": Param(20, type="integer", minimum=1)},
    tags=["xcom-runbook"],
)
def xcom_runbook_load() -> None:
    """Push and pull on as many agents as there are, and collect the times."""
    push_and_pull.expand(number=share_out()) >> collect()


xcom_runbook_load()
