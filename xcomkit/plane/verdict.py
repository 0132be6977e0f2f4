"""Rules of step 06: what a run of the shipped Dag proves, and what it does not."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile

from xcomkit.findings.model import Check, Rule, StoredXCom
from xcomkit.findings.text import listed
from xcomkit.plane.dag_run import DagRun, TaskResult
from xcomkit.settings.deployment import LOCAL
from xcomkit.settings.settings import Settings

XC701 = Rule(
    id="XC701",
    title="Every task of the test Dag succeeded",
    severity="fail",
    why="Each reading task compares type and content, so a lost XCom fails it.",
    remedy="Act on the quoted cause; step 04 narrows it down to push, pull or identity.",
    source="Airflow REST API, task instances",
    fix_in="04",
)
XC702 = Rule(
    id="XC702",
    title="Every XCom row of the run holds a reference, no value",
    severity="fail",
    why="A value in the metadata database has left the execution plane.",
    remedy="Set XCOM_OBJECTSTORAGE_THRESHOLD to 0 and the path to this bucket and prefix.",
    source="apache-airflow-providers-common-io, xcom backend",
    fix_in="03",
)
XC703 = Rule(
    id="XC703",
    title="The run's objects in the bucket match its XCom rows one to one",
    severity="fail",
    why="A reference without an object is read back as its path; an object without a row stays.",
    remedy="Look for failed uploads hidden by a codec, lifecycle rules and second writers.",
    source="apache-airflow-providers-common-io, xcom backend",
)
XC704 = Rule(
    id="XC704",
    title="The log of the run shows no XCom or object-store errors",
    severity="fail",
    why="Swallowed uploads and a missing connection leave a line in the log and nothing else.",
    remedy="Act on the quoted lines.",
    source="guide, verification; apache-airflow-providers-amazon, fs/s3",
)
XC705 = Rule(
    id="XC705",
    title="The Dag ran on a remote execution agent",
    severity="warn",
    why="Only an agent shows that its pods get this environment, this token and this network.",
    remedy="Name the Deployment's URL in deployment: docs/deployment.md.",
    source="guide, verification",
)
XC713 = Rule(
    id="XC713",
    title="The triggerer read an XCom through its own environment",
    severity="fail",
    why="A trigger that gets the path instead of the value waits for something else, or for ever.",
    remedy="Give the triggerer the same commonEnv, identity and providers as the workers.",
    source="guide, triggers; Airflow 3.3, start_from_trigger with a template",
    fix_in="03",
)
RULES = (XC701, XC702, XC703, XC704, XC705, XC713)

KEPT_TRIES = "Airflow 3.4 keeps the rows of earlier tries, and the lifecycle removes the objects"
_NOT_PROVED = (
    "agents and orchestration plane were processes of this machine; not proved: that an agent's"
    " pods get this environment and a projected token, reach the bucket, and that tasks on"
    " different pods read each other's objects"
)
_QUOTED = 3
_LINE = 300
_SKIPPED = "not_taken"
# What a branch decided; the scheduler reads it, so Airflow 3.4 never hands it to a backend.
_DECISION = "skipmixin_key"
_RETRIED = "push_after_retry"
_TRIGGERED = "wait_in_triggerer"
# Amazon's provider looks for credentials with asyncio.run, which the triggerer's loop refuses.
_IN_LOOP = "asyncio.run() cannot be called from a running event loop"
# The last line of a traceback: a class with a capital, dotted or not, and its message.
_EXCEPTION = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*(?:: .*)?")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\S+ +")
_BEGINS = re.compile(r"\d{4}-\d\d-\d\dT|\{\"|Exception ignored")
_ERROR = re.compile(
    r"\[(?:error|critical) *\]|\"level\": ?\"(?:error|critical)\"|^Exception ignored"
    r"|Unable to find AWS Connection ID|using anonymous access|^\S*NoCredentialsError\b"
)
# What the shipped Dag pushes in its first try, and no encoder knows.
_ON_PURPOSE = re.compile(
    r"(?i:cannot serialize) object of type <class 'object'>|Object of type object is not JSON"
)
# A loop over mapped XComs ends by asking for one too many, and a template of a trigger blocks the
# triggerer while it opens the store; Airflow logs both as errors.
_HARMLESS = re.compile(r"XCom not found .*\boffset=\d+|event loop appears deadlocked")


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
    )


def judge_place(run: DagRun, *, deployment: str, pods: str) -> Check:
    """Return whether the tasks ran on remote agents, whose names begin as ``pods`` of the chart."""
    expected = f"tasks on pods called {pods}*"
    if deployment == LOCAL:
        return XC705.skip(expected=expected, observed=_NOT_PROVED, how=run.how, remedy=XC705.remedy)
    names = sorted({task.hostname for task in run.tasks if task.hostname})
    others = [name for name in names if not name.startswith(pods)]
    return XC705.judge(
        bool(names) and not others,
        expected=expected,
        observed=f"host names: {listed(others or names, most=_QUOTED) or 'none'}",
        how=run.how,
        basis="behaviour",
    )


def judge_triggerer(run: DagRun) -> Check:
    """Return whether the task that only the triggerer runs got its XCom."""
    absent = TaskResult(_TRIGGERED, -1, "not there")
    task = next((task for task in run.tasks if task.task_id == _TRIGGERED), absent)
    cause = _cause(task) if task.state == "failed" else ""
    expected = "its template pulls the moment that a worker had pushed"
    if _IN_LOOP in cause:
        return XC713.skip(
            expected=expected,
            observed=f"not proved: on S3 no template of a trigger can pull an XCom: {cause}",
            how=run.how,
            remedy="On S3 pull XComs in tasks, and hand a trigger what it needs when you defer.",
        )
    return XC713.judge(
        {"success": True, "failed": False}.get(task.state),
        expected=expected,
        observed=cause or f"{_TRIGGERED}: {task.state}",
        how=run.how,
        basis="behaviour",
    )


def _tasks(run: DagRun) -> Check:
    judged = [task for task in run.tasks if task.task_id != _TRIGGERED]
    broken = [
        task
        for task in judged
        if task.state != ("skipped" if task.task_id == _SKIPPED else "success")
    ]
    broken.sort(key=lambda task: task.state != "failed")  # causes first, then what they led to
    causes: dict[str, list[str]] = {}
    for task in broken:
        cause = _cause(task) if task.state == "failed" else task.state
        causes.setdefault(cause, []).append(task.name)
    grouped = [f"{', '.join(names)}: {cause}" for cause, names in causes.items()]
    count = f"{len(judged) - len(broken)} of {len(judged)} as expected"
    return XC701.judge(
        run.state == "success" and bool(judged) and not broken,
        expected="state success for every task, skipped for the way not taken",
        observed=f"run {run.state}, {count} in {run.seconds:.1f} s{_quoted(grouped)}",
        how=run.how,
        basis="behaviour",
    )


def _cause(task: TaskResult) -> str:
    """Return the first and the last exception in a task's log, bounded."""
    found = [line for line in task.log if _EXCEPTION.fullmatch(line) and not _is_meant(task, line)]
    ends = dict.fromkeys((*found[:1], *found[-1:]))
    return " -> ".join(line[:_LINE] for line in ends) or "failed, without an exception in the log"


def _is_meant(task: TaskResult, line: str) -> bool:
    """Tell whether this is the exception with which a first try fails on purpose."""
    return task.task_id == _RETRIED and bool(_ON_PURPOSE.search(line))


def _rows(run: DagRun, *, base: str) -> Check:
    inline = [row for row in run.xcoms if not row.stored.startswith(f"{base}/")]
    values = [row for row in inline if row.key != _DECISION]
    named = ", ".join(
        f"{row.task_id} {row.key!r} ({row.length} characters)" for row in values[:_QUOTED]
    )
    bad = f"{len(values)} of {len(run.xcoms)} rows hold something else: {named}"
    good = f"{len(run.xcoms)} rows, all references" if run.xcoms else "the run wrote no row"
    if len(inline) > len(values):
        good += f" but {len(inline) - len(values)}, the task ids that a branch chose, by design"
    return XC702.judge(
        False if values else True if len(run.xcoms) > len(inline) else None,
        expected=f"references below {base}",
        observed=bad if values else good,
        how=f"XCom rows as {run.how} has them",
        basis="behaviour",
    )


def _objects(run: DagRun, *, objects: Iterable[StoredXCom] | None, settings: Settings) -> Check:
    expected = "the same keys on both sides"
    how = "compared the references in the XCom rows with a listing of the prefix"
    if objects is None:
        observed = "the prefix could not be listed"
        return XC703.judge(None, expected=expected, observed=observed, how=how, basis="behaviour")
    rows = row_keys(run, settings=settings)
    found = [one for one in objects if (one.dag_id, one.run_id) == (run.dag_id, run.run_id)]
    stored, earlier = {one.key for one in found}, earlier_keys(run, objects=found)
    if not rows and stored <= earlier:
        return XC703.skip(expected=expected, observed="no references, no objects", how=how)
    problems = unmatched(rows=rows, stored=stored, earlier=earlier)
    tries = [f"{len(earlier)} of earlier tries: {KEPT_TRIES}"] if earlier else []
    return XC703.judge(
        not problems,
        expected=expected,
        observed="; ".join((f"{len(rows & stored)} match", *tries, *problems)),
        how=how,
        basis="behaviour",
    )


def unmatched(
    *, rows: Collection[str], stored: Collection[str], earlier: Collection[str]
) -> list[str]:
    """Return how many keys of ``rows`` have no object, and of objects no row, with examples.

    Objects of ``earlier`` tries need no row.
    """
    missing = sorted(set(rows) - set(stored))
    orphans = sorted(set(stored) - set(rows) - set(earlier))
    sides = (("no object for", missing), ("no row for", orphans))
    return [f"{what} {len(keys)}: {listed(keys, most=_QUOTED)}" for what, keys in sides if keys]


def row_keys(run: DagRun, *, settings: Settings) -> set[str]:
    """Return the object keys that the rows of a run refer to."""
    base = f"{settings.base_path}/"
    stored = (row.stored for row in run.xcoms if row.stored.startswith(base))
    return {f"{settings.prefix}/{text.removeprefix(base)}" for text in stored}


def earlier_keys(run: DagRun, *, objects: Iterable[StoredXCom]) -> set[str]:
    """Return the keys among ``objects`` that tries before the last one wrote."""
    tries = {one for task in run.tasks for one in task.earlier}
    return {found.key for found in objects if found.task_instance in tries}


def _quoted(texts: Sequence[str]) -> str:
    """Return ``: text; text; text and 2 more``, each bounded, or nothing."""
    bounded = [text[: 2 * _LINE] for text in texts]
    return f": {listed(bounded, most=_QUOTED, separator='; ')}" if texts else ""


def _log(run: DagRun) -> Check:
    parts = (run.log, *(task.log for task in run.tasks))
    read = sum(map(len, parts))
    found = Counter(line for part in parts for line in _errors(part))
    for task in run.tasks:
        if task.task_id == _TRIGGERED:  # judged by itself
            found -= Counter(_errors(task.log))
        found -= Counter(text for text in _errors(task.log) if _is_meant(task, text))
    quoted = [f"{count} x {text}" for text, count in found.most_common()]
    # a triggerer keeps the log of a task that no worker ever saw
    unread = [note for note in run.unread if f" {_TRIGGERED}, " not in note]
    missing = f"; not read{_quoted(unread)}" if unread else ""
    return XC704.judge(
        False if found else None if unread or not read else True,
        expected="no such line",
        observed=f"{found.total()} in {read} lines{_quoted(quoted)}{missing}",
        how="searched the logs of the run and of who ran it",
        basis="behaviour",
    )


def _errors(log: Sequence[str]) -> Iterable[str]:
    """Yield each error without its time, with the exception that follows it."""
    for position, line in enumerate(log):
        if not _ERROR.search(line) or _HARMLESS.search(line):
            continue
        follows = takewhile(lambda text: not _BEGINS.match(text), log[position + 1 :])
        exceptions = [text for text in follows if _EXCEPTION.fullmatch(text)]
        text = _STAMP.sub("", line, count=1)[:_LINE]
        yield f"{text} -> {exceptions[-1][:_LINE]}" if exceptions else text
