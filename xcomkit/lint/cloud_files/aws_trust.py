"""Judges who may become an AWS role: a trust policy, or the associations of EKS Pod Identity.

Exactly the agents' service accounts are wanted: whoever else is let in makes it too wide. Who is
let in is asked of IAM's evaluation, also for tokens that nobody has yet.
"""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xcomkit.cloud_documents.access.aws import AUDIENCE, trust
from xcomkit.cloud_documents.conditions import Context, both
from xcomkit.cloud_documents.policies import Caller, Statement, decide_trust
from xcomkit.lint.cloud_files.reading import block, read_policy, texts
from xcomkit.lint.cloud_files.report import Collector, is_agents, listed, pasted, quoted
from xcomkit.lint.cloud_files.rules import XC060, XC061, XC062
from xcomkit.values.tree import invalid

WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
ASSUME = "sts:AssumeRole"
TAG_SESSION = "sts:TagSession"
POD_IDENTITY = "pods.eks.amazonaws.com"
MOST_TEXTS = 600  # IAM takes 8,192 characters
MOST_ISSUERS = 20
_FEDERATED = (WEB_IDENTITY, "sts:AssumeRoleWithSAML")
_PROVIDER = ":oidc-provider/"
_OTHER = "xcomkit-other"  # a name that is not the agents', to ask with


def judge_role_trust(document: object, *, subjects: tuple[str, ...], report: Collector) -> None:
    """Note what is wrong with an AssumeRolePolicyDocument.

    Raises:
        InputError: the document is no policy.
    """
    statements = read_policy(document, name=report.name, most=MOST_TEXTS)
    providers = tuple(dict.fromkeys(one for s in statements for one in _providers(s)))
    if len({_host(one) for one in providers}) > MOST_ISSUERS:
        raise invalid(report.name, f"a trust in more than {MOST_ISSUERS} issuers")
    expected, fix = f"only {listed(sorted(subjects))}", _fix(statements, subjects=subjects)
    is_let_in = {
        subject: _lets_in(statements, providers=providers, subject=subject) for subject in subjects
    }
    missing = [subject for subject, verdict in is_let_in.items() if verdict is False]
    pods = [s for s in statements if not s.denies and _speaks_of_pods(s)]
    if pods and missing:
        is_let_in = {s: verdict for s, verdict in is_let_in.items() if verdict is not False}
        _judge_pods(pods, missing=missing, expected=expected, report=report)
    report.add_left_out(is_let_in, expected=expected, fix=lambda _: fix)
    for statement in statements:
        if not statement.denies:
            for problem, is_unknown in _list_others(statement, subjects=subjects):
                text = f"{statement.label}: {problem}"
                report.add(XC061, text, expected=expected, fix=fix, is_unknown=is_unknown)
            for host in _loose_audiences(statement):
                report.add(
                    XC062,
                    f"{statement.label}: no exact condition on {quoted(host + ':aud')}",
                    expected=f"StringEquals {host[:100]}:aud = {AUDIENCE}",
                    fix=fix,
                )


def _judge_pods(
    pods: list[Statement], *, missing: list[str], expected: str, report: Collector
) -> None:
    """Note that the associations say who gets the role, and a statement that gives it nobody."""
    report.add(
        XC060,
        "EKS Pod Identity: which service accounts get the role is in the associations, not in this"
        f" file; unknown for {listed(missing)}",
        expected=expected,
        fix="aws eks list-pod-identity-associations --cluster-name CLUSTER > trust.json",
        is_unknown=True,
    )
    if not any(s.has_action(TAG_SESSION) for s in pods):
        report.add(
            XC060,
            f"EKS Pod Identity without {TAG_SESSION}: no pod gets the role",
            expected=f"{ASSUME} and {TAG_SESSION}",
            fix=json.dumps([ASSUME, TAG_SESSION]),
        )


def _lets_in(
    statements: tuple[Statement, ...], *, providers: tuple[str, ...], subject: str
) -> bool | None:
    """Return whether a provider's token of a subject is taken, and none of them is denied."""
    unknown: dict[str, tuple[str, ...] | None] = {
        key: None  # what only a request tells
        for statement in statements
        for _, key, _ in statement.clauses
        if not key.endswith((":sub", ":aud"))
    }
    verdicts, is_perhaps_denied = set(), False
    for provider in providers:
        token = {f"{_host(provider)}:sub": (subject,), f"{_host(provider)}:aud": (AUDIENCE,)}
        context: Context = {**unknown, **token, "aws:securetransport": ("true",)}
        caller = Caller(names=(provider,))
        verdict, because = decide_trust(
            statements, caller=caller, action=WEB_IDENTITY, context=context
        )
        verdicts.add(verdict)
        is_perhaps_denied |= verdict == "unknown" and any(s.denies for s in because)
    if "denied" in verdicts or verdicts <= {"missing"}:
        return False
    return True if "allowed" in verdicts and not is_perhaps_denied else None


def _list_others(statement: Statement, *, subjects: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield who else is let in, and whether that is unknown."""
    for kind, found in (statement.principals or {}).items():
        for who in texts(found):
            if _is_other(statement, kind=kind, who=who):
                yield f"{quoted(who)} may become the role as well", False
    for provider in _providers(statement):
        yield from _list_other_tokens(statement, provider=provider, subjects=subjects)


def _list_other_tokens(
    statement: Statement, *, provider: str, subjects: tuple[str, ...]
) -> Iterator[tuple[str, bool]]:
    """Yield whose tokens are taken beside the agents': of the subjects named, else of anybody."""
    is_named = False
    for value in _subjects_of(statement, provider=provider):
        verdict = _takes(statement, provider=provider, claim="sub", value=_sample(value))
        if verdict is not False and not is_agents(_sample(value), subjects):
            is_named = True
            yield f"{quoted(value)} lets in who is no agent", verdict is None
    key = quoted(f"{_host(provider)}:sub")
    anybody = _takes(statement, provider=provider, claim="sub", value=_sample("*:*"))
    nameless = _takes(statement, provider=provider, claim="sub", value="")
    if anybody is not False and not is_named:
        yield f"no condition on {key}: every service account of the issuer", anybody is None
    elif nameless is not False:
        yield f"a token without {key} is let in as well", nameless is None


def _loose_audiences(statement: Statement) -> Iterator[str]:
    """Yield the issuers whose tokens are taken when they are for another audience, or for none."""
    for provider in _providers(statement):
        verdicts = [
            _takes(statement, provider=provider, claim="aud", value=one) for one in (_OTHER, "")
        ]
        if verdicts != [False, False]:
            yield _host(provider)


def _takes(statement: Statement, *, provider: str, claim: str, value: str) -> bool | None:
    """Return whether a statement takes a token with a claim, ``sub`` or ``aud``, or without it.

    Conditions on anything else count as met: they keep nobody out for good.
    """
    found = statement.source.get("Condition")
    if isinstance(found, dict):
        own = {
            operator: {key: wanted for key, wanted in block(keys).items() if _is_of(key, claim)}
            for operator, keys in found.items()
        }
        found = {operator: keys for operator, keys in own.items() if keys}
    context: Context = {f"{_host(provider)}:{claim}": (value,)} if value else {}
    token = replace(statement, source={**statement.source, "Condition": found})
    named = token.has_principal(Caller(names=(provider,)))
    return both((token.has_action(WEB_IDENTITY), named, token.is_met(context)))


def _is_of(key: str, claim: str) -> bool:
    return key.lower().endswith(f":{claim}")


def _subjects_of(statement: Statement, *, provider: str) -> tuple[str, ...]:
    """Return the subjects that the conditions of a statement name, patterns as they are."""
    own = f"{_host(provider)}:sub"
    return tuple(dict.fromkeys(v for _, key, vs in statement.clauses if key == own for v in vs))


def _sample(pattern: str) -> str:
    """Return a subject of which a pattern speaks, and no agent has."""
    return pattern.replace("*", _OTHER).replace("?", "x")


def _is_other(statement: Statement, *, kind: str, who: str) -> bool:
    """Tell whether a principal may become the role that is neither OIDC provider nor EKS."""
    if _is_wild(who):
        actions: tuple[str, ...] = (ASSUME, *_FEDERATED)
    elif kind == "Federated":
        actions = () if _PROVIDER in who else _FEDERATED
    else:
        actions = () if kind == "Service" and who == POD_IDENTITY else (ASSUME,)
    return any(map(statement.has_action, actions))


def _speaks_of_pods(statement: Statement) -> bool:
    services = texts((statement.principals or {}).get("Service"))
    return POD_IDENTITY in services and statement.has_action(ASSUME) is not False


def _providers(statement: Statement) -> tuple[str, ...]:
    """Return the OIDC providers whose tokens a statement takes."""
    if statement.has_action(WEB_IDENTITY) is False:
        return ()
    named = texts((statement.principals or {}).get("Federated"))
    return tuple(name for name in named if _PROVIDER in name)


def _host(provider: str) -> str:
    """Return an issuer as condition keys name it."""
    return provider.partition(_PROVIDER)[2].lower()


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text


def _fix(statements: tuple[Statement, ...], *, subjects: tuple[str, ...]) -> str:
    """Return the whole trust policy as it should be, for the first provider of the file."""
    named = [name for s in statements for name in _providers(s) if not _is_wild(name)]
    otherwise = "arn:aws:iam::ACCOUNT:oidc-provider/OIDC-HOST"
    provider = pasted(next(iter(named), otherwise), otherwise=otherwise)
    issuer = provider.partition(_PROVIDER)[2]
    wanted = trust(provider_arn=provider, issuer=issuer, subjects=subjects)
    return json.dumps(wanted, indent=2)


def judge_associations(found: list[Any], *, subjects: tuple[str, ...], report: Collector) -> None:
    """Note service accounts without an association, and others with the agents' role.

    ``list-pod-identity-associations`` names no roles: what others get stays unknown.
    """
    present = {
        f"system:serviceaccount:{entry.get('namespace')}:{entry.get('serviceAccount')}": entry
        for entry in map(block, found)
    }
    expected = f"an association for {listed(sorted(subjects))}"
    report.add_left_out(
        {subject: subject in present for subject in subjects}, expected=expected, fix=_associate
    )
    roles = {str(e.get("roleArn")) for s, e in present.items() if s in subjects and "roleArn" in e}
    for subject, entry in present.items():
        if is_agents(subject, subjects) or (roles and str(entry.get("roleArn")) not in roles):
            continue
        role = "the same role" if roles else "a role that this file does not name"
        text = f"{quoted(subject)} has an association with {role}"
        report.add(XC061, text, expected=expected, is_unknown=not roles)
    if len(roles) > 1:
        text = f"several roles: {listed(sorted(roles))}"
        report.add(XC060, text, expected="one role", is_unknown=True)


def _associate(missing: list[str]) -> str:
    command = "aws eks create-pod-identity-association --cluster-name CLUSTER --role-arn ROLE-ARN"
    names = (subject.split(":")[-2:] for subject in missing)
    return "\n".join(
        f"{command} {shlex.join(['--namespace', namespace, '--service-account', name])}"
        for namespace, name in names
    )


def find_role_trust(data: object) -> object | None:
    """Return the trust document in an answer of IAM or itself, ``None`` where there is none."""
    found = block(data)
    for holder in (block(found.get("Role")), found):
        if "AssumeRolePolicyDocument" in holder:
            document: object = holder["AssumeRolePolicyDocument"]
            return document
    return found if "Statement" in found else None
