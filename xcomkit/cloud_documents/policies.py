"""Decides whether policies let a request through, as pure functions over plain documents.

Source: IAM User Guide, "Policy evaluation logic" (one account), "AWS JSON policy elements:
Principal". Anything this stand-in cannot evaluate fails closed: it never allows, it always denies.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from xcomkit.cloud_documents.conditions import (
    Context,
    any_matches,
    both,
    evaluate,
    matches,
    to_texts,
)

Effect = Literal["allow", "deny", "none"]
Document = Mapping[str, Any]

BROKEN: Document = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*"}]}
"""What a document that cannot be read counts as."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an IAM user, a session of a role, or, without ARN, nobody.

    ``names`` are the ARNs under which a Principal element may name the caller: the user, or the
    session and its role.
    """

    arn: str = ""
    names: tuple[str, ...] = ()
    account: str = ""

    @property
    def account_names(self) -> tuple[str, ...]:
        """Return the spellings of the caller's account in a Principal element."""
        return (self.account, f"arn:aws:iam::{self.account}:root") if self.account else ()


@dataclass(frozen=True, slots=True)
class Question:
    """One request as policies see it: ``action`` as ``service:Name``, ``resource`` as ARN."""

    caller: Caller
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who a caller is, the policies that speak for them, and what is known of their request."""

    caller: Caller
    documents: tuple[object, ...]
    context: Context

    def may(
        self,
        action: str,
        resource: str,
        *,
        policy: object | None = None,
        context: Context | None = None,
    ) -> bool:
        """Return whether an action is allowed; ``policy`` is the resource's own, if it has one."""
        question = Question(self.caller, action, resource, {**self.context, **(context or {})})
        return is_allowed(question, identity=self.documents, resource=policy)

    def may_assume(self, role: str, *, trust: object, action: str) -> bool:
        """Return whether a signed-in caller may become a role: both sides have to agree."""
        caller = replace(self.caller, names=(*self.caller.names, *self.caller.account_names))
        question = Question(caller, action, "", self.context)
        trusted = effect_of(trust, question, has_principals=True) == "allow"
        return trusted and self.may(action, role)


def read_document(document: object) -> Document:
    """Return a policy document, given as JSON text or mapping; an unreadable one denies all."""
    if isinstance(document, str | bytes):
        try:
            document = json.loads(document)
        except ValueError:
            return BROKEN
    return document if isinstance(document, dict) else BROKEN


def is_allowed(
    question: Question, *, identity: Iterable[object], resource: object | None = None
) -> bool:
    """Return whether the identity's policies and the resource's own policy allow the request.

    Within one account an explicit deny anywhere wins, then one allow anywhere is enough.
    """
    effects = {effect_of(document, question) for document in identity}
    if resource is not None:
        effects.add(effect_of(resource, question, has_principals=True))
    return "deny" not in effects and "allow" in effects


def effect_of(document: object, question: Question, *, has_principals: bool = False) -> Effect:
    """Return what one policy says of the request."""
    statements = read_document(document).get("Statement", [])
    effects = {
        _statement_effect(statement, question, has_principals=has_principals)
        for statement in (statements if isinstance(statements, list) else [statements])
    }
    return "deny" if "deny" in effects else "allow" if "allow" in effects else "none"


def trust_allows(document: object, *, provider: str, action: str, context: Context) -> bool:
    """Return whether a role's trust policy lets a federated identity in.

    Args:
        document: the role's AssumeRolePolicyDocument.
        provider: ARN of the OIDC provider that vouches for the token.
        action: ``sts:AssumeRoleWithWebIdentity``.
        context: ``<issuer>:sub``, ``<issuer>:aud`` and what else is known of the request.
    """
    question = Question(Caller(arn=provider, names=(provider,)), action, "", context)
    return effect_of(document, question, has_principals=True) == "allow"


def find_policy_problem(document: bytes | str, *, bucket_arn: str) -> str:
    """Return why S3 would refuse a bucket policy as malformed, or ``""``."""
    try:
        loaded = json.loads(document)
    except ValueError:
        return "This policy contains invalid Json"
    statements = (loaded.get("Statement") if isinstance(loaded, dict) else None) or None
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict):
            return "Missing required field Statement"
        for names in (("Effect",), ("Principal", "NotPrincipal"), ("Action", "NotAction")):
            if not any(name in statement for name in names):
                return f"Missing required field {names[0]}"
        resources = to_texts(statement.get("Resource", statement.get("NotResource", [])))
        if not resources or not all(_is_about(bucket_arn, resource) for resource in resources):
            return "Policy has invalid resource"
    return ""


def _is_about(bucket_arn: str, resource: str) -> bool:
    return resource.startswith(f"{bucket_arn}/") or bool(matches(resource, bucket_arn))


def _statement_effect(statement: object, question: Question, *, has_principals: bool) -> Effect:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        return "deny"
    denies = statement["Effect"] == "Deny"
    applies = both(
        (
            _element(statement, "Action", question.action, ignore_case=True),
            _element(statement, "Resource", question.resource) if question.resource else True,
            _principal(statement, question.caller, denies=denies) if has_principals else True,
            evaluate(statement.get("Condition"), question.context),
        )
    )
    if denies:
        return "none" if applies is False else "deny"
    return "allow" if applies else "none"


def _element(
    statement: Document, name: str, text: str, *, ignore_case: bool = False
) -> bool | None:
    """Return whether ``Action``/``Resource`` (or its ``Not`` form) covers the text."""
    if name in statement:
        return any_matches(statement[name], text, ignore_case=ignore_case)
    if f"Not{name}" in statement:
        covered = any_matches(statement[f"Not{name}"], text, ignore_case=ignore_case)
        return None if covered is None else not covered
    return None


def _principal(statement: Document, caller: Caller, *, denies: bool) -> bool | None:
    """Return whether the Principal element means the caller.

    The account as principal denies everybody in it, but allows nobody by itself: it leaves the
    decision to the identity's own policies.
    """
    if "Principal" not in statement:
        return None
    element = statement["Principal"]
    listed = element if isinstance(element, dict) else {"AWS": element}
    meant = {text for kind in ("AWS", "Federated") for text in to_texts(listed.get(kind, []))}
    if "*" in meant or meant & set(caller.names):
        return True
    return denies and bool(meant & set(caller.account_names))
