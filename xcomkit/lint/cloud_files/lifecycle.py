"""Judges the lifecycle of a bucket: when XCom objects expire, and whether they do at all.

A rule that reaches only some of the objects counts where it expires them too soon, but not as the
expiry that keeps the bucket from growing.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from xcomkit.chart.names import BasePath
from xcomkit.lint.cloud_files.reading import Block, block, items, texts
from xcomkit.lint.cloud_files.rules import XC070, XC071, XC072, XC073, Collector, shown
from xcomkit.model import CloudName

Reach = Literal["all", "some", "none"]
_DAYS = 30  # what the settings of the runbook begin with
_UNFINISHED = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
_OLD_VERSIONS = ("daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions")
_CUSTOM_TIME = ("daysSinceCustomTime", "customTimeBefore")
_SELECTS = ("matchesSuffix", "matchesStorageClass")


@dataclass(frozen=True, slots=True)
class Expiry:
    """A rule that deletes objects: after how many days, ``None`` where it says no number."""

    label: str
    source: Block
    days: float | None
    reach: Reach
    when: str = ""

    @property
    def told(self) -> str:
        """Return when it deletes, as words."""
        return self.when or f"after {self.days:g} d"


def find_lifecycle(data: object) -> tuple[CloudName, list[Any]] | None:
    """Return cloud and rules of an exported lifecycle, ``None`` where it is none."""
    found = block(data)
    if "Rules" in found:
        return "aws", items(found["Rules"])
    for holder in (found, block(found.get("lifecycle")), block(found.get("lifecycle_config"))):
        if "rule" in holder:
            return "gcp", items(holder["rule"])
    # a bucket as gcloud describes it, without any lifecycle
    is_bucket = {"name", "location"} <= set(found) or "storage_url" in found
    if is_bucket or found.get("kind") == "storage#bucket" or "lifecycle" in found:
        return "gcp", []
    inner = block(found.get("properties"))
    for holder in (found, block(found.get("policy")), inner, block(inner.get("policy"))):
        if "rules" in holder:
            return "azure", items(holder["rules"])
    return None


def judge_expiry(
    cloud: CloudName,
    rules: list[Any],
    *,
    path: BasePath,
    rerun_days: int | None,
    at: object,
    report: Collector,
) -> None:
    """Note expiry that comes too soon, is missing, or cannot be compared."""
    expiries = tuple(e for e in _list_expiries(cloud, rules, path=path) if e.reach != "none")
    below = shown(f"{path.prefix}/" if path.prefix else path.bucket)
    soonest = min((e.days for e in expiries if e.days is not None), default=None)
    expected = f"{rerun_days} d or more below {below}"
    for expiry in expiries:
        if expiry.days is None:
            report.add(
                XC070,
                f"rule {expiry.label} deletes {expiry.told}",
                expected="a number of days",
                at=expiry.source,
                is_unknown=True,
            )
        elif rerun_days is not None and expiry.days < rerun_days:
            some = " some of the objects" if expiry.reach == "some" else ""
            report.add(
                XC070,
                f"rule {expiry.label} deletes{some} {expiry.told}, re-runs reach back"
                f" {rerun_days} d",
                expected=expected,
                at=expiry.source,
                fix=_rule(cloud, path=path, days=rerun_days),
            )
    if not any(expiry.reach == "all" for expiry in expiries):
        report.add(
            XC071,
            f"no rule expires every object below {below}",
            expected="a rule for the path",
            at=(*(e.source for e in expiries), at),
            fix=_rule(cloud, path=path, days=rerun_days or _DAYS),
        )
    if rerun_days is None and soonest is not None:
        first = next(e for e in expiries if e.days == soonest)
        report.add(
            XC072,
            f"objects expire {first.told} (rule {first.label})",
            expected="the longest re-run in days: --rerun-days",
            at=first.source,
        )
    if cloud == "aws" and not any(_cleans_up(block(rule), path=path) for rule in rules):
        report.add(
            XC073,
            f"no rule aborts unfinished uploads below {below}",
            expected="AbortIncompleteMultipartUpload",
            at=at,
            fix=json.dumps(
                {
                    "ID": "xcom-unfinished-uploads",
                    "Status": "Enabled",
                    "Filter": {"Prefix": _objects(path)},
                    **_UNFINISHED,
                },
                indent=2,
            ),
        )


def _list_expiries(cloud: CloudName, rules: list[Any], *, path: BasePath) -> Iterator[Expiry]:
    readers = {"aws": _read_s3, "gcp": _read_gcs, "azure": _read_azure}
    for number, rule in enumerate(rules, start=1):
        found = readers[cloud](block(rule), number=number, path=path)
        if found is not None:
            yield found


def _read_s3(rule: Block, *, number: int, path: BasePath) -> Expiry | None:
    expiration = block(rule.get("Expiration"))
    label = shown(rule.get("ID") or number)
    if rule.get("Status") != "Enabled":
        return None
    reach = _s3_reach(rule, path=path)
    if "Date" in expiration:  # from then on it expires every object, however new
        return Expiry(label, rule, 0, reach, when=f"everything from {shown(expiration['Date'])} on")
    if "Days" not in expiration:
        return None
    return _timed(label, rule, expiration["Days"], reach)


def _s3_reach(rule: Block, *, path: BasePath) -> Reach:
    selector = block(rule.get("Filter"))
    selector = block(selector.get("And")) if "And" in selector else selector
    if selector.get("Tag") or selector.get("Tags"):  # XCom objects carry no tags
        return "none"
    prefix = str(selector.get("Prefix") or rule.get("Prefix") or "")
    reach = _overlap((prefix,), _objects(path))
    sized = any(name.startswith("ObjectSize") for name in selector)
    return "some" if sized and reach == "all" else reach


def _read_gcs(rule: Block, *, number: int, path: BasePath) -> Expiry | None:
    condition = block(rule.get("condition"))
    label = str(number)
    if block(rule.get("action")).get("type") != "Delete":
        return None
    if condition.get("isLive") is False or any(
        condition.get(name) for name in (*_OLD_VERSIONS, *_CUSTOM_TIME)
    ):
        return None
    reach = _overlap(texts(condition.get("matchesPrefix")) or ("",), _objects(path))
    if reach == "all" and any(condition.get(name) for name in _SELECTS):
        reach = "some"
    if "age" in condition:
        return _timed(label, rule, condition["age"], reach)
    if "createdBefore" in condition:
        when = f"what was created before {shown(condition['createdBefore'])}"
        return Expiry(label, rule, None, "some" if reach == "all" else reach, when=when)
    return Expiry(label, rule, 0, reach, when="at once")


def _read_azure(rule: Block, *, number: int, path: BasePath) -> Expiry | None:
    definition = block(rule.get("definition"))
    delete = block(block(block(definition.get("actions")).get("baseBlob")).get("delete"))
    filters = block(definition.get("filters"))
    kinds = texts(filters.get("blobTypes"))
    if rule.get("enabled") is False or (kinds and "blockBlob" not in kinds):
        return None
    if filters.get("blobIndexMatch"):  # XCom blobs carry no index tags
        return None
    ages = [delete[name] for name in delete if name.startswith("daysAfter")]
    ages = [age for age in ages if age is not None]
    if not ages:
        return None
    prefixes = texts(filters.get("prefixMatch")) or ("",)
    reach = _overlap(prefixes, f"{path.bucket}/{_objects(path)}")
    numbers = [age for age in map(_number, ages) if age is not None]
    return _timed(
        shown(rule.get("name") or number), rule, min(numbers) if numbers else ages[0], reach
    )


def _timed(label: str, rule: Block, days: object, reach: Reach) -> Expiry:
    number = _number(days)
    when = "" if number is not None else f"after {shown(days)}, which is no number of days"
    return Expiry(label, rule, number, reach, when=when)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _overlap(prefixes: tuple[str, ...], objects: str) -> Reach:
    """Return how many of the objects, which begin with a text, rules for prefixes reach."""
    if any(objects.startswith(prefix) for prefix in prefixes):
        return "all"
    return "some" if any(prefix.startswith(objects) for prefix in prefixes) else "none"


def _objects(path: BasePath) -> str:
    return f"{path.prefix}/" if path.prefix else ""


def _cleans_up(rule: Block, *, path: BasePath) -> bool:
    is_on = rule.get("Status") == "Enabled" and block(rule.get("AbortIncompleteMultipartUpload"))
    return bool(is_on) and _s3_reach(rule, path=path) == "all"


def _rule(cloud: CloudName, *, path: BasePath, days: int) -> str:
    """Return a lifecycle rule for the path, as its cloud's configuration takes it."""
    prefix = _objects(path)
    if cloud == "aws":
        rule: dict[str, Any] = {
            "ID": "xcom-expiry",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
            **_UNFINISHED,
        }
    elif cloud == "gcp":
        condition = {"age": days, "isLive": True, "matchesPrefix": [prefix]}
        rule = {"action": {"type": "Delete"}, "condition": condition}
    else:
        match = f"{path.bucket}/{prefix}"
        rule = {
            "enabled": True,
            "name": "xcom",
            "type": "Lifecycle",
            "definition": {
                "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [match]},
                "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}}},
            },
        }
    return json.dumps(rule, indent=2)
