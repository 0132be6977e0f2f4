"""Where a marked value is looked for, over a plane that is a folder and a small database."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from xcomkit.plane.control_plane import ControlPlane
from xcomkit.plane.dag_run import DagRun, TaskResult, XComRow
from xcomkit.plane.residency import (
    ARGUMENT,
    STATE,
    STORED,
    judge_residency,
    judge_separation,
    judge_state,
    mark,
)

TASK = TaskResult("task", -1, "success", 1, "default-worker")
TASKS = (replace(TASK, task_id="push_large"), replace(TASK, task_id="take_argument"))
RUN = DagRun("dag", "run", "success", TASKS, (), ("a line",), 1.0, how="Airflow's REST API")


class Metadata:
    """The database and the folder of a plane that nobody runs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.plane = ControlPlane(
            "http://127.0.0.1:1", str(home), "", "", ("PATH",), (), started=time.time()
        )
        self._execute("CREATE TABLE xcom (run_id TEXT, value)")
        self._execute("CREATE TABLE rendered_task_instance_fields (rendered_fields TEXT)")

    def holds(self, table: str, column: str, value: object) -> None:
        self._execute(f"INSERT INTO {table} ({column}) VALUES (?)", value)

    def _execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.plane.database)) as database, database:
            database.execute(statement, values)


@pytest.fixture
def metadata(tmp_path: Path) -> Metadata:
    made = Metadata(tmp_path)
    made.holds("xcom", "run_id", RUN.run_id)
    return made


RENDERED = "rendered_task_instance_fields"
STORED_NOWHERE = "found nowhere; XC708 is about arguments"


@pytest.mark.parametrize(
    ("table", "column", "value", "stored", "argument"),
    [
        ("xcom", "value", "", ("pass", STORED_NOWHERE), ("pass", "found nowhere")),
        ("xcom", "value", mark(RUN.run_id, STORED),
         ("fail", "found in xcom.value (1 row)"), ("pass", "found nowhere")),
        ("xcom", "value", mark(RUN.run_id, STORED).encode(),
         ("fail", "found in xcom.value (1 row)"), ("pass", "found nowhere")),
        (RENDERED, "rendered_fields", f'{{"op_args": "{mark(RUN.run_id, ARGUMENT)}"}}',
         ("pass", STORED_NOWHERE), ("warn", f"found in {RENDERED}.rendered_fields (1 row)")),
    ],
    ids=["nowhere", "text", "bytes", "rendered field"],
)  # fmt: skip
def test_value_in_a_table_is_named_with_its_column(
    metadata: Metadata,
    table: str,
    column: str,
    value: object,
    stored: tuple[str, str],
    argument: tuple[str, str],
) -> None:
    metadata.holds(table, column, value)

    found = judge_residency(RUN, plane=metadata.plane)

    assert [(check.status, check.observed) for check in found] == [stored, argument]
    assert "every table" in found[0].how


def test_stored_state_in_the_database_is_named(metadata: Metadata) -> None:
    done = replace(RUN, tasks=(*TASKS, replace(TASK, task_id="push_after_retry", tries=2)))
    *_, clean = judge_residency(done, plane=metadata.plane, has_state=True)
    metadata.holds("xcom", "value", mark(RUN.run_id, STATE))
    *_, found = judge_residency(done, plane=metadata.plane, has_state=True)

    assert (clean.id, clean.status) == ("XC721", "pass")
    assert (found.status, found.observed) == ("fail", "found in xcom.value (1 row)")


def test_state_counts_only_if_all_who_look_for_it_found_it_and_its_objects_are_there() -> None:
    def judged(*ends: str, objects: int = 3, tries: tuple[int, ...] = (2, 3, 1)) -> str:
        names = ("push_after_retry", "push_after_retry", "find_state")
        tasks = [
            replace(TASK, task_id=names[n], state=end, tries=tries[n]) for n, end in enumerate(ends)
        ]
        run, again, second, *_ = (*(replace(RUN, tasks=(one,)) for one in tasks), None, None)
        keys = ("task", "name", "uri")[:objects]
        return judge_state(run, again=again, second=second, keys=keys).status

    ok = ["success"] * 3
    assert [judged(*ok), judged(*ok, objects=2), judged("success")] == ["pass", "fail", "unknown"]
    assert judged(*ok, tries=(2, 2, 1)) == "fail"  # it was cleared, and nothing ran again
    for place in range(3):
        assert judged(*ok[:place], "failed", *ok[place + 1 :]) == "fail"


@pytest.mark.parametrize("before", [0, 10, (1 << 20) - 20, (1 << 20) - 64])
def test_value_in_a_log_is_named_wherever_it_stands(metadata: Metadata, before: int) -> None:
    log = metadata.home / "airflow" / "logs" / "task.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * before + mark(RUN.run_id, STORED).encode() + b"y" * 100)

    stored, _ = judge_residency(RUN, plane=metadata.plane)

    assert (stored.status, stored.observed) == ("fail", "found in airflow/logs/task.log")


def test_search_that_does_not_even_find_the_run_is_unknown(metadata: Metadata) -> None:
    found = judge_residency(replace(RUN, run_id="another"), plane=metadata.plane)

    assert [(check.status, check.observed) for check in found] == [
        ("unknown", "the search found not even the id of the run")
    ] * 2


def test_value_that_never_came_about_is_unknown_and_not_clean(metadata: Metadata) -> None:
    tasks = (replace(TASKS[0], state="failed"), replace(TASKS[1], state="upstream_failed"))

    found = judge_residency(replace(RUN, tasks=tasks), plane=metadata.plane)

    assert [(check.status, check.observed) for check in found] == [
        ("unknown", f"no such value: {name} did not succeed")
        for name in ("push_large", "take_argument")
    ]


def test_deployment_is_seen_through_rest_and_says_what_that_leaves_open() -> None:
    row = XComRow("push_large", -1, "return_value", "s3://reference", 14)
    shown = replace(RUN, xcoms=(row,), tasks=(TASKS[0], replace(TASKS[1], rendered="{}")))

    stored, argument = judge_residency(shown, plane=None)

    assert (stored.status, argument.status) == ("pass", "pass")
    assert "not proved here" in stored.observed
    assert "REST API" in stored.how


def test_deployment_that_shows_no_row_and_no_rendered_field_proves_nothing() -> None:
    found = judge_residency(RUN, plane=None)
    without_a_task = judge_residency(replace(RUN, tasks=()), plane=None)

    assert [check.status for check in found] == ["skip", "skip"]
    assert "not proved" in found[0].observed
    assert [check.status for check in without_a_task] == ["unknown", "unknown"]


def test_value_that_rest_shows_is_named_by_task() -> None:
    texts = {name: mark(RUN.run_id, name) for name in (STORED, ARGUMENT)}
    row = XComRow("push_large", -1, "return_value", texts[STORED], 64)
    task = replace(TASK, task_id="take_argument", rendered=texts[ARGUMENT])

    stored, argument = judge_residency(replace(RUN, xcoms=(row,), tasks=(task,)), plane=None)

    assert (stored.status, stored.observed) == (
        "fail",
        "found in XCom 'return_value' of push_large",
    )
    assert (argument.status, argument.observed) == (
        "warn",
        "found in rendered fields of take_argument",
    )


def test_task_that_ran_on_the_plane_is_named(metadata: Metadata) -> None:
    elsewhere = [replace(TASK, task_id=f"task{n}", hostname="the-scheduler") for n in range(9)]
    run = replace(RUN, tasks=(TASK, *elsewhere))

    found = judge_separation(run, plane=metadata.plane, agents=["default-worker"])

    assert found.status == "fail"
    assert found.observed.startswith("task0 on the-scheduler, task1 on ")
    assert found.observed.endswith(" and 4 more")


@pytest.mark.parametrize(
    "name",
    ["AWS_ROLE_ARN", "AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"],
)
def test_plane_that_was_given_what_is_the_agents_is_named(metadata: Metadata, name: str) -> None:
    given = replace(metadata.plane, variables=("PATH", name))

    found = judge_separation(RUN, plane=given, agents=["default-worker"])

    assert (found.status, found.observed) == ("fail", f"the plane has {name}")


def test_tasks_without_a_host_name_prove_nothing(metadata: Metadata) -> None:
    run = replace(RUN, tasks=(replace(TASK, hostname=""),))

    assert judge_separation(run, plane=metadata.plane, agents=["a"]).status == "unknown"
