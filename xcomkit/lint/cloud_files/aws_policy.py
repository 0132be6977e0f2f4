"""Judges what an AWS role may do with the objects below an XCom path.

The request judged is the one s3fs sends: signed, over TLS, without encryption headers. Policies of
the role and of the bucket may come together in a list; a right is there when one allows it and
none denies it. Where the connection becomes another role, that one needs the rights, and the first
one no more than to become it.
"""

import json
from collections.abc import Iterator

from xcomkit.cloud_documents import block, texts
from xcomkit.cloud_documents.conditions import Context, both
from xcomkit.cloud_documents.policies import Caller, Statement, Verdict, decide
from xcomkit.findings.model import Rule
from xcomkit.lint.cloud_files.agents import Agents, account_of
from xcomkit.lint.cloud_files.report import Collector, listed, quoted
from xcomkit.lint.cloud_files.rules import XC063, XC064, XC065, XC066, XC067, XC068
from xcomkit.values.names import BasePath

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_RIGHTS: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (XC063, ("s3:GetObject", "s3:PutObject")),
    (XC064, ("s3:ListBucket",)),
    (XC065, ("s3:DeleteObject",)),
)
_ON_BUCKET = ("s3:ListBucket",)
_ASSUME = "sts:AssumeRole"
# the policy of such a name speaks of what is behind it
_BEHIND = ("-s3alias", "--ol-s3", "--x-s3")
_ON_OBJECTS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
_BEYOND = (
    "s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration", "s3:PutBucketAcl",
)  # fmt: skip
_SSE = "s3:x-amz-server-side-encryption"
_SENT: Context = {
    "aws:securetransport": ("true",),
    "s3:signatureversion": ("AWS4-HMAC-SHA256",),
    "s3:authtype": ("REST-HEADER",),
}
_TLS = "s3:tlsversion"
_VERSIONS = ("1.2", "1.3")  # client and endpoint agree on one when they meet
# headers and parameters that s3fs does not send, so that the keys are absent
_NOT_SENT = ("s3:prefix", "s3:delimiter", "s3:max-keys", "s3:x-amz-acl", "s3:versionid")


Because = dict[str, tuple[Statement, ...]]
"""The statements that decided, by action."""
Policies = list[tuple[str, tuple[Statement, ...]]]
"""Statements by the name of the role they are of, ``""`` where no file tells it."""


def find_policies(data: object) -> list[tuple[str, object]]:
    """Return the policy documents in an answer of IAM or S3, in a list of these, or itself.

    Beside each stands the role it is of, ``""`` where the answer does not tell.
    """
    if isinstance(data, list):
        return [one for item in data for one in find_policies(item)]
    found = block(data)
    version = block(found.get("PolicyVersion"))
    for holder, key in ((found, "PolicyDocument"), (version, "Document"), (found, "Policy")):
        if key in holder and not block(holder[key]).get("Arn"):  # get-policy has no document
            return [(str(found.get("RoleName") or ""), holder[key])]
    return [("", found)] if "Statement" in found else []


def judge_rights(policies: Policies, *, path: BasePath, report: Collector) -> None:
    """Note what policies withhold from an agent, and what they grant beyond its needs."""
    agents = report.agents
    signers, first = _names(agents.signers), _names(agents.identities)
    is_known = bool(agents.identities or (signers and not agents.assumed))
    others = dict.fromkeys(
        role for role, _ in policies if role and is_known and role not in {*signers, *first}
    )
    ours = [(role, found) for role, found in policies if role not in others]
    ours = _judge_first(ours, report=report) if agents.assumed else ours
    statements = [statement for _, found in ours for statement in found]
    expected = f"the policies of role {listed(signers)}"
    if others:
        text = f"the policy is of role {listed(others)}; agents sign as {listed(agents.signers)}"
        report.add(XC063, text, expected=expected)
    elif agents.assumed and not statements:
        text = f"the connection makes {listed(agents.signers)} sign, whose policies are not here"
        report.add(XC063, text, expected=expected, is_unknown=True)
    if path.bucket.endswith(_BEHIND) or path.bucket.startswith("arn:"):
        text = f"{quoted(path.bucket)} is another name of a bucket, which this file cannot tell"
        report.add(XC063, text, expected="rights on what is behind the name", is_unknown=True)
    elif statements or not (others or agents.assumed):
        _judge_statements(statements, path=path, report=report)


def _judge_first(policies: Policies, *, report: Collector) -> Policies:
    """Judge the role that only becomes another one, and return the policies of that other one.

    A policy of which nobody knows the role is of the first one if it lets it become the other.
    """
    agents = report.agents
    first, signers, role = _names(agents.identities), _names(agents.signers), agents.assumed[0]
    verdicts: list[Verdict] = []
    theirs: Policies = []
    for name, found in policies:
        verdict, _ = decide((s, both((s.has_action(_ASSUME), s.has_resource(role)))) for s in found)
        is_open = name not in (*first, *signers)
        actions = [action for s in found for action in texts(s.source.get("Action"))]
        names_s3 = any(action.lower().startswith("s3:") for action in actions)
        if name in first or (is_open and verdict != "missing"):
            verdicts.append(verdict)
        if name in signers or (is_open and (verdict == "missing" or names_s3)):
            theirs.append((name, found))
    if verdicts and not {"allowed", "unknown"} & {*verdicts}:
        fix = json.dumps({"Effect": "Allow", "Action": _ASSUME, "Resource": role}, indent=2)
        text = f"{_ASSUME} on {quoted(role)} {verdicts[0]}, which the connection needs"
        report.add(XC063, text, expected=f"{_ASSUME} on {role}", fix=fix)
    return theirs


def _names(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of roles, of which an ARN holds path and account as well."""
    return tuple(role.rpartition("/")[2] for role in roles)


def _judge_statements(statements: list[Statement], *, path: BasePath, report: Collector) -> None:
    rights = _Rights(statements, path=path, agents=report.agents)
    is_of_role = not statements or any(s.principals is None for s in statements)
    answers = {action: rights.ask(action) for _, actions in _RIGHTS for action in actions}
    if not is_of_role and any(said != "allowed" for said, _ in answers.values()):
        holders = rights.list_holders()
        observed = "only the bucket's own policy is in the file, so the role's rights are unknown"
        if holders:
            observed = f"the bucket's policy has nothing for {listed(report.agents.signers)};"
            observed += f" who may write: {listed(holders)}"
        report.add(XC063, observed, expected="the policies of the role", is_unknown=not holders)
    for rule, actions in _RIGHTS:
        for verdict in ("denied", "missing", "unknown"):
            found = {a: answers[a][1] for a in actions if answers[a][0] == verdict}
            if found and (is_of_role or verdict != "missing"):
                _add_verdict(rule, verdict, found, rights=rights, report=report)
    for statement in statements:
        if not statement.denies:
            _judge_width(statement, rights=rights, report=report)


class _Rights:
    """What the statements of policies say of a bucket and of the objects below a path."""

    def __init__(self, statements: list[Statement], *, path: BasePath, agents: Agents) -> None:
        self._statements, self._signers = statements, agents.signers
        self.prefix, self.prefixes = path.prefix, agents.prefixes(path.bucket)
        arns = {arn for s in statements for arn in texts(s.source.get("Resource"))}
        named = (p for p in PARTITIONS if any(a.startswith(f"arn:{p}:s3:::{path.bucket}")
                                              for a in arns))  # fmt: skip
        self.bucket = f"arn:{next(named, 'aws')}:s3:::{path.bucket}"
        self.objects = f"{self.bucket}/{path.prefix}/*" if path.prefix else f"{self.bucket}/*"

    def ask(self, action: str) -> tuple[Verdict, tuple[Statement, ...]]:
        """Return whether an agent may do this, and the statements that made it so."""
        key = f"{self.prefix}/dag/run/task/object".lstrip("/")
        arn = self.bucket if action in _ON_BUCKET else f"{self.bucket}/{key}"
        sent = {**_SENT, **self._caller()}
        contexts = [sent]
        if action == "s3:ListBucket":  # the probe carries no prefix, a listing does
            contexts.append({**sent, "s3:prefix": (f"{self.prefix}/dag".lstrip("/"),)})
        concerned = [
            (s, both((s.has_action(action), s.has_resource(arn), self._is_ours(s))))
            for s in self._statements
        ]
        answers = [
            decide((s, both((is_about, _is_met(s, context)))) for s, is_about in concerned)
            for context in contexts
        ]
        order: tuple[Verdict, ...] = ("denied", "missing", "unknown", "allowed")
        verdict, because = min(answers, key=lambda answer: order.index(answer[0]))
        if verdict == "missing":  # allowed on a condition that the request does not meet
            because = tuple(
                s for s, is_about in concerned if is_about is not False and not s.denies
            )
        return verdict, because

    def list_holders(self) -> list[str]:
        """Return who may write below the path where agents, known by name, surely may not."""
        if not self._signers or self.ask("s3:PutObject")[0] != "missing":
            return []
        arn = f"{self.bucket}/{self.prefix}/object".replace("//", "/")
        return [
            who
            for s in self._statements
            if not s.denies and s.has_action("s3:PutObject") and s.has_resource(arn)
            for found in (s.principals or {}).values()
            for who in texts(found)
            if who != "*"
        ]

    def _caller(self) -> Context:
        """Return what the role that signs makes known of a request, if it is one role."""
        arn, *others = self._signers or ("",)
        known = {"aws:principalarn": (arn,), "aws:principalaccount": (account_of(arn),)}
        return known if arn and not others else {}

    def _is_ours(self, statement: Statement) -> bool | None:
        """Return whether a statement is about who signs, where the files tell who that is."""
        if statement.principals is None:
            return True
        if "NotPrincipal" in statement.source:
            # one that names the role has to name each of its sessions as well
            spared = str(statement.source["NotPrincipal"])
            names = _names(self._signers)
            return None if not names or any(f"/{name}" in spared for name in names) else True
        if statement.principals:
            named = [who for value in statement.principals.values() for who in texts(value)]
            if "*" in named:
                return True
            callers = [Caller(names=(arn,), account=account_of(arn)) for arn in self._signers]
            if callers and not any({*one.account_names} & {*named} for one in callers):
                return any(map(statement.has_principal, callers))
        return None

    def target(self, actions: tuple[str, ...]) -> str:
        """Return on what the actions are needed."""
        return self.bucket if actions[0] in _ON_BUCKET else self.objects

    def grant(self, actions: tuple[str, ...]) -> dict[str, object]:
        """Return the statement that grants the actions where they are needed."""
        # one policy takes no Sid twice, and several of these may go into it
        names = (action.removeprefix("s3:").removesuffix("Object") for action in actions)
        return {
            "Sid": "XCom" + "".join(names),
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": self.target(actions),
        }


def _add_verdict(
    rule: Rule, verdict: str, found: Because, *, rights: _Rights, report: Collector
) -> None:
    """Note actions of one rule that got the same verdict."""
    actions = tuple(found)
    because = [statement for statements in found.values() for statement in statements]
    keys = dict.fromkeys(key for statement in because for _, key, _ in statement.clauses)
    where = ", ".join([*dict.fromkeys(s.label for s in because)][:5])
    where = f" by {where}{': ' if keys else ''}{listed(keys)}" if where else ""
    names, expected = ", ".join(actions), f"{', '.join(actions)} on {rights.target(actions)}"
    problem = {
        "denied": " explicitly denied",
        "missing": " not allowed, or on a condition that the request does not meet",
        "unknown": ": a condition, variable or principal that this file does not decide",
    }[verdict]
    if any(key.startswith(_SSE) for key in keys):
        rule, expected = XC068, "no condition on encryption headers"
    fix = "" if verdict == "denied" else json.dumps(rights.grant(actions), indent=2)
    is_unknown = verdict == "unknown"
    report.add(rule, f"{names}{problem}{where}", expected=expected, fix=fix, is_unknown=is_unknown)


def _judge_width(statement: Statement, *, rights: _Rights, report: Collector) -> None:
    """Note what a statement grants to everybody, and what beyond the needs of agents."""
    met = _is_met(statement, _SENT)
    if met is False or not any(map(statement.has_action, (*_ON_BUCKET, *_ON_OBJECTS, *_BEYOND))):
        return
    if any("*" in texts(who) for who in (statement.principals or {}).values()):
        text = f"{statement.label} of the bucket's policy lets in everybody"
        report.add(XC067, text, expected="named principals", is_unknown=met is None)
    problems = list(_excesses(statement, rights=rights))
    if problems:
        grants = [rights.grant(_ON_BUCKET), rights.grant(_ON_OBJECTS)]
        text = f"{statement.label}: {'; '.join(problems)}"
        expected = f"five actions of s3 on {rights.bucket} and {rights.objects}"
        fix = json.dumps({"Version": "2012-10-17", "Statement": grants}, indent=2)
        is_unknown = met is None or all("${" in problem for problem in problems)
        report.add(XC066, text, expected=expected, fix=fix, is_unknown=is_unknown)


def _excesses(statement: Statement, *, rights: _Rights) -> Iterator[str]:
    beyond = [action for action in _BEYOND if statement.has_action(action)]
    if beyond:
        given = texts(statement.source.get("Action")) or ("NotAction",)
        wild = [text for text in given if "*" in text] or list(given)
        yield f"{quoted(wild[0])} includes {', '.join(beyond)}"
    other = rights.bucket.rpartition(":")[0] + ":xcomkit-another-bucket"
    inside = f"{other}/{rights.prefix}/object".replace("//", "/")
    if any(map(statement.has_resource, (other, inside, f"{other}/object"))):
        yield "the resource includes every bucket"
    elif rights.prefix and any(
        statement.has_resource(f"{rights.bucket}/{outside}/object")
        for outside in ("xcomkit-outside", f"{rights.prefix}-sibling")
    ):
        yield f"the resource reaches beyond {quoted(rights.prefix + '/')} in the bucket"
    elif rights.prefix and any(map(statement.has_action, _ON_OBJECTS)):
        below = f"{rights.bucket}/"
        keys = [arn.removeprefix(below) for arn in texts(statement.source.get("Resource"))
                if arn.startswith(below)]  # fmt: skip
        own = tuple(f"{prefix}/" for prefix in rights.prefixes)
        if further := [key for key in keys if not key.startswith(own)]:
            yield f"grants {listed(further)} in the bucket as well"


def _is_met(statement: Statement, context: Context) -> bool | None:
    """Return whether the request meets the conditions; what else they ask for is unknown."""
    keys = {key for _, key, _ in statement.clauses}
    known = {key for key in keys if key in (*_SENT, *_NOT_SENT, _TLS) or key.startswith(_SSE)}
    known |= keys & {*context}
    met = {
        statement.is_met({**dict.fromkeys(keys - known), **context, _TLS: (version,)})
        for version in _VERSIONS
    }
    return met.pop() if len(met) == 1 else None
