"""Does every reader get what every writer pushed? Between components, or versions of Airflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    XCOM,
    Outcome,
    Payload,
    PushedValue,
    Request,
    Step,
    Subject,
    Where,
    encode_and_push,
    pull,
    purge,
    size,
)
from xcomkit.findings.errors import ProcessError

Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Participant:
    """Who writes and reads: a worker with variables of its own, or why there is none."""

    name: str
    worker: Worker | None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What ``reader`` made of what ``writer`` pushed: ``passed`` of ``tried`` values."""

    writer: str
    reader: str
    verdict: Verdict
    reason: str = ""
    passed: int = 0
    tried: int = 0
    codec: str = ""


def cross_read(
    participants: Sequence[Participant],
    *,
    payloads: Sequence[Payload],
    dag_id: str,
    run_id: str,
    timeout: int = 0,
    is_purged: bool = False,
    subject: Subject = XCOM,
) -> tuple[Reading, ...]:
    """Return one reading per pair of participants, itself included; small values are sent as well.

    With ``is_purged`` writers purge in the end, which counts in what they read of their own.
    """

    def ask(steps_of: Callable[[str], list[Step]]) -> dict[str, tuple[Outcome, ...] | ProcessError]:
        return _ask(participants, steps_of, timeout=timeout, subject=subject)

    written = {
        name: answer
        if isinstance(answer, ProcessError)
        else tuple(map(PushedValue, payloads, answer[::2], answer[1::2]))
        for name, answer in ask(
            lambda name: _write(
                name, payloads=payloads, where=Where(dag_id, run_id, "", subject=subject.name)
            )
        ).items()
    }
    references = {
        name: [one.pushed.reference for one in values if not one.problem]
        for name, values in written.items()
        if not isinstance(values, ProcessError)
    }
    anywhere = Where(dag_id, run_id, "any", subject=subject.name)
    every = [reference for own in references.values() for reference in own]
    pulled = ask(lambda _: [pull(reference, describe=True, where=anywhere) for reference in every])
    purged: Mapping[str, tuple[Outcome, ...] | ProcessError] = {}
    if is_purged:
        purged = ask(lambda name: _purge(references.get(name, ())))
    return tuple(
        _judge(
            Reading(writer, reader, "unknown"),
            written=values,
            references=every,
            pulled=answer,
            purged=purged.get(writer, ()) if reader == writer else (),
        )
        for writer, values in written.items()
        for reader, answer in pulled.items()
    )


def _ask(
    participants: Sequence[Participant],
    steps_of: Callable[[str], list[Step]],
    *,
    timeout: int,
    subject: Subject,
) -> dict[str, tuple[Outcome, ...] | ProcessError]:
    """Return everybody's outcomes, or why there are none, in the order of the participants."""
    found: dict[str, tuple[Outcome, ...] | ProcessError] = {
        one.name: ProcessError(one.problem) for one in participants
    }
    workers = {id(one.worker): one.worker for one in participants if one.worker}
    for worker in workers.values():
        members = [one for one in participants if one.worker is worker]
        requests = [
            Request(steps_of(one.name), _variables(one, subject), timeout) for one in members
        ]
        answers = worker.run_all(requests)
        found |= dict(zip((one.name for one in members), answers, strict=True))
    return found


def _variables(one: Participant, subject: Subject) -> dict[str, str]:
    threshold = one.environment.get(subject.threshold_variable, "")
    return {**one.environment, **subject.send_small_values(threshold)}


def _write(writer: str, *, payloads: Sequence[Payload], where: Where) -> list[Step]:
    steps = []
    for payload in payloads:
        task_id = f"{writer.replace(':', '_')}_{payload.kind}"
        steps += encode_and_push(payload, where=replace(where, task_id=task_id))
    return steps


def _purge(references: Sequence[str]) -> list[Step]:
    return [step for reference in references for step in (purge(reference), size(reference))]


def _judge(
    reading: Reading,
    *,
    written: tuple[PushedValue, ...] | ProcessError,
    references: Sequence[str],
    pulled: tuple[Outcome, ...] | ProcessError,
    purged: tuple[Outcome, ...] | ProcessError,
) -> Reading:
    """Return the reading with its verdict over all values; what could not be asked is unknown."""
    if isinstance(written, ProcessError):
        return replace(reading, reason=f"{reading.writer}: {written}")
    if isinstance(pulled, ProcessError):
        return replace(reading, reason=f"{reading.reader}: {pulled}")
    if isinstance(purged, ProcessError):
        return replace(reading, reason=f"{reading.writer}: {purged}")
    outcomes = dict(zip(references, pulled, strict=True))
    purges = iter(zip(purged[::2], purged[1::2], strict=True))
    problems: dict[str, list[str]] = {}
    for value in written:
        problem = value.problem or outcomes[value.pushed.reference].difference(value.encoded)
        if purged and not value.problem:
            problem = problem or not_purged(*next(purges))
        if not value.is_unavailable:
            problems.setdefault(problem, []).append(value.payload.kind)
    passed = len(problems.pop("", ()))
    tried = passed + sum(map(len, problems.values()))
    reasons = [f"{', '.join(kinds)}: {problem}" for problem, kinds in problems.items()]
    absent = [f"{one.payload.kind} ({one.encoded.error})" for one in written if one.is_unavailable]
    if absent:
        reasons.append(f"{reading.writer} cannot build {', '.join(absent)}")
    return replace(
        reading,
        verdict="unknown" if not tried else "fail" if problems else "pass",
        reason="; ".join(reasons),
        passed=passed,
        tried=tried,
    )


def not_purged(purged: Outcome, looked: Outcome) -> str:
    """Return what a purge, followed by a look at the object, did not do."""
    if purged.error:
        return f"the purge raised {purged.error}"
    if looked.error:
        return f"the look after the purge raised {looked.error}"
    return "" if looked.bytes is None else "the object is still there after the purge"
