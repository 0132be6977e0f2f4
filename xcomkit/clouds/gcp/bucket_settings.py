"""The table of bucket settings: how each is read, wanted and written, and the rule that judges it.

Sources: Cloud Storage JSON API, buckets resource; lifecycle conditions matchesPrefix, isLive, age
and daysSinceNoncurrentTime.
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from xcomkit.clouds.notes import expires_sooner, replaces_key
from xcomkit.clouds.rules import (
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    PUBLIC,
    SOFT_DELETE,
    TAGS,
    VERSIONING,
)
from xcomkit.model import Rule
from xcomkit.settings import Settings

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

DAY = 86_400
MANAGED = "google-managed"
_NONCURRENT = {"daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions"}
"""Conditions that hold for noncurrent versions only."""


@dataclass(frozen=True, slots=True)
class BucketSetting:
    """A part of the bucket resource.

    ``wanted`` takes the present value and returns it unchanged when it already does what is
    needed; ``flag`` is gcloud's word for it, ``note`` says what a change from present to wanted
    takes away.
    """

    name: str
    rule: Rule
    read: Callable[["Bucket"], Any]
    write: Callable[["Bucket", Any], None]
    wanted: Callable[[Settings, Any], Any]
    flag: Callable[[Any], str]
    note: Callable[[Any, Any], str] = lambda _present, _wanted: ""


def lifecycle(settings: Settings, present: Any) -> list[dict[str, Any]]:
    """Return all foreign rules plus ours: expire, expire noncurrent, abort multipart uploads."""
    prefix = [f"{settings.prefix}/"]
    ours: list[dict[str, Any]] = [
        {
            "action": {"type": "Delete"},
            "condition": {"age": settings.retention_days, "isLive": True, "matchesPrefix": prefix},
        },
        {
            "action": {"type": "Delete"},
            "condition": {
                "daysSinceNoncurrentTime": settings.noncurrent_days,
                "isLive": False,
                "matchesPrefix": prefix,
            },
        },
        {
            "action": {"type": "AbortIncompleteMultipartUpload"},
            "condition": {"age": settings.noncurrent_days, "matchesPrefix": prefix},
        },
    ]
    rules: list[dict[str, Any]] = list(present or [])
    if all(rule in rules for rule in ours):
        return rules
    # Rules have no names: an older one of ours does the same on the same conditions.
    shapes = [_shape(rule) for rule in ours]
    kept = [
        rule
        for rule in rules
        if rule.get("condition", {}).get("matchesPrefix") != prefix or _shape(rule) not in shapes
    ]
    return [*kept, *ours]


def _ages(rules: Any, others: Any) -> list[int]:
    """Return after how many days live objects expire by rules that the others have not."""
    return [
        rule["condition"]["age"]
        for rule in rules
        if rule not in others and rule["action"]["type"] == "Delete" and "age" in rule["condition"]
    ]


def _shape(rule: dict[str, Any]) -> tuple[str, frozenset[str]]:
    return rule.get("action", {}).get("type", ""), frozenset(rule.get("condition", {}))


def rules_that_expire_sooner(settings: Settings, present: Any) -> tuple[str, ...]:
    """Return the rules that delete live XCom objects before ``retention_days`` are over.

    A condition on another property (class, custom time, created before a date) may match every
    object in time, so it counts as sooner unless it cannot reach our prefix or live objects.
    """
    prefix, found = f"{settings.prefix}/", []
    for number, rule in enumerate(present or [], start=1):
        condition = rule.get("condition", {})
        reached = condition.get("matchesPrefix") or [""]
        overlaps = any(prefix.startswith(p) or p.startswith(prefix) for p in reached)
        if rule.get("action", {}).get("type") != "Delete" or not overlaps:
            continue
        suffixes = condition.get("matchesSuffix") or []
        if condition.get("isLive") is False or (suffixes and not _ends_an_xcom(suffixes)):
            continue
        if _NONCURRENT & condition.keys():
            continue
        age = condition.get("age")
        if age is None or age < settings.retention_days:
            when = f"{age} d" if age is not None else ", ".join(sorted(condition)) or "at once"
            found.append(f"rule {number} ({when})")
    return tuple(found)


def _ends_an_xcom(suffixes: list[str]) -> bool:
    """Tell whether a suffix can end the key of an XCom, which is a uuid with a codec's suffix."""
    codecs = (".gz", ".zip", ".bz2", ".lzma", ".xz", ".json")
    hexadecimal = set("0123456789abcdef")
    return any(s.endswith(codecs) or not set(s) - hexadecimal for s in suffixes)


def _setter(path: str) -> Callable[["Bucket", Any], None]:
    """Return what sets an attribute of a bucket, or of a part of it."""
    *parts, name = path.split(".")
    return lambda bucket, value: setattr(reduce(getattr, parts, bucket), name, value)


def _json(value: Any) -> str:
    return shlex.quote(json.dumps({"rule": value}, sort_keys=True))


SETTINGS: tuple[BucketSetting, ...] = (
    BucketSetting(
        "public access prevention", PUBLIC,
        lambda b: b.iam_configuration.public_access_prevention or "inherited",
        _setter("iam_configuration.public_access_prevention"),
        lambda _settings, _present: "enforced", lambda _wanted: "--public-access-prevention",
    ),
    BucketSetting(
        "uniform access", OWNERSHIP,
        lambda b: bool(b.iam_configuration.uniform_bucket_level_access_enabled),
        _setter("iam_configuration.uniform_bucket_level_access_enabled"),
        lambda _settings, _present: True, lambda _wanted: "--uniform-bucket-level-access",
    ),
    BucketSetting(
        "versioning", VERSIONING,
        lambda b: bool(b.versioning_enabled), _setter("versioning_enabled"),
        lambda _settings, _present: True, lambda _wanted: "--versioning",
    ),
    BucketSetting(
        "soft delete", SOFT_DELETE,
        lambda b: int(b.soft_delete_policy.retention_duration_seconds or 0),
        _setter("soft_delete_policy.retention_duration_seconds"),
        lambda settings, present: max(present, settings.noncurrent_days * DAY),
        lambda wanted: f"--soft-delete-duration={wanted}s",
    ),
    BucketSetting(
        "encryption", ENCRYPTION,
        lambda b: b.default_kms_key_name or MANAGED,
        lambda b, key: setattr(b, "default_kms_key_name", None if key == MANAGED else key),
        lambda settings, present: settings.kms_key
        or (MANAGED if settings.encryption else present or MANAGED),
        lambda wanted: "--clear-default-encryption-key" if wanted == MANAGED
        else shlex.quote(f"--default-encryption-key={wanted}"),
        lambda present, _wanted: "" if present == MANAGED else replaces_key(present),
    ),
    BucketSetting(
        "lifecycle", LIFECYCLE,
        # The property lifecycle_rules leaves out what is newer than the library.
        lambda b: list(b._properties.get("lifecycle", {}).get("rule", ())),  # noqa: SLF001
        _setter("lifecycle_rules"), lifecycle,
        lambda wanted: f"--lifecycle-file=<(echo {_json(wanted)})",
        lambda present, wanted: expires_sooner(_ages(present, wanted), _ages(wanted, present)),
    ),
    BucketSetting(
        "labels", TAGS,
        lambda b: dict(b.labels), _setter("labels"),
        lambda settings, present: {**(present or {}), **settings.tags},
        lambda wanted: "--update-labels=" + ",".join(f"{k}={v}" for k, v in wanted.items()),
    ),
)  # fmt: skip
