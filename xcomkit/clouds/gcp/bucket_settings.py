"""The table of bucket settings: how each is read, wanted and written, and the rule that judges it.

Sources: Cloud Storage JSON API, buckets resource; lifecycle conditions matchesPrefix, isLive, age
and daysSinceNoncurrentTime.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xcomkit.clouds.lifecycle import our_rules, with_ours
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


@dataclass(frozen=True, slots=True)
class BucketSetting:
    """A part of the bucket resource.

    ``wanted`` takes the present value and returns it unchanged when it already does what is
    needed; ``flag`` is gcloud's word for it.
    """

    name: str
    rule: Rule
    read: Callable[["Bucket"], Any]
    write: Callable[["Bucket", Any], None]
    wanted: Callable[[Settings, Any], Any]
    flag: Callable[[Any], str]


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


def _soft_delete(bucket: "Bucket") -> int:
    return int(bucket.soft_delete_policy.retention_duration_seconds or 0)


def _set_soft_delete(bucket: "Bucket", seconds: int) -> None:
    bucket.soft_delete_policy.retention_duration_seconds = seconds


def _set_prevention(bucket: "Bucket", value: str) -> None:
    bucket.iam_configuration.public_access_prevention = value


def _set_uniform(bucket: "Bucket", value: bool) -> None:  # noqa: FBT001 - the setting itself
    bucket.iam_configuration.uniform_bucket_level_access_enabled = value


def _set_versioning(bucket: "Bucket", value: bool) -> None:  # noqa: FBT001 - the setting itself
    bucket.versioning_enabled = value


def _set_key(bucket: "Bucket", value: str) -> None:
    bucket.default_kms_key_name = None if value == MANAGED else value


def _set_lifecycle(bucket: "Bucket", rules: list[dict[str, Any]]) -> None:
    bucket.lifecycle_rules = rules


def _set_labels(bucket: "Bucket", value: Mapping[str, str]) -> None:
    bucket.labels = dict(value)


def _json(value: Any) -> str:
    return shlex.quote(json.dumps({"rule": value}, sort_keys=True))


SETTINGS: tuple[BucketSetting, ...] = (
    BucketSetting(
        "public access prevention", PUBLIC,
        lambda b: b.iam_configuration.public_access_prevention or "inherited", _set_prevention,
        lambda _settings, _present: "enforced", lambda _wanted: "--public-access-prevention",
    ),
    BucketSetting(
        "uniform access", OWNERSHIP,
        lambda b: bool(b.iam_configuration.uniform_bucket_level_access_enabled), _set_uniform,
        lambda _settings, _present: True, lambda _wanted: "--uniform-bucket-level-access",
    ),
    BucketSetting(
        "versioning", VERSIONING,
        lambda b: bool(b.versioning_enabled), _set_versioning,
        lambda _settings, _present: True, lambda _wanted: "--versioning",
    ),
    BucketSetting(
        "soft delete", SOFT_DELETE, _soft_delete, _set_soft_delete,
        lambda settings, present: max(present, settings.noncurrent_days * DAY),
        lambda wanted: f"--soft-delete-duration={wanted}s",
    ),
    BucketSetting(
        "encryption", ENCRYPTION,
        lambda b: b.default_kms_key_name or MANAGED, _set_key,
        lambda settings, present: settings.kms_key
        or (MANAGED if settings.encryption else present or MANAGED),
        lambda wanted: "--clear-default-encryption-key" if wanted == MANAGED
        else shlex.quote(f"--default-encryption-key={wanted}"),
    ),
    BucketSetting(
        "lifecycle", LIFECYCLE,
        lambda b: [dict(rule) for rule in b.lifecycle_rules], _set_lifecycle, lifecycle,
        lambda wanted: f"--lifecycle-file=<(echo {_json(wanted)})",
    ),
    BucketSetting(
        "labels", TAGS,
        lambda b: dict(b.labels), _set_labels, labels,
        lambda wanted: "--update-labels=" + ",".join(f"{k}={v}" for k, v in wanted.items()),
    ),
)  # fmt: skip
