"""Which codec to use: first what is safe, then what is fast, then what is small."""

from collections.abc import Mapping, Sequence

from xcomkit.backend.lost_writes import Writes
from xcomkit.backend.timing import CONTRAST, CONTRAST_LABEL
from xcomkit.findings.model import Check, Measurement, Rule

BYTES_PER_SECOND = 50_000_000
RTT_MS = 20
"""Both assumed between agent and store."""
WORTH = 1.1
"""How many times faster another codec must be before a change is advised."""
MOST_OF_JSON = 0.9
MORE_REQUESTS = 2

XC522 = Rule(
    id="XC522",
    title="Compression makes objects smaller",
    severity="warn",
    why="zip as fsspec opens it stores without compressing: requests and seconds for nothing",
    remedy="set backend to durable, which deflates, or compression to none",
    source="fsspec.compression: ZipFile without a method is ZIP_STORED",
    fix_in="03",
)
XC523 = Rule(
    id="XC523",
    title="A pull takes hardly more requests than without compression",
    severity="warn",
    why="a codec's reader seeks: zip asks four times, gzip on Cloud Storage hundreds of times",
    remedy="set backend to durable, which reads the object at once, or compression to none",
    source="fsspec.spec.AbstractBufferedFile read by zipfile and gzip",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC522, XC523)


def _largest(measurements: Sequence[Measurement]) -> dict[str, Measurement]:
    """Return what was measured with the largest records, per codec: they speak for all."""
    records = [one for one in measurements if one.payload.startswith("records")]
    largest = max((one.json_bytes for one in records), default=0)
    return {one.codec: one for one in records if one.json_bytes == largest}


def check(measurements: Sequence[Measurement], *, configured: str) -> tuple[Check, ...]:
    """Return whether the configured codec saves bytes (XC522) at no price in requests (XC523)."""
    smaller, few = f"at most {MOST_OF_JSON:.0%} of the JSON", f"at most {MORE_REQUESTS} more"
    how = "the largest records of this run, pushed and pulled by Airflow"
    by_codec = _largest(measurements)
    own = next((one for codec, one in by_codec.items() if codec == configured), None)
    plain = by_codec.get("none")
    if configured == "none" or own is None or plain is None:
        reason = "no compression" if configured == "none" else f"{configured} was not measured"
        return (
            XC522.skip(expected=smaller, observed=reason, how=how),
            XC523.skip(expected=few, observed=reason, how=how),
        )
    told = f"{configured}: {own.stored_bytes:,} of {own.json_bytes:,} bytes"
    size = XC522.judge(
        own.ratio <= MOST_OF_JSON, expected=smaller, observed=told, how=how, basis="behaviour"
    )
    if not own.pull_requests or not plain.pull_requests:  # no pull takes none
        reason = "not proved: nothing here tells about requests"
        return size, XC523.skip(expected=few, observed=reason, how=how)
    asked = f"{configured}: {own.pull_requests} requests, {plain.pull_requests} without"
    holds = own.pull_requests <= plain.pull_requests + MORE_REQUESTS
    return size, XC523.judge(holds, expected=few, observed=asked, how=how, basis="behaviour")


def estimate_ms(one: Measurement, *, rtt_ms: int = RTT_MS) -> float:
    """Return ms for a push and a pull: measured here, plus requests and bytes on a real way."""
    requests = (one.push_requests or 0) + (one.pull_requests or 0)
    transfer = 2 * one.stored_bytes / BYTES_PER_SECOND * 1000
    return one.push_ms.median + one.pull_ms.median + requests * rtt_ms + transfer


def advise(
    measurements: Sequence[Measurement],
    *,
    writes: Sequence[Writes],
    silent: Mapping[str, Sequence[str]] | None,
    configured: str,
) -> str:
    """Return what to use and why; a codec behind which anything went wrong silently is not advised.

    Args:
        measurements: of one run.
        writes: what became of pushes without a fault.
        silent: per codec that was tried, the silent faults, and so for the contrast;
            ``None`` where none could be tried.
        configured: the codec in use.
        rtt_ms: assumed ms per request.
    """
    by_codec = _largest(measurements)
    if not by_codec:
        return "Nothing was measured, so there is nothing to advise."
    lost: dict[str, str] = {one.codec: str(one) for one in writes if one.lost or one.problem}
    unsafe = _tell_unsafe(lost, {name: faults for name, faults in (silent or {}).items() if faults})
    if silent is None:
        return f"No fault could be tried, so no codec is known to be safe. {unsafe}".strip()
    costs: dict[str, float] = {c: estimate_ms(one) for c, one in by_codec.items()}
    ranked = sorted(by_codec, key=lambda codec: costs[codec])
    safe = [codec for codec in ranked if codec not in lost and not silent.get(codec, ("untried",))]
    ranking = {
        codec: f"{codec} {costs[codec]:,.0f} ms, {by_codec[codec].ratio:.1%} of the bytes"
        for codec in ranked
    }
    if untried := [codec for codec in ranked if codec not in silent]:
        names = "; ".join(ranking[codec] for codec in untried)
        unsafe += f" Only timed, no fault was tried: {names}; fault_depth full tries all of them."
    if not safe:
        return f"No codec of this class is known to be safe here. {unsafe.strip()}"
    fastest = safe[0]
    size = max(one.json_bytes for one in by_codec.values()) / 1e6
    base = (
        f"Safe here, a push and a pull of {size:.1f} MB of records at {RTT_MS} ms per request and"
        f" {BYTES_PER_SECOND / 1e6:.0f} MB/s: {'; '.join(ranking[codec] for codec in safe)}."
    )
    if configured in safe and costs[configured] <= costs[fastest] * WORTH:
        verdict = f"Keep {configured}."
    elif configured in safe:
        verdict = f"{fastest} would be faster than {configured}, which is safe, too."
    else:
        verdict = f"Change {configured} to {fastest} before any Dag runs."
    return " ".join(filter(None, (base, verdict, unsafe.strip())))


def _tell_unsafe(lost: Mapping[str, str], silent: Mapping[str, Sequence[str]]) -> str:
    parts = []
    if lost:
        parts.append(
            "Without any fault: " + "; ".join(f"{c}: {text}" for c, text in lost.items()) + "."
        )
    if silent:
        faults: dict[tuple[str, ...], list[str]] = {}
        for codec, names in silent.items():
            faults.setdefault(tuple(names), []).append(codec)
        listed = "; ".join(f"{', '.join(cs)}: {', '.join(ns)}" for ns, cs in faults.items())
        parts.append(f"Silent under faults: {listed}.")
    return " ".join(parts).replace(CONTRAST, CONTRAST_LABEL)
