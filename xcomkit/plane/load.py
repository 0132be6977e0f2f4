"""The load run of step 06: what its tasks measured, the same bytes without Airflow, the verdict.

The measurements come from the bucket, so they are hostile input. Begin and end are the clocks of
the agents' machines: a duration needs one clock, the length of the whole run needs them to agree.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from statistics import quantiles
from threading import Event
from time import monotonic, perf_counter
from typing import Any, Protocol, TypeVar

from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import plain

XC712 = Rule(
    id="XC712",
    title="Every task of the load run got back what it had pushed",
    severity="fail",
    why="What works once may be throttled, refused or lost when many tasks push at a time.",
    remedy="open the log of a failed task; the store's requests per second and the agents' memory"
    " are the usual limits.",
    source="the shipped Dag xcom_runbook_load",
)
RULES = (XC712,)

DAG_ID = "xcom_runbook_load"
MEASUREMENTS_LIMIT = 1_000_000
"""Bytes of JSON that 1,024 tasks cannot exceed."""
MOST_VALUES = 200
MOST_SECONDS = 60.0
_BETWEEN_NEWS = 2.0  # seconds
_T = TypeVar("_T")
_MOST_TIME = 2**40  # seconds since 1970, far beyond any clock
_MOST_HOST = 100  # characters
_SHOWN_HOSTS = 3
_PLAIN = (
    "; plain SDK: the caller of the runbook on this machine, without Airflow, one value after the"
    " other"
)
HINT = "trigger the shipped Dag of this version again; another one may write under its name."
_CLOCK_HINT = "let the agents' nodes keep their clocks in step (NTP), then trigger the Dag again."


@dataclass(frozen=True, slots=True)
class Times:
    """How long one call took, in ms: every one in ascending order, percentiles and the longest."""

    values: tuple[float, ...]
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """Return the times of one or more calls, given in seconds.

        Percentiles are interpolated between the measured ones and never beyond the longest.
        """
        ms = sorted(1000 * value for value in seconds)
        # quantiles of Python 3.11 wants two
        cuts = quantiles(ms * 2 if len(ms) == 1 else ms, n=100, method="inclusive")
        return cls(tuple(ms), p50=cuts[49], p95=cuts[94], p99=cuts[98], max=ms[-1])


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What the load run came to; no times where no task has told any.

    ``hosts`` counts the tasks per host, ``seconds`` go from the first push to the end of the last
    pull, ``value_bytes`` are those of one value's JSON.
    """

    asked: int
    failed: int
    hosts: Mapping[str, int]
    seconds: float
    value_bytes: int
    push: Times | None
    pull: Times | None

    @property
    def measured(self) -> int:
        """Return how many tasks told their times."""
        return sum(self.hosts.values())

    @property
    def values_per_second(self) -> float:
        """Return how many values were pushed, and as many pulled, per second of the run."""
        return self.measured / self.seconds if self.seconds else 0.0

    @property
    def mb_per_second(self) -> float:
        """Return MB of JSON pushed, and as much pulled, per second of the run."""
        return self.values_per_second * self.value_bytes / 1e6


@dataclass(frozen=True, slots=True)
class PlainLoop:
    """Times of the cloud's SDK alone, for so many values; ``left`` are keys still to be deleted."""

    timed: int
    push: Times
    pull: Times
    left: tuple[str, ...]


class Store(Protocol):
    """Writes, reads and deletes objects without Airflow; errors are ServiceErrors."""

    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key."""

    def read_object(self, key: str) -> bytes:
        """Return the bytes under the key."""

    def delete_keys(self, keys: Collection[str]) -> int:
        """Delete every version of these keys; return how many there were."""


def parse(found: object, *, asked: int, failed: int, value_bytes: int) -> LoadResult:
    """Return what the tasks measured.

    Args:
        found: the list that ``collect`` returned, an empty one where it wrote none.
        asked: how many mapped tasks were asked for.
        failed: how many of them Airflow calls anything but a success.
        value_bytes: bytes of JSON of one value.

    Raises:
        ServiceError: it is not what that many tasks of the shipped Dag measure.
    """
    if not isinstance(found, list):
        raise ServiceError("The load run's measurements are no list.", hint=HINT)
    if len(found) > asked:
        raise ServiceError(
            f"The load run has measurements of {len(found)} tasks, and {asked} were asked for.",
            hint=HINT,
        )
    rows = [_row(entry, number) for number, entry in enumerate(found)]
    hosts = Counter(_host(entry, number) for number, entry in enumerate(found))
    seconds = max((row[2] for row in rows), default=0.0) - min((row[0] for row in rows), default=0)
    if rows and seconds <= 0:
        raise ServiceError("The load run took no time at all by its clocks.", hint=_CLOCK_HINT)
    return LoadResult(
        asked=asked,
        failed=failed,
        hosts=dict(hosts.most_common()),
        seconds=seconds,
        value_bytes=value_bytes,
        push=Times.of([between - before for before, between, _ in rows]) if rows else None,
        pull=Times.of([after - between for _, between, after in rows]) if rows else None,
    )


def _row(entry: Any, number: int) -> tuple[float, float, float]:
    """Return the three times of a task in their order, in seconds since 1970."""
    if not isinstance(entry, dict):
        raise ServiceError(f"Measurement {number} of the load run is no object.", hint=HINT)
    before, between, after = (
        _time(entry.get(name), f"{name} of measurement {number}")
        for name in ("before", "between", "after")
    )
    if not before <= between <= after:
        raise ServiceError(
            f"Measurement {number} of the load run ends before it begins.", hint=_CLOCK_HINT
        )
    return before, between, after


def _time(value: object, name: str) -> float:
    """Return seconds since 1970; NaN and what is too large for a float fall out as well."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MOST_TIME:
        raise ServiceError(f"The load run's {name} is no time.", hint=HINT)
    return float(value)


def _host(entry: Any, number: int) -> str:
    name = entry.get("host")
    if not isinstance(name, str):
        raise ServiceError(f"Measurement {number} of the load run names no host.", hint=HINT)
    return plain(name[:_MOST_HOST])[:_MOST_HOST] or "(unnamed)"


def plain_keys(prefix: str, *, run_id: str, values: int) -> tuple[str, ...]:
    """Return the keys of the plain loop below those of the run, at most ``MOST_VALUES``."""
    below = f"{prefix}/{DAG_ID}/{run_id}/plain"
    return tuple(f"{below}/{number}" for number in range(min(values, MOST_VALUES)))


def plain_loop(
    store: Store, *, body: bytes, keys: Sequence[str], progress: Callable[[str], None]
) -> PlainLoop:
    """Push and pull the bytes under each key with the SDK alone, one after the other, then delete.

    It runs on this machine as the caller of the runbook, who keeps a connection open, while
    every task of the load run opens one of its own. No value is begun after ``MOST_SECONDS``.

    Args:
        store: the cloud.
        body: what the agents stored for one value, byte by byte.
        keys: one or more, already written down for tear down.
        progress: is told at least every two seconds how far it is.

    Raises:
        ServiceError: a push or pull was refused, or other bytes came back.
    """
    begun: list[str] = []
    timed: list[tuple[float, float]] = []
    is_over = Event()

    def work() -> None:
        latest = monotonic() + MOST_SECONDS
        for key in keys:
            if is_over.is_set() or (timed and monotonic() > latest):
                return
            begun.append(key)
            timed.append(_push_and_pull(store, key=key, body=body))

    progress(f"the same {len(body)} bytes with the SDK alone, values: {len(keys)}")
    try:
        _wait(
            work,
            tell=lambda: progress(f"{len(timed)} of {len(keys)} pushed and pulled with it"),
            stop=is_over.set,
        )
    finally:
        left = _wait(
            lambda: _delete(store, begun),
            tell=lambda: progress(f"deleting {len(begun)} objects"),
        )
    pushed, pulled = zip(*timed, strict=True)
    return PlainLoop(len(timed), push=Times.of(pushed), pull=Times.of(pulled), left=left)


def _wait(
    work: Callable[[], _T], *, tell: Callable[[], None], stop: Callable[[], None] | None = None
) -> _T:
    """Return what the work comes to, with news on the way; ``stop`` is called when it has to end.

    What interrupts the waiting waits for the work's own end, so that nothing runs on unseen.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        try:
            while wait((running,), timeout=_BETWEEN_NEWS).not_done:
                tell()
        finally:
            if stop:
                stop()
    return running.result()


def _push_and_pull(store: Store, *, key: str, body: bytes) -> tuple[float, float]:
    """Return how long a push and a pull took, in seconds."""
    before = perf_counter()
    store.write_object(key, body)
    between = perf_counter()
    found = store.read_object(key)
    after = perf_counter()
    if found != body:
        raise ServiceError(
            f"The store returned other bytes for {key} than were put.",
            hint="look for a second writer below the prefix.",
        )
    return between - before, after - between


def _delete(store: Store, keys: Sequence[str]) -> tuple[str, ...]:
    """Delete the keys; return those that tear down has to take, which is no failure of the loop."""
    try:
        store.delete_keys(keys)
    except ServiceError:
        return tuple(keys)
    return ()


def judge(result: LoadResult, *, alone: PlainLoop | None) -> Check:
    """Return the check of a load run; ``alone`` is the plain loop, ``None`` where there was none.

    Only what came back decides. Agents run in parallel and each task pays for the first use of the
    store in a fresh process; the plain loop is one caller on one open connection. So the ratio
    tells what a task waits for, not what Airflow's code alone costs.
    """
    missing = result.asked - result.failed - result.measured
    is_stored = result.value_bytes > 0
    holds = False if result.failed else None if missing > 0 or not is_stored else True
    parts = [f"{result.measured} of {result.asked} tasks told that their value came back"]
    if result.failed:
        parts.append(f"{result.failed} failed")
    if missing > 0:
        parts.append(f"the measurements of {missing} are missing")
    if result.measured and not is_stored:
        parts.append("no such value is in the bucket, so the database held them")
    if result.push and result.pull:
        parts += _speed(result, push=result.push, pull=result.pull)
        if alone:
            parts.append(_ratio(result.push, result.pull, alone=alone))
    return XC712.judge(
        holds,
        expected=f"{result.asked} tasks measured, none failed",
        observed="; ".join(parts),
        how="each mapped task timed its own push and pull, in parallel and with the first use of"
        f" the store in a fresh process{_PLAIN if alone else ''}",
        basis="behaviour",
    )


def _speed(result: LoadResult, *, push: Times, pull: Times) -> tuple[str, ...]:
    named = [f"{host} {count}" for host, count in list(result.hosts.items())[:_SHOWN_HOSTS]]
    more = len(result.hosts) - len(named)
    rate = f"{result.values_per_second:.1f} values/s, {result.mb_per_second:.2f} MB/s each way"
    return (
        f"tasks per host: {', '.join(named)}" + (f" and {more} hosts more" if more else ""),
        f"{rate} over {result.seconds:.1f} s",
        f"push p50 {push.p50:.1f}, p95 {push.p95:.1f} ms",
        f"pull p50 {pull.p50:.1f}, p95 {pull.p95:.1f} ms",
    )


def _ratio(push: Times, pull: Times, *, alone: PlainLoop) -> str:
    return (
        f"median push {push.p50 / alone.push.p50:.1f} times and pull"
        f" {pull.p50 / alone.pull.p50:.1f} times that of the plain SDK"
        f" ({alone.push.p50:.1f} and {alone.pull.p50:.1f} ms, {alone.timed} values)"
    )
