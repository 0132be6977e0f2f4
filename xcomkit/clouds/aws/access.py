"""The agents' role: who may become it, what it may do, and the connection kept in a secret."""

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.access.aws import AUDIENCE, trust
from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.rules import POLICY, PROVIDER, SECRET, TRUST
from xcomkit.findings.errors import AccessDeniedError, MissingError
from xcomkit.findings.model import Action, Change, Check, Plan
from xcomkit.settings.settings import Settings

POLICY_NAME = "xcom-objects"
FOREIGN = "another connection (hidden)"


class Access:
    """The role of the settings and what belongs to it, as the caller's clients see it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clients: Clients,
        account: str,
        issuer: str,
        connection: Mapping[str, object],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._account = account
        self._issuer = issuer
        self._connection = json.dumps(connection, sort_keys=True)
        iam = f"arn:{documents.partition(settings.region)}:iam::{account}"
        self.role_arn = f"{iam}:role/{settings.role_name}"
        self._provider_arn = f"{iam}:oidc-provider/{issuer.removeprefix('https://')}"

    def _trust(self, subjects: tuple[str, ...]) -> Document:
        return trust(provider_arn=self._provider_arn, issuer=self._issuer, subjects=subjects)

    def _permissions(self) -> Document:
        return documents.permissions(self._settings, account=self._account)

    def read_provider(self) -> Document | None:
        """Return the OIDC provider of the issuer, or ``None`` when the account has none."""
        try:
            with aws_errors("reading the OIDC provider"):
                return dict(
                    self._clients.iam.get_open_id_connect_provider(
                        OpenIDConnectProviderArn=self._provider_arn
                    )
                )
        except MissingError:
            return None

    def read_role(self) -> Document | None:
        """Return the role with its trust document, or ``None`` when there is none."""
        try:
            with aws_errors("reading the role"):
                role: Any = self._clients.iam.get_role(RoleName=self._settings.role_name)["Role"]
        except MissingError:
            return None
        return {**role, "AssumeRolePolicyDocument": _document(role["AssumeRolePolicyDocument"])}

    def read_policy(self) -> Document | None:
        """Return our inline policy of the role, or ``None`` when there is none."""
        try:
            with aws_errors("reading the role's policy"):
                answer = self._clients.iam.get_role_policy(
                    RoleName=self._settings.role_name, PolicyName=POLICY_NAME
                )
        except MissingError:
            return None
        return _document(answer["PolicyDocument"])

    def read_other_policies(self) -> tuple[str, ...]:
        """Return the names of further policies on the role: rights that nobody here proved."""
        name = self._settings.role_name
        with aws_errors("listing the role's policies"):
            pages = self._clients.iam.get_paginator("list_role_policies").paginate(RoleName=name)
            names = {inline for page in pages for inline in page["PolicyNames"]} - {POLICY_NAME}
            attached = self._clients.iam.get_paginator("list_attached_role_policies")
            for page in attached.paginate(RoleName=name):
                names |= {policy["PolicyName"] for policy in page["AttachedPolicies"]}
        return tuple(sorted(names))

    def read_secret(self) -> str | None:
        """Return our connection or ``None``; a foreign one may hold a password: never its text."""
        try:
            with aws_errors("reading the connection"):
                answer = self._clients.secrets_manager.get_secret_value(
                    SecretId=documents.secret_name(self._settings)
                )
        except MissingError:
            return None
        with suppress(ValueError):  # a foreign one need not be JSON
            stored = json.loads(answer.get("SecretString", ""))
            if json.dumps(stored, sort_keys=True) == self._connection:
                return self._connection
        return FOREIGN

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return the rows of provider, role, policy and, where asked for, the connection."""
        try:
            rows = self._plan_rows(subjects)
        except AccessDeniedError as error:
            row = Change("IAM", "access", "unknown", "unknown", "keep", note=str(error))
            rows = [row]
        return Plan(f"Access through role {self._settings.role_name}", tuple(rows))

    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]:
        provider = self.read_provider()
        rows = [
            Change(
                resource=self._issuer,
                setting="OIDC provider",
                before="absent" if provider is None else "present",
                after="present",
                action="unchanged" if provider is not None else "keep",
                command=_aws("iam", "create-open-id-connect-provider", "--url", self._issuer,
                             "--client-id-list", AUDIENCE),
                note="" if provider is not None else "belongs to the cluster: create it there",
            )
        ]  # fmt: skip
        role, name = self.read_role(), self._settings.role_name
        present = role["AssumeRolePolicyDocument"] if role else None
        wanted = self._with_foreign(self._trust(subjects), present)
        verb = "update-assume-role-policy" if role else "create-role"
        option = "--policy-document" if role else "--assume-role-policy-document"
        command = _aws("iam", verb, "--role-name", name, option, _json(wanted))
        rows.append(_row(name, "trust", present, wanted, command))
        rights = self._permissions()
        command = _aws(
            "iam", "put-role-policy", "--role-name", name, "--policy-name", POLICY_NAME,
            "--policy-document", _json(rights),
        )  # fmt: skip
        rows.append(
            _row(name, "permissions", self.read_policy() if role else None, rights, command)
        )
        if self._settings.connection_store == "secrets-manager":
            rows.append(self._plan_secret())
        return rows

    def _plan_secret(self) -> Change:
        secret, name = self.read_secret(), documents.secret_name(self._settings)
        if secret == FOREIGN:
            note = "somebody else's: choose another connection_id, or remove it yourself"
            return Change(name, "connection", FOREIGN, FOREIGN, "keep", note=note)
        return Change(
            resource=name,
            setting="connection",
            before=secret or "absent",
            after=self._connection,
            action="unchanged" if secret else "create",
            command=_aws("secretsmanager", "create-secret", "--name", name,
                         "--secret-string", self._connection),
        )  # fmt: skip

    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan.

        Raises:
            ServiceError: AWS refused a change; rows after it were not tried.
        """
        for change in plan.pending:
            with aws_errors(f"changing {change.setting}"):
                match change.setting:
                    case "trust":
                        self._put_trust(subjects, create=change.action == "create")
                    case "permissions":
                        self._clients.iam.put_role_policy(
                            RoleName=self._settings.role_name,
                            PolicyName=POLICY_NAME,
                            PolicyDocument=_json(self._permissions()),
                        )
                    case "connection":
                        self._clients.secrets_manager.create_secret(
                            Name=documents.secret_name(self._settings),
                            SecretString=self._connection,
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
        name, wanted = self._settings.role_name, self._trust(subjects)
        if not create:
            role = self.read_role() or {}
            document = _json(self._with_foreign(wanted, role.get("AssumeRolePolicyDocument")))
            self._clients.iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
            return
        self._clients.iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=_json(wanted),
            Description=f"XCom objects below s3://{self._settings.bucket}/{self._settings.prefix}",
            Tags=documents.tag_list({**self._settings.tags, **documents.MARKER}),  # type: ignore[arg-type]
        )

    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what IAM returns with what is needed."""
        checks = [self._verify_provider(), self._verify_trust(subjects), self._verify_policy()]
        if self._settings.connection_store == "secrets-manager":
            checks.append(self._verify_secret())
        return tuple(checks)

    def _verify_provider(self) -> Check:
        expected = f"{self._issuer or 'oidc_issuer'} with audience {AUDIENCE}"
        how = "iam GetOpenIDConnectProvider"
        try:
            provider = self.read_provider()
        except AccessDeniedError as error:
            return PROVIDER.judge(
                None, expected=expected, observed=str(error), how=how, basis="echo"
            )
        audiences = (provider or {}).get("ClientIDList", [])
        observed = "absent" if provider is None else f"audiences {', '.join(audiences) or 'none'}"
        holds = AUDIENCE in audiences
        return PROVIDER.judge(holds, expected=expected, observed=observed, how=how, basis="echo")

    def _verify_trust(self, subjects: tuple[str, ...]) -> Check:
        wanted = self._trust(subjects)
        expected = f"only {', '.join(sorted(subjects))}"
        how = "iam GetRole"
        try:
            role = self.read_role()
        except AccessDeniedError as error:
            return TRUST.judge(None, expected=expected, observed=str(error), how=how, basis="echo")
        present = role["AssumeRolePolicyDocument"] if role else None
        holds = present is not None and _normal(present) == _normal(wanted)
        observed = "no such role" if present is None else "as expected" if holds else _json(present)
        return TRUST.judge(holds, expected=expected, observed=observed, how=how, basis="echo")

    def _verify_policy(self) -> Check:
        wanted = self._permissions()
        how = "iam GetRolePolicy, ListRolePolicies, ListAttachedRolePolicies"
        try:
            present = self.read_policy()
            others = self.read_other_policies() if present is not None else ()
        except AccessDeniedError as error:
            return POLICY.judge(
                None, expected=_json(wanted), observed=str(error), how=how, basis="echo"
            )
        if present is None:
            observed = f"no policy {POLICY_NAME} on the role"
        elif others:
            observed = f"further policies grant more: {', '.join(others)}"
        else:
            observed = _json(present)
        holds = present is not None and not others and _normal(present) == _normal(wanted)
        return POLICY.judge(holds, expected=_json(wanted), observed=observed, how=how, basis="echo")

    def _verify_secret(self) -> Check:
        how = "secretsmanager GetSecretValue"
        try:
            secret = self.read_secret()
        except AccessDeniedError as error:
            return SECRET.judge(
                None, expected=self._connection, observed=str(error), how=how, basis="echo"
            )
        return SECRET.judge(
            secret == self._connection,
            expected=self._connection,
            observed=secret or "absent",
            how=how,
            basis="echo",
        )


def _document(value: Any) -> Document:
    """Return a policy document; IAM sends it URL-encoded, boto3 mostly decodes it."""
    if isinstance(value, str):
        value = json.loads(unquote(value))
    return dict(value)


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


def _row(
    resource: str, setting: str, present: Document | None, wanted: Document, command: str
) -> Change:
    same = present is not None and _normal(present) == _normal(wanted)
    return Change(
        resource=resource,
        setting=setting,
        before="absent" if present is None else _json(present),
        after=_json(wanted),
        action="unchanged" if same else _action(present, wanted),
        command=command,
    )


def _action(present: object, wanted: object) -> Action:
    if present is None:
        return "create"
    return "unchanged" if present == wanted else "update"


def _json(document: Document) -> str:
    return json.dumps(document, sort_keys=True)


def _aws(*words: str) -> str:
    return shlex.join(["aws", *words])
