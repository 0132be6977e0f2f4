"""Judges who may become an AWS role: a trust policy, or the associations of EKS Pod Identity.

Exactly the agents' service accounts are wanted: whoever else is let in makes it too wide.
"""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.access.aws import AUDIENCE, trust
from xcomkit.cloud_documents.conditions import both, either
from xcomkit.lint.cloud_files.reading import Block, block, refusal, texts
from xcomkit.lint.cloud_files.rules import (
    XC060,
    XC061,
    XC062,
    Collector,
    is_agents,
    listed,
    pasted,
    shown,
)
from xcomkit.lint.cloud_files.statements import Clause, Statement, read_statements

WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
ASSUME = "sts:AssumeRole"
TAG_SESSION = "sts:TagSession"
POD_IDENTITY = "pods.eks.amazonaws.com"
MOST_TEXTS = 600  # IAM takes 8,192 characters
MOST_ISSUERS = 20
_FEDERATED = (WEB_IDENTITY, "sts:AssumeRoleWithSAML")
_PROVIDER = ":oidc-provider/"
_POSITIVE = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
_EXACT = ("StringEquals", "StringEqualsIgnoreCase")


def judge_role_trust(document: object, *, subjects: tuple[str, ...], report: Collector) -> None:
    """Note what is wrong with an AssumeRolePolicyDocument.

    Raises:
        InputError: the document is no policy.
    """
    statements = read_statements(document, name=report.name, most=MOST_TEXTS)
    judge = _RoleTrust(statements, subjects=subjects, report=report)
    judge.judge_subjects()
    judge.judge_others()


class _RoleTrust:
    """The statements of a role's trust beside the subjects that ought to be let in."""

    def __init__(
        self, statements: tuple[Statement, ...], *, subjects: tuple[str, ...], report: Collector
    ) -> None:
        self._statements = statements
        self._subjects = subjects
        self._report = report
        hosts = dict.fromkeys(h for s in statements for h in _hosts(s))
        if len(hosts) > MOST_ISSUERS:
            raise refusal(report.name, 1, 1, f"a trust in more than {MOST_ISSUERS} issuers")
        self._hosts = tuple(hosts)
        self._expected = f"only {listed(sorted(subjects))}"
        self._fix = _fix(statements, subjects=subjects)

    def judge_subjects(self) -> None:
        """Note which subjects are left out, and those of which the file cannot tell."""
        verdicts = {subject: self._lets_in(subject) for subject in self._subjects}
        missing = [subject for subject, verdict in verdicts.items() if verdict is False]
        unknown = [subject for subject, verdict in verdicts.items() if verdict is None]
        pods = [s for s in self._statements if not s.denies and _speaks_of_pods(s)]
        if pods and missing:
            self._report.add(
                XC060,
                "EKS Pod Identity: which service accounts get the role stands in the associations,"
                f" not here; not told for {listed(missing)}",
                expected=self._expected,
                fix="aws eks list-pod-identity-associations --cluster-name CLUSTER > trust.json",
                is_unknown=True,
            )
            if not any(s.has_action(TAG_SESSION) for s in pods):
                self._report.add(
                    XC060,
                    f"EKS Pod Identity without {TAG_SESSION}: no pod gets the role",
                    expected=f"{ASSUME} and {TAG_SESSION}",
                    fix=json.dumps([ASSUME, TAG_SESSION]),
                )
        elif missing:
            reasons = "; ".join(dict.fromkeys(self._reasons()))
            self._report.add(
                XC060,
                f"not let in: {listed(missing)}" + (f"; {reasons}" if reasons else ""),
                expected=self._expected,
                fix=self._fix,
            )
        if unknown:
            self._report.add(
                XC060,
                f"a condition that this file does not decide stands before {listed(unknown)}",
                expected=self._expected,
                is_unknown=True,
            )

    def _lets_in(self, subject: str) -> bool | None:
        allowed: list[bool | None] = []
        denied: list[bool | None] = []
        for statement in self._statements:
            for host in self._hosts:
                verdict = _applies(statement, host=host, subject=subject)
                (denied if statement.denies else allowed).append(verdict)
        refused = either(denied)
        return both((either(allowed), None if refused is None else not refused))

    def _reasons(self) -> Iterator[str]:
        """Yield what probably keeps the missing subjects out."""
        if not self._hosts:
            yield "no statement trusts an OIDC provider for sts:AssumeRoleWithWebIdentity"
        for statement in self._statements:
            if statement.denies:
                yield f"{statement.label} denies"
                continue
            hosts = [f"{host}:{claim}" for host in _hosts(statement) for claim in ("sub", "aud")]
            for clause in statement.clauses or ():
                claim = clause.key.rpartition(":")[2]
                if claim in ("sub", "aud") and hosts and clause.key not in hosts:
                    yield f"{shown(clause.key)} is no claim of the provider that is trusted"
                elif claim == "sub" and clause.base in _EXACT:
                    wild = [value for value in clause.values if _is_wild(value)]
                    if wild:
                        yield f"{clause.base} compares literally, so {listed(wild)} matches nobody"
                elif claim == "aud" and clause.is_met({clause.key: (AUDIENCE,)}) is False:
                    yield f"the audience is {listed(clause.values)}, tokens carry {AUDIENCE}"

    def judge_others(self) -> None:
        """Note who else is let in, and statements that take a token of any audience."""
        for statement in self._statements:
            if statement.denies:
                continue
            for kind, who in _list_principals(statement):
                problem = _principal_problem(statement, kind=kind, who=who)
                if problem:
                    self._too_wide(statement, problem)
            if _takes_tokens(statement):
                self._judge_tokens(statement)

    def _judge_tokens(self, statement: Statement) -> None:
        for host in _hosts(statement):
            clauses = statement.clauses or ()
            subs = [c for c in clauses if c.key == f"{host}:sub" and c.base in _POSITIVE]
            if not subs:
                text = (
                    f"no condition on {shown(host + ':sub')}: every service account of the issuer"
                )
                self._too_wide(statement, text)
            for clause in subs:
                if clause.passes_without_claim:
                    text = f"{shown(clause.operator)} is met as well by a token without the claim"
                    self._too_wide(statement, text)
            self._judge_values(statement, host=host, subs=subs)
            audiences = [c for c in clauses if c.key == f"{host}:aud" and c.base in _POSITIVE]
            if not any(_names_audience(c) for c in audiences) and (
                not audiences or any(c.is_met({c.key: (AUDIENCE,)}) for c in audiences)
            ):
                self._report.add(
                    XC062,
                    f"{statement.label}: no exact condition on {shown(host + ':aud')}",
                    expected=f"StringEquals {host[:100]}:aud = {AUDIENCE}",
                    fix=self._fix,
                )

    def _judge_values(self, statement: Statement, *, host: str, subs: list[Clause]) -> None:
        """Note wildcards and strangers among the subjects; an exact list bounds a pattern."""
        is_bounded = any(c.base in _EXACT and not c.passes_without_claim for c in subs)
        for clause in subs:
            for value in items(clause.wanted):
                literal = str(value)
                is_pattern = clause.base == "StringLike" and _is_wild(literal)
                if is_pattern and not is_bounded:
                    self._too_wide(statement, f"{shown(literal)} is a wildcard")
                elif (
                    not is_pattern
                    and not _is_wild(literal)
                    and not is_agents(literal, self._subjects)
                ):
                    verdict = _applies(statement, host=host, subject=literal)
                    if verdict is not False:
                        text = f"{shown(literal)} is no service account of the agents"
                        self._too_wide(statement, text, is_unknown=verdict is None)

    def _too_wide(self, statement: Statement, observed: str, *, is_unknown: bool = False) -> None:
        self._report.add(
            XC061,
            f"{statement.label}: {observed}",
            expected=self._expected,
            fix=self._fix,
            is_unknown=is_unknown,
        )


def _applies(statement: Statement, *, host: str, subject: str) -> bool | None:
    """Return whether a statement speaks of a token of this provider for this subject."""
    names = texts((statement.principals or {}).get("Federated"))
    anybody = any(who == "*" for _, who in _list_principals(statement))
    if not anybody and not any(_host(name) == host for name in names):
        return False
    context = {f"{host}:sub": (subject,), f"{host}:aud": (AUDIENCE,)}
    known = {*context, "aws:securetransport"}
    keys = (clause.key for clause in statement.clauses or ())
    foreign = frozenset(k for k in keys if k not in known and not k.endswith((":sub", ":aud")))
    met = statement.is_met({**context, "aws:securetransport": ("true",)}, unknown=foreign)
    return both((statement.has_action(WEB_IDENTITY), met))


def _principal_problem(statement: Statement, *, kind: str, who: str) -> str:
    """Return why a principal is too wide or a stranger, or ``""``."""
    assumes = statement.has_action(ASSUME)
    takes_tokens = any(statement.has_action(action) for action in _FEDERATED)
    if who == "*" or _is_wild(who):
        return f"{kind} {shown(who)}: everybody" if assumes or takes_tokens else ""
    if kind == "AWS" and assumes:
        is_account = who.isdigit() or who.endswith(":root")
        return f"{shown(who)}: {'everybody in an account' if is_account else 'another identity'}"
    if kind == "Service" and assumes and who != POD_IDENTITY:
        return f"{shown(who)}: another service"
    if kind == "Federated" and takes_tokens and _PROVIDER not in who:
        return f"{shown(who)}: another identity provider"
    return ""


def _list_principals(statement: Statement) -> Iterator[tuple[str, str]]:
    for kind, found in (statement.principals or {}).items():
        known = kind if kind in ("AWS", "Service", "Federated") else "principal"
        for who in texts(found):
            yield known, who


def _takes_tokens(statement: Statement) -> bool:
    return statement.has_action(WEB_IDENTITY) is not False


def _speaks_of_pods(statement: Statement) -> bool:
    who = [name for kind, name in _list_principals(statement) if kind == "Service"]
    return POD_IDENTITY in who and statement.has_action(ASSUME) is not False


def _hosts(statement: Statement) -> tuple[str, ...]:
    """Return the issuers that a statement trusts, as condition keys name them."""
    if not _takes_tokens(statement):
        return ()
    names = texts((statement.principals or {}).get("Federated"))
    return tuple(_host(name) for name in names if _PROVIDER in name)


def _host(provider: str) -> str:
    return provider.partition(_PROVIDER)[2].lower()


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text


def _names_audience(clause: Clause) -> bool:
    """Tell whether a clause holds for our audience and not for just any other."""
    other = {clause.key: ("xcomkit-other-audience",)}
    return (
        clause.is_met({clause.key: (AUDIENCE,)}) is True
        and clause.is_met(other) is False
        and not clause.passes_without_claim
    )


def _fix(statements: tuple[Statement, ...], *, subjects: tuple[str, ...]) -> str:
    """Return the whole trust policy as it should be, for the first provider of the file."""
    providers = (
        str(name)
        for statement in statements
        for name in texts((statement.principals or {}).get("Federated"))
        if _PROVIDER in name and not _is_wild(name)
    )
    otherwise = "arn:aws:iam::ACCOUNT:oidc-provider/OIDC-HOST"
    provider = pasted(next(providers, otherwise), otherwise=otherwise)
    issuer = provider.partition(_PROVIDER)[2]
    wanted = trust(provider_arn=provider, issuer=issuer, subjects=subjects)
    return json.dumps(wanted, indent=2)


def judge_associations(found: list[Any], *, subjects: tuple[str, ...], report: Collector) -> None:
    """Note service accounts without an association, and strangers with the agents' role.

    ``list-pod-identity-associations`` names no roles: what others get stays unknown.
    """
    entries = [entry for entry in found if isinstance(entry, dict)]
    present = {_subject(entry): entry for entry in entries}
    expected = f"an association for {listed(sorted(subjects))}"
    missing = [subject for subject in subjects if subject not in present]
    if missing:
        command = (
            "aws eks create-pod-identity-association --cluster-name CLUSTER --role-arn ROLE-ARN"
        )
        commands = (
            f"{command} {shlex.join(['--namespace', namespace, '--service-account', name])}"
            for namespace, name in (subject.split(":")[-2:] for subject in sorted(missing))
        )
        report.add(
            XC060,
            f"no association for {listed(missing)}",
            expected=expected,
            fix="\n".join(commands),
        )
    roles = {str(e.get("roleArn")) for s, e in present.items() if s in subjects and "roleArn" in e}
    for subject, entry in present.items():
        if is_agents(subject, subjects) or (roles and str(entry.get("roleArn")) not in roles):
            continue
        report.add(
            XC061,
            f"{shown(subject)} has an association"
            + (" with the same role" if roles else "; with which role is not told here"),
            expected=expected,
            is_unknown=not roles,
        )
    if len(roles) > 1:
        report.add(
            XC060, f"several roles: {listed(sorted(roles))}", expected="one role", is_unknown=True
        )


def _subject(entry: Block) -> str:
    return f"system:serviceaccount:{entry.get('namespace')}:{entry.get('serviceAccount')}"


def find_role_trust(data: object) -> object | None:
    """Return the trust document in an answer of IAM or itself, ``None`` where there is none."""
    found = block(data)
    role = block(found.get("Role"))
    for holder in (role, found):
        if "AssumeRolePolicyDocument" in holder:
            document: object = holder["AssumeRolePolicyDocument"]
            return document
    return found if "Statement" in found else None
