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

from xcomkit.clouds.lifecycle import our_rules, with_ours
from xcomkit.clouds.notes import Note, expires_sooner, no_note, replaces_key
from xcomkit.clouds.rules import (
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    PUBLIC,
    SOFT_DELETE,
    TAGS,
    VERSIONING,
)
from xcomkit.findings.model import Rule
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

DAY = 86_400
MANAGED = "google-managed"


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
    note: Note = no_note


def lifecycle(settings: Settings, present: Any) -> list[dict[str, Any]]:
    """Return all foreign rules plus ours: expire, expire noncurrent, abort multipart uploads."""
    ours = our_rules(settings)

    def is_former(rule: dict[str, Any]) -> bool:
        # Rules have no names: an older one of ours does the same on the same conditions.
        has_our_prefix = rule.get("condition", {}).get("matchesPrefix") == [f"{settings.prefix}/"]
        return has_our_prefix and _shape(rule) in map(_shape, ours)

    return with_ours(settings, present or (), ours=ours, is_former=is_former)


def _shape(rule: dict[str, Any]) -> tuple[str, frozenset[str]]:
    return rule.get("action", {}).get("type", ""), frozenset(rule.get("condition", {}))


def labels(settings: Settings, present: Any) -> dict[str, str]:
    """Return the labels with ours added or corrected, foreign labels kept."""
    return {**(present or {}), **settings.tags}


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
        lambda _settings, present, _wanted: "" if present == MANAGED else replaces_key(present),
    ),
    BucketSetting(
        "lifecycle", LIFECYCLE,
        # The property lifecycle_rules leaves out what is newer than the library.
        lambda b: list(b._properties.get("lifecycle", {}).get("rule", ())),  # noqa: SLF001
        _setter("lifecycle_rules"), lifecycle,
        lambda wanted: f"--lifecycle-file=<(echo {_json(wanted)})",
        expires_sooner,
    ),
    BucketSetting(
        "labels", TAGS,
        lambda b: dict(b.labels), _setter("labels"),
        lambda settings, present: {**(present or {}), **settings.tags},
        lambda wanted: "--update-labels=" + ",".join(f"{k}={v}" for k, v in wanted.items()),
    ),
)  # fmt: skip
