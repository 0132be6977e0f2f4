"""The agents' service account: who may become it, and what it may do to the bucket."""

import json
import shlex
import time
from collections.abc import Callable
from typing import Any

from xcomkit.access_terms.gcp import BECOME, OBJECTS, READER
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.rules import IDENTITY, POLICY, TRUST
from xcomkit.errors import AccessDeniedError, ConflictError, MissingError, ServiceError
from xcomkit.model import Change, Check, Plan
from xcomkit.settings import Settings

MARKER = "created by xcomkit"
# Any other role on the account may lead to its tokens, a custom one too.
_HARMLESS = frozenset({"roles/iam.serviceAccountViewer", "roles/iam.securityReviewer"})
_INHERITED = "roles inherited from the project are not looked at"
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")

Document = dict[str, Any]


def email(settings: Settings) -> str:
    """Return the e-mail of the agents' service account."""
    return f"{settings.service_account}@{settings.project}.iam.gserviceaccount.com"


def pool(settings: Settings) -> str:
    """Return the workload identity pool of the cluster (GKE: one per project)."""
    return settings.workload_pool or f"{settings.project}.svc.id.goog"


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
        self._name = f"projects/{settings.project}/serviceAccounts/{self.email}"
        self.member = f"serviceAccount:{self.email}"
        self._is_new = False

    def _trusted(self, subjects: tuple[str, ...]) -> list[str]:
        return sorted(member_of(subject, settings=self._settings) for subject in subjects)

    def _rights(self) -> list[Document]:
        """Return the least bindings.

        objectUser alone lacks buckets.get: gcsfs then takes the bucket for missing and tries to
        create it. legacyBucketReader adds buckets.get and objects.list, and cannot be narrowed.
        """
        objects = f"projects/_/buckets/{self._settings.bucket}/objects/{self._settings.prefix}/"
        condition = {
            "title": "xcom-prefix",
            "description": "only XCom objects",
            "expression": f'resource.name.startsWith("{objects}")',
        }
        return [
            {"role": OBJECTS, "members": [self.member], "condition": condition},
            {"role": READER, "members": [self.member]},
        ]

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

    def read_rights(self) -> Any:
        """Return the bucket's IAM policy; ``None`` when there is no such bucket."""
        try:
            with gcp_errors("reading the bucket's IAM policy"):
                return self._clients.bucket.get_iam_policy(requested_policy_version=3, **patience())
        except MissingError:
            return None

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return the rows of account, trust and rights."""
        try:
            rows = self._plan_rows(subjects)
        except AccessDeniedError as error:
            rows = [Change("IAM", "access", "unknown", "unknown", "keep", note=str(error))]
        return Plan(f"Access through service account {self.email}", tuple(rows))

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        account, trusted = self.read_account(), self._trusted(subjects)
        create = ["gcloud", "iam", "service-accounts", "create", self._settings.service_account,
                  f"--project={self._settings.project}", f"--description={MARKER}"]  # fmt: skip
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
        rest = [self.email, f"--project={self._settings.project}", f"--role={BECOME}"]
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
        policy = self.read_rights()
        own = [] if policy is None else self._own(policy)
        for wanted in self._rights():
            role = wanted["role"]
            held = [binding for binding in own if binding["role"] == role]
            rows.append(
                Change(
                    resource=f"gs://{self._settings.bucket}",
                    setting=f"binding {role.rpartition('.')[2]}",
                    before=json.dumps(held, sort_keys=True) if held else "absent",
                    after=json.dumps(wanted, sort_keys=True),
                    action="unchanged" if wanted in held else "create",
                    command=self._bind(wanted),
                )
            )
        return rows

    def _bind(self, wanted: Document) -> str:
        words = ["gcloud", "storage", "buckets", "add-iam-policy-binding",
                 f"gs://{self._settings.bucket}", f"--member={self.member}",
                 f"--role={wanted['role']}"]  # fmt: skip
        if condition := wanted.get("condition"):
            words.append("--condition=" + ",".join(f"{k}={v}" for k, v in condition.items()))
        else:
            words.append("--condition=None")
        return shlex.join(words)

    def _own(self, policy: Any) -> list[Document]:
        """Return the bindings of our member, each as if it held nobody else."""
        found = []
        for binding in policy.bindings:
            if self.member in binding["members"]:
                condition = binding.get("condition")
                own = {"role": binding["role"], "members": [self.member]}
                found.append({**own, "condition": dict(condition)} if condition else own)
        return found

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
                    self._settle(self._put_rights)

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
            "accountId": self._settings.service_account,
            "serviceAccount": {
                "displayName": "Airflow agents, XCom objects",
                "description": MARKER,
            },
        }
        with gcp_errors("creating the service account"):
            self._clients.service_accounts.create(
                name=f"projects/{self._settings.project}", body=body
            ).execute()

    def _put_trust(self, subjects: tuple[str, ...]) -> None:
        policy = self.read_trust()
        kept = [b for b in policy.get("bindings", []) if b["role"] != BECOME or "condition" in b]
        ours = {"role": BECOME, "members": self._trusted(subjects)}
        body = {"policy": {**policy, "version": 3, "bindings": [*kept, ours]}}
        with gcp_errors("writing who may become the service account"):
            self._clients.service_accounts.setIamPolicy(resource=self._name, body=body).execute()

    def _put_rights(self) -> None:
        policy = self.read_rights()
        if policy is None:
            raise MissingError(
                f"There is no bucket {self._settings.bucket} to grant rights on.",
                hint="run step 01 with apply: true first.",
                fix_in="01",
            )
        own = self._own(policy)
        policy.version = 3
        policy.bindings = [*policy.bindings, *(b for b in self._rights() if b not in own)]
        with gcp_errors("writing the bucket's IAM policy"):
            self._clients.bucket.set_iam_policy(policy, **patience())

    def withdraw(self) -> None:
        """Take our member out of the bucket's policy, before the account itself is deleted."""
        policy = self.read_rights()
        if policy is None or not self._own(policy):
            return
        policy.version = 3
        policy.bindings = [
            {**binding, "members": others}
            for binding in policy.bindings
            if (others := [m for m in binding["members"] if m != self.member])
        ]
        with gcp_errors("writing the bucket's IAM policy"):
            self._clients.bucket.set_iam_policy(policy, **patience())

    def delete(self) -> None:
        """Delete the service account."""
        with gcp_errors("deleting the service account"):
            self._clients.service_accounts.delete(name=self._name).execute()

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what IAM returns with what is needed."""
        return (self._verify_account(), self._verify_trust(subjects), self._verify_rights())

    def _verify_account(self) -> Check:
        how = "iam serviceAccounts.get"
        try:
            account = self.read_account()
        except AccessDeniedError as error:
            return IDENTITY.judge(
                None, expected=self.email, observed=str(error), how=how, basis="echo"
            )
        is_usable = account is not None and not account.get("disabled")
        observed = "absent" if account is None else "found" if is_usable else "disabled"
        return IDENTITY.judge(
            is_usable, expected=self.email, observed=observed, how=how, basis="echo"
        )

    def _verify_trust(self, subjects: tuple[str, ...]) -> Check:
        expected = f"only {', '.join(sorted(subjects))}; {_INHERITED}"
        how = "iam serviceAccounts.getIamPolicy"
        try:
            policy = self.read_trust()
        except AccessDeniedError as error:
            return TRUST.judge(None, expected=expected, observed=str(error), how=how, basis="echo")
        except MissingError:
            return TRUST.judge(
                False, expected=expected, observed="no such account", how=how, basis="echo"
            )
        found = sorted(
            f"{member} as {binding['role']}" + (" on condition" if "condition" in binding else "")
            for binding in policy.get("bindings", [])
            if binding["role"] not in _HARMLESS
            for member in binding["members"]
        )
        holds = found == [f"{member} as {BECOME}" for member in self._trusted(subjects)]
        observed = "as expected" if holds else "; ".join(found) or "nobody"
        return TRUST.judge(holds, expected=expected, observed=observed, how=how, basis="echo")

    def _verify_rights(self) -> Check:
        wanted, how = self._rights(), "storage buckets.getIamPolicy"
        expected = f"{json.dumps(wanted, sort_keys=True)}; {_INHERITED}"
        try:
            policy = self.read_rights()
        except AccessDeniedError as error:
            return POLICY.judge(None, expected=expected, observed=str(error), how=how, basis="echo")
        own = [] if policy is None else self._own(policy)
        public = [
            f"{member} has {binding['role']}"
            for binding in ([] if policy is None else policy.bindings)
            for member in binding["members"]
            if member in _EVERYBODY
        ]
        further = [f"further {b['role']}" for b in own if b not in wanted]
        missing = [f"no {b['role']}" for b in wanted if b not in own]
        problems = "; ".join((*missing, *further, *public))
        return POLICY.judge(
            not problems,
            expected=expected,
            observed=problems or "as expected",
            how=how,
            basis="echo",
        )


def _members(policy: Document, role: str) -> list[str]:
    """Return the members of a role's unconditional binding."""
    return sorted(
        member
        for binding in policy.get("bindings", [])
        if binding["role"] == role and "condition" not in binding
        for member in binding["members"]
    )
