"""The agents' managed identity: who may become it, and what it may do to the container."""

import json
import shlex
import uuid
from collections.abc import Callable
from typing import Any

from xcomkit.cloud_documents.access.azure import (
    AUDIENCE,
    CONTRIBUTOR,
    MOST_CREDENTIALS,
    OURS,
    ROLE,
    credential_name,
)
from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.rules import IDENTITY, POLICY, TRUST
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError
from xcomkit.findings.model import Change, Check, Plan, Rule
from xcomkit.settings.settings import Settings

MARKER = {"created-by": "xcomkit"}

Document = dict[str, Any]


class Access:
    """The managed identity of the settings and what belongs to it, as the caller sees them."""

    def __init__(self, settings: Settings, *, clients: Clients, issuer: str) -> None:
        self._settings = settings
        self._clients = clients
        self._issuer = issuer
        self._name = (settings.resource_group, settings.managed_identity)
        group = (
            f"/subscriptions/{settings.subscription_id}/resourceGroups/{settings.resource_group}"
        )
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/{settings.storage_account}"
        self.scope = f"{account}/blobServices/default/containers/{settings.bucket}"
        self._role_id = (
            f"/subscriptions/{settings.subscription_id}/providers/Microsoft.Authorization"
            f"/roleDefinitions/{CONTRIBUTOR}"
        )

    def read_identity(self) -> Document | None:
        """Return the managed identity, or ``None`` when there is none."""
        try:
            with azure_errors("reading the managed identity"):
                found = self._clients.identities.user_assigned_identities.get(*self._name)
        except MissingError:
            return None
        return {
            "client_id": found.client_id,
            "principal_id": found.principal_id,
            "tenant_id": found.tenant_id,
            "tags": dict(found.tags or {}),
        }

    def read_credentials(self) -> dict[str, Document]:
        """Return the federated credentials of the identity by name."""
        with azure_errors("listing the federated credentials"):
            found = list(self._clients.identities.federated_identity_credentials.list(*self._name))
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
        with azure_errors("listing the role assignments"):
            found = list(
                self._clients.assignments.list_for_scope(
                    self.scope, filter=f"assignedTo('{principal}')"
                )
            )
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
                "issuer": self._issuer,
                "subject": subject,
                "audiences": [AUDIENCE],
            }
            for subject in sorted(subjects)
        }

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return the rows of identity, federated credentials and role assignment."""
        try:
            rows = self._plan_rows(subjects)
        except AccessDeniedError as error:
            rows = [Change("Azure", "access", "unknown", "unknown", "keep", note=str(error))]
        return Plan(f"Access through managed identity {self._settings.managed_identity}",
                    tuple(rows))  # fmt: skip

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        group, name = self._name
        identity = self.read_identity()
        where = ["--resource-group", group]
        tags = [f"{k}={v}" for k, v in MARKER.items()]
        create = ["az", "identity", "create", "--name", name, *where,
                  "--location", self._settings.region, "--tags", *tags]  # fmt: skip
        rows = [
            Change(
                resource=name,
                setting="managed identity",
                before="present" if identity else "absent",
                after="present",
                action="unchanged" if identity else "create",
                command=shlex.join(create),
            )
        ]
        held = self.read_credentials() if identity else {}
        wanted = self._wanted(subjects)
        foreign = [key for key, one in held.items() if not key.startswith(OURS)]
        if len(wanted) + len(foreign) > MOST_CREDENTIALS:
            raise ConflictError(
                f"One managed identity takes {MOST_CREDENTIALS} federated credentials, and"
                f" {len(wanted)} service accounts beside {len(foreign)} foreign ones are too many.",
                hint="let worker groups share a service account, or use a second identity.",
            )
        base = ["az", "identity", "federated-credential"]
        surplus = [k for k in sorted(held.keys() - wanted.keys()) if held[k] not in wanted.values()]
        # Deleted first: an identity takes few, and issuer and subject may stand there once only.
        for key in surplus:
            ours = key.startswith(OURS)
            words = [*base, "delete", "--name", key, "--identity-name", name, *where, "--yes"]
            rows.append(
                Change(
                    resource=key,
                    setting="federated credential",
                    before=_json(held[key]),
                    after="absent" if ours else _json(held[key]),
                    action="delete" if ours else "keep",
                    command=shlex.join(words),
                    note="" if ours else "somebody else's: remove it yourself",
                )
            )
        for key, credential in wanted.items():
            same = credential in held.values()  # under whatever name
            words = [*base, "create", "--name", key, "--identity-name", name, *where]
            words += ["--issuer", self._issuer, "--subject", credential["subject"]]
            words += ["--audiences", AUDIENCE]
            rows.append(
                Change(
                    resource=key,
                    setting="federated credential",
                    before=_json(credential if same else held.get(key) or "absent"),
                    after=_json(credential),
                    action="unchanged" if same else "update" if key in held else "create",
                    command=shlex.join(words),
                )
            )
        return [*rows, self._plan_assignment(identity)]

    def _plan_assignment(self, identity: Document | None) -> Change:
        principal = identity["principal_id"] if identity else ""
        held = self.read_assignments(principal) if identity else []
        there = any(self._is_ours(assignment) for assignment in held)
        # Azure takes a role once per principal and scope, so ours cannot stand beside this one.
        narrowed = "" if there else next(filter(None, map(self._condition, held)), "")
        words = ["az", "role", "assignment", "create", "--role", ROLE, "--scope", self.scope,
                 "--assignee-object-id", principal or "PRINCIPAL-ID",
                 "--assignee-principal-type", "ServicePrincipal"]  # fmt: skip
        return Change(
            resource=f"container {self._settings.bucket}",
            setting="role assignment",
            before=f"{ROLE} {narrowed}" if narrowed else ROLE if there else "absent",
            after=f"{ROLE} {narrowed}" if narrowed else ROLE,
            action="keep" if narrowed else "unchanged" if there else "create",
            command=shlex.join(words),
            note=f"somebody gave the role {narrowed}: remove it yourself" if narrowed else "",
        )

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
        """Make the pending changes; credentials and assignments of others are kept.

        Raises:
            ServiceError: Azure refused a change; rows after it were not tried.
        """
        wanted = self._wanted(subjects)
        credentials = self._clients.identities.federated_identity_credentials
        for change in plan.pending:
            with azure_errors(f"changing the {change.setting}"):
                match change.setting, change.action:
                    case "managed identity", _:
                        body = {"location": self._settings.region,
                                "tags": {**self._settings.tags, **MARKER}}  # fmt: skip
                        self._clients.identities.user_assigned_identities.create_or_update(
                            *self._name, body
                        )
                    case "federated credential", "delete":
                        credentials.delete(*self._name, change.resource)
                    case "federated credential", _:
                        properties = {"properties": wanted[change.resource]}
                        credentials.create_or_update(*self._name, change.resource, properties)
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
            self._clients.identities.user_assigned_identities.delete(*self._name)

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what Azure returns with what is needed."""
        rules = (IDENTITY, TRUST, POLICY)
        try:
            identity = self.read_identity()
        except AccessDeniedError as error:
            return _judge_all(rules, None, str(error))
        if identity is None:
            return _judge_all(rules, False, "no such identity")
        principal = str(identity["principal_id"])
        return (
            *_judge_all((IDENTITY,), True, f"found {self._settings.managed_identity}"),
            *_looked(TRUST, lambda: self._verify_trust(subjects)),
            *_looked(POLICY, lambda: self._verify_rights(principal)),
        )

    def _verify_trust(self, subjects: tuple[str, ...]) -> Check:
        held = list(self.read_credentials().values())
        wanted = list(self._wanted(subjects).values())
        surplus = [one for one in held if one not in wanted]
        missing = [one["subject"] for one in wanted if one not in held]
        parts = [f"missing {subject}" for subject in missing]
        parts += [f"further {one['subject']} of {one['issuer']}" for one in surplus]
        return TRUST.judge(
            not parts,
            expected=f"only {', '.join(sorted(subjects))} of {self._issuer}",
            observed="; ".join(parts) or "as expected",
            how="federatedIdentityCredentials list",
            basis="echo",
        )

    def _verify_rights(self, principal: str) -> Check:
        held = self.read_assignments(principal)
        parts = [
            f"further role {one['role']} at {one['scope']} {self._condition(one)}".rstrip()
            for one in held
            if not self._is_ours(one)
        ]
        if not any(self._is_ours(one) for one in held):
            parts.insert(0, f"no {ROLE} on the container")
        return POLICY.judge(
            not parts,
            expected=f"{ROLE} at {self.scope}, and nothing above it",
            observed="; ".join(parts) or "as expected",
            how="roleAssignments list",
            basis="echo",
        )


def _looked(rule: Rule, look: Callable[[], Check]) -> tuple[Check, ...]:
    """Return the check, or unknown where the caller may not look."""
    try:
        return (look(),)
    except AccessDeniedError as error:
        return _judge_all((rule,), None, str(error))


def _judge_all(rules: tuple[Rule, ...], holds: bool | None, observed: str) -> tuple[Check, ...]:  # noqa: FBT001
    how = "Azure Resource Manager"
    return tuple(
        rule.judge(holds, expected=rule.title, observed=observed, how=how, basis="echo")
        for rule in rules
    )


def _json(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, sort_keys=True)
