"""Rules of step 06 on where values stay: on the agents' side, or in the orchestration plane too."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import listed
from xcomkit.plane.control_plane import ControlPlane
from xcomkit.plane.dag_run import DagRun

XC706 = Rule(
    id="XC706",
    title="Tasks ran on agents, apart from a plane without XCom settings and credentials",
    severity="fail",
    why="A plane that could open the bucket would prove nothing about who does.",
    remedy="run the step again with deployment: local.",
    source="apache-airflow-providers-edge3; task instance, hostname",
)
XC707 = Rule(
    id="XC707",
    title="No byte of a stored value reaches the orchestration plane",
    severity="fail",
    why="Data in the metadata database or its logs has left your network.",
    remedy="set XCOM_OBJECTSTORAGE_THRESHOLD to 0, and keep values out of task logs.",
    source="guide, architecture; the database and the log files of Airflow",
    fix_in="03",
)
XC708 = Rule(
    id="XC708",
    title="A value that a task takes as its argument stays on the agents' side",
    severity="warn",
    why="Airflow sends the task's arguments to the plane as rendered fields, values included.",
    remedy=(
        "pull inside the task (ti.xcom_pull), or set AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH to"
        ' "0" in commonEnv: then the plane keeps no rendered field at all.'
    ),
    source="Airflow configuration, core.max_templated_field_length; task_runner",
    fix_in="03",
)
RULES = (XC706, XC707, XC708)

STORED, ARGUMENT = "stored", "argument"
_SHOWN_BY = {STORED: "push_large", ARGUMENT: "take_argument"}
"""The tasks of the shipped Dag without which there was no such value to be kept."""
_QUOTED = 5
_BLOCK = 1 << 20  # bytes
_SEEN_THROUGH_REST = "; not proved here: what the database and the servers' logs hold beside that"
_FOREIGN = ("AIRFLOW__COMMON_IO__", "AIRFLOW__CORE__XCOM_BACKEND", "AIRFLOW_CONN_", "AWS_",
            "AZURE_", "GOOGLE_", "GCE_METADATA_")  # fmt: skip


def mark(run_id: str, name: str) -> str:
    """Return the text that the shipped Dag hides in a value of this run; no other place has it."""
    return hashlib.sha256(f"xcom runbook {name} {run_id}".encode()).hexdigest()


def judge_separation(run: DagRun, *, plane: ControlPlane, agents: Collection[str]) -> Check:
    """Return whether every task ran on one of ``agents``, and the plane knew nothing of XCom."""
    ran = [task for task in run.tasks if task.hostname]
    strangers = [f"{task.name} on {task.hostname}" for task in ran if task.hostname not in agents]
    known = sorted(name for name in plane.variables if name.startswith(_FOREIGN))
    told = f"{len(ran)} tasks on {', '.join(sorted(agents))}; the plane has no such variable"
    return XC706.judge(
        None if not ran else not strangers and not known,
        expected="host names of agents only, and no variable for bucket or XCom in the plane",
        observed=listed([*strangers, *(f"the plane has {n}" for n in known)], most=_QUOTED) or told,
        how="host names of the task instances; names of all variables the plane was given",
        basis="behaviour",
    )


def judge_residency(run: DagRun, *, plane: ControlPlane | None) -> tuple[Check, Check]:
    """Return whether marked values were found in the plane: a stored one, and an argument.

    ``plane`` is ``None`` for a Deployment, of which only the REST API is seen.

    Raises:
        ServiceError: the plane's database cannot be read.
    """
    names = (STORED, ARGUMENT)
    marks = {name: mark(run.run_id, name) for name in names}
    found = {name: [*_in_answers(run, marks[name])] for name in names}
    how = "searched XCom rows and rendered fields, as the REST API shows them"
    done = {task.task_id for task in run.tasks if task.state == "success"}
    unknown = {
        name: "" if _SHOWN_BY[name] in done else f"no such value: {_SHOWN_BY[name]} did not succeed"
        for name in names
    }
    if plane is not None:
        hits = plane.database.search(*marks.values(), run.run_id)
        if not hits[run.run_id]:
            unknown = dict.fromkeys(names, "the search found not even the id of the run")
        for name in names:
            found[name] += [
                f"{hit.table}.{hit.column} ({hit.rows} rows)" for hit in hits[marks[name]]
            ]
            found[name] += _in_files(plane.kept.home, marks[name])
        how += ", every table of the metadata database, and every log of the plane"
    partly = "" if plane else _SEEN_THROUGH_REST
    shown = {STORED: plane or run.xcoms, ARGUMENT: plane or any(t.rendered for t in run.tasks)}
    expected = "the mark hidden in the value is found nowhere"
    stored, argument = (
        rule.skip(expected=expected, observed="not proved: the REST API shows none", how=how)
        if not (shown[name] or unknown[name])
        else rule.judge(
            False if found[name] else None if unknown[name] else True,
            expected=expected,
            observed=listed(found[name], most=_QUOTED) or unknown[name] or f"found nowhere{partly}",
            how=how,
            basis="behaviour",
        )
        for rule, name in ((XC707, STORED), (XC708, ARGUMENT))
    )
    return stored, argument


def _in_answers(run: DagRun, text: str) -> Iterator[str]:
    """Yield where the REST API shows the text."""
    yield from (f"XCom {row.key!r} of {row.task_id}" for row in run.xcoms if text in row.stored)
    yield from (f"rendered fields of {task.name}" for task in run.tasks if text in task.rendered)


def _in_files(home: Path, text: str) -> list[str]:
    """Return the plane's files that hold the text; the database itself was searched row by row."""
    files = (path for path in sorted(home.rglob("*")) if path.is_file())
    return [
        path.relative_to(home).as_posix()
        for path in files
        if not path.name.startswith("metadata.db") and _holds(path, text.encode())
    ]


def _holds(path: Path, wanted: bytes) -> bool:
    """Tell whether a file holds the bytes; read in blocks that overlap."""
    rest = b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if wanted in rest + block:
                return True
            rest = block[-len(wanted) :]
    return False
