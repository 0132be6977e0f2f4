"""What does a task see when its store fails, and what is lost? One answer per fault and codec.

Every combination is a key of its own in the proxy, so that all of them run at the same time. What a
push is said to have stored is looked up by somebody else and pulled in another process. Objects for
pulls and purges are written by the durable class, so that what is judged is the pull or the purge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal
from urllib.parse import quote

from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    STATE,
    STAYED,
    XCOM,
    Outcome,
    Payload,
    Request,
    Step,
    Subject,
    Where,
    encode_and_push,
    pull,
    purge,
)
from xcomkit.backend.round_trip import object_key
from xcomkit.backend.timing import CONTRAST, compression
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import CloudName
from xcomkit.objects.reading import ObjectReader, is_there
from xcomkit.stand_ins.fault_proxy.faults import Act, Fault, Kind
from xcomkit.stand_ins.fault_proxy.proxy import FaultProxy

DAG_ID = "xcomkit_faults"
SMALL = Payload("records", 2_000)
QUICK_FORK_SECONDS, SLOW_CASE_SECONDS = 120, 300
"""The slowest known: azure-storage waits 15, 18 and 24 s between four attempts, and adlfs asks
again; gcsfs makes six attempts within 35 s. A busy machine takes three times as long."""

Operation = Literal["push", "pull", "purge"]
Verdict = Literal[
    "raised",
    "retried and stored",
    "retried and read",
    "retried and deleted",
    "silent loss",
    "silent wrong value",
    "silent leftover",
    "not proved",
]
SILENT: frozenset[Verdict] = frozenset(("silent loss", "silent wrong value", "silent leftover"))
_WRITES: tuple[Act, ...] = ("upload", "part", "complete")
_READS: tuple[Act, ...] = ("look", "download")
_BODY: tuple[Act, ...] = ("download",)
_DELETES: tuple[Act, ...] = ("delete", "delete many")
_RETRIED: tuple[Kind, ...] = ("500", "503", "reset")


@dataclass(frozen=True, slots=True)
class Case:
    """One fault in the way of one operation; ``is_quick``: nobody waits for retries.

    ``if_sent``: of a kind of request that a class may do without, and then nothing is to be proved.
    """

    operation: Operation
    label: str
    fault: Fault
    is_quick: bool = True
    payload: Payload = SMALL
    if_sent: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of a case with one codec or the contrast, how it was seen, how long it took."""

    case: Case
    codec: str
    verdict: Verdict
    observed: str
    seconds: float = 0.0

    @property
    def holds(self) -> bool | None:
        """Tell whether the task noticed the fault, or did not need to; None: not proved."""
        return None if self.verdict == "not proved" else self.verdict not in SILENT


def cases(cloud: CloudName, *, depth: Literal["quick", "full"]) -> tuple[Case, ...]:
    """Return the faults of a cloud; ``quick`` leaves out what is retried for long."""
    found = [*_push_cases(cloud), *_pull_cases(cloud), *_purge_cases(cloud)]
    return tuple(case for case in found if depth == "full" or case.is_quick)


def _push_cases(cloud: CloudName) -> list[Case]:
    is_quick = cloud != "azure"  # azure-storage waits 15 s before it tries again
    found = [
        Case("push", "403", Fault("403", _WRITES)),
        Case("push", "404", Fault("404", _WRITES)),
        Case("push", "slow", Fault("slow", _WRITES, times=1), is_quick=False),
        Case("push", "503 once", Fault("503", _WRITES, times=1), is_quick),
        Case("push", "reset once", Fault("reset", _WRITES, times=1), is_quick),
        *(Case("push", kind, Fault(kind, _WRITES), is_quick=False) for kind in _RETRIED),
    ]
    part, complete = Fault("403", ("part",)), Fault("403", ("complete",))
    match cloud:
        case "aws":
            large = Payload("random", 145_000_000)  # packed still in parts: above 100 MiB
            found.append(Case("push", "403 on parts", part, is_quick=False, payload=large))
            found.append(Case("push", "403 on complete", complete, is_quick=False, payload=large))
        case "azure":
            found.append(Case("push", "403 on block list", complete, if_sent=True))
        case "gcp":
            large = Payload("random", 16_000_000)
            found.append(Case("push", "403 on chunks", part, is_quick=False, payload=large))
    return found


def _pull_cases(cloud: CloudName) -> list[Case]:
    ends = cloud != "gcp"  # gcsfs behind gzip waits for the missing half for ever
    found = [
        Case("pull", "404", Fault("404", _READS)),
        Case("pull", "403", Fault("403", _READS)),
        Case("pull", "short object", Fault("short", _BODY), ends),
        Case("pull", "empty object", Fault("empty", _BODY), ends),
        Case("pull", "slow", Fault("slow", _BODY, times=1), is_quick=False),
        Case("pull", "500", Fault("500", _BODY), is_quick=False),
    ]
    once: tuple[Kind, ...] = ("truncated", "reset", "503")
    for kind in once:
        found.append(Case("pull", f"{kind} once", Fault(kind, _BODY, times=1), cloud == "aws"))
        found.append(Case("pull", kind, Fault(kind, _BODY), is_quick=False))
    return found


def _purge_cases(cloud: CloudName) -> list[Case]:
    found = [
        Case("purge", "403", Fault("403", _DELETES)),
        Case("purge", "503", Fault("503", _DELETES), is_quick=False),
        Case("purge", "reset", Fault("reset", _DELETES), is_quick=False),
    ]
    if cloud == "aws":
        inside = Fault("inside 200", ("delete many",))
        found.append(Case("purge", "error inside 200", inside, if_sent=True))
    return found


@dataclass(frozen=True, slots=True)
class _Trial:
    case: Case
    codec: str
    name: str


def run(
    worker: Worker,
    *,
    proxy: FaultProxy,
    cases: Sequence[Case],
    codecs: Sequence[str],
    reader: ObjectReader,
    bucket: str,
    prefix: str,
    run_id: str,
    progress: Callable[[str], None],
) -> tuple[Cell, ...]:
    """Return one cell per case and codec, but for requests that the class never sends.

    The forks of the worker go through the proxy, and read no proxy before they are there; the
    reader looks for objects without it. Large payloads are tried with the fast codecs only.
    """
    trials = [
        _Trial(case, codec, f"{number}-{codec}")
        for number, case in enumerate(cases)
        for codec in codecs
        if case.payload is SMALL or codec in ("none", "zip", "gzip", CONTRAST)
    ]
    subject = worker.subject
    # the state store quotes every part of its keys
    place = f"{prefix}/{DAG_ID}/{quote(run_id, safe='') if subject is STATE else run_id}"
    forks = _Forks(worker, {**proxy.environment, **worker.small})
    where = {t: worker.where(DAG_ID, run_id, t.name) for t in trials}
    proxy.disturb(place, {t.name: t.case.fault for t in trials if t.case.operation == "push"})
    progress(f"pushing while the store fails, {len(trials)} combinations")
    stores = {t: _push(t, where=where[t], subject=subject) for t in trials}
    pushed = forks.run(stores, waits=("push",))
    references = {t: p[-1].reference for t, p in pushed.items() if isinstance(p, tuple)}
    proxy.disturb(place, {t.name: t.case.fault for t in trials if t.case.operation != "push"})
    progress("pulling and purging while the store fails")
    looks = {t: _look(t, references.get(t, ""), where=where[t]) for t in trials}
    seen = forks.run(looks, waits=("pull", "purge"))
    cells = []
    for trial in trials:
        hits = proxy.hits[trial.name]
        if trial.case.if_sent and not hits:
            continue
        key = object_key(references.get(trial, ""), bucket=bucket)
        there = is_there(key, reader=reader) if key else False
        cells.append(_judge(trial, pushed[trial], seen[trial], hits=hits, there=there))
    return tuple(cells)


def _push(trial: _Trial, *, where: Where, subject: Subject) -> list[Step]:
    # what is there to be pulled or purged is written durably, so that it is there
    backend = "" if trial.case.operation == "push" else subject.durable
    return encode_and_push(trial.case.payload, where=where, backend=backend)


def _look(trial: _Trial, reference: str, *, where: Where) -> list[Step]:
    if not reference:
        return []
    if trial.case.operation == "purge":
        return [purge(reference, where=where)]
    return [pull(reference, describe=True, where=where)]


_Outcomes = tuple[Outcome, ...] | str


@dataclass(frozen=True, slots=True)
class _Forks:
    """Forks of a worker, and the variables that all of them have."""

    worker: Worker
    environment: Mapping[str, str]

    def run(
        self, steps: Mapping[_Trial, list[Step]], *, waits: Sequence[Operation]
    ) -> dict[_Trial, _Outcomes]:
        """Return outcomes per trial: a codec's trials share a fork, one that waits has its own."""

        def fork_of(trial: _Trial) -> tuple[str, str]:
            is_alone = not trial.case.is_quick and trial.case.operation in waits
            return (trial.name if is_alone else "", trial.codec)

        groups = [
            (fork, [*members]) for fork, members in groupby(sorted(steps, key=fork_of), fork_of)
        ]
        requests = [
            Request(
                [step for trial in members for step in steps[trial]],
                {**self.environment, **compression(codec, subject=self.worker.subject)},
                SLOW_CASE_SECONDS if own else QUICK_FORK_SECONDS,
            )
            for (own, codec), members in groups
        ]
        found: dict[_Trial, _Outcomes] = {}
        for (_, members), outcomes in zip(groups, self.worker.run_all(requests), strict=True):
            if isinstance(outcomes, ProcessError):
                found |= dict.fromkeys(members, str(outcomes))
                continue
            rest = iter(outcomes)
            found |= {trial: tuple(next(rest) for _ in steps[trial]) for trial in members}
        return found


def _judge(
    trial: _Trial,
    pushed: _Outcomes,
    seen: _Outcomes,
    *,
    hits: int,
    there: bool | None,
) -> Cell:
    case = trial.case
    if isinstance(pushed, str) or isinstance(seen, str):
        reason = pushed if isinstance(pushed, str) else str(seen)
        return Cell(case, trial.codec, "not proved", reason)
    encoded, push = pushed
    acted = push if case.operation == "push" else (seen[0] if seen else push)
    verdict, observed = _verdict(case, encoded, push, seen[0] if seen else None, there=there)
    if not hits and verdict not in SILENT:  # what is lost needs no fault to be lost
        verdict, observed = "not proved", f"no request was disturbed ({observed})"
    return Cell(case, trial.codec, verdict, observed, seconds=acted.ms / 1000)


def _verdict(
    case: Case, encoded: Outcome, pushed: Outcome, seen: Outcome | None, *, there: bool | None
) -> tuple[Verdict, str]:
    """Return what the task, the bucket and the reader say together."""
    if pushed.error and case.operation == "push":
        return "raised", str(pushed.error)
    if pushed.error or seen is None:
        reason = pushed.error or STAYED
        return "not proved", f"nothing to try it on: {reason}"
    if seen.error and case.operation != "push":
        return "raised", str(seen.error)
    if there is None and case.operation != "pull":
        return "not proved", "the reader was refused"
    if case.operation == "purge":
        return _verdict_of_purge(is_left=bool(there))
    return _verdict_of_value(case, encoded, seen, is_there=bool(there))


def _verdict_of_purge(*, is_left: bool) -> tuple[Verdict, str]:
    if is_left:
        return "silent leftover", "the purge reported success, the object is still there"
    return "retried and deleted", "the object is gone"


def _verdict_of_value(
    case: Case, encoded: Outcome, seen: Outcome, *, is_there: bool
) -> tuple[Verdict, str]:
    if not seen.difference(encoded):
        done: Verdict = "retried and read" if case.operation == "pull" else "retried and stored"
        return done, "the value came back the same"
    if seen.error and is_there:
        return "not proved", f"stored, but the reader raised {seen.error}"
    got = str(seen.error or "another value")
    got = XCOM.missing if seen.is_reference else STATE.missing if seen.is_none else got
    if case.operation == "push" and not is_there:
        return "silent loss", f"the push reported success, no object is there, the reader got {got}"
    return "silent wrong value", f"no error, the reader got {got}"
