"""What the Google Cloud stand-in remembers: people, accounts, tokens, policies and requests."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xcomkit.cloud_documents.access.gcp import PERMISSIONS, condition_start
from xcomkit.stand_ins.common.state import State

Document = dict[str, Any]

ADMINISTRATOR = "administrator@xcom-runbook.example"
FOREIGN_PROJECT = "project-of-somebody-else"


@dataclass
class GcpState(State):
    """Everything but objects and bucket properties, which the emulator keeps.

    ``projects`` holds the project of each bucket, ``constraints`` what organization policies say
    to each project: the allowed values per constraint, ``granted`` the permissions that a custom
    role gives a member in every project.
    """

    people: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Document] = field(default_factory=dict)
    account_policies: dict[str, Document] = field(default_factory=dict)
    bucket_policies: dict[str, Document] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, Document] = field(default_factory=dict)
    granted: dict[str, list[str]] = field(default_factory=dict)

    def add_person(self, email: str, permissions: Sequence[str] = ()) -> Document:
        """Return application default credentials of a new person, as gcloud writes them."""
        refresh = secrets.token_urlsafe(24)
        with self.lock:
            self.people[refresh] = email
            self.granted[f"user:{email}"] = list(permissions)
        return {
            "type": "authorized_user",
            "client_id": "stand-in.apps.googleusercontent.com",
            "client_secret": secrets.token_urlsafe(16),
            "refresh_token": refresh,
        }

    def issue(self, member: str) -> str:
        """Return a new access token that speaks for an IAM member."""
        token = f"ya29.{secrets.token_urlsafe(32)}"
        with self.lock:
            self.tokens[token] = member
        return token

    def secret_texts(self) -> list[str]:
        """Return every secret text there is, refresh and access tokens included."""
        with self.lock:
            return [*super().secret_texts(), *self.people, *self.tokens]

    def member(self, authorization: str) -> str:
        """Return whom a bearer token speaks for, ``""`` when it is unknown."""
        scheme, _, token = authorization.partition(" ")
        with self.lock:
            return self.tokens.get(token, "") if scheme.lower() == "bearer" else ""

    def may_become(self, member: str, email: str) -> bool:
        """Tell whether a member may make tokens of a service account."""
        roles = ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator")
        with self.lock:
            if email not in self.accounts:
                return False
            bindings = self.account_policies.get(email, {}).get("bindings", [])
        return any(
            member in binding["members"] and binding["role"] in roles and "condition" not in binding
            for binding in bindings
        )

    def may_in_project(self, member: str, permission: str) -> bool:
        """Tell whether the administrator asks, or somebody whose custom role has the permission."""
        with self.lock:
            is_granted = permission in self.granted.get(member, ())
            return is_granted or member == f"user:{ADMINISTRATOR}"

    def may(self, member: str, permission: str, *, bucket: str, key: str = "") -> bool:
        """Tell whether a member has a permission on a bucket or on one of its objects.

        The administrator owns every project but the foreign one, where no custom role counts
        either. A condition is met only where it is exactly ``resource.name.startsWith("...")``;
        what cannot be decided grants nothing.
        """
        with self.lock:
            if self.may_in_project(member, permission):
                return self.projects.get(bucket) != FOREIGN_PROJECT
            bindings = self.bucket_policies.get(bucket, {}).get("bindings", [])
        resource = f"projects/_/buckets/{bucket}" + (f"/objects/{key}" if key else "")
        return any(
            bool({member, "allUsers", "allAuthenticatedUsers"} & set(binding["members"]))
            and permission in PERMISSIONS.get(binding["role"], ())
            and _is_met(binding.get("condition"), resource)
            for binding in bindings
        )


def _is_met(condition: Document | None, resource: str) -> bool:
    start = condition_start(str(condition.get("expression", ""))) if condition else ""
    return start is not None and resource.startswith(start)
