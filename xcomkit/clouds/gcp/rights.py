"""What the agents' service account may do: its bindings in the bucket's own IAM policy."""

import json
import shlex
from functools import partial
from typing import Any

from xcomkit.cloud_documents.access.gcp import OBJECTS, READER
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.rules import POLICY
from xcomkit.findings.errors import AccessDeniedError, MissingError
from xcomkit.findings.model import Action, Change, Check
from xcomkit.settings.settings import Settings

INHERITED = "roles inherited from the project are not looked at"
_TITLE = "xcom-prefix"
"""Names the condition of every binding made here, also of one for an earlier prefix."""
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")

Document = dict[str, Any]


class Rights:
    """The bindings of one member on the bucket of the settings."""

    def __init__(self, settings: Settings, *, clients: Clients, member: str) -> None:
        self._settings = settings
        self._clients = clients
        self.member = member

    def _rights(self) -> list[Document]:
        """Return the least bindings.

        objectUser alone lacks buckets.get: gcsfs then takes the bucket for missing and tries to
        create it. legacyBucketReader adds buckets.get and objects.list, and cannot be narrowed.
        """
        objects = f"projects/_/buckets/{self._settings.bucket}/objects/{self._settings.prefix}/"
        condition = {
            "title": _TITLE,
            "description": "only XCom objects",
            "expression": f'resource.name.startsWith("{objects}")',
        }
        return [
            {"role": OBJECTS, "members": [self.member], "condition": condition},
            {"role": READER, "members": [self.member]},
        ]

    def _read(self) -> Any:
        """Return the bucket's IAM policy; ``None`` when there is no such bucket."""
        try:
            with gcp_errors("reading the bucket's IAM policy"):
                return self._clients.bucket.get_iam_policy(requested_policy_version=3, **patience())
        except MissingError:
            return None

    def plan(self) -> list[Change]:
        """Return a row per binding that is needed, and per further one of our member."""
        policy, rows = self._read(), []
        own = [] if policy is None else self._own(policy)
        for wanted in self._rights():
            held = next((binding for binding in own if _is_same(binding, wanted)), None)
            rows.append(
                self._plan_binding(held or wanted, action="unchanged" if held else "create")
            )
        for binding in self._surplus(own):
            ours = binding.get("condition", {}).get("title") == _TITLE
            rows.append(self._plan_binding(binding, action="delete" if ours else "keep"))
        return rows

    def _plan_binding(self, binding: Document, *, action: Action) -> Change:
        text = json.dumps(binding, sort_keys=True)
        verb = "remove" if action == "delete" else "add"
        words = ["gcloud", "storage", "buckets", f"{verb}-iam-policy-binding",
                 f"gs://{self._settings.bucket}", f"--member={self.member}",
                 f"--role={binding['role']}"]  # fmt: skip
        condition = binding.get("condition", {})
        parts = ",".join(f"{k}={v}" for k, v in condition.items())
        words.append(f"--condition={parts or None}")
        return Change(
            resource=f"gs://{self._settings.bucket}",
            setting=f"binding {binding['role'].rpartition('.')[2]}",
            before="absent" if action == "create" else text,
            after="absent" if action == "delete" else text,
            action=action,
            command=shlex.join(words),
            note="somebody else's: remove it yourself" if action == "keep" else "",
        )

    def _own(self, policy: Any) -> list[Document]:
        """Return the bindings of our member, each as if it held nobody else."""
        return [
            {**binding, "members": [self.member]}
            for binding in policy.bindings
            if self.member in binding["members"]
        ]

    def _surplus(self, own: list[Document]) -> list[Document]:
        wanted = self._rights()
        return [b for b in own if not any(_is_same(b, one) for one in wanted)]

    def put(self) -> None:
        """Add the bindings that are missing, take back those for an earlier prefix."""
        policy = self._read()
        if policy is None:
            raise MissingError(
                f"There is no bucket {self._settings.bucket} to grant rights on.",
                hint="run step 01 with apply: true first.",
                fix_in="01",
            )
        own = self._own(policy)
        add = [b for b in self._rights() if not any(_is_same(b, one) for one in own)]
        old = [b for b in self._surplus(own) if b.get("condition", {}).get("title") == _TITLE]
        self._write(policy, drop=old, add=add)

    def _write(self, policy: Any, *, drop: list[Document], add: list[Document]) -> None:
        """Take our member out of bindings, and add others; other members stay where they are."""
        if not drop and not add:
            return
        kept = []
        for binding in policy.bindings:
            own = {**binding, "members": [self.member]}
            left = binding["members"] - {self.member} if own in drop else binding["members"]
            kept += [{**binding, "members": left}] if left else []
        policy.version = 3
        policy.bindings = [*kept, *add]
        with gcp_errors("writing the bucket's IAM policy"):
            self._clients.bucket.set_iam_policy(policy, **patience())

    def withdraw(self) -> None:
        """Take our member out of the bucket's policy, before the account itself is deleted."""
        policy = self._read()
        if policy is not None:
            self._write(policy, drop=self._own(policy), add=[])

    def verify(self) -> Check:
        """Return the check of the bindings that the account has on the bucket itself."""
        wanted, how = self._rights(), "storage buckets.getIamPolicy"
        expected = f"{json.dumps(wanted, sort_keys=True)}; {INHERITED}"
        judge = partial(POLICY.judge, expected=expected, how=how, basis="echo")
        try:
            policy = self._read()
        except AccessDeniedError as error:
            return judge(None, observed=str(error))
        own = [] if policy is None else self._own(policy)
        public = [
            f"{member} has {binding['role']}"
            for binding in ([] if policy is None else policy.bindings)
            for member in binding["members"]
            if member in _EVERYBODY
        ]
        further = [f"further {b['role']}{_where(b)}" for b in self._surplus(own)]
        missing = [f"no {b['role']}" for b in wanted if not any(_is_same(b, o) for o in own)]
        problems = "; ".join((*missing, *further, *public))
        return judge(not problems, observed=problems or "as expected")


def _where(binding: Document) -> str:
    """Return on what condition a binding holds, in words."""
    condition = binding.get("condition")
    return f" where {condition.get('expression')}" if condition else ""


def _is_same(one: Document, other: Document) -> bool:
    """Tell whether two bindings of our member give the same; how a condition is called is free."""
    return (one["role"], _where(one)) == (other["role"], _where(other))
