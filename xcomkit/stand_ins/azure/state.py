"""What the Azure stand-in remembers: principals, resources, role assignments and requests."""

import secrets
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from xcomkit.stand_ins.common.authority import TokenAuthority
from xcomkit.stand_ins.common.state import State

Document = dict[str, Any]

OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
_READ = frozenset({"blobs/read", "containers/read"})
_WRITE = _READ | {"blobs/write", "blobs/delete", "containers/write", "containers/delete"}
ROLES: dict[str, frozenset[str]] = {OWNER: _WRITE, CONTRIBUTOR: _WRITE, READER: _READ}
"""What a built-in role allows on blob data (Azure built-in roles, Storage); others: nothing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A service principal or managed identity as Entra knows it."""

    object_id: str
    client_id: str
    name: str


@dataclass
class AzureState(State):
    """Everything but blobs, which Azurite keeps.

    ``resources`` holds documents by lower-case id; ``taken`` the names of all storage accounts;
    ``administrator`` an object id; ``granted`` definitions of custom roles by object id, each held
    at every scope.
    """

    entra: TokenAuthority = field(default_factory=TokenAuthority)
    tenant: str = field(default_factory=lambda: str(uuid.uuid4()))
    principals: dict[str, Principal] = field(default_factory=dict)
    client_secrets: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Document] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    administrator: str = ""
    granted: dict[str, list[Document]] = field(default_factory=dict)

    def add_principal(self, name: str, *, with_secret: bool) -> Principal:
        """Return a new principal, with a client secret where it is to sign in with one."""
        made = Principal(str(uuid.uuid4()), str(uuid.uuid4()), name)
        with self.lock:
            self.principals[made.client_id] = made
            if with_secret:
                self.client_secrets[made.client_id] = secrets.token_urlsafe(24)
        return made

    def by_object_id(self, object_id: str) -> Principal | None:
        """Return the principal of an object id."""
        with self.lock:
            return next((p for p in self.principals.values() if p.object_id == object_id), None)

    def account(self, name: str) -> Document | None:
        """Return a storage account by its name, which is unique in all of Azure."""
        end = f"/providers/microsoft.storage/storageaccounts/{name.lower()}"
        with self.lock:
            return next((r for i, r in self.resources.items() if i.endswith(end)), None)

    def below(self, path: str) -> list[Document]:
        """Return the resources directly below a path."""
        with self.lock:
            return [r for i, r in self.resources.items() if i.rpartition("/")[0] == path.lower()]

    def credentials_of(self, principal: Principal) -> list[Document]:
        """Return the federated credentials of a managed identity."""
        with self.lock:
            own = [r["id"] for r in self.resources.values()
                   if r["properties"].get("clientId") == principal.client_id]  # fmt: skip
        return [one for path in own for one in self.below(f"{path}/federatedIdentityCredentials")]

    def assignments(self) -> list[Document]:
        """Return the role assignments."""
        with self.lock:
            return [r for i, r in self.resources.items() if "/roleassignments/" in i]

    def is_granted(self, object_id: str, operation: str) -> bool:
        """Tell whether a custom role of a principal allows an operation."""
        kind = "DataActions" if "/blobs/" in operation else "Actions"
        allowed = (one for role in self.granted.get(object_id, ()) for one in role[kind])
        return any(fnmatch(operation.lower(), one.lower()) for one in allowed)

    def may(self, principal: Principal, action: str, *, scope: str) -> bool:
        """Tell whether a principal's roles at or above a scope allow a data action."""
        below = f"containers/{action}" if action.startswith("blobs/") else action
        operation = f"Microsoft.Storage/storageAccounts/blobServices/{below}"
        return self.is_granted(principal.object_id, operation) or any(
            one["properties"]["principalId"] == principal.object_id
            and action in ROLES.get(one["properties"]["roleDefinitionId"].rpartition("/")[2], ())
            and f"{scope}/".lower().startswith(f"{one['properties']['scope'].rstrip('/')}/".lower())
            and not one["properties"].get("condition")  # what cannot be decided grants nothing
            for one in self.assignments()
        )

    def secret_texts(self) -> list[str]:
        """Return every secret text there is, client secrets and access tokens included."""
        with self.lock:
            return [*super().secret_texts(), *self.client_secrets.values(), *self.entra.minted]
