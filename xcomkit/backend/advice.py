"""Which codec to use: first what is safe, then what is fast, then what is small."""

from collections.abc import Mapping, Sequence

from xcomkit.backend.expectation import Expectation
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
    why="zip as fsspec opens it stores without compressing: requests and seconds for nothing.",
    remedy="Set backend to durable, which deflates, or compression to none.",
    source="fsspec.compression: ZipFile without a method is ZIP_STORED",
    fix_in="03",
)
XC523 = Rule(
    id="XC523",
    title="Compression adds few requests to a pull",
    severity="warn",
    why="A codec's reader seeks: zip asks four times, gzip on Cloud Storage hundreds of times.",
    remedy="Set backend to durable, which reads the object at once, or compression to none.",
    source="fsspec.spec.AbstractBufferedFile read by zipfile and gzip",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC522, XC523)
_HOW = "the largest records of this run, pushed and pulled by Airflow"
_SMALLER = Expectation(XC522, f"at most {MOST_OF_JSON:.0%} of the JSON", _HOW)
_FEW = Expectation(XC523, f"at most {MORE_REQUESTS} more", _HOW)


def _largest(measurements: Sequence[Measurement]) -> dict[str, Measurement]:
    """Return what was measured with the largest records, per codec: they speak for all."""
    records = [one for one in measurements if one.payload.startswith("records")]
    largest = max((one.json_bytes for one in records), default=0)
    return {one.codec: one for one in records if one.json_bytes == largest}


def check(measurements: Sequence[Measurement], *, configured: str) -> tuple[Check, ...]:
    """Return whether the configured codec saves bytes (XC522) at no price in requests (XC523)."""
    by_codec = _largest(measurements)
    own, bare = by_codec.get(configured), by_codec.get("none")
    if configured == "none" or own is None or bare is None:
        reason = "no compression" if configured == "none" else f"{configured} was not measured"
        return _SMALLER.skip(reason), _FEW.skip(reason)
    sizes = f"{configured}: {own.stored_bytes:,} of {own.json_bytes:,} bytes"
    smaller = _SMALLER.judge(own.ratio <= MOST_OF_JSON, sizes)
    if not own.pull_requests or not bare.pull_requests:  # no pull takes none
        return smaller, _FEW.skip("not proved: nothing here counts requests")
    holds = own.pull_requests <= bare.pull_requests + MORE_REQUESTS
    requests = f"{configured}: {own.pull_requests} requests, {bare.pull_requests} without"
    return smaller, _FEW.judge(holds, requests)


def estimate_ms(one: Measurement) -> float:
    """Return ms for a push and a pull: measured here, plus requests and bytes on a real way."""
    requests = (one.push_requests or 0) + (one.pull_requests or 0)
    transfer = 2 * one.stored_bytes / BYTES_PER_SECOND * 1000
    return one.push_ms.median + one.pull_ms.median + requests * RTT_MS + transfer


def advise(
    measurements: Sequence[Measurement],
    *,
    writes: Sequence[Writes],
    silent: Mapping[str, Sequence[str]] | None,
    configured: str,
) -> str:
    """Return what to use and why; a codec behind which anything went wrong silently is not advised.

    ``silent`` holds the silent faults per codec that was tried, and so for the contrast; ``None``
    where none could be tried.
    """
    by_codec = _largest(measurements)
    if not by_codec:
        return "Nothing was measured, so there is nothing to advise."
    lost = {one.codec: str(one) for one in writes if one.lost or one.problem}
    unsafe = _unsafe(lost, silent or {})
    if silent is None:
        return f"No fault could be tried, so no codec is known to be safe. {unsafe}".strip()
    costs = {codec: estimate_ms(one) for codec, one in by_codec.items()}
    ranking = {
        codec: f"{codec} {costs[codec]:,.0f} ms, {by_codec[codec].ratio:.1%} of the bytes"
        for codec in sorted(by_codec, key=lambda codec: costs[codec])
    }
    if untried := "; ".join(text for codec, text in ranking.items() if codec not in silent):
        unsafe += f" Only timed, no fault was tried: {untried}; fault_depth full tries all of them."
    safe = [one for one in ranking if one not in lost and one in silent and not silent[one]]
    if not safe:
        return f"No codec of this class is known to be safe here. {unsafe.strip()}"
    size = max(one.json_bytes for one in by_codec.values()) / 1e6
    base = (
        f"Safe here, a push and a pull of {size:.1f} MB of records at {RTT_MS} ms per request and"
        f" {BYTES_PER_SECOND / 1e6:.0f} MB/s: {'; '.join(ranking[codec] for codec in safe)}."
    )
    if configured not in safe:
        verdict = f"Change {configured} to {safe[0]} before any Dag runs."
    elif costs[configured] <= costs[safe[0]] * WORTH:
        verdict = f"Keep {configured}."
    else:
        verdict = f"Both are safe; {safe[0]} is faster than {configured}."
    return " ".join(filter(None, (base, verdict, unsafe.strip())))


def _unsafe(lost: Mapping[str, str], silent: Mapping[str, Sequence[str]]) -> str:
    """Return what went wrong with which codecs; those with the same faults stand together."""
    faults: dict[tuple[str, ...], list[str]] = {}
    for codec, names in silent.items():
        if names:
            faults.setdefault(tuple(names), []).append(codec)
    parts = {
        "Without any fault": [f"{codec}: {text}" for codec, text in lost.items()],
        "Silent under faults": [f"{', '.join(c)}: {', '.join(n)}" for n, c in faults.items()],
    }
    listed = " ".join(f"{title}: {'; '.join(texts)}." for title, texts in parts.items() if texts)
    return listed.replace(CONTRAST, CONTRAST_LABEL)
