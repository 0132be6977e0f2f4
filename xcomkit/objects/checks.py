"""Rules of step 05: what a listing and one opened object say about the bucket."""

from collections.abc import Iterable

from xcomkit.findings.model import Check, Rule
from xcomkit.objects.decode import Decoded
from xcomkit.objects.summary import GRACE, Summary

XC601 = Rule(
    id="XC601",
    title="XCom objects are found below the prefix",
    severity="warn",
    why="Objects that no key names as an XCom mean that agents write to another path.",
    remedy="Compare the prefix with XCOM_OBJECTSTORAGE_PATH of the agents.",
    source="apache-airflow-providers-common-io, xcom backend",
    fix_in="03",
)
XC602 = Rule(
    id="XC602",
    title="Nothing is older than the retention",
    severity="warn",
    why="Airflow leaves objects behind when a run is deleted; only a lifecycle rule removes them.",
    remedy="Check in step 01 that the lifecycle rule is enabled and names this prefix.",
    source="apache/airflow issue 31774; S3 User Guide, lifecycle",
    fix_in="01",
)
XC603 = Rule(
    id="XC603",
    title="Every key below the prefix is an XCom",
    severity="warn",
    why="What others keep below the prefix expires with the XComs and is open to every agent.",
    remedy="Give XComs a prefix of their own; lz4 and zstd objects count as foreign here.",
    source="apache-airflow-providers-common-io, xcom backend",
    fix_in="03",
)
XC604 = Rule(
    id="XC604",
    title="All XComs use one codec",
    severity="warn",
    why="Reading infers the codec from the suffix, so each reader needs every codec in use.",
    remedy="Set the same XCOM_OBJECTSTORAGE_COMPRESSION on all agents; old objects expire.",
    source="apache-airflow-providers-common-io, deserialize_value",
    fix_in="03",
)
XC605 = Rule(
    id="XC605",
    title="An object opens safely and holds JSON",
    severity="fail",
    why="Bytes that are not JSON come back to the reading task as a path string or an error.",
    remedy="Look at the writer of this key; Airflow's backend writes nothing but JSON.",
    source="apache-airflow-providers-common-io, deserialize_value",
)
XC606 = Rule(
    id="XC606",
    title="An object's suffix matches its bytes",
    severity="fail",
    why="Airflow trusts the suffix when it decompresses.",
    remedy="Look for a copy job or proxy that (de)compresses or renames objects.",
    source="fsspec, compression='infer'",
)
RULES = (XC601, XC602, XC603, XC604, XC605, XC606)

_HOW = "listed the prefix and parsed every key"
_EXPECTED = {
    XC601: "at least one",
    XC602: "none",
    XC603: "none",
    XC604: "one codec",
}


def checks(
    summary: Summary | None, *, decoded: Decoded | None = None, key: str = ""
) -> tuple[Check, ...]:
    """Return the checks of a listing and of the object behind ``key``.

    ``summary`` is ``None`` when listing was refused or failed: unknown, not empty.
    """
    return (*_of_listing(summary), *_of_object(decoded, key=key))


def _of_listing(summary: Summary | None) -> Iterable[Check]:
    if summary is None:
        return [_judge(rule, None, "the prefix could not be listed") for rule in _EXPECTED]
    if not summary.count and not summary.foreign:
        return [_skip(rule, "nothing lies below the prefix yet") for rule in _EXPECTED]
    days = f"{summary.retention_days} days and {GRACE.days} of grace"
    old = _quoted(summary.past_retention_keys, count=summary.past_retention)
    foreign = _quoted(summary.foreign_keys, count=summary.foreign)
    codecs = ", ".join(f"{total.name} {total.count}" for total in summary.codecs)
    return (
        _judge(XC601, summary.count > 0, f"{summary.count} XComs, {summary.size} bytes"),
        _judge(
            XC602, not summary.past_retention, f"{summary.past_retention} older than {days}{old}"
        ),
        _judge(XC603, not summary.foreign, f"{summary.foreign} foreign{foreign}"),
        _judge(XC604, len(summary.codecs) < 2, codecs)
        if summary.count
        else _skip(XC604, "not proved: no XComs"),
    )


def _judge(rule: Rule, holds: bool | None, observed: str) -> Check:  # noqa: FBT001 - as Rule.judge
    expected = _EXPECTED[rule]
    return rule.judge(holds, expected=expected, observed=observed, how=_HOW, basis="behaviour")


def _skip(rule: Rule, observed: str) -> Check:
    return rule.skip(expected=_EXPECTED[rule], observed=observed, how=_HOW)


def _of_object(decoded: Decoded | None, *, key: str) -> Iterable[Check]:
    how = f"opened {_short(key)}, bounded and without Airflow" if key else "opened one object"
    json, bytes_of = "JSON", "bytes of the codec in the suffix"
    if decoded is None:
        absent = "no object was there to open"
        return (
            XC605.skip(expected=json, observed=absent, how=how),
            XC606.skip(expected=bytes_of, observed=absent, how=how),
        )
    types = f", types {', '.join(decoded.types)}"[:300] if decoded.types else ""
    inside = decoded.problem or f"{decoded.root} of {decoded.size} bytes{types}"
    codecs = f"suffix {decoded.codec}, bytes {decoded.found_codec}"
    is_json, holds = decoded.is_json, decoded.suffix_holds
    return (
        XC605.judge(is_json, expected=json, observed=inside, how=how, basis="behaviour"),
        XC606.judge(holds, expected=bytes_of, observed=codecs, how=how, basis="behaviour"),
    )


def _quoted(keys: tuple[str, ...], *, count: int) -> str:
    """Return ``: key, key and 3 more``, or nothing."""
    if not keys:
        return ""
    more = f" and {count - len(keys)} more" if count > len(keys) else ""
    return ": " + ", ".join(_short(key) for key in keys) + more


def _short(key: str) -> str:
    """Return a key as one bounded line; control characters are escaped."""
    text = key if key.isprintable() else ascii(key)
    return text if len(text) <= 160 else f"{text[:80]}...{text[-77:]}"
