"""Rules of step 06: what a run of the shipped Dag proves, and what it does not."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from xcomkit.airflow_plane.dag_run import DagRun, TaskResult
from xcomkit.model import Check, Rule, StoredXCom
from xcomkit.settings import Settings

XC701 = Rule(
    id="XC701",
    title="Every task of the test Dag succeeded",
    severity="fail",
    why="Each reading task compares type and content, so a lost XCom fails it.",
    remedy="act on the quoted cause; step 04 narrows it down to push, pull or identity.",
    source="airflow dags test (Airflow CLI reference)",
)
XC702 = Rule(
    id="XC702",
    title="Every XCom row of the run holds a reference, no value",
    severity="fail",
    why="A value in the metadata database has left the execution plane.",
    remedy="set XCOM_OBJECTSTORAGE_THRESHOLD to 0 and the path to this bucket and prefix.",
    source="apache-airflow-providers-common-io, xcom backend",
)
XC703 = Rule(
    id="XC703",
    title="The run's objects in the bucket match its XCom rows one to one",
    severity="fail",
    why="A reference without an object is read back as its path; an object without a row stays.",
    remedy="look for failed uploads hidden by a codec, lifecycle rules and second writers.",
    source="apache-airflow-providers-common-io, xcom backend",
)
XC704 = Rule(
    id="XC704",
    title="The log of the run shows no XCom or object-store errors",
    severity="fail",
    why="Swallowed uploads and a missing connection leave a line in the log and nothing else.",
    remedy="act on the quoted lines.",
    source="guide, verification; apache-airflow-providers-amazon, fs/s3",
)
XC705 = Rule(
    id="XC705",
    title="The Dag ran on a remote execution agent",
    severity="warn",
    why="Only an agent shows that its pods get this environment, this token and this network.",
    remedy="copy the shipped Dag to the Deployment and trigger it there.",
    source="guide, verification",
)
RULES = (XC701, XC702, XC703, XC704, XC705)

_QUOTED = 3
_LINE = 300
_HOW = "airflow dags test in a fresh process"
_START = "[DAG TEST] starting task_id={task} map_index={index} "
_END = "[DAG TEST] end task task_id={task} map_index={index} "
# The last line of a traceback: a class with a capital, dotted or not, and its message.
_EXCEPTION = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*(?:: .*)?")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\S+ +")
_BEGINS = re.compile(r"\d{4}-\d\d-\d\dT|\{\"|Exception ignored")
_TROUBLE = re.compile(
    r"\[(?:error|critical) *\]|\"level\": ?\"(?:error|critical)\"|^Exception ignored"
    r"|Unable to find AWS Connection ID|using anonymous access|^\S*NoCredentialsError\b"
)
# A loop over mapped XComs ends by asking for one too many; Airflow logs that as an error.
_END_OF_MAPPED = re.compile(r"XCom not found .*\boffset=\d+")


def judge(
    run: DagRun, *, objects: Iterable[StoredXCom] | None, settings: Settings
) -> tuple[Check, ...]:
    """Return the checks of a run; ``objects`` is the listing of the prefix after it.

    ``None`` for ``objects`` says that the prefix could not be listed: unknown, not empty.
    """
    return (
        _tasks(run),
        _rows(run, base=settings.base_path),
        _objects(run, objects=objects, settings=settings),
        _log(run),
        XC705.skip(
            expected="a run on an agent, seen from the orchestration plane",
            observed=(
                "tasks, scheduler and database shared one process here; not proved: that an"
                " agent's pods get this environment and a projected token, reach the bucket, and"
                " that tasks on different pods read each other's objects"
            ),
            how=_HOW,
            remedy=XC705.remedy,
        ),
    )


def _tasks(run: DagRun) -> Check:
    broken = [task for task in run.tasks if task.state != "success"]
    causes: dict[str, list[str]] = {}
    for task in broken:
        cause = _cause(run.log, task) if task.state == "failed" else task.state
        causes.setdefault(cause, []).append(task.name)
    grouped = [f"{', '.join(names)}: {cause}" for cause, names in causes.items()]
    count = f"{len(run.tasks) - len(broken)} of {len(run.tasks)} succeeded"
    return XC701.judge(
        run.state == "success" and bool(run.tasks) and not broken,
        expected="state success for every task",
        observed=f"run {run.state}, {count} in {run.seconds:.1f} s{_listed(grouped)}",
        how=_HOW,
        basis="behaviour",
    )


def _cause(log: Sequence[str], task: TaskResult) -> str:
    """Return the first and the last exception in a task's part of the log, bounded."""
    start = _START.format(task=task.task_id, index=task.map_index)
    end = _END.format(task=task.task_id, index=task.map_index)
    part = _between(log, start=start, end=end)
    found = [line for line in part if _EXCEPTION.fullmatch(line)]
    ends = dict.fromkeys((*found[:1], *found[-1:]))
    return " -> ".join(line[:_LINE] for line in ends) or "failed, without an exception in the log"


def _between(log: Sequence[str], *, start: str, end: str) -> list[str]:
    part: list[str] = []
    inside = False
    for line in log:
        if start in line:
            part, inside = [], True
        elif end in line:
            inside = False
        elif inside:
            part.append(line)
    return part


def _rows(run: DagRun, *, base: str) -> Check:
    values = [row for row in run.xcoms if not row.stored.startswith(f"{base}/")]
    named = ", ".join(
        f"{row.task_id} {row.key!r} ({row.length} characters)" for row in values[:_QUOTED]
    )
    kept = f"{len(values)} of {len(run.xcoms)} rows hold something else: {named}"
    good = f"{len(run.xcoms)} rows, all references" if run.xcoms else "the run wrote no row"
    return XC702.judge(
        not values if run.xcoms else None,
        expected=f"references below {base}",
        observed=kept if values else good,
        how="read the xcom table of the run's private metadata database",
        basis="behaviour",
    )


def _objects(run: DagRun, *, objects: Iterable[StoredXCom] | None, settings: Settings) -> Check:
    expected = "the same keys on both sides"
    how = "compared the references in the xcom table with a listing of the prefix"
    if objects is None:
        observed = "the prefix could not be listed"
        return XC703.judge(None, expected=expected, observed=observed, how=how, basis="behaviour")
    base = f"{settings.base_path}/"
    rows = {
        f"{settings.prefix}/{row.stored.removeprefix(base)}"
        for row in run.xcoms
        if row.stored.startswith(base)
    }
    stored = {found.key for found in objects if _is_of(found, run=run)}
    if not rows and not stored:
        return XC703.skip(expected=expected, observed="no references, no objects", how=how)
    missing, orphans = sorted(rows - stored), sorted(stored - rows)
    return XC703.judge(
        not missing and not orphans,
        expected=expected,
        observed=f"{len(rows & stored)} match"
        + _named("no object for", missing)
        + _named("no row for", orphans),
        how=how,
        basis="behaviour",
    )


def _is_of(found: StoredXCom, *, run: DagRun) -> bool:
    return (found.dag_id, found.run_id) == (run.dag_id, run.run_id)


def _named(what: str, keys: list[str]) -> str:
    """Return ``; what 5: key, key, key and 2 more``, or nothing."""
    shown = [key if key.isprintable() else ascii(key) for key in keys]
    return f"; {what} {len(keys)}{_listed(shown, separator=', ')}" if keys else ""


def _listed(texts: Sequence[str], *, separator: str = "; ") -> str:
    """Return ``: text; text; text and 2 more``, each bounded, or nothing."""
    if not texts:
        return ""
    more = f" and {len(texts) - _QUOTED} more" if len(texts) > _QUOTED else ""
    return ": " + separator.join(text[: 2 * _LINE] for text in texts[:_QUOTED]) + more


def _log(run: DagRun) -> Check:
    found = Counter(_troubles(run.log))
    quoted = [f"{count} x {text}" for text, count in found.most_common()]
    return XC704.judge(
        not found if run.log else None,
        expected="no such line",
        observed=f"{found.total()} in {len(run.log)} lines{_listed(quoted)}",
        how="searched the log of the run",
        basis="behaviour",
    )


def _troubles(log: Sequence[str]) -> Iterable[str]:
    """Yield each line of trouble without its time, with the exception that follows it."""
    for position, line in enumerate(log):
        if not _TROUBLE.search(line) or _END_OF_MAPPED.search(line):
            continue
        follows = takewhile(lambda text: not _BEGINS.match(text), log[position + 1 :])
        exceptions = [text for text in follows if _EXCEPTION.fullmatch(text)]
        text = _STAMP.sub("", line, count=1)[:_LINE]
        yield f"{text} -> {exceptions[-1][:_LINE]}" if exceptions else text
