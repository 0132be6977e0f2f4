"""The rules of step 06 over runs made by hand: what is quoted, bounded and left alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from xcomkit.findings.model import Check, StoredXCom
from xcomkit.plane.dag_run import DagRun, TaskResult, XComRow
from xcomkit.plane.verdict import judge, judge_place, judge_triggerer
from xcomkit.settings.settings import Settings

SETTINGS = Settings(bucket="some-bucket", prefix="astro/xcom")
KEY = "dag/run/task/0f8fad5b-d9cb-469f-a165-70867728950e"
ON_PURPOSE = "TypeError: cannot serialize object of type <class 'object'>"
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
        how="Airflow's REST API",
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


def test_object_of_an_earlier_try_needs_no_row_and_any_other_does() -> None:
    task = TaskResult("task", -1, "success", tries=2, earlier=("a-try",))
    run = replace(a_run(), tasks=(task,))
    of_try = replace(an_object("astro/xcom/dag/run/task/old"), task_instance="a-try")
    stray = replace(an_object("astro/xcom/dag/run/task/stray"), task_instance="b-try")

    found = check(run, "XC703", an_object(), of_try)
    alone = check(replace(run, xcoms=()), "XC703", of_try)
    red = check(run, "XC703", an_object(), of_try, stray)

    assert (found.status, found.observed.partition(":")[0]) == (
        "pass",
        "1 match; 1 of earlier tries",
    )
    assert alone.status == "skip"
    assert check(replace(run, xcoms=()), "XC703", of_try, stray).status == "fail"
    assert red.status == "fail"
    assert red.observed.endswith("; no row for 1: astro/xcom/dag/run/task/stray")


def test_choice_of_a_branch_is_no_value_that_left_and_any_other_key_is() -> None:
    text = '{"followed": ["taken"]}'
    choice = XComRow("choose", -1, "skipmixin_key", text, len(text))
    run = replace(a_run(), xcoms=(*a_run().xcoms, choice))
    red = replace(run, xcoms=(*run.xcoms, replace(choice, key="return_value")))

    assert check(run, "XC702").status == "pass"
    assert "all references but 1, the task ids that a branch chose" in check(run, "XC702").observed
    assert check(red, "XC702").status == "fail"
    assert check(replace(run, xcoms=(choice,)), "XC702").status == "unknown"


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


@pytest.mark.parametrize(
    ("log", "unread", "status"),
    [
        ((f"{STAMP} [error    ] XCom not found [client] offset=None",), (), "fail"),
        ((), (), "unknown"),
        (("a line",), ("the log of task, try 1",), "unknown"),
        (("a line",), ("the log of wait_in_triggerer, try 1, was not read",), "pass"),
    ],
    ids=["no loop ended", "no log", "a log was not read", "only the triggerer had it"],
)
def test_log_that_was_not_read_is_unknown(
    log: tuple[str, ...], unread: tuple[str, ...], status: str
) -> None:
    found = check(replace(a_run(), log=log, unread=unread), "XC704")

    assert found.status == status
    assert ("not read: the log of task" in found.observed) is (
        unread[:1] == ("the log of task, try 1",)
    )


def test_quoted_lines_and_causes_are_bounded() -> None:
    lines = [f"{STAMP} [error    ] number {n} " + "x" * 5_000 for n in range(900)]
    found = check(a_run(*lines), "XC704")

    assert "900 in 900 lines" in found.observed
    assert "and 897 more" in found.observed
    assert len(found.observed) < 1_200


def test_cause_is_the_first_and_the_last_exception_of_the_failing_task() -> None:
    log = (
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in <module>',
        "botocore.errorfactory.AccessDenied: the first",
        "PermissionError: the last",
    )
    tasks = (
        TaskResult("other", -1, "success", log=("KeyError: 'of another task'",)),
        TaskResult("task", -1, "failed", log=log),
    )
    found = check(replace(a_run("DagRun failed", state="failed"), tasks=tasks), "XC701")

    assert found.observed == (
        "run failed, 1 of 2 as expected in 1.0 s:"
        " task: botocore.errorfactory.AccessDenied: the first -> PermissionError: the last"
    )


@pytest.mark.parametrize(
    ("tasks", "ending"),
    [
        ([TaskResult("square", n, "failed", log=("KeyError: 'x'",)) for n in range(3)],
         ": square[0], square[1], square[2]: KeyError: 'x'"),
        ([TaskResult("a", -1, "upstream_failed"), TaskResult("b", -1, "failed", log=("Bad: x",))],
         ": b: Bad: x; a: upstream_failed"),
        ([TaskResult("not_taken", -1, "success")], ": not_taken: success"),
        ([TaskResult("task", -1, "skipped")], ": task: skipped"),
        ([TaskResult("task", 2, "none")], ": task[2]: none"),
        ([TaskResult("push_after_retry", -1, "failed", 2, log=(ON_PURPOSE, "KeyError: 'x'"))],
         ": push_after_retry: KeyError: 'x'"),
        ([], "0 of 0 as expected in 1.0 s"),
    ],
    ids=["alike", "failed before waiting", "branch was taken", "skipped", "never ran", "meant",
         "no task"],
)  # fmt: skip
def test_tasks_that_are_not_as_expected_are_named_with_their_cause(
    tasks: list[TaskResult], ending: str
) -> None:
    found = check(replace(a_run(), tasks=tuple(tasks)), "XC701")

    assert found.status == "fail"
    assert found.observed.endswith(ending)


def test_first_try_that_fails_on_purpose_is_no_trouble_but_any_other_is() -> None:
    purpose = (
        f"{STAMP} [error    ] Task failed with exception [task]",
        ON_PURPOSE,
    )
    other = (purpose[0], "KeyError: 'x'")
    on_purpose, also = (
        replace(a_run(), tasks=(TaskResult("push_after_retry", -1, "success", 2, log=log),))
        for log in (purpose, (*purpose, *other))
    )

    assert check(on_purpose, "XC704").status == "pass"
    assert "1 x [error    ] Task failed with exception [task] -> KeyError" in (
        check(also, "XC704").observed
    )


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


def test_objects_of_other_runs_are_not_counted_and_an_orphan_is_one_harmless_line() -> None:
    found = check(a_run(), "XC703", an_object(), an_object("astro/xcom/x", run_id="other"))
    orphan = check(a_run(), "XC703", an_object(), an_object("astro/xcom/<script>\x1b[2J\n"))
    refused = judge(a_run(), objects=None, settings=SETTINGS)[2]

    assert (found.status, found.observed) == ("pass", "1 match")
    assert orphan.observed == "1 match; no row for 1: astro/xcom/<script>\\x1b[2J\\n"
    assert (refused.id, refused.status) == ("XC703", "unknown")


def test_limit_of_a_run_on_this_machine_is_stated() -> None:
    found = judge_place(a_run(), deployment="local", pods="agent-worker-")

    assert (found.status, found.basis) == ("skip", "not-supported-here")
    assert "were processes of this machine" in found.observed
    assert "not proved" in found.observed


@pytest.mark.parametrize(
    ("hostnames", "status", "observed"),
    [
        (("agent-worker-a-1", "agent-worker-b-1"), "pass", "agent-worker-a-1, agent-worker-b-1"),
        (("agent-worker-a-1", "celery-7"), "warn", "host names: celery-7"),
        (("", ""), "warn", "host names: none"),
    ],
)
def test_deployment_is_proved_by_the_host_names_of_its_pods(
    hostnames: tuple[str, ...], status: str, observed: str
) -> None:
    tasks = tuple(TaskResult("task", n, "success", 1, one) for n, one in enumerate(hostnames))
    run = replace(a_run(), tasks=tasks)
    found = judge_place(run, deployment="https://somewhere", pods="agent-worker-")

    assert found.status == status
    assert observed in found.observed


@pytest.mark.parametrize(
    ("state", "log", "status"),
    [
        ("success", (), "pass"),
        ("failed", ("KeyError: 'x'",), "fail"),
        ("failed", ("RuntimeError: asyncio.run() cannot be called from a running event loop",),
         "skip"),
        ("upstream_failed", (), "unknown"),
        ("", (), "unknown"),
    ],
)  # fmt: skip
def test_trigger_is_judged_by_itself(state: str, log: tuple[str, ...], status: str) -> None:
    trigger = (TaskResult("wait_in_triggerer", -1, state, log=log),) if state else ()
    run = replace(a_run(), tasks=(*a_run().tasks, *trigger))

    assert judge_triggerer(run).status == status
    assert check(run, "XC701").status == "pass"
