"""The agents' service account and who may become it; what it may do is in ``rights``."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from xcomkit.cloud_documents.access.gcp import BECOME
from xcomkit.clouds.access import Access, Document, look
from xcomkit.clouds.errors import find
from xcomkit.clouds.gcp.permission_tests import GcpPermissionTests
from xcomkit.clouds.gcp.rights import INHERITED, Rights
from xcomkit.clouds.gcp.session import Clients, gcp_errors
from xcomkit.clouds.rows import ABSENT, as_text, row, shell
from xcomkit.clouds.rules import IDENTITY, TRUST
from xcomkit.findings.errors import ConflictError, MissingError, ServiceError
from xcomkit.findings.model import Change, Check, Plan
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

MARKER = "created by xcomkit"
_BIND = (
    "gcloud iam service-accounts {verb}-iam-policy-binding {name} --project={project}"
    " --role={role} --member={member} --condition=None"
)
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


class GcpAccess(Access):
    """The service account of the settings and its bindings."""

    kind: ClassVar[str] = "service account"
    creation: ClassVar[str] = (
        "gcloud iam service-accounts create {account} --project={project} --description={marker}"
    )
    removal: ClassVar[str] = "gcloud iam service-accounts delete {name}"
    tests = GcpPermissionTests
    _clients: Clients

    def __init__(self, cloud: "Cloud") -> None:
        super().__init__(cloud)
        self.name = email(self._settings)
        self.pool = pool(self._settings)
        self._project = _home(self._settings)
        self._path = f"projects/{self._project}/serviceAccounts/{self.name}"
        self.rights = Rights(cloud, member=f"serviceAccount:{self.name}")
        self._is_new = False

    def _trusted(self, subjects: tuple[str, ...]) -> list[str]:
        return sorted(member_of(subject, settings=self._settings) for subject in subjects)

    def read_identity(self) -> Document | None:
        """Return the service account, or ``None`` when there is none."""

        def get() -> Document:
            found: Document = self._clients.service_accounts.get(name=self._path).execute()
            return found

        return find(gcp_errors, "reading the service account", get)

    def _is_marked(self, identity: Document) -> bool:
        return identity.get("description") == MARKER

    def read_trust(self) -> Document:
        """Return the IAM policy of the service account."""
        with gcp_errors("reading who may become the service account"):
            found: Document = self._clients.service_accounts.getIamPolicy(
                resource=self._path, options_requestedPolicyVersion=3
            ).execute()
        return found

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        account, trusted = self.read_identity(), self._trusted(subjects)
        words = {"account": self.name.partition("@")[0], "project": self._project}
        create = shell(self.creation, self._settings, **words, marker=MARKER)
        present = _members(self.read_trust()) if account else []
        changes = {
            "add": [m for m in trusted if m not in present],
            "remove": [m for m in present if m not in trusted],
        }
        commands = " && ".join(
            shell(_BIND, self._settings, verb=verb, name=self.name, project=self._project,
                  role=BECOME, member=member)
            for verb, members in changes.items()
            for member in members
        )  # fmt: skip
        before = as_text(present) if present else ABSENT
        return [
            row(self.name, self.kind, "present" if account else ABSENT, "present", create),
            row(self.name, "trust", before, as_text(trusted), commands),
            *self.rights.plan(),
        ]

    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes; foreign bindings of the bucket and other roles are kept.

        Who may become the account is written whole: the chart's service accounts and nobody else.
        """
        for change in plan.pending:
            match change.setting:
                case self.kind:
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
            except passing as error:
                if error.fix_in:  # there is no bucket, and waiting makes none
                    raise
                time.sleep(seconds)
        return write()

    def _create(self) -> None:
        self._is_new = True
        account = {"displayName": "Airflow agents, XCom objects", "description": MARKER}
        body = {"accountId": self.name.partition("@")[0], "serviceAccount": account}
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
            self._clients.service_accounts.setIamPolicy(resource=self._path, body=body).execute()

    def delete(self) -> None:
        """Take the account out of the bucket's policy, and delete it."""
        self.rights.withdraw()
        with gcp_errors("deleting the service account"):
            self._clients.service_accounts.delete(name=self._path).execute()

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what IAM returns with what is needed."""
        trusted = f"only {', '.join(sorted(subjects))}; {INHERITED}"
        return (
            look(IDENTITY, self._see_account, expected=self.name, how="iam serviceAccounts.get"),
            look(
                TRUST,
                lambda: self._see_trust(subjects),
                expected=trusted,
                how="iam serviceAccounts.getIamPolicy",
            ),
            self.rights.verify(),
        )

    def _see_account(self) -> tuple[bool, str]:
        account = self.read_identity()
        is_usable = account is not None and not account.get("disabled")
        return is_usable, "absent" if account is None else "found" if is_usable else "disabled"

    def _see_trust(self, subjects: tuple[str, ...]) -> tuple[bool, str]:
        try:
            policy = self.read_trust()
        except MissingError:
            return False, "no such account"
        found = sorted(
            f"{member} as {binding['role']}" + (" on condition" if "condition" in binding else "")
            for binding in policy.get("bindings", [])
            if binding["role"] not in _HARMLESS
            for member in binding["members"]
        )
        holds = found == [f"{member} as {BECOME}" for member in self._trusted(subjects)]
        return holds, "as expected" if holds else "; ".join(found) or "nobody"


def _members(policy: Document) -> list[str]:
    """Return who may become the account without a condition."""
    return sorted(
        member
        for binding in policy.get("bindings", [])
        if binding["role"] == BECOME and "condition" not in binding
        for member in binding["members"]
    )
