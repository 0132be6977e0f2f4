"""Says what IAM policies answer to a request: the one evaluator, for the stand-in and for lint.

Source: IAM User Guide, "Policy evaluation logic" (one account), "AWS JSON policy elements:
Principal". What cannot be evaluated here is ``None`` of a statement and ``unknown`` of a policy;
the stand-in lets nothing through but ``allowed``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.conditions import (
    Context,
    any_matches,
    both,
    evaluate,
    matches,
    opposite,
    to_texts,
)

Verdict = Literal["allowed", "denied", "missing", "unknown"]

_DENY_ALL = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
"""What a statement that cannot be read counts as."""


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
class Statement:
    """One statement of a policy; ``label`` says which one: statement 2 (Sid Objects)."""

    label: str
    source: Mapping[str, Any]

    @property
    def denies(self) -> bool:
        """Tell whether it takes rights away."""
        return bool(self.source["Effect"] == "Deny")

    @property
    def principals(self) -> Mapping[str, Any] | None:
        """Return of whom it speaks, by kind; ``None`` in a policy of an identity."""
        if "NotPrincipal" in self.source:
            return {"AWS": "*"}
        found = self.source.get("Principal")
        return found if found is None or isinstance(found, dict) else {"AWS": found}

    @property
    def clauses(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """Return its conditions one by one: operator, key in lower case, and wanted values."""
        block = self.source.get("Condition")
        return tuple(
            (str(operator), str(key).lower(), to_texts(wanted))
            for operator, keys in (block.items() if isinstance(block, dict) else ())
            for key, wanted in (keys.items() if isinstance(keys, dict) else ())
        )

    def has_action(self, action: str) -> bool | None:
        """Return whether it speaks of an action; IAM ignores the case."""
        return self._covers("Action", action, ignore_case=True)

    def has_resource(self, arn: str) -> bool | None:
        """Return whether it speaks of a resource."""
        return self._covers("Resource", arn)

    def has_principal(self, caller: Caller) -> bool | None:
        """Return whether it speaks of the caller.

        The account as principal denies everybody in it, but allows nobody by itself: it leaves the
        decision to the identity's own policies.
        """
        if "Principal" not in self.source:
            return None
        listed = self.principals or {}
        meant = {text for kind in ("AWS", "Federated") for text in to_texts(listed.get(kind, []))}
        names = {*caller.names, *(caller.account_names if self.denies else ())}
        return "*" in meant or bool(meant & names)

    def is_met(self, context: Context) -> bool | None:
        """Return whether a request meets its conditions, all of them."""
        return evaluate(self.source.get("Condition"), context)

    def _covers(self, name: str, text: str, *, ignore_case: bool = False) -> bool | None:
        is_inverted = name not in self.source
        patterns = self.source.get(f"Not{name}" if is_inverted else name)
        if not patterns:
            return None
        covered = any_matches(patterns, text, ignore_case=ignore_case)
        return opposite(covered) if is_inverted else covered


def read_statements(document: object) -> tuple[Statement, ...]:
    """Return the statements of a policy, given as JSON text or mapping; what is none denies all."""
    if isinstance(document, str | bytes):
        try:
            document = json.loads(document)
        except ValueError:
            document = None
    listed = items(document.get("Statement")) if isinstance(document, dict) else [None]
    found = []
    for number, one in enumerate(listed, start=1):
        is_readable = isinstance(one, dict) and one.get("Effect") in ("Allow", "Deny")
        source = one if is_readable else _DENY_ALL
        sid = source.get("Sid")
        name = f" (Sid {sid[:60]})" if isinstance(sid, str) else ""
        found.append(Statement(f"statement {number}{name}", source))
    return tuple(found)


def decide(found: Iterable[tuple[Statement, bool | None]]) -> tuple[Verdict, tuple[Statement, ...]]:
    """Return the answer to a request of which every statement speaks, or does not, or perhaps.

    Within one account an explicit deny anywhere wins, then one allow anywhere is enough. Beside
    the answer stand the statements that deny, or leave it open.
    """
    found = tuple(found)
    denying = tuple(s for s, applies in found if applies and s.denies)
    if denying:
        return "denied", denying
    is_allowed = any(applies for _, applies in found)
    unsure = tuple(s for s, applies in found if applies is None and (s.denies or not is_allowed))
    if is_allowed or not all(s.denies for s in unsure):
        return ("unknown" if unsure else "allowed"), unsure
    return "missing", ()


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
        known = {**self.context, **(context or {})}
        statements: list[tuple[Statement, bool | None]] = [
            (s, True) for document in self.documents for s in read_statements(document)
        ]
        if policy is not None:
            statements += [(s, s.has_principal(self.caller)) for s in read_statements(policy)]
        verdict, _ = decide(
            (s, both((named, s.has_action(action), s.has_resource(resource), s.is_met(known))))
            for s, named in statements
        )
        return verdict == "allowed"

    def may_assume(self, role: str, *, trust: object, action: str) -> bool:
        """Return whether a signed-in caller may become a role: both sides have to agree."""
        return self.is_trusted(trust, action=action) and self.may(action, role)

    def is_trusted(self, trust: object, *, action: str) -> bool:
        """Return whether a role's trust policy lets the caller in."""
        verdict, _ = decide_trust(
            read_statements(trust), caller=self.caller, action=action, context=self.context
        )
        return verdict == "allowed"


def decide_trust(
    statements: Iterable[Statement], *, caller: Caller, action: str, context: Context
) -> tuple[Verdict, tuple[Statement, ...]]:
    """Return what a role's trust answers to a caller; it names no resource.

    An account as principal leaves the decision to the policies of its own roles.
    """
    named = replace(caller, names=(*caller.names, *caller.account_names))
    return decide(
        (s, both((s.has_action(action), s.has_principal(named), s.is_met(context))))
        for s in statements
    )


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
