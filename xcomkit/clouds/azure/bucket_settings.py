"""The table of settings of account, blob service and lifecycle: how each is read and wanted.

Sources: Azure Resource Manager, Microsoft.Storage storageAccounts, blobServices and
managementPolicies; values are those of the wire.
"""

import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from xcomkit.clouds.lifecycle import our_rules, with_ours
from xcomkit.clouds.notes import Note, expires_sooner, no_note, replaces_key
from xcomkit.clouds.rules import (
    ENCRYPTION,
    LIFECYCLE,
    PUBLIC,
    SHARED_KEY,
    SOFT_DELETE,
    TAGS,
    TLS_ONLY,
    VERSIONING,
)
from xcomkit.findings.model import Rule
from xcomkit.settings.settings import Settings

Document = dict[str, Any]
Kind = Literal["account", "blobs", "policy"]
SKU, KIND = "Standard_ZRS", "StorageV2"


@dataclass(frozen=True, slots=True)
class BucketSetting:
    """A part of a resource; ``wanted`` returns the present part where it does what is needed.

    ``read`` and ``wanted`` speak of the part that ``body`` puts into a request; ``note`` says what
    a change from present to wanted takes away.
    """

    name: str
    rule: Rule
    kind: Kind
    read: Callable[[Document], Any]
    wanted: Callable[[Settings, Any], Any]
    body: Callable[[Any], Document]
    flags: Callable[[Any], str]
    note: Note = no_note


def rule_name(settings: Settings) -> str:
    """Return the name of our lifecycle rule: one per container and prefix; letters and digits."""
    place = f"{settings.bucket}/{settings.prefix}"
    readable = re.sub(r"[^A-Za-z0-9]", "", place)[:80]
    return f"xcomkit{readable}{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def lifecycle(settings: Settings, present: Any) -> list[Document]:
    """Return all foreign rules plus ours: expire, and expire earlier versions."""
    name = rule_name(settings)
    ours = our_rules(settings, name=name)
    return with_ours(
        settings, present or (), ours=ours, is_former=lambda rule: rule.get("name") == name
    )


def _tls(_settings: Settings, present: Any) -> Document:
    newer = (present or {}).get("minimumTlsVersion") == "TLS1_3"
    version = "TLS1_3" if newer else "TLS1_2"
    return {"minimumTlsVersion": version, "supportsHttpsTrafficOnly": True}


def _encryption(settings: Settings, present: Any) -> Document:
    if not settings.encryption and (present or {}).get("keySource", "unset") != "unset":
        return dict(present)  # nothing was asked for, so a customer's key stays
    if settings.encryption in ("", "microsoft-managed"):
        return {"keySource": "Microsoft.Storage"}
    vault, _, rest = settings.kms_key.partition("/keys/")
    name, _, version = rest.partition("/")
    key = {"keyvaulturi": vault, "keyname": name, "keyversion": version}
    held = (present or {}).get("keyvaultproperties", {})
    same = all(str(held.get(k, "")).rstrip("/") == v for k, v in key.items())
    return {"keySource": "Microsoft.Keyvault", "keyvaultproperties": held if same else key}


def _read_encryption(account: Document) -> Document:
    found = account.get("properties", {}).get("encryption", {})
    source = found.get("keySource", "unset")
    if source != "Microsoft.Keyvault":
        return {"keySource": source}
    names = ("keyvaulturi", "keyname", "keyversion")
    held = found.get("keyvaultproperties", {})
    return {"keySource": source, "keyvaultproperties": {n: held.get(n, "") for n in names}}


def _encryption_body(wanted: Any) -> Document:
    services = {"blob": {"enabled": True}, "file": {"enabled": True}}
    body: Document = {"properties": {"encryption": {"services": services, **wanted}}}
    if "keyvaultproperties" in wanted:
        body["identity"] = {"type": "SystemAssigned"}
    return body


def keep_identities(body: Document, account: Document) -> Document:
    """Return a body that asks for an identity of the account beside those it has already."""
    held = account.get("identity", {})
    users = held.get("userAssignedIdentities") or {}
    if "identity" not in body or "SystemAssigned" in held.get("type", ""):
        return {name: part for name, part in body.items() if name != "identity"}
    if not users:
        return body
    kept = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {u: {} for u in users}}
    return {**body, "identity": kept}


def _retention(settings: Settings, present: Any) -> Document:
    def one(name: str) -> Document:
        held = (present or {}).get(name) or {}
        days = max(int(held.get("days") or 0), settings.noncurrent_days)
        return {**held, "days": days, "enabled": True}

    return {name: one(name) for name in ("containerDeleteRetentionPolicy", "deleteRetentionPolicy")}


def _key_note(_settings: Settings, present: Any, _wanted: Any) -> str:
    key = (present or {}).get("keyvaultproperties", {})
    return replaces_key(f"{key['keyvaulturi']}/keys/{key['keyname']}") if key else ""


def _part(*names: str) -> Callable[[Document], Any]:
    """Return a reader of these properties, as one value or as a mapping of several."""

    def read(document: Document) -> Any:
        properties = document.get("properties", {})
        if len(names) == 1:
            return properties.get(names[0])
        return {name: properties.get(name) for name in names}

    return read


def _properties(name: str) -> Callable[[Any], Document]:
    return lambda wanted: {"properties": {name: wanted}}


SETTINGS: tuple[BucketSetting, ...] = (
    BucketSetting(
        "public access", PUBLIC, "account", _part("allowBlobPublicAccess"),
        lambda _settings, _present: False, _properties("allowBlobPublicAccess"),
        lambda _wanted: "--allow-blob-public-access false",
    ),
    BucketSetting(
        "shared key access", SHARED_KEY, "account", _part("allowSharedKeyAccess"),
        lambda _settings, _present: False, _properties("allowSharedKeyAccess"),
        lambda _wanted: "--allow-shared-key-access false",
    ),
    BucketSetting(
        "TLS", TLS_ONLY, "account", _part("minimumTlsVersion", "supportsHttpsTrafficOnly"),
        _tls, lambda wanted: {"properties": wanted},
        lambda wanted: f"--https-only true --min-tls-version {wanted['minimumTlsVersion']}",
    ),
    BucketSetting(
        "encryption", ENCRYPTION, "account", _read_encryption, _encryption, _encryption_body,
        lambda wanted: f"--encryption-key-source {wanted['keySource']}"
        + "".join(
            f" --encryption-key-{flag} {shlex.quote(wanted['keyvaultproperties'][name])}"
            for flag, name in (("vault", "keyvaulturi"), ("name", "keyname"))
            if "keyvaultproperties" in wanted
        ),
        _key_note,
    ),
    BucketSetting(
        "tags", TAGS, "account", lambda account: dict(account.get("tags") or {}),
        lambda settings, present: {**(present or {}), **settings.tags},
        lambda wanted: {"tags": wanted},
        lambda wanted: "--tags " + shlex.join(f"{k}={v}" for k, v in wanted.items()),
    ),
    BucketSetting(
        "versioning", VERSIONING, "blobs", lambda b: bool(_part("isVersioningEnabled")(b)),
        lambda _settings, _present: True, _properties("isVersioningEnabled"),
        lambda _wanted: "--enable-versioning true",
    ),
    BucketSetting(
        "soft delete", SOFT_DELETE, "blobs",
        _part("containerDeleteRetentionPolicy", "deleteRetentionPolicy"), _retention,
        lambda wanted: {"properties": wanted},
        lambda wanted: "--enable-delete-retention true --delete-retention-days "
        f"{wanted['deleteRetentionPolicy']['days']} --enable-container-delete-retention true "
        f"--container-delete-retention-days {wanted['containerDeleteRetentionPolicy']['days']}",
    ),
    BucketSetting(
        "lifecycle", LIFECYCLE, "policy",
        lambda policy: policy.get("properties", {}).get("policy", {}).get("rules", []), lifecycle,
        lambda wanted: {"properties": {"policy": {"rules": wanted}}}, lambda _wanted: "",
        lambda settings, present, wanted: expires_sooner(settings, present or (), wanted),
    ),
)  # fmt: skip

FROM_THE_START = tuple(s for s in SETTINGS if s.rule in (PUBLIC, SHARED_KEY, TLS_ONLY))
"""What the creating call itself sends, so that no account is ever open."""


def new_account(settings: Settings) -> Document:
    """Return the body that creates an account.

    A customer's key is set afterwards: the account's own identity, which opens it, is not there yet
    (ARM storageAccounts, encryption.identity).
    """
    properties: Document = {}
    for setting in FROM_THE_START:
        properties |= setting.body(setting.wanted(settings, None))["properties"]
    return {
        "location": settings.region, "kind": KIND, "sku": {"name": SKU},
        "tags": dict(settings.tags), "properties": properties,
    }  # fmt: skip
