"""The types of resource that Resource Manager holds here, and what Azure asks of a body of each.

Sources: Resource Manager REST reference for Microsoft.Storage, ManagedIdentity and Authorization.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from xcomkit.stand_ins.azure.state import AzureState, Document

NO_ZONES = ("westus", "northcentralus")
"""Regions without availability zones, as far as the stand-in knows any."""
_BOOLEANS = {
    "allowBlobPublicAccess": False, "allowSharedKeyAccess": True, "supportsHttpsTrafficOnly": True,
}  # fmt: skip
_DEFAULTS: Document = {
    **_BOOLEANS,
    "encryption": {"keySource": "Microsoft.Storage"},
    "minimumTlsVersion": "TLS1_0",
    "provisioningState": "Succeeded",
}
_ACCOUNT_PROPERTIES = {*_DEFAULTS, "networkAcls", "publicNetworkAccess", "accessTier"}
_BLOB_PROPERTIES = {
    "changeFeed", "containerDeleteRetentionPolicy", "cors", "defaultServiceVersion",
    "deleteRetentionPolicy", "isVersioningEnabled", "lastAccessTimeTrackingPolicy", "restorePolicy",
    "automaticSnapshotPolicyEnabled",
}  # fmt: skip
_MOST_CREDENTIALS = 20
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Refused(Exception):  # noqa: N818 - an answer of Azure, not an error of ours
    """An error that Resource Manager answers with."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Place:
    """The resource a request is about, its parent's path as it was sent, and what is there."""

    path: str
    parent: str
    name: str
    held: Document | None


Make = Callable[[AzureState, Place, Document], Document]
"""Returns what a body makes of a resource, or raises ``Refused``."""


def _require(holds: object, message: str) -> None:
    if not holds:
        raise Refused(400, "InvalidRequest", message)


def _account(state: AzureState, place: Place, body: Document) -> Document:
    """Return a storage account with what a body changes; what it leaves out stays."""
    held, given = place.held, body.get("properties") or {}
    _require(re.fullmatch(r"[a-z0-9]{3,24}", place.name), "The account name is not valid.")
    _require(given.keys() <= _ACCOUNT_PROPERTIES, f"Unknown properties among {[*given]}.")
    for key in _BOOLEANS.keys() & given.keys():
        _require(isinstance(given[key], bool), f"{key} must be a boolean.")
    tls = given.get("minimumTlsVersion", "TLS1_2")
    _require(tls in ("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"), "minimumTlsVersion is not valid.")
    if held is None:
        wanted = [body.get(name) for name in ("location", "kind", "sku")]
        _require(all(wanted), "Location, kind and sku are required.")
        if place.name in state.taken:
            text = f"The account {place.name} is taken."
            raise Refused(409, "StorageAccountAlreadyTaken", text)
        if body["sku"].get("name", "").endswith("ZRS") and body["location"] in NO_ZONES:
            text = f"{body['sku']['name']} is not available in the region {body['location']}."
            raise Refused(400, "RedundancyConfigurationNotAvailableInRegion", text)
        state.taken.add(place.name)
        held = {"properties": _DEFAULTS, "location": body["location"]}
    if body.get("location", held["location"]) != held["location"]:
        raise Refused(409, "InvalidResourceLocation", "The account is elsewhere.")
    return {**held, **body, "properties": {**held["properties"], **given}}


def _blob_service(_: AzureState, __: Place, body: Document) -> Document:
    given = body.get("properties") or {}
    _require(given.keys() <= _BLOB_PROPERTIES, f"Unknown properties among {[*given]}.")
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        policy = given.get(name) or {}
        days = policy.get("days") if policy.get("enabled") else 1
        _require(isinstance(days, int) and 1 <= days <= 365, f"{name}: days must be 1 to 365.")
    return {"properties": given}


def _policy(_: AzureState, __: Place, body: Document) -> Document:
    rules: list[Document] = body.get("properties", {}).get("policy", {}).get("rules", [])
    _require(rules and all(_is_rule(rule) for rule in rules), "The policy needs valid rules.")
    _require(len({rule["name"] for rule in rules}) == len(rules), "Rule names must be unique.")
    return {"properties": body["properties"]}


def _is_rule(rule: Document) -> bool:
    """Tell whether a lifecycle rule has what Azure asks for."""
    definition = rule.get("definition") or {}
    named = re.fullmatch(r"[A-Za-z0-9-]{1,256}", str(rule.get("name", "")))
    has_types = (definition.get("filters") or {}).get("blobTypes")
    is_rule = rule.get("type") == "Lifecycle" and named and has_types and definition.get("actions")
    return bool(is_rule)


def _container(_: AzureState, place: Place, body: Document) -> Document:
    name = r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*"
    _require(re.fullmatch(name, place.name), "The container name is not valid.")
    return {"properties": body.get("properties") or {}}


def _identity(state: AzureState, place: Place, body: Document) -> Document:
    """Return a managed identity; a new one has a new principal."""
    _require(body.get("location"), "The location property is required.")
    if place.held:
        return {**body, "properties": place.held["properties"]}
    principal = state.add_principal(place.name, with_secret=False)
    properties = {"clientId": principal.client_id, "principalId": principal.object_id,
                  "tenantId": state.tenant}  # fmt: skip
    return {**body, "properties": properties}


def _credential(state: AzureState, place: Place, body: Document) -> Document:
    given = body.get("properties") or {}
    issuer, subject = str(given.get("issuer")), given.get("subject")
    _require(issuer.startswith("https://") and subject, "Issuer and subject are required.")
    _require(len(given.get("audiences", ())) == 1, "One audience is required.")
    _require(re.fullmatch(r"[a-z0-9][a-z0-9_-]{2,119}", place.name), "The name is not valid.")
    others = [one["properties"] for one in state.below(place.path.rpartition("/")[0])]
    if place.held is None:
        text = f"Too many Federated Identity Credentials: at most {_MOST_CREDENTIALS}."
        _require(len(others) < _MOST_CREDENTIALS, text)
        if (issuer, subject) in [(one["issuer"], one["subject"]) for one in others]:
            text = "Issuer and subject combination already exists for this Managed Identity."
            raise Refused(409, "Conflict", text)
    return {"properties": given}


def _assignment(state: AzureState, place: Place, body: Document) -> Document:
    """Return a role assignment at the scope in its path."""
    given = {**(body.get("properties") or {}), "scope": place.parent}
    principal, role = (str(given.get(name)) for name in ("principalId", "roleDefinitionId"))
    ids = (place.name, role.rpartition("/")[2])
    _require(all(_UUID.fullmatch(one) for one in ids), "Assignment and role must be GUIDs.")
    if state.by_object_id(principal) is None:
        text = f"Principal {principal} does not exist in the directory."
        raise Refused(400, "PrincipalNotFound", text)
    twin = {"principalId": principal, "roleDefinitionId": role, "scope": place.parent}
    for one in state.assignments():
        if place.held is None and twin.items() <= one["properties"].items():
            raise Refused(409, "RoleAssignmentExists", "The role assignment already exists.")
    return {"properties": given}


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource: its ids as a pattern, and what a body makes of one.

    What has a ``parent`` in its pattern needs it to be there. ``empty`` is what is there before
    anything was put, ``missing`` the code where nothing is, ``created`` the status of a new one.
    """

    pattern: str
    make: Make
    missing: str = "ResourceNotFound"
    empty: Document | None = None
    created: int = 201


_GROUP = r"/subscriptions/[0-9a-f-]{36}/resourcegroups/[\w().-]+/providers"
_ACCOUNTS = rf"{_GROUP}/microsoft\.storage/storageaccounts"
_IDENTITIES = rf"{_GROUP}/microsoft\.managedidentity/userassignedidentities"
_NAME = r"(?P<name>[^/]+)"
_OF_ACCOUNT = rf"(?P<parent>{_ACCOUNTS}/[^/]+)"
ACCOUNT = ResourceType(rf"{_ACCOUNTS}/{_NAME}", _account, created=200)
CONTAINER = ResourceType(
    rf"{_OF_ACCOUNT}/blobservices/default/containers(?:/{_NAME})?", _container, "ContainerNotFound"
)
IDENTITY = ResourceType(rf"{_IDENTITIES}/{_NAME}", _identity)
ASSIGNMENT = ResourceType(
    rf"(?P<scope>.*)/providers/microsoft\.authorization/roleassignments(?:/{_NAME})?",
    _assignment, "RoleAssignmentNotFound",
)  # fmt: skip
RESOURCE_TYPES = (
    ACCOUNT, CONTAINER, IDENTITY, ASSIGNMENT,
    ResourceType(rf"{_OF_ACCOUNT}/blobservices/(?P<name>default)", _blob_service,
                 empty={"properties": {}}, created=200),
    ResourceType(rf"{_OF_ACCOUNT}/managementpolicies/(?P<name>default)", _policy,
                 created=200),
    ResourceType(rf"(?P<parent>{_IDENTITIES}/[^/]+)/federatedidentitycredentials(?:/{_NAME})?",
                 _credential),
)  # fmt: skip
