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

from xcomkit.clouds.bucket import Setting, replaces_key
from xcomkit.clouds.lifecycle import expires_sooner, our_rules, with_ours
from xcomkit.clouds.rules import (
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    PUBLIC,
    SOFT_DELETE,
    TAGS,
    VERSIONING,
)
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

DAY = 86_400
MANAGED = "google-managed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpSetting(Setting):
    """A part of the bucket resource; ``flag`` is gcloud's word for it."""

    read: Callable[["Bucket"], Any]
    write: Callable[["Bucket", Any], None]
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


def _setter(path: str) -> Callable[["Bucket", Any], None]:
    """Return what sets an attribute of a bucket, or of a part of it."""
    *parts, name = path.split(".")
    return lambda bucket, value: setattr(reduce(getattr, parts, bucket), name, value)


def _json(value: Any) -> str:
    return shlex.quote(json.dumps({"rule": value}, sort_keys=True))


SETTINGS: tuple[GcpSetting, ...] = (
    GcpSetting(
        name="public access prevention",
        rule=PUBLIC,
        read=lambda b: b.iam_configuration.public_access_prevention or "inherited",
        write=_setter("iam_configuration.public_access_prevention"),
        wanted=lambda _settings, _present: "enforced",
        flag=lambda _wanted: "--public-access-prevention",
    ),
    GcpSetting(
        name="uniform access",
        rule=OWNERSHIP,
        read=lambda b: bool(b.iam_configuration.uniform_bucket_level_access_enabled),
        write=_setter("iam_configuration.uniform_bucket_level_access_enabled"),
        wanted=lambda _settings, _present: True,
        flag=lambda _wanted: "--uniform-bucket-level-access",
    ),
    GcpSetting(
        name="versioning",
        rule=VERSIONING,
        read=lambda b: bool(b.versioning_enabled),
        write=_setter("versioning_enabled"),
        wanted=lambda _settings, _present: True,
        flag=lambda _wanted: "--versioning",
    ),
    GcpSetting(
        name="soft delete",
        rule=SOFT_DELETE,
        new=0,
        read=lambda b: int(b.soft_delete_policy.retention_duration_seconds or 0),
        write=_setter("soft_delete_policy.retention_duration_seconds"),
        wanted=lambda settings, present: max(present, settings.noncurrent_days * DAY),
        flag=lambda wanted: f"--soft-delete-duration={wanted}s",
    ),
    GcpSetting(
        name="encryption",
        rule=ENCRYPTION,
        new=MANAGED,
        read=lambda b: b.default_kms_key_name or MANAGED,
        write=lambda b, key: setattr(b, "default_kms_key_name", None if key == MANAGED else key),
        wanted=lambda settings, present: (
            settings.kms_key or (MANAGED if settings.encryption else present or MANAGED)
        ),
        flag=lambda wanted: (
            "--clear-default-encryption-key"
            if wanted == MANAGED
            else shlex.quote(f"--default-encryption-key={wanted}")
        ),
        note=lambda _settings, key, _wanted: "" if key == MANAGED else replaces_key(key),
    ),
    GcpSetting(
        name="lifecycle",
        rule=LIFECYCLE,
        new=[],
        # The property lifecycle_rules leaves out what is newer than the library.
        read=lambda b: list(b._properties.get("lifecycle", {}).get("rule", ())),  # noqa: SLF001
        write=_setter("lifecycle_rules"),
        wanted=lifecycle,
        flag=lambda wanted: f"--lifecycle-file=<(echo {_json(wanted)})",
        note=expires_sooner,
    ),
    GcpSetting(
        name="labels",
        rule=TAGS,
        new={},
        read=lambda b: dict(b.labels),
        write=_setter("labels"),
        wanted=lambda settings, present: {**present, **settings.tags},
        flag=lambda wanted: "--update-labels=" + ",".join(f"{k}={v}" for k, v in wanted.items()),
    ),
)
