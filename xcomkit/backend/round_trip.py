"""Prove the backend by behaviour: push, read the bucket independently, pull, compare, purge.

Every stage can be called alone; ``prove`` calls them in order. The bucket is read by somebody else
than Airflow, and the object is unpacked here, with the standard library and a limit.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xcomkit.backend.configuration import RULES as CONFIGURATION_RULES
from xcomkit.backend.configuration import RULES_OF, check_configuration
from xcomkit.backend.expectation import Expectation, rules
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    STATE,
    XCOM,
    Outcome,
    Payload,
    PushedValue,
    Subject,
    encode_and_push,
    pull,
    purge,
)
from xcomkit.backend.round_trip_rules import (
    ALL,
    CONTENT,
    OBJECT,
    PULL,
    PURGE,
    PUSH,
    SILENCE,
)
from xcomkit.findings.errors import (
    MissingError,
    ProcessError,
    ServiceError,
    UnreachableError,
    find_cause,
)
from xcomkit.findings.model import Check, WorkerIdentity, all_hold
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
STATE_PAYLOADS = (Payload("small_dict"), Payload("records", 20_000))
RULES = (*CONFIGURATION_RULES, *rules(*ALL))


@dataclass(frozen=True, slots=True)
class Proof:
    """All checks, and the values behind them."""

    checks: tuple[Check, ...]
    values: tuple[PushedValue, ...]


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
    run_id: str,
    obstacle: str = "",
    payloads: Sequence[Payload] = PAYLOADS,
) -> Proof:
    """Return the checks XC501 to XC512 of a whole round trip, XC530 to XC537 of the state store.

    A worker that dies on the way leaves ``unknown`` checks, and so does an ``obstacle``: why a push
    need not even be tried. The worker has ``environment`` and the variables of ``identity``.
    """
    subject = worker.subject
    checks = _guarded(
        [Expectation(rule, rule.title, "a fresh process") for rule in RULES_OF[subject]],
        lambda: check_configuration(worker, environment=environment, identity=identity),
    )
    if obstacle:
        return Proof((*checks, *_untried(obstacle, subject)), values=())
    values: tuple[PushedValue, ...] = ()
    if worker.bound.error is None:
        try:
            values = push_all(worker, settings=settings, run_id=run_id, payloads=payloads)
        except ProcessError as error:
            checks += (PUSH[subject].judge(None, str(error)),)
    if any(one.pushed.error for one in values) and (gone := why_gone(settings, reader=reader)):
        return Proof((*checks, *_untried(gone, subject)), values)
    if values:
        checks += check_push(values, settings=settings, subject=subject)
    checks += check_objects(values, reader=reader, subject=subject)
    checks += _guarded([PULL[subject]], lambda: (check_pull(worker, values),))
    checks += _guarded([PURGE[subject]], lambda: (check_purge(worker, values, reader=reader),))
    made = {check.id for check in checks}
    checks += tuple(_combine(one[subject], ()) for one in ALL if one[subject].rule.id not in made)
    return Proof(tuple(sorted(checks, key=lambda check: check.id)), values)


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
) -> tuple[PushedValue, ...]:
    """Return every payload after its push, each described and encoded before.

    Raises:
        ProcessError: when the pushing process dies or hangs.
    """
    ours = [payload for payload in payloads if payload in (*PAYLOADS, *STATE_PAYLOADS)]
    users = [payload for payload in payloads if payload not in ours]
    places = [worker.where(DAG_ID, run_id, one.kind) for one in (*ours, *users)]
    steps = [
        encode_and_push(one, where=where)
        for one, where in zip((*ours, *users), places, strict=True)
    ]
    small = [step for own in steps[: len(ours)] for step in own]
    outcomes = worker.run(small, timeout=PUSH_SECONDS) if ours else ()
    for own in steps[len(ours) :]:  # which may be large, or slow to make
        outcomes += worker.run(own)
    return tuple(
        PushedValue(
            payload, encoded, pushed, object_key(pushed.reference, bucket=settings.bucket), where
        )
        for payload, encoded, pushed, where in zip(
            (*ours, *users), outcomes[::2], outcomes[1::2], places, strict=True
        )
    )


def object_key(reference: str, *, bucket: str) -> str:
    """Return the object key of a reference into a bucket, ``""`` when it leads elsewhere."""
    _, _, rest = reference.partition("://")
    place, _, key = rest.partition("/")
    return key if place.rpartition("@")[2] == bucket else ""


def check_push(
    values: Sequence[PushedValue], *, settings: Settings, subject: Subject = XCOM
) -> tuple[Check, Check]:
    """Return whether references were stored (XC503) and nothing was swallowed (XC508)."""
    threshold, prefix = settings.threshold, settings.prefix
    if subject is STATE:
        threshold, prefix = settings.state_threshold, settings.state_prefix
    pushed = [_judge_push(value, threshold=threshold, prefix=prefix) for value in values]
    if all(one.holds for one in pushed) and not any(value.pushed.reference for value in values):
        pushed = []  # all of it stayed in the database by choice: no push was seen
    silence = [(_judge_silence(value), value.pushed) for value in values]
    seen = [one for one, push in silence if push.reference or push.error or not one.holds]
    return _combine(PUSH[subject], pushed), _combine(SILENCE[subject], seen)


def _judge_push(value: PushedValue, *, threshold: int, prefix: str) -> _Finding:
    kind, outcome = value.payload.kind, value.pushed
    if value.is_unavailable:
        return _Finding(kind, True, f"not pushed, the agent cannot build it ({outcome.error})")
    if outcome.error:
        return _Finding(kind, False, f"push raised {outcome.error}")
    if not outcome.reference:
        size = value.encoded.bytes or 0
        text = f"{size} bytes stayed in the metadata database, threshold {threshold}"
        return _Finding(kind, size < threshold, text)
    below = value.key.startswith(f"{prefix}/")
    return _Finding(kind, below, outcome.reference)


def _judge_silence(value: PushedValue) -> _Finding:
    errors = tuple(line for line in value.pushed.log if line.startswith(("ERROR", "CRITICAL")))
    swallowed = value.pushed.ignored + errors
    return _Finding(value.payload.kind, not swallowed, "; ".join(swallowed) or "nothing")


def check_objects(
    values: Sequence[PushedValue], *, reader: ObjectReader, subject: Subject = XCOM
) -> tuple[Check, Check]:
    """Return whether the objects are there (XC504) and hold what was encoded (XC505)."""
    present, equal = [], []
    for value in values:
        if not value.key:
            continue
        kind = value.payload.kind
        try:
            body = reader.read_object(value.key)
        except MissingError:
            present.append(_Finding(kind, False, f"no object {value.key}"))
        except ServiceError as error:
            present.append(_Finding(kind, None, f"the reader was refused: {error}"))
        else:
            present.append(_Finding(kind, True, f"{len(body)} bytes"))
            equal.append(_judge_body(value, body))
    return _combine(OBJECT[subject], present), _combine(CONTENT[subject], equal)


def _judge_body(value: PushedValue, body: bytes) -> _Finding:
    kind, size = value.payload.kind, value.encoded.bytes or 0
    try:
        text = unpack(body, key=value.key, limit=size)
    except UnreadableError as error:
        return _Finding(kind, False, f"{len(body)} bytes cannot be unpacked: {error}")
    if hashlib.sha256(text).hexdigest() != value.encoded.sha256:
        more = "at least " if len(text) > size else ""
        return _Finding(kind, False, f"{more}{len(text)} bytes instead of the {size} encoded")
    return _Finding(kind, True, f"{size} bytes of JSON")


def check_pull(worker: Worker, values: Sequence[PushedValue]) -> Check:
    """Return whether what was pushed comes back, in a process that has not pushed it (XC506).

    Raises:
        ProcessError: when the pulling process dies or hangs.
    """
    stored = [value for value in values if value.pushed.reference]
    steps = [pull(one.pushed.reference, describe=True, where=one.where) for one in stored]
    outcomes = worker.run(steps) if steps else ()
    pairs = zip(stored, outcomes, strict=True)
    found = [_judge_pull(value, outcome) for value, outcome in pairs]
    return _combine(PULL[worker.subject], found)


def _judge_pull(value: PushedValue, pulled: Outcome) -> _Finding:
    text = pulled.difference(value.encoded)
    if pulled.is_reference:
        text += f": {value.pushed.reference}"
    return _Finding(value.payload.kind, not text, text or "the same")


def check_purge(worker: Worker, values: Sequence[PushedValue], *, reader: ObjectReader) -> Check:
    """Return whether a purge removes the objects, as somebody else sees it (XC507).

    Raises:
        ProcessError: when the purging process dies or hangs.
    """
    stored = [value for value in values if value.key]
    steps = [purge(value.pushed.reference, where=value.where) for value in stored]
    outcomes = worker.run(steps) if steps else ()
    pairs = zip(stored, outcomes, strict=True)
    found = [_judge_purge(value, outcome, reader) for value, outcome in pairs]
    return _combine(PURGE[worker.subject], found)


def _judge_purge(value: PushedValue, purged: Outcome, reader: ObjectReader) -> _Finding:
    there = is_there(value.key, reader=reader)
    text = f"purge raised {purged.error}" if purged.error else "purge reported success"
    if there is None:
        return _Finding(value.payload.kind, None, f"{text}, the reader was refused")
    holds = not there and purged.error is None
    seen = "the object is still there" if there else "the object is gone"
    return _Finding(value.payload.kind, holds, f"{text}, {seen}")


def _combine(expectation: Expectation, findings: Sequence[_Finding]) -> Check:
    """Return one check over all payloads; what is wrong comes first, and alone."""
    if not findings:
        return expectation.skip("nothing was stored that could be looked at")
    holds = all_hold(finding.holds for finding in findings)
    payloads: dict[str, list[_Finding]] = {}
    remedy = ""
    for finding in findings:
        if finding.holds is not holds:
            continue
        cause, hint = ("", "") if holds else find_cause(finding.text)
        if cause:
            remedy = remedy or f"{cause}: {hint}"
        # errors of one cause differ by the key in their text
        payloads.setdefault(cause or finding.text, []).append(finding)
    observed = "; ".join(
        f"{', '.join(one.payload for one in same)}: {same[0].text}" for same in payloads.values()
    )
    return expectation.judge(holds, observed, remedy=remedy)


def _guarded(
    expectations: Sequence[Expectation], make: Callable[[], tuple[Check, ...]]
) -> tuple[Check, ...]:
    """Return the checks, or each as unknown when the worker is lost on the way."""
    try:
        return make()
    except ProcessError as error:
        return tuple(one.judge(None, str(error)) for one in expectations)


def _untried(reason: str, subject: Subject) -> tuple[Check, ...]:
    """Return the checks of push, object, pull and purge as unknown, because none was tried."""
    return tuple(
        one[subject].judge(None, f"not tried: {reason}", remedy=find_cause(reason)[1])
        for one in ALL
        if one is not SILENCE
    )
