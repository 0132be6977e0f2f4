"""The agents' service account and who may become it; what it may do is in ``rights``."""

import json
import shlex
import time
from collections.abc import Callable
from functools import partial

from xcomkit.cloud_documents.access.gcp import BECOME
from xcomkit.clouds.gcp.rights import INHERITED, Document, Rights
from xcomkit.clouds.gcp.session import Clients, gcp_errors
from xcomkit.clouds.rules import IDENTITY, TRUST
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError, ServiceError
from xcomkit.findings.model import Change, Check, Plan
from xcomkit.settings.settings import Settings

MARKER = "created by xcomkit"
_DOMAIN = ".iam.gserviceaccount.com"
# Any other role on the account may lead to its tokens, a custom one too.
_HARMLESS = frozenset({"roles/iam.serviceAccountViewer", "roles/iam.securityReviewer"})


def email(settings: Settings) -> str:
    """Return the e-mail of the agents' service account."""
    name = settings.service_account
    return name if "@" in name else f"{name}@{settings.project}{_DOMAIN}"


def _home(settings: Settings) -> str:
    """Return the project of the service account; the bucket may lie in another one."""
    return email(settings).partition("@")[2].removesuffix(_DOMAIN)


def pool(settings: Settings) -> str:
    """Return the workload identity pool of the cluster (GKE: one per project)."""
    return settings.workload_pool or f"{_home(settings)}.svc.id.goog"


def member_of(subject: str, *, settings: Settings) -> str:
    """Return the IAM member of ``system:serviceaccount:<namespace>:<name>``.

    Source: GKE, authenticate to Google Cloud APIs from workloads.
    """
    *_, namespace, name = subject.split(":")
    return f"serviceAccount:{pool(settings)}[{namespace}/{name}]"


class Access:
    """The service account of the settings and its bindings, as the caller's clients see them."""

    def __init__(self, settings: Settings, *, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self.email = email(settings)
        self._project = _home(settings)
        self._name = f"projects/{self._project}/serviceAccounts/{self.email}"
        self.rights = Rights(settings, clients=clients, member=f"serviceAccount:{self.email}")
        self._is_new = False

    def _trusted(self, subjects: tuple[str, ...]) -> list[str]:
        return sorted(member_of(subject, settings=self._settings) for subject in subjects)

    def read_account(self) -> Document | None:
        """Return the service account, or ``None`` when there is none."""
        try:
            with gcp_errors("reading the service account"):
                found: Document = self._clients.service_accounts.get(name=self._name).execute()
        except MissingError:
            return None
        return found

    def read_trust(self) -> Document:
        """Return the IAM policy of the service account."""
        with gcp_errors("reading who may become the service account"):
            found: Document = self._clients.service_accounts.getIamPolicy(
                resource=self._name, options_requestedPolicyVersion=3
            ).execute()
        return found

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return the rows of account, trust and rights."""
        try:
            rows = self._plan_rows(subjects)
        except AccessDeniedError as error:
            rows = [Change("IAM", "access", "unknown", "unknown", "keep", note=str(error))]
        return Plan(f"Access through service account {self.email}", tuple(rows))

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        account, trusted = self.read_account(), self._trusted(subjects)
        create = ["gcloud", "iam", "service-accounts", "create", self.email.partition("@")[0],
                  f"--project={self._project}", f"--description={MARKER}"]  # fmt: skip
        rows = [
            Change(
                resource=self.email,
                setting="service account",
                before="present" if account else "absent",
                after="present",
                action="unchanged" if account else "create",
                command=shlex.join(create),
            )
        ]
        present = _members(self.read_trust(), BECOME) if account else []
        account_words = ["gcloud", "iam", "service-accounts"]
        rest = [self.email, f"--project={self._project}", f"--role={BECOME}"]
        changes = {
            "add-iam-policy-binding": [m for m in trusted if m not in present],
            "remove-iam-policy-binding": [m for m in present if m not in trusted],
        }
        commands = [
            shlex.join([*account_words, verb, *rest, f"--member={member}", "--condition=None"])
            for verb, members in changes.items()
            for member in members
        ]
        rows.append(
            Change(
                resource=self.email,
                setting="trust",
                before=json.dumps(present) if present else "absent",
                after=json.dumps(trusted),
                action="unchanged" if present == trusted else "update" if present else "create",
                command=" && ".join(commands),
            )
        )
        return [*rows, *self.rights.plan()]

    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes; foreign bindings of the bucket and other roles are kept.

        Who may become the account is written whole: the chart's service accounts and nobody else.

        Raises:
            ServiceError: Google Cloud refused a change; rows after it were not tried.
        """
        for change in plan.pending:
            match change.setting:
                case "service account":
                    self._create()
                case "trust":
                    self._settle(lambda: self._put_trust(subjects))
                case _:
                    self._settle(self.rights.put)

    def _settle(self, write: Callable[[], None]) -> None:
        """Write a policy; again where somebody else was faster, or IAM knows a new account late.

        Source: IAM, "Access change propagation": a new account may be unknown for a minute.
        """
        waits = (1, 2, 5, 10, 20, 20) if self._is_new else (0,)
        passing = (ServiceError,) if self._is_new else (ConflictError,)
        for seconds in waits:
            try:
                return write()
            except passing:
                time.sleep(seconds)
        return write()

    def _create(self) -> None:
        self._is_new = True
        body = {
            "accountId": self.email.partition("@")[0],
            "serviceAccount": {
                "displayName": "Airflow agents, XCom objects",
                "description": MARKER,
            },
        }
        with gcp_errors("creating the service account"):
            self._clients.service_accounts.create(
                name=f"projects/{self._project}", body=body
            ).execute()

    def _put_trust(self, subjects: tuple[str, ...]) -> None:
        policy = self.read_trust()
        kept = [b for b in policy.get("bindings", []) if b["role"] != BECOME or "condition" in b]
        ours = {"role": BECOME, "members": self._trusted(subjects)}
        body = {"policy": {**policy, "version": 3, "bindings": [*kept, ours]}}
        with gcp_errors("writing who may become the service account"):
            self._clients.service_accounts.setIamPolicy(resource=self._name, body=body).execute()

    def delete(self) -> None:
        """Delete the service account."""
        with gcp_errors("deleting the service account"):
            self._clients.service_accounts.delete(name=self._name).execute()

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what IAM returns with what is needed."""
        return (self._verify_account(), self._verify_trust(subjects), self.rights.verify())

    def _verify_account(self) -> Check:
        how = "iam serviceAccounts.get"
        judge = partial(IDENTITY.judge, expected=self.email, how=how, basis="echo")
        try:
            account = self.read_account()
        except AccessDeniedError as error:
            return judge(None, observed=str(error))
        is_usable = account is not None and not account.get("disabled")
        observed = "absent" if account is None else "found" if is_usable else "disabled"
        return judge(is_usable, observed=observed)

    def _verify_trust(self, subjects: tuple[str, ...]) -> Check:
        expected = f"only {', '.join(sorted(subjects))}; {INHERITED}"
        how = "iam serviceAccounts.getIamPolicy"
        judge = partial(TRUST.judge, expected=expected, how=how, basis="echo")
        try:
            policy = self.read_trust()
        except AccessDeniedError as error:
            return judge(None, observed=str(error))
        except MissingError:
            return judge(False, observed="no such account")
        found = sorted(
            f"{member} as {binding['role']}" + (" on condition" if "condition" in binding else "")
            for binding in policy.get("bindings", [])
            if binding["role"] not in _HARMLESS
            for member in binding["members"]
        )
        holds = found == [f"{member} as {BECOME}" for member in self._trusted(subjects)]
        return judge(holds, observed="as expected" if holds else "; ".join(found) or "nobody")


def _members(policy: Document, role: str) -> list[str]:
    """Return the members of a role's unconditional binding."""
    return sorted(
        member
        for binding in policy.get("bindings", [])
        if binding["role"] == role and "condition" not in binding
        for member in binding["members"]
    )
