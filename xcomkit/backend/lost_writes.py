"""Are pushed values there at once, and still there when the process is gone? No fault is needed.

A task's process leaves as soon as its result is reported. A filesystem that uploads in a background
thread may not be done by then; behind a codec the stock backend does not wait for it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from xcomkit.backend.expectation import expect, rules
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    STAYED,
    XCOM,
    Outcome,
    Payload,
    Request,
    Step,
    Subject,
    Where,
    encode,
    push,
    size,
)
from xcomkit.backend.round_trip import object_key
from xcomkit.backend.timing import compression, worded
from xcomkit.findings.errors import AccessDeniedError, MissingError, ProcessError, ServiceError
from xcomkit.findings.model import Check
from xcomkit.objects.decode import UnreadableError
from xcomkit.objects.reading import ObjectReader, unpack

DAG_ID = "xcomkit_lost_writes"
PAYLOAD = Payload("records", 1_000)

FOUND_AGAIN = expect(
    ("XC515", "Pushed objects exist at once and after the process has ended"),
    ("XC541", "Stored state exists at once and after the process has ended"),
    why="A task that ends before its {value} is stored has lost it, without an error: {lost}.",
    remedy="Set backend to durable, or compression to none.",
    source="{module}: the codec's wrapper leaves the file open; gcsfs closes in a thread",
    fix_in="03",
    expected="every {push} there at once and after the process has ended",
    how="the backend's own filesystem at once, another client afterwards; no fault injected",
)
RULES = rules(FOUND_AGAIN)


@dataclass(frozen=True, slots=True)
class Writes:
    """What became of the pushes with one codec, or with the contrast.

    Of ``at_once`` pushes ``seen_at_once`` were found by the same process right after; of the
    ``at_exit`` last pushes of a process ``seen_after_exit`` were found by another client.
    ``problem`` says why nothing is known.
    """

    codec: str
    at_once: int = 0
    seen_at_once: int = 0
    at_exit: int = 0
    seen_after_exit: int = 0
    problem: str = ""

    @property
    def lost(self) -> int:
        """Return how many pushes were reported as done and found missing."""
        return self.at_once - self.seen_at_once + self.at_exit - self.seen_after_exit

    def __str__(self) -> str:
        """Return the counts in words."""
        at_once = f"{self.seen_at_once} of {self.at_once} there at once"
        at_exit = f"{self.seen_after_exit} of {self.at_exit} after the process had ended"
        return self.problem or f"{at_once}, {at_exit}"


def probe(
    worker: Worker,
    *,
    reader: ObjectReader,
    bucket: str,
    codecs: Sequence[str],
    repetitions: int,
    run_id: str,
    progress: Callable[[str], None],
) -> tuple[Writes, ...]:
    """Return what became of the pushes with each codec; their objects are left.

    There are ``repetitions`` processes per codec; each pushes that often and looks each time, then
    pushes once more and ends, and the reader, which is not Airflow, looks for its last object.
    """
    progress(f"looking for lost writes with {', '.join(codecs)}")
    requests = [
        Request(
            _steps(worker.where(DAG_ID, run_id, f"{codec}_{number}"), repetitions=repetitions),
            {**compression(codec, subject=worker.subject), **worker.small},
        )
        for codec in codecs
        for number in range(repetitions)
    ]
    answers = iter(worker.run_all(requests))
    return tuple(
        _judge_rounds(
            codec, [next(answers) for _ in range(repetitions)], reader=reader, bucket=bucket
        )
        for codec in codecs
    )


def _steps(where: Where, *, repetitions: int) -> list[Step]:
    def store(number: int) -> Step:  # a key of its own each: one that is lost is not there
        return push(PAYLOAD, where=replace(where, key=f"{where.key}_{number}"))

    looks = [step for number in range(repetitions) for step in (store(number), size())]
    return [encode(PAYLOAD, subject=where.subject), *looks, store(repetitions)]


def _judge_rounds(
    codec: str,
    answers: Sequence[tuple[Outcome, ...] | ProcessError],
    *,
    reader: ObjectReader,
    bucket: str,
) -> Writes:
    rounds = [one for one in answers if not isinstance(one, ProcessError)]
    if lost := next((one for one in answers if isinstance(one, ProcessError)), None):
        return Writes(codec, problem=str(lost))
    pushed = [one for outcomes in rounds for one in (*outcomes[1:-1:2], outcomes[-1])]
    looks = [outcome for outcomes in rounds for outcome in outcomes[2::2]]
    if error := next((one.error for one in pushed if one.error), None):
        return Writes(codec, problem=f"the push raised {error}")
    if not all(outcome.reference for outcome in pushed):
        return Writes(codec, problem=STAYED)
    there = [_is_whole(outcomes, reader=reader, bucket=bucket) for outcomes in rounds]
    if None in there:
        return Writes(codec, problem="the reader was refused")
    if error := next((look.error for look in looks if look.error), None):
        return Writes(codec, problem=f"the look right after a push raised {error}")
    seen = sum(1 for look in looks if look.bytes)  # an empty object is none
    return Writes(codec, len(looks), seen, len(there), sum(map(bool, there)))


def _is_whole(outcomes: Sequence[Outcome], *, reader: ObjectReader, bucket: str) -> bool | None:
    """Tell whether a process's last object holds what Airflow encoded, read without Airflow."""
    encoded, key = outcomes[0], object_key(outcomes[-1].reference, bucket=bucket)
    if not key:
        return False
    try:
        text = unpack(reader.read_object(key), key=key, limit=encoded.bytes or 0)
    except (MissingError, UnreadableError) as error:
        return None if isinstance(error, AccessDeniedError) else False
    except ServiceError:
        return None
    return hashlib.sha256(text).hexdigest() == encoded.sha256


def check(writes: Sequence[Writes], *, configured: str, subject: Subject = XCOM) -> Check:
    """Return whether the configured codec loses writes (XC515, XC541)."""
    found_again = FOUND_AGAIN[subject]
    own = next((one for one in writes if one.codec == configured), None)
    if own is None:
        return found_again.skip(f"not proved: nothing was probed with {configured}")
    return found_again.judge(None if own.problem else not own.lost, f"{worded(configured)}: {own}")
