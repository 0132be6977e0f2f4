"""Does every version of Airflow read what every version has written? One worker per version.

An upgrade meets values that the version before wrote, and during a rollout agents of two versions
share one prefix. Nothing here knows of the target: it is in the environment.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from xcomkit.backend.cross_read import Participant, Reading, cross_read
from xcomkit.backend.launch import Launch
from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import XCOM, Hello, Payload, Where, encode, pull, purge, push, size
from xcomkit.backend.round_trip import PAYLOADS
from xcomkit.backend.timing import compression
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Codec

DAG_ID = "xcomkit_version_matrix"
CODECS: tuple[Codec, ...] = ("none", "gzip", "zip")
ROUND_SECONDS = 60
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Row:
    """A version of Airflow and its interpreter; ``problem`` says why there is none."""

    version: str
    interpreter: Path | None = None
    problem: str = ""


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
    """What a version's environment turned out to be; ``problem`` says why nothing is known."""

    version: str
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    behaviour: Behaviour = Behaviour()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every environment, and one cell per codec, writer and reader.

    The cells of one version with itself are the round trip, purge included.
    """

    environments: tuple[Environment, ...]
    cells: tuple[Reading, ...]

    def cell(self, writer: str, reader: str, codec: str) -> Reading:
        """Return the cell of a writer, a reader and a codec."""
        wanted = (writer, reader, codec)
        return next(c for c in self.cells if (c.writer, c.reader, c.codec) == wanted)


def measure(
    rows: Sequence[Row],
    *,
    environment: Mapping[str, str],
    run_id: str,
    timeout: float,
    progress: Callable[[str], None],
    codecs: Sequence[Codec] = CODECS,
) -> Matrix:
    """Return which version reads what which version wrote.

    All have the same environment, identity included, and all workers stay open to the end, because
    importing Airflow takes longer than the rest. What cannot be purged is left below the run id.
    """
    with ExitStack() as stack:
        environments, participants = [], []
        for row in rows:
            progress(f"Airflow {row.version}: {row.problem or 'starting its worker'}")
            found, worker = _open(row, stack=stack, environment=environment, timeout=timeout)
            if worker is not None:
                found = replace(found, behaviour=_behave(worker, run_id=run_id))
            environments.append(found)
            participants.append(Participant(row.version, worker, problem=found.problem))
        cells: list[Reading] = []
        small = XCOM.send_small_values(environment.get(XCOM.threshold_variable, ""))
        for codec in codecs:
            progress(f"every version writes with {codec} and reads what the others wrote")
            variables = {**compression(codec), **small}
            readings = cross_read(
                [replace(one, environment=variables) for one in participants],
                payloads=PAYLOADS,
                dag_id=DAG_ID,
                run_id=run_id,
                timeout=ROUND_SECONDS,
                is_purged=True,
            )
            cells += (replace(one, codec=codec) for one in readings)
    return Matrix(tuple(environments), tuple(cells))


def _open(
    row: Row, *, stack: ExitStack, environment: Mapping[str, str], timeout: float
) -> tuple[Environment, Worker | None]:
    """Return a version's environment, and its worker where it can work."""
    if row.interpreter is None:
        return Environment(row.version, problem=row.problem or "no interpreter"), None
    launch = Launch(python=str(row.interpreter))
    try:
        worker = stack.enter_context(open_worker(environment, timeout=timeout, launch=launch))
        hello = worker.hello
    except ProcessError as error:
        return Environment(row.version, problem=str(error)), None
    problem = _unfit(hello, version=row.version)
    found = Environment(row.version, hello.python, hello.packages, problem)
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
    steps = [encode(records), push(records, where=where), size(), purge(), size(), pull()]
    found = Behaviour(loops={None: "has none", "": "run"}.get(hello.loops, "refused"))
    try:
        encoded, pushed, there, _, left, gone = worker.run(
            steps, environment={**compression("zip"), **worker.small}, timeout=ROUND_SECONDS
        )
    except ProcessError:
        return found
    if there.bytes is None or left.bytes is not None:  # the cells say why
        return found
    return replace(
        found,
        key=_UUID.sub("<id>", pushed.reference.partition("/behaviour/")[2]),
        zip=f"{there.bytes} of {encoded.bytes}",
        missing=gone.error.type if gone.error else "its path",
    )
