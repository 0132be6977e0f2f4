"""The agents' managed identity: who may become it, and what it may do to the container."""

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from xcomkit.cloud_documents.access.azure import (
    AUDIENCE,
    CONTRIBUTOR,
    MOST_CREDENTIALS,
    OURS,
    ROLE,
    credential_name,
)
from xcomkit.clouds.access import Access, Document, look
from xcomkit.clouds.azure.permission_tests import AzurePermissionTests
from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.errors import find
from xcomkit.clouds.rows import ABSENT, as_text, keep, row, shell
from xcomkit.clouds.rules import IDENTITY, POLICY, TRUST
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError
from xcomkit.findings.model import Change, Check, Plan

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

MARKER = {"created-by": "xcomkit"}
_CREDENTIAL = "federated credential"
_CREDENTIAL_COMMAND = (
    "az identity federated-credential {verb} --name {key} --identity-name {managed_identity}"
    " --resource-group {resource_group}"
)
_ASSIGN = (
    "az role assignment create --role {role} --scope {scope} --assignee-object-id {principal}"
    " --assignee-principal-type ServicePrincipal"
)


class AzureAccess(Access):
    """The managed identity of the settings, its federated credentials and its role."""

    kind: ClassVar[str] = "managed identity"
    creation: ClassVar[str] = (
        "az identity create --name {managed_identity} --resource-group {resource_group}"
        " --location {region} --tags {marker}"
    )
    removal: ClassVar[str] = (
        "az identity delete --name {managed_identity} --resource-group {resource_group}"
    )
    find_issuer: ClassVar[str] = (
        "az aks show --query oidcIssuerProfile.issuerUrl --name NAME -g GROUP"
    )
    tests = AzurePermissionTests
    _clients: Clients

    def __init__(self, cloud: "Cloud") -> None:
        super().__init__(cloud)
        settings = cloud.settings
        self.name = settings.managed_identity
        self._path = (settings.resource_group, settings.managed_identity)
        subscription = f"/subscriptions/{settings.subscription_id}"
        self.scope = (
            f"{subscription}/resourceGroups/{settings.resource_group}/providers/Microsoft.Storage"
            f"/storageAccounts/{settings.storage_account}/blobServices/default"
            f"/containers/{settings.bucket}"
        )
        definitions = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions"
        self._role_id = f"{definitions}/{CONTRIBUTOR}"

    def read_identity(self) -> Document | None:
        """Return the managed identity, or ``None`` when there is none."""
        found: Any = find(
            azure_errors,
            "reading the managed identity",
            lambda: self._clients.identities.user_assigned_identities.get(*self._path),
        )
        if found is None:
            return None
        return {
            "client_id": found.client_id,
            "principal_id": found.principal_id,
            "tenant_id": found.tenant_id,
            "tags": dict(found.tags or {}),
        }

    def _is_marked(self, identity: Document) -> bool:
        return bool(MARKER.items() <= identity["tags"].items())

    def read_credentials(self) -> dict[str, Document]:
        """Return the federated credentials of the identity by name."""
        with azure_errors("listing the federated credentials"):
            found = list(self._clients.identities.federated_identity_credentials.list(*self._path))
        return {
            one.name: {
                "issuer": one.issuer,
                "subject": one.subject,
                "audiences": list(one.audiences or ()),
            }
            for one in found
        }

    def read_assignments(self, principal: str) -> list[Document]:
        """Return the role assignments that hold for the container, also through groups."""
        chosen = f"assignedTo('{principal}')"
        with azure_errors("listing the role assignments"):
            found = list(self._clients.assignments.list_for_scope(self.scope, filter=chosen))
        return [
            {
                "role": str(one.role_definition_id).rpartition("/")[2].lower(),
                "scope": str(one.scope),
                "condition": one.condition or "",
            }
            for one in found
            if f"{self.scope}/".lower().startswith(f"{str(one.scope).rstrip('/')}/".lower())
        ]

    def _wanted(self, subjects: tuple[str, ...]) -> dict[str, Document]:
        return {
            credential_name(subject): {
                "issuer": self.issuer,
                "subject": subject,
                "audiences": [AUDIENCE],
            }
            for subject in sorted(subjects)
        }

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        wanted, identity = self._wanted(subjects), self.read_identity()
        held = self.read_credentials() if identity else {}
        foreign = [key for key in held if not key.startswith(OURS)]
        if len(wanted) + len(foreign) > MOST_CREDENTIALS:
            raise ConflictError(
                f"One managed identity takes {MOST_CREDENTIALS} federated credentials, and"
                f" {len(wanted)} service accounts beside {len(foreign)} foreign ones are too many.",
                hint="let worker groups share a service account, or use a second identity.",
            )
        marker = " ".join(f"{name}={value}" for name, value in MARKER.items())
        create = shell(self.creation, self._settings, marker=marker)
        surplus = [k for k in sorted(held.keys() - wanted.keys()) if held[k] not in wanted.values()]
        return [
            row(self.name, self.kind, "present" if identity else ABSENT, "present", create),
            # Deleted first: an identity takes few, and issuer and subject may be there only once.
            *(self._plan_surplus(key, held[key]) for key in surplus),
            *(self._plan_credential(key, wanted=one, held=held) for key, one in wanted.items()),
            self._plan_assignment(identity),
        ]

    def _plan_surplus(self, key: str, credential: Document) -> Change:
        if not key.startswith(OURS):
            note = "somebody else's: remove it yourself"
            return keep(key, _CREDENTIAL, as_text(credential), note)
        command = shell(_CREDENTIAL_COMMAND + " --yes", self._settings, verb="delete", key=key)
        return row(key, _CREDENTIAL, as_text(credential), ABSENT, command)

    def _plan_credential(self, key: str, *, wanted: Document, held: Document) -> Change:
        same = wanted in held.values()  # under whatever name
        before = as_text(wanted if same else held.get(key) or ABSENT)
        command = shell(
            _CREDENTIAL_COMMAND + " --issuer {issuer} --subject {subject} --audiences {audience}",
            self._settings, verb="create", key=key, issuer=self.issuer, subject=wanted["subject"],
            audience=AUDIENCE,
        )  # fmt: skip
        return row(key, _CREDENTIAL, before, as_text(wanted), command)

    def _plan_assignment(self, identity: Document | None) -> Change:
        principal = identity["principal_id"] if identity else ""
        held = self.read_assignments(principal) if identity else []
        there = any(self._is_ours(assignment) for assignment in held)
        # Azure takes a role once per principal and scope, so ours cannot stand beside this one.
        narrowed = "" if there else next(filter(None, map(self._condition, held)), "")
        resource = f"container {self._settings.bucket}"
        if narrowed:
            note = f"somebody gave the role {narrowed}: remove it yourself"
            return keep(resource, "role assignment", f"{ROLE} {narrowed}", note)
        command = shell(_ASSIGN, self._settings, role=ROLE, scope=self.scope,
                        principal=principal or "PRINCIPAL-ID")  # fmt: skip
        return row(resource, "role assignment", ROLE if there else ABSENT, ROLE, command)

    def _is_at_container(self, assignment: Document) -> bool:
        at = assignment["scope"].lower() == self.scope.lower()
        return at and bool(assignment["role"] == CONTRIBUTOR)

    def _condition(self, assignment: Document) -> str:
        """Return on what condition the role is held at the container, in words, or ``""``."""
        condition = assignment["condition"] if self._is_at_container(assignment) else ""
        return f"on a condition ({condition})" if condition else ""

    def _is_ours(self, assignment: Document) -> bool:
        return self._is_at_container(assignment) and not assignment["condition"]

    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes; credentials and assignments of others are kept."""
        wanted = self._wanted(subjects)
        identities = self._clients.identities
        credentials = identities.federated_identity_credentials
        for change in plan.pending:
            with azure_errors(f"changing the {change.setting}"):
                match change.setting, change.action:
                    case self.kind, _:
                        tags = {**self._settings.tags, **MARKER}
                        body = {"location": self._settings.region, "tags": tags}
                        identities.user_assigned_identities.create_or_update(*self._path, body)
                    case "federated credential", "delete":
                        credentials.delete(*self._path, change.resource)
                    case "federated credential", _:
                        properties = {"properties": wanted[change.resource]}
                        credentials.create_or_update(*self._path, change.resource, properties)
                    case _:
                        self._assign()

    def _assign(self) -> None:
        identity = self.read_identity()
        if identity is None:
            raise MissingError("There is no managed identity.", hint="run step 02 once more.")
        principal = identity["principal_id"]
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.scope}{self._role_id}{principal}")
        properties = {
            "principalId": principal,
            "principalType": "ServicePrincipal",  # spares the look-up of a principal still unknown
            "roleDefinitionId": self._role_id,
        }
        self._clients.assignments.create(self.scope, str(name), {"properties": properties})

    def delete(self) -> None:
        """Delete the managed identity; its credentials and assignments go with it."""
        identity = self.read_identity()
        if identity is None:
            return
        with azure_errors("deleting the managed identity"):
            for one in self._clients.assignments.list_for_scope(
                self.scope, filter=f"principalId eq '{identity['principal_id']}'"
            ):
                if str(one.scope).lower() == self.scope.lower():
                    self._clients.assignments.delete(self.scope, one.name)
            self._clients.identities.user_assigned_identities.delete(*self._path)

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what Azure returns with what is needed."""
        trusted = f"only {', '.join(sorted(subjects))} of {self.issuer}"
        rights = f"{ROLE} at {self.scope}, and nothing above it"
        identity, seen = None, "no such identity"
        holds: bool | None = False
        try:
            identity = self.read_identity()
        except AccessDeniedError as error:
            holds, seen = None, str(error)
        if identity is None:
            how = "Azure Resource Manager"
            expected = ((IDENTITY, self.name), (TRUST, trusted), (POLICY, rights))
            return tuple(
                rule.judge(holds, expected=text, observed=seen, how=how, basis="echo")
                for rule, text in expected
            )
        principal = str(identity["principal_id"])
        how = "userAssignedIdentities get"
        return (
            IDENTITY.judge(True, expected=self.name, observed="found", how=how, basis="echo"),
            look(
                TRUST,
                lambda: self._see_trust(subjects),
                expected=trusted,
                how="federatedIdentityCredentials list",
            ),
            look(
                POLICY,
                lambda: self._see_rights(principal),
                expected=rights,
                how="roleAssignments list",
            ),
        )

    def _see_trust(self, subjects: tuple[str, ...]) -> tuple[bool, str]:
        held = list(self.read_credentials().values())
        wanted = list(self._wanted(subjects).values())
        parts = [f"missing {one['subject']}" for one in wanted if one not in held]
        surplus = [one for one in held if one not in wanted]
        parts += [f"further {one['subject']} of {one['issuer']}" for one in surplus]
        return not parts, "; ".join(parts) or "as expected"

    def _see_rights(self, principal: str) -> tuple[bool, str]:
        held = self.read_assignments(principal)
        parts = [
            f"further role {one['role']} at {one['scope']} {self._condition(one)}".rstrip()
            for one in held
            if not self._is_ours(one)
        ]
        if not any(self._is_ours(one) for one in held):
            parts.insert(0, f"no {ROLE} on the container")
        return not parts, "; ".join(parts) or "as expected"
