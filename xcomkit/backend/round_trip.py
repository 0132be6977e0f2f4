"""Prove the backend by behaviour: push, read the bucket independently, pull, compare, purge.

Every stage can be called alone; ``prove`` calls them in order. The bucket is read by somebody else
than Airflow, and the object is unpacked here, with the standard library and a limit.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from xcomkit.backend.comparison import difference, tags_of, types_of
from xcomkit.backend.configuration import RULES as CONFIGURATION_RULES
from xcomkit.backend.configuration import check_configuration
from xcomkit.backend.process import Worker
from xcomkit.backend.promises import (
    PROMISES,
    XC503,
    XC504,
    XC505,
    XC506,
    XC507,
    XC508,
    untried,
)
from xcomkit.backend.protocol import Outcome, Payload, Step, Where, encode, pull, purge, push
from xcomkit.findings.errors import (
    MissingError,
    ProcessError,
    ServiceError,
    UnreachableError,
    find_cause,
)
from xcomkit.findings.model import Check, Rule, WorkerIdentity
from xcomkit.objects.decode import UnreadableError
from xcomkit.objects.reading import ObjectReader, is_there, unpack
from xcomkit.settings.settings import Settings

DAG_ID = "xcomkit_round_trip"
PUSH_SECONDS = 45
"""For four small values. Where a store answers an anonymous look with 409, adlfs takes every key
for taken, and the backend asks for another one without end."""
PAYLOADS = (
    Payload("small_dict"),
    Payload("typed"),
    Payload("records", 20_000),
    Payload("dataframe", 4_000),
)

RULES: tuple[Rule, ...] = (*CONFIGURATION_RULES, XC503, XC504, XC505, XC506, XC507, XC508)


@dataclass(frozen=True, slots=True)
class Trip:
    """One payload after its push; ``key`` is empty when nothing was stored in the bucket."""

    payload: Payload
    encoded: Outcome
    pushed: Outcome
    key: str

    @property
    def is_unavailable(self) -> bool:
        """Tell whether the agent's environment cannot even build this value."""
        error = self.encoded.error
        is_ours = self.payload.kind == "dataframe"
        return is_ours and error is not None and error.is_missing_module


@dataclass(frozen=True, slots=True)
class Proof:
    """All checks, and the trips behind them."""

    checks: tuple[Check, ...]
    trips: tuple[Trip, ...]


@dataclass(frozen=True, slots=True)
class _Finding:
    payload: str
    holds: bool | None
    text: str


def prove(
    worker: Worker,
    *,
    settings: Settings,
    environment: Mapping[str, str],
    identity: WorkerIdentity,
    reader: ObjectReader,
    run_id: str = "",
    obstacle: str = "",
    payloads: Sequence[Payload] = PAYLOADS,
) -> Proof:
    """Return the checks XC501 to XC512 of a whole round trip.

    A worker that dies on the way leaves ``unknown`` checks.

    Args:
        worker: started with ``environment`` and the variables of ``identity``.
        settings: what the run is bound to; path and threshold are compared with it.
        environment: the effective environment under proof.
        identity: whose rights the worker has.
        reader: reads the bucket without Airflow.
        run_id: becomes part of the keys; the default is made of the time.
        obstacle: why a push need not even be tried, in words; the checks it would make are unknown.
        payloads: what is pushed.
    """
    run_id = run_id or f"manual__{datetime.now(UTC).isoformat()}"
    checks = _guarded(
        CONFIGURATION_RULES,
        lambda: check_configuration(worker, environment=environment, identity=identity),
    )
    if obstacle:
        return Proof(checks=(*checks, *untried(obstacle)), trips=())
    trips: tuple[Trip, ...] = ()
    if worker.hello.error is None:
        try:
            trips = push_all(worker, settings=settings, run_id=run_id, payloads=payloads)
        except ProcessError as error:
            checks += _unknown((XC503,), error)
    if any(trip.pushed.error for trip in trips) and (gone := why_gone(settings, reader=reader)):
        return Proof(checks=(*checks, *untried(gone)), trips=trips)
    if trips:
        checks += check_push(trips, settings=settings)
    checks += check_objects(trips, reader=reader)
    checks += _guarded((XC506,), lambda: (check_pull(worker, trips),))
    checks += _guarded((XC507,), lambda: (check_purge(worker, trips, reader=reader),))
    made = {check.id for check in checks}
    checks += tuple(_combine(rule, ()) for rule in RULES if rule.id not in made)
    return Proof(checks=tuple(sorted(checks, key=lambda check: check.id)), trips=trips)


def why_gone(settings: Settings, *, reader: ObjectReader) -> str:
    """Return why nobody reaches the store, ``""`` while it answers whatever it answers."""
    try:
        reader.object_exists(f"{settings.prefix}/xcomkit-is-it-there")
    except UnreachableError as error:
        return str(error)
    except ServiceError:
        pass  # an answer
    return ""


def push_all(
    worker: Worker,
    *,
    settings: Settings,
    run_id: str,
    payloads: Sequence[Payload] = PAYLOADS,
) -> tuple[Trip, ...]:
    """Return every payload after its push, each described and encoded before.

    Raises:
        ProcessError: when the pushing process dies or hangs.
    """
    ours = [payload for payload in payloads if payload in PAYLOADS]
    users = [payload for payload in payloads if payload not in PAYLOADS]
    outcomes = worker.run(_push_steps(ours, run_id=run_id), timeout=PUSH_SECONDS) if ours else ()
    for payload in users:  # which may be large, or slow to make
        outcomes += worker.run(_push_steps([payload], run_id=run_id))
    pairs = zip((*ours, *users), outcomes[::2], outcomes[1::2], strict=True)
    return tuple(
        Trip(payload, encoded, pushed, key=object_key(pushed.reference, bucket=settings.bucket))
        for payload, encoded, pushed in pairs
    )


def _push_steps(payloads: Sequence[Payload], *, run_id: str) -> list[Step]:
    steps: list[Step] = []
    for payload in payloads:
        where = Where(dag_id=DAG_ID, run_id=run_id, task_id=payload.kind)
        steps += [encode(payload, describe=True), push(payload, where=where)]
    return steps


def object_key(reference: str, *, bucket: str) -> str:
    """Return the object key of a reference into a bucket, ``""`` when it leads elsewhere."""
    _, _, rest = reference.partition("://")
    place, _, key = rest.partition("/")
    return key if place.rpartition("@")[2] == bucket else ""


def check_push(trips: Sequence[Trip], *, settings: Settings) -> tuple[Check, Check]:
    """Return whether references were stored (XC503) and nothing was swallowed (XC508)."""
    pushed = [_judge_push(trip, settings=settings) for trip in trips]
    if all(one.holds for one in pushed) and not any(trip.pushed.reference for trip in trips):
        pushed = []  # all of it stayed in the database by choice: no push was seen
    silence = [(_judge_silence(trip), trip.pushed) for trip in trips]
    seen = [one for one, push in silence if push.reference or push.error or not one.holds]
    return _combine(XC503, pushed), _combine(XC508, seen)


def _judge_push(trip: Trip, *, settings: Settings) -> _Finding:
    kind, outcome = trip.payload.kind, trip.pushed
    if trip.is_unavailable:
        return _Finding(kind, True, f"not pushed, the agent cannot build it ({outcome.error})")
    if outcome.error:
        return _Finding(kind, False, f"push raised {outcome.error}")
    if not outcome.reference:
        size = trip.encoded.bytes or 0
        told = f"{size} bytes stayed in the metadata database, threshold {settings.threshold}"
        return _Finding(kind, size < settings.threshold, told)
    below = trip.key.startswith(f"{settings.prefix}/")
    return _Finding(kind, below, outcome.reference)


def _judge_silence(trip: Trip) -> _Finding:
    errors = tuple(line for line in trip.pushed.log if line.startswith(("ERROR", "CRITICAL")))
    swallowed = trip.pushed.ignored + errors
    return _Finding(trip.payload.kind, not swallowed, "; ".join(swallowed) or "nothing")


def check_objects(trips: Sequence[Trip], *, reader: ObjectReader) -> tuple[Check, Check]:
    """Return whether the objects are there (XC504) and hold what was encoded (XC505)."""
    present, equal = [], []
    for trip in trips:
        if not trip.key:
            continue
        kind = trip.payload.kind
        try:
            body = reader.read_object(trip.key)
        except MissingError:
            present.append(_Finding(kind, False, f"no object {trip.key}"))
        except ServiceError as error:
            present.append(_Finding(kind, None, f"the reader was refused: {error}"))
        else:
            present.append(_Finding(kind, True, f"{len(body)} bytes"))
            equal.append(_judge_body(trip, body))
    return _combine(XC504, present), _combine(XC505, equal)


def _judge_body(trip: Trip, body: bytes) -> _Finding:
    kind, size = trip.payload.kind, trip.encoded.bytes or 0
    try:
        text = unpack(body, key=trip.key, limit=size)
    except UnreadableError as error:
        return _Finding(kind, False, f"{len(body)} bytes cannot be unpacked: {error}")
    if len(text) != size or hashlib.sha256(text).hexdigest() != trip.encoded.sha256:
        more = "at least " if len(text) > size else ""
        return _Finding(kind, False, f"{more}{len(text)} bytes instead of the {size} encoded")
    wanted = Counter(types_of(_canonical(trip.encoded)))
    missing = wanted - Counter(tags_of(json.loads(text)))
    if missing:
        return _Finding(kind, False, f"no type tag for {', '.join(sorted(missing))}")
    return _Finding(kind, True, f"{size} bytes of JSON, {wanted.total()} type tags")


def _canonical(outcome: Outcome) -> list[Any]:
    pair = (outcome.value or {}).get("canonical")
    return pair if isinstance(pair, list) else ["builtins.str", ""]


def check_pull(worker: Worker, trips: Sequence[Trip]) -> Check:
    """Return whether what was pushed comes back, in a process that has not pushed it (XC506).

    Raises:
        ProcessError: when the pulling process dies or hangs.
    """
    stored = [trip for trip in trips if trip.pushed.reference]
    steps = [pull(trip.pushed.reference, describe=True) for trip in stored]
    outcomes = worker.run(steps) if steps else ()
    pairs = zip(stored, outcomes, strict=True)
    return _combine(XC506, [_judge_pull(trip, outcome) for trip, outcome in pairs])


def _judge_pull(trip: Trip, pulled: Outcome) -> _Finding:
    kind = trip.payload.kind
    if pulled.error:
        return _Finding(kind, False, f"pull raised {pulled.error}")
    if pulled.is_reference:
        told = "the reference string came back instead of the value"
        return _Finding(kind, False, f"{told}: {trip.pushed.reference}")
    same = (pulled.value or {}).get("digest") == (trip.encoded.value or {}).get("digest")
    if same:
        return _Finding(kind, True, "the same")
    return _Finding(kind, False, difference(_canonical(trip.encoded), _canonical(pulled)))


def check_purge(worker: Worker, trips: Sequence[Trip], *, reader: ObjectReader) -> Check:
    """Return whether a purge removes the objects, as somebody else sees it (XC507).

    Raises:
        ProcessError: when the purging process dies or hangs.
    """
    stored = [trip for trip in trips if trip.key]
    steps = [purge(trip.pushed.reference) for trip in stored]
    outcomes = worker.run(steps) if steps else ()
    pairs = zip(stored, outcomes, strict=True)
    return _combine(XC507, [_judge_purge(trip, outcome, reader) for trip, outcome in pairs])


def _judge_purge(trip: Trip, purged: Outcome, reader: ObjectReader) -> _Finding:
    there = is_there(trip.key, reader=reader)
    told = f"purge raised {purged.error}" if purged.error else "purge reported success"
    if there is None:
        return _Finding(trip.payload.kind, None, f"{told}, the reader was refused")
    holds = not there and purged.error is None
    seen = "the object is still there" if there else "the object is gone"
    return _Finding(trip.payload.kind, holds, f"{told}, {seen}")


def _combine(rule: Rule, findings: Sequence[_Finding]) -> Check:
    """Return one check over all payloads; what is wrong is told first, and alone."""
    expected, how = PROMISES[rule.id]
    if not findings:
        observed = "nothing was stored that could be looked at"
        return rule.skip(expected=expected, observed=observed, how=how)
    verdicts = {finding.holds for finding in findings}
    holds = False if False in verdicts else None if None in verdicts else True
    alike = [finding for finding in findings if finding.holds is holds]
    causes = {finding.text: "" if holds else find_cause(finding.text)[0] for finding in alike}
    payloads: dict[str, list[_Finding]] = {}
    for finding in alike:  # errors of one cause differ by the key in their text
        payloads.setdefault(causes[finding.text] or finding.text, []).append(finding)
    observed = "; ".join(
        f"{', '.join(one.payload for one in same)}: {same[0].text}" for same in payloads.values()
    )
    found = next((find_cause(text) for text, cause in causes.items() if cause), None)
    return rule.judge(
        holds,
        expected=expected,
        observed=observed,
        how=how,
        basis="behaviour",
        remedy=f"{found[0]}: {found[1]}" if found else "",
    )


def _guarded(rules: Sequence[Rule], make: Callable[[], tuple[Check, ...]]) -> tuple[Check, ...]:
    """Return the checks, or each rule as unknown when the worker is lost on the way."""
    try:
        return make()
    except ProcessError as error:
        return _unknown(rules, error)


def _unknown(rules: Sequence[Rule], error: ProcessError) -> tuple[Check, ...]:
    checks = []
    for rule in rules:
        expected, how = PROMISES.get(rule.id, (rule.title, "a fresh process"))
        checks.append(
            rule.judge(None, expected=expected, observed=str(error), how=how, basis="behaviour")
        )
    return tuple(checks)
