"""Does every version of Airflow read what every version has written? One worker per version.

An upgrade meets values that the version before wrote, and during a rollout agents of two versions
share one prefix. Nothing here knows of the target: it is in the environment.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from xcomkit.backend.comparison import difference
from xcomkit.backend.configuration import send_small_values
from xcomkit.backend.launch import in_interpreter
from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import (
    Hello,
    Outcome,
    Payload,
    Where,
    encode,
    pull,
    purge,
    push,
    size,
)
from xcomkit.backend.round_trip import PAYLOADS
from xcomkit.backend.timing import compression
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Codec

DAG_ID = "xcomkit_version_matrix"
CODECS: tuple[Codec, ...] = ("none", "gzip", "zip")
ROUND_SECONDS = 60
_SHOWN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Row:
    """A version of Airflow and its interpreter; ``problem`` says why there is none."""

    version: str
    interpreter: Path | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What ``reader`` made of what ``writer`` pushed with a codec: ``passed`` of ``tried`` values.

    The cells of one version with itself are the round trip, purge included.
    """

    writer: str
    reader: str
    codec: Codec
    verdict: Verdict
    reason: str = ""
    passed: int = 0
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the backend class does with a version, in words; empty where it was not seen.

    ``key`` is where an object lies below its task, ``missing`` what a task gets for a missing
    object, ``zip`` stored bytes beside those of the JSON, ``loops`` whether Dags with task loops
    run.
    """

    key: str = ""
    missing: str = ""
    zip: str = ""
    loops: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a version's environment turned out to be; ``problem`` says why it told nothing."""

    version: str
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    behaviour: Behaviour = Behaviour()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every environment, and one cell per writer, reader and codec."""

    environments: tuple[Environment, ...]
    cells: tuple[Cell, ...]

    def cell(self, writer: str, reader: str, codec: str) -> Cell:
        """Return the cell of a writer, a reader and a codec."""
        wanted = (writer, reader, codec)
        return next(c for c in self.cells if (c.writer, c.reader, c.codec) == wanted)


@dataclass(frozen=True, slots=True)
class _Value:
    """One payload as a writer described, encoded and pushed it."""

    payload: Payload
    encoded: Outcome
    pushed: Outcome

    @property
    def problem(self) -> str:
        """Return why there is no object to read, ``""`` when there is one."""
        if error := self.encoded.error or self.pushed.error:
            return f"the push raised {error}"
        return "" if self.pushed.reference else "kept inline: nothing leaves the database"


@dataclass(frozen=True, slots=True)
class _Written:
    """What one writer pushed with one codec, what it cannot build, or why there is nothing."""

    values: tuple[_Value, ...] = ()
    absent: str = ""
    problem: str = ""


def measure(
    rows: Sequence[Row],
    *,
    environment: Mapping[str, str],
    run_id: str,
    timeout: float,
    progress: Callable[[str], None],
    codecs: Sequence[Codec] = CODECS,
    payloads: Sequence[Payload] = PAYLOADS,
) -> Matrix:
    """Return which version reads what which version wrote.

    All workers stay open to the end, because importing Airflow takes longer than the rest.

    Args:
        rows: versions with their interpreters.
        environment: the effective environment with the identity, the same for all of them.
        run_id: becomes part of the keys; what a worker cannot purge is left below it.
        timeout: seconds a single request may take.
        progress: is told in one line what comes next.
        codecs: with which every version writes.
        payloads: what every version writes.
    """
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        environments = []
        for row in rows:
            progress(f"Airflow {row.version}: {row.problem or 'starting its worker'}")
            found, worker = _open(row, stack=stack, environment=environment, timeout=timeout)
            environments.append(found)
            if worker is not None:
                workers[row.version] = worker
                seen = _behave(worker, run_id=run_id)
                environments[-1] = replace(found, behaviour=seen)
        problems = {one.version: one.problem for one in environments}
        cells: list[Cell] = []
        for row in rows:
            for codec in codecs:
                written = _Written(problem=problems[row.version])
                if row.version in workers:
                    progress(f"Airflow {row.version} writes with {codec}, the others read it")
                    written = _write(
                        workers[row.version], row=row, codec=codec, run_id=run_id, payloads=payloads
                    )
                cells += _read_by_all(
                    written, writer=row.version, codec=codec, workers=workers, problems=problems
                )
    return Matrix(tuple(environments), tuple(cells))


def _open(
    row: Row, *, stack: ExitStack, environment: Mapping[str, str], timeout: float
) -> tuple[Environment, Worker | None]:
    """Return a version's environment, and its worker where it can work."""
    if row.interpreter is None:
        return Environment(row.version, problem=row.problem or "no interpreter"), None
    launch = in_interpreter(row.interpreter)
    try:
        worker = stack.enter_context(open_worker(environment, timeout=timeout, launch=launch))
    except ProcessError as error:
        return Environment(row.version, problem=str(error)), None
    problem = _unfit(worker.hello, version=row.version)
    found = Environment(row.version, worker.hello.python, worker.hello.packages, problem)
    return found, None if problem else worker


def _unfit(hello: Hello, *, version: str) -> str:
    """Return why an environment does not stand for the version, ``""`` when it does."""
    installed = hello.packages.get("apache-airflow", "nothing")
    if hello.error is not None:
        return f"Airflow cannot be imported: {hello.error}"
    return "" if installed == version else f"apache-airflow {installed} is installed"


def _behave(worker: Worker, *, run_id: str) -> Behaviour:
    """Return what the class does where nothing is as it should be; no object is left."""
    hello = worker.hello
    where = Where(dag_id=DAG_ID, run_id=run_id, task_id="behaviour")
    records = Payload("records", 20_000)
    small = send_small_values(hello.settings["threshold"])
    steps = [encode(records), push(records, where=where), size(), purge(), size(), pull()]
    found = Behaviour(loops={None: "has none", "": "run"}.get(hello.loops, "refused"))
    try:
        encoded, pushed, there, _, left, gone = worker.run(
            steps, environment={**compression("zip"), **small}, timeout=ROUND_SECONDS
        )
    except ProcessError:
        return found
    if there.bytes is None or left.bytes is not None:  # the cells say why
        return found
    return replace(
        found,
        key=_SHOWN_ID.sub("<id>", pushed.reference.partition("/behaviour/")[2]),
        zip=f"{there.bytes} of {encoded.bytes}",
        missing=gone.error.type if gone.error else "its path",
    )


def _write(
    worker: Worker, *, row: Row, codec: Codec, run_id: str, payloads: Sequence[Payload]
) -> _Written:
    steps = []
    for payload in payloads:
        where = Where(dag_id=DAG_ID, run_id=run_id, task_id=f"{row.version}_{codec}_{payload.kind}")
        steps += [encode(payload, describe=True), push(payload, where=where)]
    try:
        small = send_small_values(worker.hello.settings["threshold"])
        variables = {**compression(codec), **small}
        outcomes = worker.run(steps, environment=variables, timeout=ROUND_SECONDS)
    except ProcessError as error:
        return _Written(problem=str(error))
    values = [*map(_Value, payloads, outcomes[::2], outcomes[1::2])]
    absent = [f"{v.payload.kind} ({v.encoded.error})" for v in values if _is_absent(v.encoded)]
    return _Written(
        tuple(value for value in values if not _is_absent(value.encoded)),
        absent=f"{row.version} cannot build {', '.join(absent)}" if absent else "",
    )


def _is_absent(encoded: Outcome) -> bool:
    """Tell whether an environment cannot even build the value: it has no pandas, for one."""
    return encoded.error is not None and encoded.error.is_missing_module


def _read_by_all(
    written: _Written,
    *,
    writer: str,
    codec: Codec,
    workers: Mapping[str, Worker],
    problems: Mapping[str, str],
) -> Iterator[Cell]:
    """Yield a cell per reader; the writer comes last with its purge, and takes its own place."""
    found: dict[str, Cell] = {}
    for reader in sorted(problems, key=lambda version: version == writer):
        blank = Cell(writer, reader, codec, "unknown")
        if written.problem:
            found[reader] = replace(blank, reason=f"{writer}: {written.problem}")
        elif reader not in workers:
            found[reader] = replace(blank, reason=f"{reader}: {problems[reader]}")
        else:
            found[reader] = _read(written, worker=workers[reader], cell=blank)
    for reader in problems:
        yield found[reader]


def _read(written: _Written, *, worker: Worker, cell: Cell) -> Cell:
    """Return the cell with the verdict of its reader over all values."""
    values = written.values
    there = [value for value in values if not value.problem]
    references = [value.pushed.reference for value in there]
    steps = [pull(reference, describe=True) for reference in references]
    if cell.reader == cell.writer:
        steps += [step for reference in references for step in (purge(reference), size(reference))]
    try:
        outcomes = worker.run(steps, environment=compression(cell.codec), timeout=ROUND_SECONDS)
    except ProcessError as error:
        return replace(cell, reason=str(error))
    pulls, purges = outcomes[: len(there)], outcomes[len(there) :]
    problems = {value.payload.kind: value.problem for value in values}
    for value, pulled in zip(there, pulls, strict=True):
        problems[value.payload.kind] = _compare(value.encoded, pulled)
    for value, purged, looked in zip(there, purges[::2], purges[1::2], strict=False):
        problems[value.payload.kind] = problems[value.payload.kind] or _left(purged, looked)
    kinds: dict[str, list[str]] = {}
    for kind, problem in problems.items():
        if problem:
            kinds.setdefault(problem, []).append(kind)
    reasons = [f"{', '.join(names)}: {text}" for text, names in kinds.items()]
    return replace(
        cell,
        verdict="unknown" if not problems else "fail" if kinds else "pass",
        reason="; ".join([*reasons, *filter(None, [written.absent])]),
        passed=sum(1 for problem in problems.values() if not problem),
        tried=len(problems),
    )


def _compare(encoded: Outcome, pulled: Outcome) -> str:
    """Return how what came back differs from what went in, ``""`` when it does not."""
    if pulled.error:
        return f"the pull raised {pulled.error}"
    if pulled.is_reference:
        return "the path came back instead of the value"
    before, after = encoded.value or {}, pulled.value or {}
    if before.get("digest") == after.get("digest"):
        return ""
    return difference(_canonical(before), _canonical(after)) or "another value came back"


def _canonical(value: Mapping[str, Any]) -> list[Any]:
    pair = value.get("canonical")
    return pair if isinstance(pair, list) else ["builtins.str", ""]


def _left(purged: Outcome, looked: Outcome) -> str:
    """Return what a purge, followed by a look at the object, did not do."""
    if purged.error:
        return f"the purge raised {purged.error}"
    if looked.error:
        return f"the look after the purge raised {looked.error}"
    return "" if looked.bytes is None else "the object is still there after the purge"
