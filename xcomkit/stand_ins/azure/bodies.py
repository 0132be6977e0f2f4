"""What bodies Resource Manager takes, as far as the Azure stand-in knows its rules."""

import re

from xcomkit.stand_ins.azure.world import Document

ACCOUNT_DEFAULTS: Document = {
    "allowBlobPublicAccess": False,
    "allowSharedKeyAccess": True,
    "encryption": {"keySource": "Microsoft.Storage"},
    "minimumTlsVersion": "TLS1_0",
    "provisioningState": "Succeeded",
    "supportsHttpsTrafficOnly": True,
}
_ACCOUNT_PROPERTIES = {*ACCOUNT_DEFAULTS, "networkAcls", "publicNetworkAccess", "accessTier"}
BLOB_PROPERTIES = {
    "changeFeed", "containerDeleteRetentionPolicy", "cors", "defaultServiceVersion",
    "deleteRetentionPolicy", "isVersioningEnabled", "lastAccessTimeTrackingPolicy", "restorePolicy",
    "automaticSnapshotPolicyEnabled",
}  # fmt: skip
NO_ZONES = ("westus", "northcentralus")
"""Regions without availability zones, as far as the stand-in knows any."""
_BOOLEANS = ("allowBlobPublicAccess", "allowSharedKeyAccess", "supportsHttpsTrafficOnly")


def account_problem(name: str, body: Document, *, is_new: bool) -> str:
    """Return why Azure would refuse the body of an account, or ``""``."""
    properties = body.get("properties") or {}
    if not re.fullmatch(r"[a-z0-9]{3,24}", name):
        return f"{name} is not a valid storage account name."
    if is_new and not (body.get("location") and body.get("kind") and body.get("sku")):
        return "Location, kind and sku are required."
    if unknown := properties.keys() - _ACCOUNT_PROPERTIES:
        return f"Unknown properties: {unknown}."
    for key in _BOOLEANS:
        if key in properties and not isinstance(properties[key], bool):
            return f"{key} must be a boolean."
    if properties.get("minimumTlsVersion") not in (None, "TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"):
        return "minimumTlsVersion is not valid."
    tags = body.get("tags") or {}
    if not all(isinstance(k, str) and isinstance(v, str) for k, v in tags.items()):
        return "Tags must be texts."
    return ""


def is_rule(rule: object) -> bool:
    """Tell whether a lifecycle rule has what Azure asks for."""
    if not isinstance(rule, dict) or rule.get("type") != "Lifecycle":
        return False
    definition = rule.get("definition") or {}
    named = re.fullmatch(r"[A-Za-z0-9-]{1,256}", str(rule.get("name", "")))
    filters, actions = definition.get("filters") or {}, definition.get("actions") or {}
    return bool(named and filters.get("blobTypes") and actions)
