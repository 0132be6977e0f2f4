"""The load run of step 06: what its tasks measured, and the verdict.

The measurements come from the bucket, so they are hostile input. Begin and end are the clocks of
the agents' machines: a duration needs one clock, the length of the whole run needs them to agree.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import listed, plain

XC712 = Rule(
    id="XC712",
    title="Every task of the load run got back what it had pushed",
    severity="fail",
    why="What works once may be throttled, refused or lost when many tasks push at a time.",
    remedy="Open the log of a failed task; the store's requests per second and the agents' memory"
    " are the usual limits.",
    source="the shipped Dag xcom_runbook_load",
)
RULES = (XC712,)

DAG_ID = "xcom_runbook_load"
MEASUREMENTS_LIMIT = 1_000_000
"""Bytes of JSON that 1,024 tasks cannot exceed."""
_MOST_HOST = 100  # characters
_QUOTED_HOSTS = 3
HINT = (
    "trigger the shipped Dag of this version again, and let the agents' nodes keep their clocks in"
    " step (NTP); another Dag may write under its name."
)

_Time = Annotated[float, Field(gt=0, lt=2**40)]  # seconds since 1970, far beyond any clock


class _Measurement(BaseModel):
    """What a task returned: when its push and its pull began and ended, and where it ran."""

    model_config = ConfigDict(strict=True)

    before: _Time
    between: _Time
    after: _Time
    host: str


_MEASUREMENTS = TypeAdapter(list[_Measurement])


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
    """What the load run came to; no times where no task has measured any.

    ``hosts`` counts the tasks per host, ``seconds`` go from the first push to the end of the last
    pull, ``value_bytes`` are those of one value's JSON. Values per second were pushed, and as many
    pulled; so were MB of JSON.
    """

    asked: int
    failed: int
    measured: int
    hosts: Mapping[str, int]
    seconds: float
    value_bytes: int
    values_per_second: float
    mb_per_second: float
    push: Times | None
    pull: Times | None


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
    try:
        rows = _MEASUREMENTS.validate_python(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = " ".join(str(part) for part in first["loc"][:2])
        raise ServiceError(
            f"The load run's measurements are invalid: {place} {first['msg']}.", hint=HINT
        ) from None
    if len(rows) > asked:
        raise ServiceError(
            f"The load run has measurements of {len(rows)} tasks, and {asked} were asked for.",
            hint=HINT,
        )
    seconds = max((r.after for r in rows), default=0.0) - min((r.before for r in rows), default=0)
    if not all(r.before <= r.between <= r.after for r in rows) or (rows and seconds <= 0):
        raise ServiceError("By its clocks the load run ends before it begins.", hint=HINT)
    hosts = Counter(plain(r.host[:_MOST_HOST])[:_MOST_HOST] or "(unnamed)" for r in rows)
    rate = len(rows) / seconds if rows else 0.0
    return LoadResult(
        asked=asked,
        failed=failed,
        measured=len(rows),
        hosts=dict(hosts.most_common()),
        seconds=seconds,
        value_bytes=value_bytes,
        values_per_second=rate,
        mb_per_second=rate * value_bytes / 1e6,
        push=Times.of([r.between - r.before for r in rows]) if rows else None,
        pull=Times.of([r.after - r.between for r in rows]) if rows else None,
    )


def judge(result: LoadResult) -> Check:
    """Return the check of a load run; only what came back decides, not how fast."""
    missing = result.asked - result.failed - result.measured
    is_stored = result.value_bytes > 0
    holds = False if result.failed else None if missing > 0 or not is_stored else True
    parts = [f"the value of {result.measured} of {result.asked} tasks came back"]
    if result.failed:
        parts.append(f"{result.failed} failed")
    if missing > 0:
        parts.append(f"the measurements of {missing} are missing")
    if result.measured and not is_stored:
        parts.append("no such value is in the bucket, so the database held them")
    if result.push and result.pull:
        hosts = [f"{host} {count}" for host, count in result.hosts.items()]
        rate = f"{result.values_per_second:.1f} values/s, {result.mb_per_second:.2f} MB/s each way"
        parts += [
            f"tasks per host: {listed(hosts, most=_QUOTED_HOSTS)}",
            f"{rate} over {result.seconds:.1f} s",
            f"push p50 {result.push.p50:.1f}, p95 {result.push.p95:.1f} ms",
            f"pull p50 {result.pull.p50:.1f}, p95 {result.pull.p95:.1f} ms",
        ]
    return XC712.judge(
        holds,
        expected=f"{result.asked} tasks measured, none failed",
        observed="; ".join(parts),
        how="each mapped task timed its own push and pull, in parallel and with the first use of"
        " the store in a fresh process",
        basis="behaviour",
    )
