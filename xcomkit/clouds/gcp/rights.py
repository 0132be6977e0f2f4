"""What the agents' service account may do: its bindings in the bucket's own IAM policy."""

from typing import TYPE_CHECKING, Any

from xcomkit.cloud_documents.access.gcp import OBJECTS, READER
from xcomkit.clouds.access import Document, look
from xcomkit.clouds.errors import find
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.rows import ABSENT, as_text, keep, row, shell
from xcomkit.clouds.rules import POLICY
from xcomkit.findings.errors import MissingError
from xcomkit.findings.model import Change, Check

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

INHERITED = "roles inherited from the project are not looked at"
_TITLE = "xcom-prefix"
"""Names the condition of every binding made here, also of one for an earlier prefix."""
_BIND = (
    "gcloud storage buckets {verb}-iam-policy-binding gs://{bucket} --member={member}"
    " --role={role} --condition={condition}"
)
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")


class Rights:
    """The bindings of one member on the bucket of the settings."""

    def __init__(self, cloud: "Cloud", *, member: str) -> None:
        self._settings = cloud.settings
        self._clients: Clients = cloud.clients
        self.member = member

    def _rights(self) -> list[Document]:
        """Return the least bindings.

        objectUser alone lacks buckets.get: gcsfs then takes the bucket for missing and tries to
        create it. legacyBucketReader adds buckets.get and objects.list, and cannot be narrowed.
        """
        objects = f"projects/_/buckets/{self._settings.bucket}/objects"
        conditions = [
            {
                "title": _TITLE,
                "description": f"only objects below {prefix}/",
                "expression": f'resource.name.startsWith("{objects}/{prefix}/")',
            }
            for prefix in self._settings.prefixes
        ]
        return [
            *({"role": OBJECTS, "members": [self.member], "condition": one} for one in conditions),
            {"role": READER, "members": [self.member]},
        ]

    def _read(self) -> Any:
        """Return the bucket's IAM policy; ``None`` when there is no such bucket."""
        bucket = self._clients.bucket
        return find(
            gcp_errors,
            "reading the bucket's IAM policy",
            lambda: bucket.get_iam_policy(requested_policy_version=3, **patience()),
        )

    def plan(self) -> list[Change]:
        """Return a row per binding that is needed, and per further one of our member."""
        policy = self._read()
        own = [] if policy is None else self._own(policy)
        rows = []
        for wanted in self._rights():
            held = next((binding for binding in own if _is_same(binding, wanted)), None)
            before = ABSENT if held is None else as_text(held)
            rows.append(self._row(held or wanted, before, as_text(held or wanted)))
        for binding in self._surplus(own):
            if _is_titled(binding):
                rows.append(self._row(binding, as_text(binding), ABSENT))
            else:
                note = "somebody else's: remove it yourself"
                rows.append(keep(self._bucket, _setting(binding), as_text(binding), note))
        return rows

    @property
    def _bucket(self) -> str:
        return f"gs://{self._settings.bucket}"

    def _row(self, binding: Document, before: str, after: str) -> Change:
        condition = ",".join(f"{k}={v}" for k, v in binding.get("condition", {}).items())
        command = shell(
            _BIND, self._settings, verb="remove" if after == ABSENT else "add",
            member=self.member, role=binding["role"], condition=condition or None,
        )  # fmt: skip
        return row(self._bucket, _setting(binding), before, after, command)

    def _own(self, policy: Any) -> list[Document]:
        """Return the bindings of our member, each as if it held nobody else."""
        return [
            {**binding, "members": [self.member]}
            for binding in policy.bindings
            if self.member in binding["members"]
        ]

    def _surplus(self, own: list[Document]) -> list[Document]:
        return [b for b in own if not any(_is_same(b, one) for one in self._rights())]

    def _missing(self, own: list[Document]) -> list[Document]:
        return [b for b in self._rights() if not any(_is_same(b, one) for one in own)]

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
        old = [binding for binding in self._surplus(own) if _is_titled(binding)]
        self._write(policy, drop=old, add=self._missing(own))

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
        expected = f"{as_text(self._rights())}; {INHERITED}"
        return look(POLICY, self._see, expected=expected, how="storage buckets.getIamPolicy")

    def _see(self) -> tuple[bool, str]:
        policy = self._read()
        bindings = [] if policy is None else policy.bindings
        own = [] if policy is None else self._own(policy)
        public = [
            f"{member} has {binding['role']}"
            for binding in bindings
            for member in binding["members"]
            if member in _EVERYBODY
        ]
        further = [f"further {b['role']}{_where(b)}" for b in self._surplus(own)]
        problems = "; ".join((*(f"no {b['role']}" for b in self._missing(own)), *further, *public))
        return not problems, problems or "as expected"


def _setting(binding: Document) -> str:
    return f"binding {binding['role'].rpartition('.')[2]}"


def _is_titled(binding: Document) -> bool:
    """Tell whether a binding was made here."""
    return bool(binding.get("condition", {}).get("title") == _TITLE)


def _where(binding: Document) -> str:
    """Return on what condition a binding holds, in words."""
    condition = binding.get("condition")
    return f" where {condition.get('expression')}" if condition else ""


def _is_same(one: Document, other: Document) -> bool:
    """Tell whether two bindings of our member give the same; how a condition is called is free."""
    return (one["role"], _where(one)) == (other["role"], _where(other))
