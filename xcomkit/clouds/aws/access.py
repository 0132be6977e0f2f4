"""The agents' role: who may become it, what it may do, and the connection kept in a secret."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import unquote

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.access.aws import AUDIENCE, trust
from xcomkit.clouds.access import Access, Document, look, not_proved
from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.permission_tests import AwsPermissionTests, simulate
from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.errors import find
from xcomkit.clouds.permission_tests import TESTED
from xcomkit.clouds.rows import ABSENT, as_text, keep, row, shell
from xcomkit.clouds.rules import ASSUME, POLICY, PROVIDER, SECRET, TRUST, UNTRUSTED
from xcomkit.findings.model import Change, Check, Plan

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

POLICY_NAME = "xcom-objects"
FOREIGN = "another connection (hidden)"
_PROVIDER = "aws iam create-open-id-connect-provider --url {issuer} --client-id-list {audience}"
_CREATE = "aws iam create-role --role-name {role_name} --assume-role-policy-document {document}"
_TRUST = "aws iam update-assume-role-policy --role-name {role_name} --policy-document {document}"
_RIGHTS = (
    "aws iam put-role-policy --role-name {role_name} --policy-name {policy}"
    " --policy-document {document}"
)
_STORE = "aws secretsmanager create-secret --name {name} --secret-string {connection}"
_T = TypeVar("_T")


class AwsAccess(Access):
    """The role of the settings, its trust and rights, and the connection."""

    kind: ClassVar[str] = "role"
    removal: ClassVar[str] = "aws iam delete-role --role-name {role_name}"
    find_issuer: ClassVar[str] = (
        "aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer"
    )
    tests = AwsPermissionTests
    _clients: Clients

    def __init__(self, cloud: "Cloud") -> None:
        super().__init__(cloud)
        self.name = self._settings.role_name
        self._account = cloud.who_am_i().account
        self._connection = as_text(cloud.connection())
        self.role_arn = documents.role_arn(self._settings, account=self._account)

    @property
    def _provider_arn(self) -> str:
        iam = self.role_arn.partition(":role/")[0]
        return f"{iam}:oidc-provider/{self.issuer.removeprefix('https://')}"

    def _trust(self, subjects: tuple[str, ...]) -> Document:
        return trust(provider_arn=self._provider_arn, issuer=self.issuer, subjects=subjects)

    def _permissions(self) -> Document:
        return documents.permissions(self._settings, account=self._account)

    def _find(self, what: str, call: Callable[[], _T]) -> _T | None:
        return find(aws_errors, f"reading {what}", call)

    def read_provider(self) -> Document | None:
        """Return the OIDC provider of the issuer, or ``None`` when the account has none."""
        arn, get = self._provider_arn, self._clients.iam.get_open_id_connect_provider
        return self._find("the OIDC provider", lambda: dict(get(OpenIDConnectProviderArn=arn)))

    def read_identity(self) -> Document | None:
        """Return the role with its trust document, or ``None`` when there is none."""
        get = self._clients.iam.get_role
        role: Any = self._find("the role", lambda: get(RoleName=self.name)["Role"])
        if role is None:
            return None
        return {**role, "AssumeRolePolicyDocument": _document(role["AssumeRolePolicyDocument"])}

    def _is_marked(self, identity: Document) -> bool:
        tags = {tag["Key"]: tag["Value"] for tag in identity.get("Tags", [])}
        return documents.MARKER.items() <= tags.items()

    def read_policy(self) -> Document | None:
        """Return our inline policy of the role, or ``None`` when there is none."""
        get = self._clients.iam.get_role_policy
        answer = self._find(
            "the role's policy", lambda: get(RoleName=self.name, PolicyName=POLICY_NAME)
        )
        return None if answer is None else _document(answer["PolicyDocument"])

    def read_other_policies(self) -> tuple[str, ...]:
        """Return the names of further policies on the role: rights that nobody here proved."""
        iam, name = self._clients.iam, self.name
        with aws_errors("listing the role's policies"):
            pages = iam.get_paginator("list_role_policies").paginate(RoleName=name)
            names = {inline for page in pages for inline in page["PolicyNames"]} - {POLICY_NAME}
            for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
                names |= {policy["PolicyName"] for policy in page["AttachedPolicies"]}
        return tuple(sorted(names))

    def read_secret(self) -> str | None:
        """Return our connection or ``None``; a foreign one may hold a password: never its text."""
        get, name = self._clients.secrets_manager.get_secret_value, self._secret_name
        answer = self._find("the connection", lambda: get(SecretId=name))
        if answer is None:
            return None
        with suppress(ValueError):  # a foreign one need not be JSON
            if as_text(json.loads(answer.get("SecretString", ""))) == self._connection:
                return self._connection
        return FOREIGN

    @property
    def _secret_name(self) -> str:
        return documents.secret_name(self._settings)

    @property
    def _has_secret(self) -> bool:
        return self._settings.connection_store == "secrets-manager"

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        provider, role = self.read_provider(), self.read_identity()
        command = shell(_PROVIDER, self._settings, issuer=self.issuer, audience=AUDIENCE)
        known = row(self.issuer, "OIDC provider", "present", "present", command)
        if provider is None:
            note = "belongs to the cluster: create it there"
            known = Change(self.issuer, "OIDC provider", ABSENT, "present", "keep", command, note)
        present = role["AssumeRolePolicyDocument"] if role else None
        trusted = self._with_foreign(self._trust(subjects), present)
        rights, held = self._permissions(), self.read_policy() if role else None
        rows = [
            known,
            self._row("trust", present, trusted, _TRUST if role else _CREATE),
            self._row("permissions", held, rights, _RIGHTS),
        ]
        return [*rows, self._plan_secret()] if self._has_secret else rows

    def _row(
        self, setting: str, present: Document | None, wanted: Document, template: str
    ) -> Change:
        same = present is not None and _normal(present) == _normal(wanted)
        after = as_text(wanted)
        before = ABSENT if present is None else after if same else as_text(present)
        command = shell(template, self._settings, policy=POLICY_NAME, document=after)
        return row(self.name, setting, before, after, command)

    def _plan_secret(self) -> Change:
        stored, name = self.read_secret(), self._secret_name
        if stored == FOREIGN:
            note = "somebody else's: choose another connection_id, or remove it yourself"
            return keep(name, "connection", FOREIGN, note)
        command = shell(_STORE, self._settings, name=name, connection=self._connection)
        return row(name, "connection", stored or ABSENT, self._connection, command)

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return the rows of provider, role, policy and, where asked for, the connection."""
        if not self._clients.is_compatible_store:
            return super().plan(subjects)
        note = f"make a user with a key at the store yourself; {self._why_keys}"
        none = Change(self._settings.bucket, "access", "-", "-", "unsupported", note=note)
        return Plan("Access", (none,))

    @property
    def _why_keys(self) -> str:
        """Return why agents of an S3-compatible store get keys, after its STS was asked."""
        answers = self._clients.why_no_sts
        answers = answers or "its STS answers, and roles of other makers are not managed here"
        return f"agents of an S3-compatible store sign with keys: {answers}"

    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan; whom somebody else lets in is kept."""
        for change in plan.pending:
            with aws_errors(f"changing {change.setting}"):
                match change.setting:
                    case "trust":
                        self._put_trust(subjects, create=change.action == "create")
                    case "permissions":
                        self._clients.iam.put_role_policy(
                            RoleName=self.name,
                            PolicyName=POLICY_NAME,
                            PolicyDocument=as_text(self._permissions()),
                        )
                    case "connection":
                        self._clients.secrets_manager.create_secret(
                            Name=self._secret_name, SecretString=self._connection
                        )

    def _with_foreign(self, wanted: Document, present: Document | None) -> Document:
        """Return the trust with whom somebody else lets in; XC302 names them, apply keeps them."""
        theirs = [one for one in items((present or {}).get("Statement")) if not self._is_ours(one)]
        if not theirs or not present:
            return wanted
        return {**present, "Statement": [*theirs, *wanted["Statement"]]}

    def _is_ours(self, statement: Document) -> bool:
        """Tell whether a statement lets in service accounts by the cluster's token issuer."""
        provider = {"Federated": self._provider_arn}
        return (statement.get("Effect"), statement.get("Principal")) == ("Allow", provider)

    def _put_trust(self, subjects: tuple[str, ...], *, create: bool) -> None:
        wanted, iam = self._trust(subjects), self._clients.iam
        if not create:
            role = self.read_identity() or {}
            document = as_text(self._with_foreign(wanted, role.get("AssumeRolePolicyDocument")))
            iam.update_assume_role_policy(RoleName=self.name, PolicyDocument=document)
            return
        iam.create_role(
            RoleName=self.name,
            AssumeRolePolicyDocument=as_text(wanted),
            Description=f"XCom objects below s3://{self._settings.bucket}/{self._settings.prefix}",
            Tags=documents.tag_list({**self._settings.tags, **documents.MARKER}),  # type: ignore[arg-type]
        )

    def plan_removal(self) -> list[Change]:
        """Return what deleting the role would do; an S3-compatible store has none."""
        return [] if self._clients.is_compatible_store else super().plan_removal()

    def delete(self) -> None:
        """Delete the role with its inline policies."""
        iam, name = self._clients.iam, self.name
        with aws_errors("deleting the role"):
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)

    def verify(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return what IAM says of the role, and what the role can do."""
        if self._clients.is_compatible_store:
            return not_proved((PROVIDER, TRUST, POLICY, *TESTED), self._why_keys)
        return super().verify(subjects)

    def _verify_without_token(self) -> tuple[Check, ...]:
        why = "only the cluster can mint a service-account token"
        simulated = simulate(
            self._settings, clients=self._clients, account=self._account, role_arn=self.role_arn
        )
        return (*not_proved((ASSUME, UNTRUSTED), why), *simulated)

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what IAM returns with what is needed."""
        issuer = f"{self.issuer} with audience {AUDIENCE}"
        trusted = f"only {', '.join(sorted(subjects))}"
        rights = as_text(self._permissions())
        read = "iam GetRolePolicy, ListRolePolicies, ListAttachedRolePolicies"
        checks = [
            look(PROVIDER, self._see_provider, expected=issuer, how="iam GetOpenIDConnectProvider"),
            look(TRUST, lambda: self._see_trust(subjects), expected=trusted, how="iam GetRole"),
            look(POLICY, self._see_policy, expected=rights, how=read),
        ]
        if self._has_secret:
            how = "secretsmanager GetSecretValue"
            checks.append(look(SECRET, self._see_secret, expected=self._connection, how=how))
        return tuple(checks)

    def _see_provider(self) -> tuple[bool, str]:
        provider = self.read_provider()
        if provider is None:
            return False, ABSENT
        audiences = provider.get("ClientIDList", [])
        return AUDIENCE in audiences, f"audiences {', '.join(audiences) or 'none'}"

    def _see_trust(self, subjects: tuple[str, ...]) -> tuple[bool, str]:
        role = self.read_identity()
        if role is None:
            return False, "no such role"
        present = role["AssumeRolePolicyDocument"]
        holds = _normal(present) == _normal(self._trust(subjects))
        return holds, "as expected" if holds else as_text(present)

    def _see_policy(self) -> tuple[bool, str]:
        present = self.read_policy()
        if present is None:
            return False, f"no policy {POLICY_NAME} on the role"
        if others := self.read_other_policies():
            return False, f"further policies grant more: {', '.join(others)}"
        return _normal(present) == _normal(self._permissions()), as_text(present)

    def _see_secret(self) -> tuple[bool, str]:
        secret = self.read_secret()
        return secret == self._connection, secret or ABSENT


def _document(value: Any) -> Document:
    """Return a policy document; IAM sends it URL-encoded, boto3 mostly decodes it."""
    return dict(json.loads(unquote(value)) if isinstance(value, str) else value)


def _normal(value: Any) -> Any:
    """Return what a policy says: one item is a list of one, in any order, and a Sid is a name."""
    match value:
        case dict():
            return {name: _normal(item) for name, item in value.items() if name != "Sid"}
        case list():
            items = sorted(map(_normal, value), key=lambda item: json.dumps(item, sort_keys=True))
            return items[0] if len(items) == 1 else items
        case _:
            return value
