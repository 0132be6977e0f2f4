"""What a bucket's lifecycle rules do to the objects below a prefix, and after how many days.

Sources: Amazon S3 User Guide, lifecycle configuration elements, and storage classes (GLACIER and
DEEP_ARCHIVE are read only after a restore); Microsoft Learn, lifecycle management policy structure,
and access tiers (a blob in the archive tier is offline); Cloud Storage, Object Lifecycle
Management: the conditions of a rule hold together, and class ARCHIVE is read like any other.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from xcomkit.cloud_documents import block, items
from xcomkit.findings.model import CloudName

Action = Literal["deletes", "archives", "deletes old versions", "aborts uploads"]
Reach = Literal["all", "some", "none"]
Rule = Mapping[str, Any]
_UNREADABLE = ("GLACIER", "DEEP_ARCHIVE")
_NONCURRENT = ("daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions")
_CUSTOM_TIME = ("daysSinceCustomTime", "customTimeBefore")
_SELECTS = ("matchesStorageClass", "matchesPattern", "createdBefore")
_CODECS = ("", ".gz", ".zip", ".bz2", ".lzma", ".xz", ".lz4", ".zst")
_UUID = frozenset("0123456789abcdef-")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rule does to XCom objects after so many days, ``None`` where it tells no number.

    An archived object cannot be read until somebody restores it. ``rule`` is the rule as it was
    given, ``label`` its name, or its number where it has none.
    """

    label: str
    rule: Rule
    action: Action
    days: float | None
    reach: Reach
    when: str

    @property
    def takes(self) -> bool:
        """Tell whether an XCom can no longer be read afterwards."""
        return self.action in ("deletes", "archives")

    @property
    def text(self) -> str:
        """Return what it does and when, as words."""
        return f"{self.action}{' some of the objects' if self.reach == 'some' else ''} {self.when}"


def read_lifecycle(
    cloud: CloudName, rules: Iterable[object], *, bucket: str, prefix: str
) -> tuple[Effect, ...]:
    """Return what the rules do to the objects below the prefix; empty where they reach none."""
    below = f"{prefix}/" if prefix else ""
    found = []
    for number, one in enumerate(rules, start=1):
        rule = block(one)
        if cloud == "aws":
            label, effects = rule.get("ID"), _read_s3(rule, below)
        elif cloud == "gcp":
            label, effects = None, _read_gcs(rule, below)
        else:
            label, effects = rule.get("name"), _read_azure(rule, f"{bucket}/{below}")
        found += [
            Effect(str(label or number), rule, action, days, reach, when)
            for action, (days, when), reach in effects
            if reach != "none"
        ]
    return tuple(found)


def lifecycle_rules(
    cloud: CloudName, *, bucket: str, prefix: str, days: int, old_days: int, name: str
) -> list[dict[str, Any]]:
    """Return rules that delete XCom objects, their old versions and unfinished uploads.

    Azure counts the days of a version from its own writing, and drops blocks of unfinished uploads
    by itself after a week; rules of Cloud Storage have no names.
    """
    below = f"{prefix}/" if prefix else ""
    if cloud == "aws":
        return [
            {
                "ID": name,
                "Status": "Enabled",
                "Filter": {"Prefix": below},
                "Expiration": {"Days": days},
                "NoncurrentVersionExpiration": {"NoncurrentDays": old_days},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": old_days},
            }
        ]
    if cloud == "azure":
        filters = {"blobTypes": ["blockBlob"], "prefixMatch": [f"{bucket}/{below}"]}
        actions = {
            "baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}},
            "version": {"delete": {"daysAfterCreationGreaterThan": old_days}},
        }
        definition = {"filters": filters, "actions": actions}
        return [{"enabled": True, "name": name, "type": "Lifecycle", "definition": definition}]
    ages: tuple[tuple[str, Rule], ...] = (
        ("Delete", {"age": days, "isLive": True}),
        ("Delete", {"daysSinceNoncurrentTime": old_days, "isLive": False}),
        ("AbortIncompleteMultipartUpload", {"age": old_days}),
    )
    return [
        {"action": {"type": kind}, "condition": {**age, "matchesPrefix": [below]}}
        for kind, age in ages
    ]


_When = tuple[float | None, str]
_Effects = Iterator[tuple[Action, _When, Reach]]


def _read_s3(rule: Rule, below: str) -> _Effects:
    """Yield what a rule does. One with tags does nothing: XCom objects carry none."""
    selector = block(rule.get("Filter"))
    selector = {**selector, **block(selector.get("And"))}
    if rule.get("Status") != "Enabled" or selector.get("Tag") or selector.get("Tags"):
        return
    reach = _overlap(selector.get("Prefix") or rule.get("Prefix"), below)
    if any(name.startswith("ObjectSize") for name in selector):  # an XCom may have any size
        reach = _part(reach)
    moves = map(block, items(rule.get("Transitions") or rule.get("Transition")))
    takings: list[tuple[Action, Rule]] = [("deletes", block(rule.get("Expiration")))]
    takings += [("archives", m) for m in moves if m.get("StorageClass") in _UNREADABLE]
    for action, timed in takings:
        if "Date" in timed:  # from then on every object, however new
            yield action, (0, f"from {str(timed['Date'])[:10]} on, however new"), reach
        elif "Days" in timed:
            yield action, _after(timed["Days"]), reach
    old = block(rule.get("NoncurrentVersionExpiration"))
    kept = _part(reach) if old.get("NewerNoncurrentVersions") else reach
    yield "deletes old versions", _after(old.get("NoncurrentDays")), kept
    if uploads := block(rule.get("AbortIncompleteMultipartUpload")):
        yield "aborts uploads", _after(uploads.get("DaysAfterInitiation")), reach


def _read_azure(rule: Rule, below: str) -> _Effects:
    """Yield what a rule does. XComs are block blobs without index tags.

    The days after the last change of tier only keep a restored blob from being archived again.
    """
    definition = block(rule.get("definition"))
    filters, actions = block(definition.get("filters")), block(definition.get("actions"))
    kinds = items(filters.get("blobTypes"))
    others_only = (kinds and "blockBlob" not in kinds) or filters.get("blobIndexMatch")
    if rule.get("enabled") is False or others_only:
        return
    reach = _overlap(filters.get("prefixMatch"), below)
    current = block(actions.get("baseBlob"))
    takings: tuple[tuple[Action, str], ...] = ("deletes", "delete"), ("archives", "tierToArchive")
    for action, name in takings:
        ages = {**block(current.get(name)), "daysAfterLastTierChangeGreaterThan": None}
        limits = [_after(days) for days in ages.values() if days is not None]
        if limits:
            known = [when for when in limits if when[0] is not None]
            yield action, min(known or limits, key=lambda when: when[0] or 0), reach
    old = block(block(actions.get("version")).get("delete"))
    yield "deletes old versions", _after(old.get("daysAfterCreationGreaterThan")), reach


def _read_gcs(rule: Rule, below: str) -> _Effects:
    """Yield what a rule does. One that asks for a custom time does nothing: XComs have none."""
    condition = {k: v for k, v in block(rule.get("condition")).items() if v is not None}
    kind = block(rule.get("action")).get("type")
    reach = _overlap(condition.get("matchesPrefix"), below)
    if suffixes := items(condition.get("matchesSuffix")):
        reach = _part(reach) if any(_ends_a_key(str(one)) for one in suffixes) else "none"
    if any(condition.get(name) for name in _SELECTS):
        reach = _part(reach)
    if kind == "AbortIncompleteMultipartUpload":
        yield "aborts uploads", _after(condition.get("age")), reach
    if kind != "Delete" or any(name in condition for name in _CUSTOM_TIME):
        return
    newer = condition.get("numNewerVersions")
    if not newer:  # a live object has no newer versions, and zero asks for none
        condition.pop("numNewerVersions", None)
    if condition.get("isLive") is False or any(name in condition for name in _NONCURRENT):
        days = condition.get("daysSinceNoncurrentTime")
        yield "deletes old versions", _after(days), _part(reach) if newer else reach
    else:
        yield "deletes", _gcs_age(condition), reach


def _gcs_age(condition: Rule) -> _When:
    """Return how old the youngest object is that conditions on age and creation take together."""
    days, when = _after(condition["age"]) if "age" in condition else (0, "at once")
    if created := str(condition.get("createdBefore", ""))[:10]:
        when = f"created before {created}"
        try:
            since = (datetime.now(UTC).date() - date.fromisoformat(created)).days
        except ValueError:
            return None, when
        days = None if days is None else max(days, since)
    return days, when


def _ends_a_key(suffix: str) -> bool:
    """Tell whether the key of an XCom can end so: a uuid or a name with .json, then a codec's."""
    names = [suffix.removesuffix(codec) for codec in _CODECS if suffix.endswith(codec)]
    return any(codec.endswith(suffix) for codec in _CODECS) or any(
        ".json".endswith(n) or n.endswith(".json") or set(n) <= _UUID for n in names
    )


def _overlap(selected: object, below: str) -> Reach:
    """Return how many of the objects, whose keys begin with a text, a rule for prefixes reaches."""
    prefixes = [str(prefix) for prefix in items(selected)] or [""]
    if any(below.startswith(prefix) for prefix in prefixes):
        return "all"
    return "some" if any(prefix.startswith(below) for prefix in prefixes) else "none"


def _part(reach: Reach) -> Reach:
    return "some" if reach == "all" else reach


def _after(days: object) -> _When:
    if isinstance(days, bool) or not isinstance(days, int | float) or not math.isfinite(days):
        return None, f"after {str(days)[:60]!r}, which is no number of days"
    return days, f"after {days:g} d"
