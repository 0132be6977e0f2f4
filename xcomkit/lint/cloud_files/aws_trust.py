"""Judges the trust policy of an AWS role: who may become it.

Exactly the agents' service accounts are wanted, or, of a role that the connection becomes, exactly
the agents' role: whoever else is let in makes it too wide. Who is let in is asked of IAM's
evaluation, also for tokens that nobody has yet.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from xcomkit.cloud_documents import block, texts
from xcomkit.cloud_documents.access.aws import AUDIENCE, trust
from xcomkit.cloud_documents.conditions import Context, both, either, opposite
from xcomkit.cloud_documents.policies import Caller, Statement, decide_trust
from xcomkit.lint.cloud_files.agents import Agents, account_of
from xcomkit.lint.cloud_files.aws_pods import ASSUME, POD_IDENTITY, judge_pods, speaks_of_pods
from xcomkit.lint.cloud_files.reading import read_policy
from xcomkit.lint.cloud_files.report import Collector, listed, pasted, quoted
from xcomkit.lint.cloud_files.rules import XC060, XC061, XC062, XC063
from xcomkit.values.tree import invalid

WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
MOST_TEXTS = 600  # IAM takes 8,192 characters
MOST_ISSUERS = 20
_FEDERATED = (WEB_IDENTITY, "sts:AssumeRoleWithSAML")
_PROVIDER = ":oidc-provider/"
_ROLE = re.compile(r"arn:[\w-]*:iam::\d+:role/.+")
_OTHER = "xcomkit-other"  # a name that is not the agents', to ask with


def judge_role_trust(document: object, *, role: str, report: Collector) -> None:
    """Note what is wrong with the AssumeRolePolicyDocument of a role, by ARN where it is known.

    Raises:
        InputError: the document is no policy.
    """
    agents = report.agents
    statements = read_policy(document, name=report.name, most=MOST_TEXTS)
    takes_pods = any(_providers(s) or speaks_of_pods(s) for s in statements)
    if role and agents.identities and role not in (*agents.identities, *agents.assumed):
        ours = listed(agents.identities)
        text = f"the trust is of {quoted(role)}; the service accounts become {ours}"
        report.add(XC060, text, expected=f"the trust of {ours}")
    elif role in agents.assumed or (agents.assumed and not role and not takes_pods):
        _judge_assumption(statements, report=report)
    else:
        own = role or (agents.identities[0] if len(agents.identities) == 1 else "")
        _judge_tokens(statements, account=account_of(own), report=report)


def _judge_assumption(statements: tuple[Statement, ...], *, report: Collector) -> None:
    """Judge the trust of a role that the agents' own role is to become."""
    agents = report.agents
    expected = f"{ASSUME} for {listed(agents.identities) or 'the role of the agents'}"
    is_let_in: dict[str, bool | None] = {}
    for arn in agents.identities:
        caller = Caller(names=(arn,), account=account_of(arn))
        keys = {key: None for s in statements for _, key, _ in s.clauses}
        verdict, _ = decide_trust(statements, caller=caller, action=ASSUME, context=keys)
        is_let_in[arn] = {"allowed": True, "unknown": None}.get(verdict, False)
    if not agents.identities:
        text = "which role the pods have is not in the values"
        report.add(XC060, text, expected=expected, is_unknown=True)
    allow = {"Effect": "Allow", "Principal": {"AWS": sorted(agents.identities)}, "Action": ASSUME}
    fix = json.dumps(allow, indent=2)
    report.add_left_out(is_let_in, expected=expected, fix=lambda _: fix)
    for statement in (s for s in statements if not s.denies):
        for who in _others(statement):
            if who not in agents.identities:
                text = f"{statement.label}: {quoted(who)} may become the role as well"
                report.add(XC061, text, expected=expected, fix=fix)


def _judge_tokens(statements: tuple[Statement, ...], *, account: str, report: Collector) -> None:
    """Judge whose tokens open a role; those of a provider of another account open none."""
    subjects = report.agents.subjects
    named = tuple(dict.fromkeys(one for s in statements for one in _providers(s)))
    if len({_host(one) for one in named}) > MOST_ISSUERS:
        raise invalid(report.name, f"a trust in more than {MOST_ISSUERS} issuers")
    providers = tuple(p for p in named if not account or account_of(p) == account)
    expected = f"only {listed(sorted(subjects))}"
    fix = _fix(statements, subjects=subjects, account=account)
    is_let_in = {
        subject: _lets_in(statements, providers=providers, subject=subject) for subject in subjects
    }
    missing = [subject for subject, verdict in is_let_in.items() if verdict is False]
    pods = [s for s in statements if not s.denies and speaks_of_pods(s)]
    if pods and missing:
        is_let_in = {s: verdict for s, verdict in is_let_in.items() if verdict is not False}
        judge_pods(pods, missing=missing, expected=expected, report=report)
    why = _foreign_claim(statements, providers=providers)
    if named and not providers:
        why = f"the OIDC provider {quoted(named[0])} is of another account than the role"
        why += f" ({account}), and STS looks for it in the role's"
    report.add_left_out(is_let_in, expected=expected, fix=lambda _: fix, why=why)
    denials = tuple(s for s in statements if s.denies)
    for statement in statements:
        if not statement.denies:
            own = _Tokens(statement, denials=denials, providers=providers)
            for problem, is_unknown in _list_others(own, agents=report.agents):
                text = f"{statement.label}: {problem}"
                report.add(XC061, text, expected=expected, fix=fix, is_unknown=is_unknown)
            for host in own.loose_audiences(subjects):
                text = f"{statement.label}: no exact condition on {quoted(host + ':aud')}"
                audience = f"StringEquals {host[:100]}:aud = {AUDIENCE}"
                report.add(XC062, text, expected=audience, fix=fix)


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


def _foreign_claim(statements: tuple[Statement, ...], *, providers: tuple[str, ...]) -> str:
    """Return why no token of the providers opens the role, where the file shows it."""
    claims = {f"{_host(one)}:{claim}" for one in providers for claim in ("sub", "aud")}
    keys = [key for s in statements if not s.denies for _, key, _ in s.clauses]
    foreign = [key for key in keys if key.endswith((":sub", ":aud")) and key not in claims]
    return f"{listed(foreign[:1])} is no claim of the trusted provider" if foreign else ""


def _list_others(own: "_Tokens", *, agents: Agents) -> Iterator[tuple[str, bool]]:
    """Yield who else is let in, and whether that is unknown."""
    for who in _others(own.statement):
        if who in agents.identities:  # a role that may become itself
            continue
        yield f"{quoted(who)} may become the role as well", False
    for provider in own.providers:
        is_named = False
        for value in _subjects_of(own.statement, provider=provider):
            verdict = own.take(provider, claim="sub", value=_sample(value))
            if verdict is not False and not agents.has_subject(_sample(value)):
                is_named = True
                yield f"{quoted(value)} lets in who is no agent", verdict is None
        key = quoted(f"{_host(provider)}:sub")
        anybody = own.take(provider, claim="sub", value=_sample("*:*"))
        nameless = own.take(provider, claim="sub", value="")
        if anybody is not False and not is_named:
            yield f"no condition on {key}: every service account of the issuer", anybody is None
        elif nameless is not False:
            yield f"a token without {key} is let in as well", nameless is None


class _Tokens:
    """Which tokens one statement takes, as long as no other statement denies them."""

    def __init__(
        self, statement: Statement, *, denials: tuple[Statement, ...], providers: tuple[str, ...]
    ) -> None:
        self.statement = statement
        self._denials = denials
        self.providers = tuple(one for one in _providers(statement) if one in providers)

    def take(self, provider: str, *, claim: str, value: str) -> bool | None:
        """Return whether a token with a claim, ``sub`` or ``aud``, or without it, is taken.

        Conditions on anything else count as met: they keep nobody out for good.
        """
        denied = (_speaks_of(s, provider, claim=claim, value=value) for s in self._denials)
        taken = _speaks_of(self.statement, provider, claim=claim, value=value)
        return both((taken, opposite(either(denied))))

    def loose_audiences(self, subjects: tuple[str, ...]) -> Iterator[str]:
        """Yield the issuers whose tokens are taken also for another audience, or for none."""
        for provider in self.providers:
            named = (*subjects, *map(_sample, _subjects_of(self.statement, provider=provider)))
            lets_in = [self.take(provider, claim="sub", value=one) for one in ("", *named)]
            loose = [self.take(provider, claim="aud", value=one) for one in (_OTHER, "")]
            if loose != [False, False] and either(lets_in) is not False:
                yield _host(provider)


def _speaks_of(statement: Statement, provider: str, *, claim: str, value: str) -> bool | None:
    found = statement.source.get("Condition")
    if isinstance(found, dict):
        own = {
            operator: {k: v for k, v in block(keys).items() if k.lower().endswith(f":{claim}")}
            for operator, keys in found.items()
        }
        if statement.denies and own != found:  # it may deny for another reason, or not at all
            return False
        found = {operator: keys for operator, keys in own.items() if keys}
    context: Context = {f"{_host(provider)}:{claim}": (value,)} if value else {}
    token = replace(statement, source={**statement.source, "Condition": found})
    named = token.has_principal(Caller(names=(provider,)))
    return both((token.has_action(WEB_IDENTITY), named, token.is_met(context)))


def _subjects_of(statement: Statement, *, provider: str) -> tuple[str, ...]:
    """Return the subjects that the conditions of a statement name, patterns as they are."""
    own = f"{_host(provider)}:sub"
    return tuple(dict.fromkeys(v for _, key, vs in statement.clauses if key == own for v in vs))


def _sample(pattern: str) -> str:
    """Return a subject of which a pattern speaks, and no agent has."""
    return pattern.replace("*", _OTHER).replace("?", "x")


def _others(statement: Statement) -> Iterator[str]:
    """Yield the principals that may become the role and are neither OIDC provider nor EKS."""
    for kind, found in (statement.principals or {}).items():
        for who in texts(found):
            if _is_wild(who):
                actions: tuple[str, ...] = (ASSUME, *_FEDERATED)
            elif kind == "Federated":
                actions = () if _PROVIDER in who else _FEDERATED
            else:
                actions = () if kind == "Service" and who == POD_IDENTITY else (ASSUME,)
            if any(map(statement.has_action, actions)):
                yield who


def _providers(statement: Statement) -> tuple[str, ...]:
    """Return the OIDC providers whose tokens a statement takes."""
    if statement.has_action(WEB_IDENTITY) is False:
        return ()
    named = texts((statement.principals or {}).get("Federated"))
    return tuple(name for name in named if _PROVIDER in name and name.count(":") > 4)


def _host(provider: str) -> str:
    """Return an issuer as condition keys name it."""
    return provider.partition(_PROVIDER)[2].lower()


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text


def _fix(statements: tuple[Statement, ...], *, subjects: tuple[str, ...], account: str) -> str:
    """Return the whole trust policy as it should be, for the first provider of the file."""
    named = [name for s in statements for name in _providers(s) if not _is_wild(name)]
    otherwise = "arn:aws:iam::ACCOUNT:oidc-provider/OIDC-HOST"
    provider = pasted(next(iter(named), otherwise), otherwise=otherwise)
    start, _, issuer = provider.partition(_PROVIDER)
    if account:  # where STS looks for it
        provider = f"{start.rpartition(':')[0]}:{account}{_PROVIDER}{issuer}"
    wanted = trust(provider_arn=provider, issuer=issuer, subjects=subjects)
    return json.dumps(wanted, indent=2)


def add_boundary(data: object, *, report: Collector) -> None:
    """Note a permissions boundary: what it leaves out, no policy grants."""
    found = block(block(block(data).get("Role") or data).get("PermissionsBoundary"))
    if arn := found.get("PermissionsBoundaryArn"):
        text = f"the role has the permissions boundary {quoted(arn)}, which may withhold rights"
        report.add(XC063, text, expected="the same rights in the boundary", is_unknown=True)


def find_role_trust(data: object) -> tuple[str, object] | None:
    """Return the role's ARN, or ``""``, and its trust document; ``None`` where there is none."""
    found = block(data)
    for holder in (block(found.get("Role")), found):
        if "AssumeRolePolicyDocument" in holder:
            arn = holder.get("Arn")
            is_role = isinstance(arn, str) and _ROLE.fullmatch(arn)
            return str(arn) if is_role else "", holder["AssumeRolePolicyDocument"]
    return ("", found) if "Statement" in found else None
