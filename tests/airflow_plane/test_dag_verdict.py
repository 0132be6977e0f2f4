"""The rules of step 06 over runs made by hand: what is quoted, bounded and left alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from xcomkit.airflow_plane.dag_run import DagRun, TaskResult, XComRow
from xcomkit.airflow_plane.verdict import judge
from xcomkit.model import Check, StoredXCom
from xcomkit.settings import Settings

SETTINGS = Settings(bucket="some-bucket", prefix="astro/xcom")
KEY = "dag/run/task/0f8fad5b-d9cb-469f-a165-70867728950e"
STAMP = "2026-01-01T00:00:00.000000Z"


def a_run(*log: str, stored: str = f"{SETTINGS.base_path}/{KEY}", state: str = "success") -> DagRun:
    return DagRun(
        dag_id="dag",
        run_id="run",
        state=state,
        tasks=(TaskResult("task", -1, state),),
        xcoms=(XComRow("task", -1, "return_value", stored, len(stored)),),
        log=log or ("a line",),
        seconds=1.0,
    )


def an_object(key: str = f"astro/xcom/{KEY}", *, run_id: str = "run") -> StoredXCom:
    return StoredXCom(
        key=key,
        size=1,
        modified=datetime(2026, 1, 1, tzinfo=UTC),
        layout="uuid",
        dag_id="dag",
        run_id=run_id,
        task_id="task",
    )


def check(run: DagRun, name: str, *objects: StoredXCom) -> Check:
    found = judge(run, objects=objects or (an_object(),), settings=SETTINGS)
    return next(check for check in found if check.id == name)


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} [error    ] Something broke [task]",
        f"{STAMP} [critical ] Something broke [task]",
        '{"timestamp": "2026", "level": "error", "event": "broke"}',
        "Exception ignored in: <function AbstractBufferedFile.__del__ at 0x7f>",
        f"{STAMP} [warning  ] Unable to find AWS Connection ID 'x', switching to empty.",
        f"{STAMP} [info     ] No credentials found, using anonymous access [fs.s3]",
        "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
    ],
)
def test_lines_that_hide_a_lost_xcom_fail_the_log_check(line: str) -> None:
    found = check(a_run("fine", line, "fine"), "XC704")

    assert found.status == "fail"
    assert "1 in 3 lines: 1 x " in found.observed
    assert line.removeprefix(f"{STAMP} ") in found.observed


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} [warning  ] Using `httpx` is deprecated [py.warnings]",
        f"{STAMP} [error    ] XCom not found [client] detail={{}} key=return_value offset=3 x=1",
        f"{STAMP} [info     ] Done. Returned value was: errors [operator]",
    ],
)
def test_lines_of_a_healthy_run_are_left_alone(line: str) -> None:
    assert check(a_run(line), "XC704").status == "pass"


def test_missing_xcom_is_an_error_unless_a_loop_ended() -> None:
    line = f"{STAMP} [error    ] XCom not found [client] key=return_value offset=None"

    assert check(a_run(line), "XC704").status == "fail"


def test_run_without_a_log_is_unknown() -> None:
    assert check(replace(a_run(), log=()), "XC704").status == "unknown"


def test_quoted_lines_and_causes_are_bounded() -> None:
    lines = [f"{STAMP} [error    ] number {n} " + "x" * 5_000 for n in range(900)]
    found = check(a_run(*lines), "XC704")

    assert "900 in 900 lines" in found.observed
    assert "and 897 more" in found.observed
    assert len(found.observed) < 1_200


def test_cause_is_the_failing_tasks_own_exception() -> None:
    log = (
        f"{STAMP} [info     ] [DAG TEST] starting task_id=other map_index=-1 [dag]",
        "KeyError: 'of another task'",
        f"{STAMP} [info     ] [DAG TEST] end task task_id=other map_index=-1 [dag]",
        f"{STAMP} [info     ] [DAG TEST] starting task_id=task map_index=-1 [dag]",
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in <module>',
        "botocore.errorfactory.AccessDenied: the first",
        "PermissionError: the last",
        f"{STAMP} [info     ] [DAG TEST] end task task_id=task map_index=-1 [dag]",
        "DagRun failed",
    )
    found = check(a_run(*log, state="failed"), "XC701")

    assert found.observed == (
        "run failed, 0 of 1 succeeded in 1.0 s:"
        " task: botocore.errorfactory.AccessDenied: the first -> PermissionError: the last"
    )


def test_task_that_never_ran_is_no_success() -> None:
    run = replace(a_run(), tasks=(TaskResult("task", 2, "none"),))

    assert check(run, "XC701").observed.endswith("task[2]: none")


@pytest.mark.parametrize(
    "stored",
    [
        '{"a": 1}',
        "s3://aws_default@some-bucket/astro/other/x",
        "s3://some-bucket/astro/xcom/x",
        f"{SETTINGS.base_path}-old/x",
        "",
    ],
)
def test_row_that_is_no_reference_below_the_path_fails(stored: str) -> None:
    found = check(a_run(stored=stored), "XC702")

    assert found.status == "fail"
    assert "task 'return_value'" in found.observed


def test_objects_of_other_runs_are_not_counted() -> None:
    found = check(a_run(), "XC703", an_object(), an_object("astro/xcom/x", run_id="other"))

    assert (found.status, found.observed) == ("pass", "1 match")


def test_hostile_orphan_is_named_in_one_harmless_line() -> None:
    found = check(a_run(), "XC703", an_object(), an_object("astro/xcom/<script>\x1b[2J\n"))

    assert "no row for 1: 'astro/xcom/<script>\\x1b[2J\\n'" in found.observed


def test_refused_listing_is_unknown() -> None:
    found = judge(a_run(), objects=None, settings=SETTINGS)

    assert next(check for check in found if check.id == "XC703").status == "unknown"


def test_limit_of_an_in_process_run_is_stated() -> None:
    found = check(a_run(), "XC705")

    assert (found.status, found.basis) == ("skip", "not-supported-here")
    assert "not proved" in found.observed
