"""Are pushed values there at once, and still there when the process is gone? No fault is needed.

A task's process leaves as soon as its result is told. A filesystem that uploads in a background
thread may not be done by then; behind a codec the stock backend does not wait for it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xcomkit.backend.configuration import send_small_values
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import Outcome, Payload, Request, Where, encode, push, size
from xcomkit.backend.round_trip import object_key
from xcomkit.backend.timing import compression
from xcomkit.findings.errors import AccessDeniedError, MissingError, ProcessError, ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.objects.decode import UnreadableError
from xcomkit.objects.reading import ObjectReader, unpack

DAG_ID = "xcomkit_lost_writes"
PAYLOAD = Payload("records", 1_000)

XC515 = Rule(
    id="XC515",
    title="What was pushed is there at once, and when the process is gone",
    severity="fail",
    why="a task that ends in success before its value is stored has lost it: the next task gets"
    " the path as a string instead of the value, without an error",
    remedy="set backend to durable, or compression to none",
    source="common-io backend: the codec's wrapper leaves the file open; gcsfs closes in a thread",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC515,)


@dataclass(frozen=True, slots=True)
class Writes:
    """What became of the pushes with one codec, or with the contrast.

    Of ``at_once`` pushes ``seen_at_once`` were found by the same process right after; of the
    ``at_exit`` last pushes of a process ``seen_after_exit`` were found by another client.
    ``problem`` says why nothing could be told.
    """

    codec: str
    at_once: int
    seen_at_once: int
    at_exit: int
    seen_after_exit: int
    problem: str = ""

    @property
    def lost(self) -> int:
        """Return how many pushes were reported as done and found missing."""
        return self.at_once - self.seen_at_once + self.at_exit - self.seen_after_exit

    @property
    def kept(self) -> float:
        """Return the share of the pushes that were found again, from 0 to 1."""
        return 1 - self.lost / (self.at_once + self.at_exit)

    def __str__(self) -> str:
        """Return the counts in words."""
        if self.problem:
            return self.problem
        told = f"{self.seen_at_once} of {self.at_once} there at once"
        return f"{told}, {self.seen_after_exit} of {self.at_exit} after the process had ended"


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
    """Return the fate of the pushes with each codec; their objects are left.

    Args:
        worker: its class and path are used; only the compression differs, and the contrast's class.
        reader: looks after the process has ended; it is not Airflow.
        bucket: where the references must lead.
        codecs: what to compare.
        repetitions: processes per codec; each pushes that often, looks, pushes once more and ends.
        run_id: becomes part of the keys.
        progress: is told in one line what comes next.
    """
    progress(f"looking for lost writes with {', '.join(codecs)}")
    small = send_small_values(worker.hello.settings["threshold"])
    requests = [
        Request(
            _steps(codec, run_id=run_id, number=number, repetitions=repetitions),
            {**compression(codec), **small},
        )
        for codec in codecs
        for number in range(repetitions)
    ]
    answers = worker.run_all(requests)
    found = []
    for codec, start in zip(codecs, range(0, len(answers), repetitions), strict=True):
        rounds = [one for one in answers[start:][:repetitions] if isinstance(one, tuple)]
        errors = [one for one in answers[start:][:repetitions] if isinstance(one, ProcessError)]
        if errors:
            found.append(Writes(codec, 0, 0, 0, 0, problem=str(errors[0])))
        else:
            found.append(_judge_rounds(codec, rounds, reader=reader, bucket=bucket))
    return tuple(found)


def _steps(codec: str, *, run_id: str, number: int, repetitions: int) -> list[dict[str, object]]:
    where = Where(dag_id=DAG_ID, run_id=run_id, task_id=f"{codec}_{number}")
    here = [step for _ in range(repetitions) for step in (push(PAYLOAD, where=where), size())]
    return [encode(PAYLOAD), *here, push(PAYLOAD, where=where)]


def _judge_rounds(
    codec: str, rounds: Sequence[Sequence[Outcome]], *, reader: ObjectReader, bucket: str
) -> Writes:
    pushed = [one for outcomes in rounds for one in (*outcomes[1:-1:2], outcomes[-1])]
    refused = next((str(outcome.error) for outcome in pushed if outcome.error), "")
    if refused:
        return Writes(codec, 0, 0, 0, 0, problem=f"the push raised {refused}")
    if not all(outcome.reference for outcome in pushed):
        return Writes(codec, 0, 0, 0, 0, problem="the value stayed in the metadata database")
    there = [_is_whole(outcomes, reader=reader, bucket=bucket) for outcomes in rounds]
    if None in there:
        return Writes(codec, 0, 0, 0, 0, problem="the reader was refused")
    looks = [outcome for outcomes in rounds for outcome in outcomes[2::2]]
    failed = next((str(look.error) for look in looks if look.error), "")
    if failed:
        return Writes(codec, 0, 0, 0, 0, problem=f"the look right after a push raised {failed}")
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


def check(writes: Sequence[Writes], *, configured: str) -> Check:
    """Return whether the configured codec loses writes (XC515)."""
    expected = "every push there at once and after the process has ended"
    how = "the backend's own filesystem at once, another client afterwards; no fault injected"
    own = next((one for one in writes if one.codec == configured), None)
    if own is None:
        observed = f"not proved: nothing was probed with {configured}"
        return XC515.skip(expected=expected, observed=observed, how=how)
    holds = None if own.problem else not own.lost
    observed = f"{configured}: {own}"
    return XC515.judge(holds, expected=expected, observed=observed, how=how, basis="behaviour")
