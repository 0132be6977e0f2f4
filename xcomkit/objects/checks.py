"""Rules of step 05: what a listing and one opened object say about the bucket."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from xcomkit.cloud_documents.lifecycle import Effect
from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import number_of, shorten
from xcomkit.objects import orphans
from xcomkit.objects.beside import Beside
from xcomkit.objects.decode import Decoded
from xcomkit.objects.scan import Kind, Scan
from xcomkit.objects.summary import Summary
from xcomkit.objects.sums import GRACE

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
    remedy="Give XComs a prefix of their own.",
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
XC607 = Rule(
    id="XC607",
    title="The state store has a prefix of its own",
    severity="warn",
    why="States of assets and tasks must outlive their runs; XComs expire.",
    remedy="Give AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH another prefix.",
    source="apache-airflow-providers-common-io, state_store backend",
    fix_in="03",
)
XC608 = Rule(
    id="XC608",
    title="No XCom object is empty",
    severity="fail",
    why="An empty object comes back to the reading task as its path, or as an error.",
    remedy="Clear the task that wrote it; step 04 shows which class and codec lose writes.",
    source="apache-airflow-providers-common-io, deserialize_value",
)
XC609 = Rule(
    id="XC609",
    title="No unfinished upload is older than the retention",
    severity="warn",
    why="Parts of an upload that was never finished are paid for, and no listing of objects shows"
    " them.",
    remedy="Add AbortIncompleteMultipartUpload to the lifecycle rule, as step 01 does.",
    source="Amazon S3 User Guide, aborting incomplete multipart uploads",
    fix_in="01",
)
XC610 = Rule(
    id="XC610",
    title="XComs live as long as their run may be cleared",
    severity="warn",
    why="A task that runs again after its input expired gets a path instead of the value.",
    remedy="Raise retention_days to the longest re-run, and run step 01.",
    source="measured with common.io, pull of a deleted object",
    fix_in="01",
)
XC611 = Rule(
    id="XC611",
    title="zip compresses what it stores",
    severity="warn",
    why="Airflow's zip stores values as they are, and every pull takes four requests.",
    remedy="Set XCOM_OBJECTSTORAGE_COMPRESSION to gzip, or remove it; old objects expire.",
    source="measured with fsspec, ZipFile in mode w",
    fix_in="03",
)
XC612 = Rule(
    id="XC612",
    title="No value is a reference to another XCom",
    severity="fail",
    why="A task pulled the path of an object that was missing in place of its value, and passed it"
    " on.",
    remedy="Clear the task that wrote the object it names, then those behind it.",
    source="measured with common.io, pull of a missing object",
)
XC613 = Rule(
    id="XC613",
    title="Objects are encrypted as the bucket says",
    severity="warn",
    why="A default holds for what is written after it; older objects keep their key.",
    remedy="Let them expire, or copy them onto themselves.",
    source="Amazon S3 User Guide, default encryption; Cloud Storage, default keys",
)
RULES: tuple[Rule, ...] = (
    XC601, XC602, XC603, XC604, XC605, XC606, XC607, XC608, XC609, XC610, XC611, XC612, XC613,
    *orphans.RULES,
)  # fmt: skip

_HOW = "listed the prefix and parsed every key"
_EXPECTED = {
    XC601: "at least one",
    XC602: "none",
    XC603: "none",
    XC604: "one codec",
    XC607: "no object of the state store",
    XC608: "none",
}


def checks(
    summary: Summary | None,
    *,
    decoded: Decoded | None = None,
    key: str = "",
    opened: Iterable[Check] = (),
) -> tuple[Check, ...]:
    """Return the checks of a listing and of the object behind ``key``, or those of a scan.

    ``summary`` is ``None`` when listing was refused or failed: unknown, not empty.
    """
    return (*_of_listing(summary), *(opened or _of_object(decoded, key=key)))


def judge_uploads(found: Beside, *, now: datetime, days: int) -> Check:
    """Return the check of unfinished uploads; those not seen are unknown, or not looked for."""
    expected, how = f"none older than {number_of(days, 'day')}", "listed the unfinished uploads"
    if found.no_uploads:
        return XC609.skip(expected=expected, observed=found.no_uploads, how=how)
    holds: bool | None = found.oldest is None or now - found.oldest <= timedelta(days=days) + GRACE
    observed = number_of(found.uploads, "unfinished upload")
    if found.oldest:
        since = f"{found.oldest:%Y-%m-%d %H:%M} UTC"
        observed += f", the oldest begun {since}: {shorten(found.oldest_key)}"
    if holds and found.unseen_uploads:  # what was found in a part stays found
        holds, observed = None, found.unseen_uploads
    return XC609.judge(holds, expected=expected, observed=observed, how=how, basis="behaviour")


def judge_reruns(effects: Iterable[Effect], *, unread: str, rerun_days: int) -> Check:
    """Return the check of what a lifecycle takes away, and when; ``unread`` says why none is."""
    takings = [one for one in effects if one.takes]
    early = [one for one in takings if one.days is not None and one.days < rerun_days]
    is_known = not unread and all(one.days is not None for one in takings)
    rules = ", ".join(f"rule {shorten(one.label)} {one.text}" for one in early or takings)
    return XC610.judge(
        False if early else True if is_known else None,
        expected=f"{number_of(rerun_days, 'day')} or more, in which a run may be cleared",
        observed=unread or rules or "nothing takes XComs away",
        how="read the lifecycle of the bucket",
        basis="echo",
    )


_KINDS: tuple[tuple[Rule, str, tuple[Kind, ...]], ...] = (
    (XC605, "JSON in every object that was opened whole", ("truncated", "undecodable")),
    (XC606, "bytes of the codec in the suffix", ("bytes of another codec",)),
    (XC611, "none stored as it is", ("stored uncompressed by zip",)),
    (XC612, "none", ("a reference in place of a value",)),
)


def judge_scan(scan: Scan, *, listed: int, encryption: str, unread: str = "") -> tuple[Check, ...]:
    """Return the checks of a deep scan of some of the ``listed`` objects.

    ``encryption`` is what the bucket says of it, ``unread`` why that is not known.
    """
    opened = f"{scan.opened.count:,} of {number_of(listed, 'object')}"
    how = f"opened {opened}, bounded and without Airflow"
    missed = scan.count("not read").count
    lost = f"{missed:,} not read, " if missed else ""
    unseen = f"; {lost}{scan.why}" if missed or not scan.is_whole else ""
    whole = scan.opened.count - scan.count("empty", "larger than the limit").count
    found = []
    for rule, expected, kinds in _KINDS:
        bad = scan.count(*kinds)
        observed = f"{bad.counted('found')}{unseen}"
        if not (whole or unseen or bad.count):
            found.append(rule.skip(expected=expected, observed="not proved: none opened", how=how))
            continue
        holds = False if bad.count else None if unseen else True
        found.append(
            rule.judge(holds, expected=expected, observed=observed, how=how, basis="behaviour")
        )
    return (*found, _judge_encryption(scan, says=encryption, unread=unread, unseen=unseen))


def _judge_encryption(scan: Scan, *, says: str, unread: str, unseen: str) -> Check:
    """Return the check of encryption; Azure says that it encrypts, and not by whose key."""
    how = f"asked for the encryption of {number_of(scan.gzip.objects, 'object')} and of the bucket"
    observed = ", ".join(f"{name} {one.count:,}" for name, one in sorted(scan.encryptions.items()))
    if not unread and not (says and (observed or unseen)):
        nothing = observed and "the bucket says nothing of encryption"
        return XC613.skip(observed=nothing or "no object was measured", how=how)
    others = [
        name
        for name in scan.encryptions
        if name != "microsoft-managed" and not _is_named(name.partition("/cryptoKeyV")[0], says)
    ]
    is_unknown = unread or others == ["not reported"] or (unseen and not others)
    text = unread or f"{observed}{unseen}".removeprefix("; ")
    holds = None if is_unknown else not others
    return XC613.judge(holds, expected=says, observed=text, how=how, basis="echo")


def _is_named(name: str, says: str) -> bool:
    """Tell whether a key or an algorithm stands in a text, and not as a part of a longer name."""
    return bool(re.search(rf"(?<![\w:/-]){re.escape(name)}(?![\w:/-])", says))


def _of_listing(summary: Summary | None) -> Iterable[Check]:
    if summary is None:
        return [_judge(rule, None, "the prefix could not be listed") for rule in _EXPECTED]
    if summary.is_whole and not summary.count and not summary.foreign.count:
        return [_skip(rule, "nothing lies below the prefix yet") for rule in _EXPECTED]
    days = f"older than {number_of(summary.retention_days, 'day')} and {GRACE.days} of grace"
    codecs = ", ".join(f"{total.name} {total.count:,}" for total in summary.codecs)
    found = (
        (
            XC601,
            summary.count > 0,
            f"{number_of(summary.count, 'XCom')}, {number_of(summary.size, 'byte')}",
        ),
        (XC602, not summary.past.count, summary.past.counted(days)),
        (XC603, not summary.foreign.count, summary.foreign.counted("foreign")),
        (XC604, len(summary.codecs) < 2, codecs),
        (XC607, not summary.state.count, summary.state.counted("of the state store")),
        (XC608, not summary.empty.count, summary.empty.counted("without bytes")),
    )
    return [_of_part(*one, summary) for one in found]


def _of_part(rule: Rule, holds: bool, observed: str, summary: Summary) -> Check:  # noqa: FBT001
    """Return a check; what is fine in a part of a listing may be otherwise in the rest."""
    is_settled = holds is (rule is XC601)  # what was found in a part stays found
    if not summary.is_whole and not is_settled:
        return _judge(rule, None, f"{observed}, but {summary.part}")
    if not summary.count and rule in (XC604, XC608):
        return _skip(rule, "not proved: no XComs")
    return _judge(rule, holds, observed)


def _judge(rule: Rule, holds: bool | None, observed: str) -> Check:  # noqa: FBT001 - as Rule.judge
    expected = _EXPECTED[rule]
    return rule.judge(holds, expected=expected, observed=observed, how=_HOW, basis="behaviour")


def _skip(rule: Rule, observed: str) -> Check:
    return rule.skip(expected=_EXPECTED[rule], observed=observed, how=_HOW)


def _of_object(decoded: Decoded | None, *, key: str) -> Iterable[Check]:
    how = f"opened {shorten(key)}, bounded and without Airflow" if key else "opened one object"
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
