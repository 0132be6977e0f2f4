"""Rules of step 06 on where values stay: on the agents' side, or in the orchestration plane too."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import listed
from xcomkit.plane.control_plane import ControlPlane
from xcomkit.plane.dag_run import ASSET_NAMES, DagRun
from xcomkit.plane.metadata import search

XC706 = Rule(
    id="XC706",
    title="Tasks ran on agents, apart from a plane without XCom settings and credentials",
    severity="fail",
    why="A plane that could open the bucket would prove nothing about who does.",
    remedy="Run the step again with deployment: local.",
    source="apache-airflow-providers-edge3; task instance, hostname",
)
XC707 = Rule(
    id="XC707",
    title="No byte of a stored value reaches the orchestration plane",
    severity="fail",
    why="Data in the metadata database or its logs has left your network.",
    remedy="Set XCOM_OBJECTSTORAGE_THRESHOLD to 0, and keep values out of task logs.",
    source="guide, architecture; the database and the log files of Airflow",
    fix_in="03",
)
XC708 = Rule(
    id="XC708",
    title="A value that a task takes as its argument stays on the agents' side",
    severity="warn",
    why="Airflow sends the task's arguments to the plane as rendered fields, values included.",
    remedy=(
        "Pull inside the task (ti.xcom_pull), or set AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH to"
        ' "0" in commonEnv: then the plane keeps no rendered field at all.'
    ),
    source="Airflow configuration, core.max_templated_field_length; task_runner",
    fix_in="03",
)
XC720 = Rule(
    id="XC720",
    title="A retry, a cleared task and a second run find the state, which is in the bucket",
    severity="fail",
    why="A retry that finds nothing submits its job a second time, a watermark starts over.",
    remedy="See XC530 to XC547 in step 04; the task's log says what it found.",
    source="airflow.sdk.execution_time.context, TaskStateStoreAccessor",
    fix_in="03",
)
XC721 = Rule(
    id="XC721",
    title="No byte of stored state reaches the orchestration plane",
    severity="fail",
    why="State in the metadata database has left your network.",
    remedy="Set STATE_STORE_OBJECTSTORAGE_THRESHOLD to 0, and stateStoreBackend everywhere.",
    source="guide, architecture; the database and the log files of Airflow",
    fix_in="03",
)
RULES = (XC706, XC707, XC708, XC720, XC721)

STORED, ARGUMENT, STATE = "stored", "argument", "state"
_PASSED_ON_BY = {STORED: "push_large", ARGUMENT: "take_argument", STATE: "push_after_retry"}
"""The tasks of the shipped Dag without which there was no such value."""
_QUOTED = 5
_NOT_TRIED = "not tried"
_BLOCK = 1 << 20  # bytes
_AGENTS_ONLY = ("AIRFLOW__COMMON_IO__", "AIRFLOW__CORE__XCOM_BACKEND", "AIRFLOW_CONN_", "AWS_",
                "AIRFLOW__WORKERS__STATE_STORE", "AZURE_", "GOOGLE_", "GCE_METADATA_")  # fmt: skip


def mark(run_id: str, name: str) -> str:
    """Return the text that the shipped Dag hides in a value of this run; no other place has it."""
    return hashlib.sha256(f"xcom runbook {name} {run_id}".encode()).hexdigest()


def judge_separation(run: DagRun, *, plane: ControlPlane, agents: Collection[str]) -> Check:
    """Return whether every task ran on one of ``agents``, and the plane knew nothing of XCom."""
    ran = [task for task in run.tasks if task.hostname]
    elsewhere = [f"{task.name} on {task.hostname}" for task in ran if task.hostname not in agents]
    known = sorted(name for name in plane.variables if name.startswith(_AGENTS_ONLY))
    problems = [*elsewhere, *(f"the plane has {name}" for name in known)]
    good = f"{len(ran)} tasks on {', '.join(sorted(agents))}; the plane has no such variable"
    return XC706.judge(
        None if not ran else not problems,
        expected="host names of agents only, and no variable for bucket or XCom in the plane",
        observed=listed(problems, most=_QUOTED) or good,
        how="host names of the task instances; names of all variables the plane was given",
        basis="behaviour",
    )


def judge_state(
    run: DagRun,
    *,
    keys: Collection[str],
    again: DagRun | None = None,
    second: DagRun | None = None,
) -> Check:
    """Return whether the state of a run was found again by each of those who look for it.

    ``keys`` are those of the run's state before anybody deletes it, ``again`` is the run after its
    task was cleared, and ``second`` one that looks for the state of the asset.
    """
    task = _PASSED_ON_BY[STATE]
    cleared = _end(again, task)
    if again and cleared == "success" and _tries(again, task) <= _tries(run, task):
        cleared = "did not run again"
    ends = {
        "second try": _end(run, task),
        "cleared": cleared,
        "second run": _end(second, "find_state"),
    }
    is_red = {*ends.values()} - {"success", _NOT_TRIED} or len(keys) != 1 + len(ASSET_NAMES)
    return XC720.judge(
        False if is_red else None if _NOT_TRIED in ends.values() else True,
        expected="success each time, and an object for the task and two for its asset",
        observed="; ".join((*(f"{who}: {end}" for who, end in ends.items()), *sorted(keys))),
        how="stored in the first try, compared by each of them; the prefix listed",
        basis="behaviour",
    )


def _end(run: DagRun | None, task_id: str) -> str:
    tasks = run.tasks if run else ()
    ended = next((task.state for task in tasks if task.task_id == task_id), "did not run")
    return ended if run else _NOT_TRIED


def _tries(run: DagRun, task_id: str) -> int:
    return max((task.tries for task in run.tasks if task.task_id == task_id), default=0)


def judge_residency(
    run: DagRun, *, plane: ControlPlane | None, has_state: bool = False
) -> tuple[Check, ...]:
    """Return whether marked values were found in the plane: a stored one, an argument, a state.

    ``plane`` is ``None`` for a Deployment, of which only the REST API is seen.

    Raises:
        ServiceError: the plane's database cannot be read.
    """
    marks = {name: mark(run.run_id, name) for name in _PASSED_ON_BY}
    places = {name: [*_in_answers(run, text)] for name, text in marks.items()}
    done = {task.task_id for task in run.tasks if task.state == "success"}
    how = "searched XCom rows and rendered fields, as the REST API shows them"
    is_run_found = True
    if plane is not None:
        hits = search(plane.database, *marks.values(), run.run_id)
        is_run_found = bool(hits[run.run_id])
        for name, text in marks.items():
            places[name] += [*hits[text], *_in_files(plane, text)]
        how += ", every table of the metadata database, and every log of the plane"

    def judged(rule: Rule, name: str, *, is_visible: bool) -> Check:
        expected, task = "the value is found nowhere in the plane", _PASSED_ON_BY[name]
        unknown = "" if task in done else f"no such value: {task} did not succeed"
        if not is_run_found:
            unknown = "the search found not even the id of the run"
        if plane is None and not is_visible and not unknown:
            observed = "not proved: the REST API shows none"
            return rule.skip(expected=expected, observed=observed, how=how)
        found = f"found in {listed(places[name], most=_QUOTED)}" if places[name] else ""
        nowhere = "found nowhere" + f"; {XC708.id} is about arguments" * (name == STORED)
        if plane is None:
            nowhere += "; not proved here: what the database and the servers' logs hold beside that"
        return rule.judge(
            False if places[name] else None if unknown else True,
            expected=expected,
            observed=found or unknown or nowhere,
            how=how,
            basis="behaviour",
        )

    is_rendered = any(task.rendered for task in run.tasks)
    return (
        judged(XC707, STORED, is_visible=bool(run.xcoms)),
        judged(XC708, ARGUMENT, is_visible=is_rendered),
        *([judged(XC721, STATE, is_visible=False)] if has_state else ()),
    )


def _in_answers(run: DagRun, text: str) -> Iterator[str]:
    """Yield where the REST API shows the text."""
    yield from (f"XCom {row.key!r} of {row.task_id}" for row in run.xcoms if text in row.stored)
    yield from (f"rendered fields of {task.name}" for task in run.tasks if text in task.rendered)


def _in_files(plane: ControlPlane, text: str) -> Iterator[str]:
    """Yield the plane's files that hold the text; the database itself was searched row by row."""
    folder = plane.database.parent
    for path in sorted(folder.rglob("*")):
        is_searched = path.is_file() and not path.name.startswith(plane.database.name)
        if is_searched and _holds(path, text.encode()):
            yield path.relative_to(folder).as_posix()


def _holds(path: Path, wanted: bytes) -> bool:
    """Tell whether a file holds the bytes; read in blocks that overlap."""
    rest = b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if wanted in rest + block:
                return True
            rest = block[-len(wanted) :]
    return False
