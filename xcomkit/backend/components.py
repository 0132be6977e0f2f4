"""Written by one component, read by every other: workers, Dag processor, triggerer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xcomkit.backend.configuration import THRESHOLD_VARIABLE, send_small_values
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import Outcome, Payload, Request, Where, encode, pull, push
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Check, Rule

DAG_ID = "xcomkit_components"
PAYLOAD = Payload("small_dict")

XC526 = Rule(
    id="XC526",
    title="What one component wrote every other reads",
    severity="fail",
    why="a group with other variables or another service account reads paths as values, or nothing",
    remedy="put XCom settings in commonEnv only, and let one identity trust every service account",
    source="remote agents Helm reference: commonEnv, workers, dagProcessor, triggerer",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC526,)


@dataclass(frozen=True, slots=True)
class Seat:
    """A component as a process: the worker that runs it, and the variables that make it so."""

    name: str
    worker: Worker
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What ``reader`` got for what ``writer`` had pushed; ``holds`` None: it could not be tried."""

    writer: str
    reader: str
    holds: bool | None
    observed: str


def cross_read(seats: Sequence[Seat], *, run_id: str) -> tuple[Reading, ...]:
    """Return one reading per pair of components, itself included."""
    written: dict[str, _Outcomes] = {}
    for worker, members in _by_worker(seats):
        requests = [Request(_write(seat, run_id=run_id), _variables(seat)) for seat in members]
        written |= dict(zip((s.name for s in members), worker.run_all(requests), strict=True))
    references = {
        name: outcomes[1].reference
        for name, outcomes in written.items()
        if not isinstance(outcomes, ProcessError) and outcomes[1].reference
    }
    readings = []
    for worker, members in _by_worker(seats):
        steps = [pull(reference, describe=True) for reference in references.values()]
        requests = [Request(steps, _variables(seat)) for seat in members]
        for seat, outcomes in zip(members, worker.run_all(requests), strict=True):
            for number, writer in enumerate(references):
                seen = outcomes if isinstance(outcomes, ProcessError) else outcomes[number]
                readings.append(_judge(writer, written[writer], seat.name, seen))
    unwritten = [name for name in written if name not in references]
    return (*readings, *(_not_written(name, written[name]) for name in unwritten))


_Outcomes = tuple[Outcome, ...] | ProcessError


def _by_worker(seats: Sequence[Seat]) -> list[tuple[Worker, list[Seat]]]:
    workers = {id(seat.worker): seat.worker for seat in seats}
    return [(w, [s for s in seats if s.worker is w]) for w in workers.values()]


def _variables(seat: Seat) -> dict[str, str]:
    threshold = seat.environment.get(THRESHOLD_VARIABLE, "")
    return {**seat.environment, **send_small_values(threshold)}


def _write(seat: Seat, *, run_id: str) -> list[dict[str, object]]:
    task_id = seat.name.replace(":", "_")
    where = Where(dag_id=DAG_ID, run_id=run_id, task_id=task_id)
    return [encode(PAYLOAD, describe=True), push(PAYLOAD, where=where)]


def _judge(writer: str, written: _Outcomes, reader: str, seen: Outcome | ProcessError) -> Reading:
    if isinstance(written, ProcessError) or isinstance(seen, ProcessError):
        told = written if isinstance(written, ProcessError) else seen
        return Reading(writer, reader, None, str(told))
    if seen.error:
        return Reading(writer, reader, False, f"pull raised {seen.error}")
    if (seen.value or {}).get("digest") == (written[0].value or {}).get("digest"):
        return Reading(writer, reader, True, "the same")
    got = "the reference string" if seen.is_reference else "another value"
    return Reading(writer, reader, False, f"got {got}, without an error")


def _not_written(writer: str, written: _Outcomes) -> Reading:
    if isinstance(written, ProcessError):
        return Reading(writer, "everybody", None, str(written))
    pushed = written[1]
    told = f"push raised {pushed.error}" if pushed.error else "the value stayed in the database"
    return Reading(writer, "everybody", False, told)


def one_pod_only(pod: str) -> Check:
    """Return the check where a single pod was entered, so that nothing could be read across."""
    return XC526.skip(
        expected="the same value, whoever wrote and whoever reads",
        observed=f"not proved: only {pod} was entered; run_in: local reads across",
        how="each component's own variables, a fresh process each",
    )


def check(readings: Sequence[Reading], *, identity: str) -> Check:
    """Return whether every component reads what every other wrote (XC526); ``identity`` as whom."""
    wrong = [one for one in readings if one.holds is False]
    unknown = [one for one in readings if one.holds is None]
    told = "; ".join(f"{o.writer} to {o.reader}: {o.observed}" for o in (wrong or unknown))
    names = sorted({one.reader for one in readings})
    return XC526.judge(
        False if wrong else None if unknown or not readings else True,
        expected="the same value, whoever wrote and whoever reads",
        observed=told or f"{len(readings)} readings among {', '.join(names)}, all the same",
        how=f"each component's own variables, as {identity}, a fresh process each",
        basis="behaviour",
    )
