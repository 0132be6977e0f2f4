"""Time every codec through Airflow's own class."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Literal

from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    XCOM,
    Outcome,
    Payload,
    Step,
    Subject,
    Where,
    encode,
    pull,
    purge,
    push,
    size,
)
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import CODECS, Measurement, Spread
from xcomkit.settings.settings import Settings

CONTRAST, CONTRAST_LABEL = "stock-zip", "stock, zip (the vendor's recommendation)"
"""Stands where a codec does, and in keys: the stock class with zip, beside what is configured."""
DAG_ID = "xcomkit_timing"
WARM_UP = Payload("small_dict")
LARGE = 1_000_000
SLOW_CODECS, MOST_REPEATED = ("bz2", "lzma", "xz"), 10_000_000
"""Measured once, as are payloads of more bytes: about 2 MB/s need not be measured three times."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What was measured, and what could not be, in words."""

    measurements: tuple[Measurement, ...]
    problems: tuple[str, ...]


def worded(codec: str) -> str:
    """Return a codec as a person says it: nobody takes ``none: 404`` for a compression."""
    return "no compression" if codec == "none" else codec


def compression(codec: str, *, subject: Subject = XCOM) -> dict[str, str]:
    """Return the variables that lead one request through a codec, or through the contrast."""
    if codec == CONTRAST:
        return {subject.codec_variable: "zip", subject.class_variable: subject.stock}
    return {subject.codec_variable: "" if codec == "none" else codec}


def distinct(configured: str) -> tuple[str, ...]:
    """Return every codec once, the configured one first: lzma and xz are two names of one."""
    other = "xz" if configured == "lzma" else "lzma"
    return tuple(dict.fromkeys((configured, *(codec for codec in CODECS if codec != other))))


def chosen(
    backend: str, configured: str, *, depth: Literal["quick", "full"], subject: Subject = XCOM
) -> tuple[str, ...]:
    """Return the configured codec and in full all others, then the contrast."""
    own = distinct(configured) if depth == "full" else (configured,)
    return own if backend == subject.stock and "zip" in own else (*own, CONTRAST)


def payloads_to_time(settings: Settings) -> tuple[Payload, ...]:
    """Return what is timed: a small dict, records of the chosen sizes, noise, prose, a table."""
    return (
        Payload("small_dict"),
        *(Payload("records", size) for size in settings.payload_sizes),
        Payload("random", 100_000),
        Payload("text", 300_000),
        Payload("dataframe", 100_000),
    )


def measure(
    worker: Worker,
    *,
    settings: Settings,
    codecs: Sequence[str],
    progress: Callable[[str], None],
    run_id: str,
) -> Timing:
    """Return medians per payload and codec, measured in one warm process per codec.

    A first push and pull per process is dropped as warm-up. Every object is purged again right
    after its pull. A codec that the agents do not have becomes a problem in words.

    Raises:
        ProcessError: when the worker is lost before the first codec.
    """
    progress("timing Airflow's encoder")
    encoded = _encode(worker, payloads_to_time(settings), repetitions=settings.repetitions)
    measured: list[Measurement] = []
    problems = [f"{_label(p)}: {found[0].error}" for p, found in encoded.items() if found[0].error]
    usable = {payload: found for payload, found in encoded.items() if not found[0].error}
    for codec in codecs:
        progress(f"timing {codec}")
        try:
            results = _run(
                worker, usable, codec=codec, run_id=run_id, repetitions=settings.repetitions
            )
        except ProcessError as error:
            below = f"{settings.prefix}/{DAG_ID}/{run_id}/"
            problems.append(f"{codec}: {error} Objects below {below} may be left.")
            continue
        for payload, rounds in results.items():
            if problem := next((one.problem for one in rounds if one.problem), ""):
                problems.append(f"{_label(payload)} with {codec}: {problem}")
            else:
                measured.append(_measurement(payload, codec, encoded[payload], rounds))
    return Timing(tuple(measured), tuple(problems))


def _encode(
    worker: Worker, payloads: Sequence[Payload], *, repetitions: int
) -> dict[Payload, tuple[Outcome, ...]]:
    """Return Airflow's encoder timed alone: it works the same in front of every codec."""
    steps = [encode(payload) for payload in payloads for _ in range(repetitions)]
    outcomes = worker.run([encode(WARM_UP), *steps])[1:]
    return {
        payload: outcomes[number * repetitions : (number + 1) * repetitions]
        for number, payload in enumerate(payloads)
    }


@dataclass(frozen=True, slots=True)
class _Round:
    """One repetition."""

    pushed: Outcome
    pulled: Outcome
    stored: Outcome
    purged: Outcome

    @property
    def problem(self) -> str:
        """Return why this repetition measured nothing, ``""`` when it did."""
        if error := self.pushed.error or self.pulled.error or self.stored.error:
            return str(error)
        if not self.pushed.reference:
            return "the value stayed in the metadata database"
        if self.pulled.is_reference or self.stored.bytes is None:
            return "the push reported success and no object is there"
        return ""


def _run(
    worker: Worker, payloads: Iterable[Payload], *, codec: str, run_id: str, repetitions: int
) -> dict[Payload, list[_Round]]:
    """Return the repetitions of every payload after the warm-up, all of them in one process."""
    plan, steps = [WARM_UP], list[Step]()
    for payload in payloads:
        is_slow = codec in SLOW_CODECS or payload.size > MOST_REPEATED
        plan += [payload] * (1 if is_slow else repetitions)
    for payload in plan:
        where = Where(dag_id=DAG_ID, run_id=run_id, task_id=payload.kind)
        steps += [push(payload, where=where), pull(), size(), purge()]
    outcomes = iter(worker.run(steps, environment=compression(codec)))
    found = [(payload, _Round(*islice(outcomes, 4))) for payload in plan]
    rounds: dict[Payload, list[_Round]] = {}
    for payload, one in found[1:]:
        rounds.setdefault(payload, []).append(one)
    return rounds


def _measurement(
    payload: Payload, codec: str, encoded: Sequence[Outcome], rounds: Sequence[_Round]
) -> Measurement:
    last = rounds[-1]
    return Measurement(
        payload=_label(payload),
        codec=codec,
        repetitions=len(rounds),
        json_bytes=encoded[0].bytes or 0,
        stored_bytes=last.stored.bytes or 0,
        serialize_ms=_spread([outcome.ms for outcome in encoded]),
        push_ms=_spread([one.pushed.ms for one in rounds]),
        pull_ms=_spread([one.pulled.ms for one in rounds]),
        push_requests=_total(last.pushed),
        pull_requests=_total(last.pulled),
    )


def _label(payload: Payload) -> str:
    """Return the payload's name with its nominal size, as ``records 5 MB``."""
    name = payload.kind.replace("_", " ")
    if not payload.size:
        return name
    exact, unit = (
        (payload.size / 1e6, "MB") if payload.size >= LARGE else (payload.size / 1e3, "kB")
    )
    return f"{name} {exact:g} {unit}"


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median=median(values), low=min(values), high=max(values))


def _total(outcome: Outcome) -> int | None:
    return None if outcome.requests is None else sum(outcome.requests.values())
