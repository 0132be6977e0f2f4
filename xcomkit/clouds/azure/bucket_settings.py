"""The table of settings of account, blob service and lifecycle: how each is read and wanted.

Sources: Azure Resource Manager, Microsoft.Storage storageAccounts, blobServices and
managementPolicies; values are those of its JSON.
"""

import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from xcomkit.clouds.bucket import Setting, replaces_key
from xcomkit.clouds.lifecycle import expires_sooner, our_rules, with_ours
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
Part = Literal["account", "blobs", "policy"]
SKU, KIND = "Standard_ZRS", "StorageV2"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSetting(Setting):
    """A part of a resource: ``read`` and ``wanted`` speak of what ``body`` puts into a request."""

    part: Part
    read: Callable[[Document], Any]
    body: Callable[[Any], Document]
    flags: Callable[[Any], str]


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


def _key_flags(wanted: Any) -> str:
    flags = [f"--encryption-key-source {wanted['keySource']}"]
    if key := wanted.get("keyvaultproperties"):
        flags.append(f"--encryption-key-vault {shlex.quote(key['keyvaulturi'])}")
        flags.append(f"--encryption-key-name {shlex.quote(key['keyname'])}")
    return " ".join(flags)


def _retention_flags(wanted: Any) -> str:
    blobs, containers = (
        wanted[name]["days"] for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy")
    )
    return (
        f"--enable-delete-retention true --delete-retention-days {blobs}"
        f" --enable-container-delete-retention true --container-delete-retention-days {containers}"
    )


def _switch(name: str, rule: Rule, property_: str, flag: str) -> AzureSetting:
    """Return a property of the account that is to be off."""
    return AzureSetting(
        name=name,
        rule=rule,
        part="account",
        read=_part(property_),
        wanted=lambda _settings, _present: False,
        body=_properties(property_),
        flags=lambda _wanted: f"{flag} false",
    )


LIFECYCLE_SETTING = AzureSetting(
    name="lifecycle",
    rule=LIFECYCLE,
    part="policy",
    new=[],
    read=lambda policy: policy.get("properties", {}).get("policy", {}).get("rules", []),
    wanted=lifecycle,
    body=lambda wanted: {"properties": {"policy": {"rules": wanted}}},
    flags=lambda _wanted: "",
    note=expires_sooner,
)

SETTINGS: tuple[AzureSetting, ...] = (
    _switch("public access", PUBLIC, "allowBlobPublicAccess", "--allow-blob-public-access"),
    _switch("shared key access", SHARED_KEY, "allowSharedKeyAccess", "--allow-shared-key-access"),
    AzureSetting(
        name="TLS",
        rule=TLS_ONLY,
        part="account",
        read=_part("minimumTlsVersion", "supportsHttpsTrafficOnly"),
        wanted=_tls,
        body=lambda wanted: {"properties": wanted},
        flags=lambda wanted: f"--https-only true --min-tls-version {wanted['minimumTlsVersion']}",
    ),
    AzureSetting(
        name="encryption",
        rule=ENCRYPTION,
        part="account",
        read=_read_encryption,
        wanted=_encryption,
        body=_encryption_body,
        flags=_key_flags,
        note=_key_note,
    ),
    AzureSetting(
        name="tags",
        rule=TAGS,
        part="account",
        read=lambda account: dict(account.get("tags") or {}),
        wanted=lambda settings, present: {**(present or {}), **settings.tags},
        body=lambda wanted: {"tags": wanted},
        flags=lambda wanted: "--tags " + shlex.join(f"{k}={v}" for k, v in wanted.items()),
    ),
    AzureSetting(
        name="versioning",
        rule=VERSIONING,
        part="blobs",
        read=lambda blobs: bool(_part("isVersioningEnabled")(blobs)),
        wanted=lambda _settings, _present: True,
        body=_properties("isVersioningEnabled"),
        flags=lambda _wanted: "--enable-versioning true",
    ),
    AzureSetting(
        name="soft delete",
        rule=SOFT_DELETE,
        part="blobs",
        read=_part("containerDeleteRetentionPolicy", "deleteRetentionPolicy"),
        wanted=_retention,
        body=lambda wanted: {"properties": wanted},
        flags=_retention_flags,
    ),
    LIFECYCLE_SETTING,
)

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
