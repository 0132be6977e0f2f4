"""Judges what an AWS role may do with the objects below an XCom path.

The request judged is the one s3fs sends: signed, over TLS, without encryption headers. Policies of
the role and of the bucket may come together in a list; a right is there when one allows it and
none denies it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from xcomkit.cloud_documents.conditions import Context, both, either
from xcomkit.findings.model import Rule
from xcomkit.lint.cloud_files.reading import block, read_embedded, texts
from xcomkit.lint.cloud_files.rules import (
    XC063,
    XC064,
    XC065,
    XC066,
    XC067,
    XC068,
    Collector,
    listed,
    shown,
)
from xcomkit.lint.cloud_files.statements import Statement, read_statements
from xcomkit.values.names import BasePath

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_RIGHTS: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (XC063, ("GetObject", "PutObject")),
    (XC064, ("ListBucket", "GetBucketLocation")),
    (XC065, ("DeleteObject",)),
)
_ON_BUCKET = ("ListBucket", "GetBucketLocation")
_NEEDED = (*(one for _, actions in _RIGHTS for one in actions), "AbortMultipartUpload")
_BEYOND = ("DeleteBucket", "PutBucketPolicy", "PutLifecycleConfiguration", "PutBucketAcl")
_SSE = "s3:x-amz-server-side-encryption"
_SENT: Context = {"aws:securetransport": ("true",)}
# headers and parameters that s3fs does not send, so that the keys are absent
_NOT_SENT = ("s3:prefix", "s3:delimiter", "s3:max-keys", "s3:x-amz-acl", "s3:versionid")

Verdict = Literal["allowed", "denied", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the policies say of one action, and the statements that made it so."""

    verdict: Verdict
    because: tuple[Statement, ...] = ()


def judge_rights(documents: list[object], *, path: BasePath, report: Collector) -> None:
    """Note what the documents withhold from an agent, and what they grant beyond its needs.

    Raises:
        InputError: a document is no policy.
    """
    statements = tuple(
        statement
        for document in documents
        for statement in read_statements(document, name=report.name)
    )
    _RoleRights(statements, path=path, report=report).judge()


def find_policies(data: object, *, name: str) -> list[object]:
    """Return the policy documents in an answer of IAM or S3, in a list of these, or itself.

    Raises:
        InputError: a document that stands there as text is no JSON.
    """
    if isinstance(data, list):
        return [one for item in data for one in find_policies(item, name=name)]
    found = block(data)
    version = block(found.get("PolicyVersion"))
    for holder, key in ((found, "PolicyDocument"), (version, "Document"), (found, "Policy")):
        if key in holder and not block(holder[key]).get("Arn"):  # get-policy has no document
            return [read_embedded(holder[key], name=name)]
    return [found] if "Statement" in found else []


class _RoleRights:
    """The statements of a role's policies beside one path."""

    def __init__(
        self, statements: tuple[Statement, ...], *, path: BasePath, report: Collector
    ) -> None:
        self._statements = statements
        self._report = report
        self._bucket = f"arn:{_partition(statements, bucket=path.bucket)}:s3:::{path.bucket}"
        self._below = f"{self._bucket}/{path.prefix}/" if path.prefix else f"{self._bucket}/"
        self._prefix = path.prefix

    def judge(self) -> None:
        """Note everything about the rights."""
        is_told = not self._statements or any(s.principals is None for s in self._statements)
        if not is_told:
            self._report.add(
                XC063,
                "only the bucket's own policy is in the file; what the role may do is not told",
                expected="the policies of the role",
                is_unknown=True,
            )
        for rule, actions in _RIGHTS:
            answers = {action: self._ask(action) for action in actions}
            for verdict in ("denied", "missing", "unknown"):
                found = {a: one for a, one in answers.items() if one.verdict == verdict}
                if found and (is_told or verdict != "missing"):
                    self._object(rule, found, verdict=verdict)
        for statement in self._statements:
            if not statement.denies:
                self._judge_width(statement)

    def _ask(self, action: str) -> _Answer:
        """Return whether an agent may do this, in the bucket or on an object below the path."""
        name = f"s3:{action}"
        arn = self._bucket if action in _ON_BUCKET else f"{self._below}dag/run/task/object"
        contexts = [_SENT]
        if action == "ListBucket":  # the probe of the bucket carries no prefix, a listing does
            contexts.append({**_SENT, "s3:prefix": (f"{self._prefix}/dag".lstrip("/"),)})
        verdicts = [
            (s, both((s.has_action(name), s.has_resource(arn), _speaks_of_us(s))))
            for s in self._statements
        ]
        about = [(s, verdict) for s, verdict in verdicts if verdict is not False]
        answers = [_decide(about, context=context) for context in contexts]
        order: tuple[Verdict, ...] = ("denied", "missing", "unknown", "allowed")
        return min(answers, key=lambda answer: order.index(answer.verdict))

    def _object(self, rule: Rule, found: dict[str, _Answer], *, verdict: str) -> None:
        """Note the actions of one rule that got the same verdict."""
        names = tuple(found)
        actions = ", ".join(f"s3:{name}" for name in names)
        because = tuple(s for answer in found.values() for s in answer.because)
        clauses = [clause for statement in because for clause in statement.clauses or ()]
        labels = ", ".join([*dict.fromkeys(s.label for s in because)][:5])
        keys = listed(dict.fromkeys(clause.key for clause in clauses))
        where = f" by {labels}{': ' if keys else ''}{keys}" if labels else ""
        told = {
            "denied": f"{actions} explicitly denied{where}",
            "missing": f"{actions} not allowed{self._hint(names, where)}",
            "unknown": f"{actions}: a condition, variable or principal that this file does not"
            f" decide{where}",
        }[verdict]
        expected = f"{actions} on {self._target(names)}"
        if any(clause.key.startswith(_SSE) for clause in clauses):
            rule, expected = XC068, "no condition on encryption headers"
        self._report.add(
            rule,
            told,
            expected=expected,
            fix="" if verdict == "denied" else self._fix(names),
            is_unknown=verdict == "unknown",
        )

    def _target(self, actions: tuple[str, ...]) -> str:
        return self._bucket if actions[0] in _ON_BUCKET else f"{self._below}*"

    def _hint(self, actions: tuple[str, ...], where: str) -> str:
        """Return what probably went wrong where an action is not allowed."""
        if where:
            return f" without a condition that the request does not meet{where}"
        if actions[0] in _ON_BUCKET:
            return ""
        for statement in self._statements:
            if statement.denies or not any(statement.has_action(f"s3:{a}") for a in actions):
                continue
            for arn in texts(statement.source.get("Resource")):
                if arn.rstrip("/") in (self._bucket, self._below.rstrip("/")):
                    return (
                        f": {statement.label} grants {shown(arn)}, which is no object;"
                        " objects need /* behind it"
                    )
        return ""

    def _fix(self, actions: tuple[str, ...]) -> str:
        statement = {
            # one policy takes no Sid twice, and several of these may go into it
            "Sid": "XCom" + "".join(action.removesuffix("Object") for action in actions),
            "Effect": "Allow",
            "Action": [f"s3:{action}" for action in actions],
            "Resource": self._target(actions),
        }
        return json.dumps(statement, indent=2)

    def _judge_width(self, statement: Statement) -> None:
        names = [f"s3:{name}" for name in (*_NEEDED, *_BEYOND)]
        met = _is_met(statement, _SENT)
        if met is False or not any(statement.has_action(name) for name in names):
            return
        anybody = [kind for kind, who in (statement.principals or {}).items() if "*" in texts(who)]
        if anybody:
            self._report.add(
                XC067,
                f"{statement.label} of the bucket's policy lets in everybody",
                expected="named principals",
                is_unknown=met is None,
            )
        problems = list(self._excesses(statement))
        if problems:
            self._report.add(
                XC066,
                f"{statement.label}: {'; '.join(problems)}",
                expected=f"six actions of s3 on {self._bucket} and {self._below}*",
                fix=self._whole(),
                is_unknown=met is None,
            )

    def _excesses(self, statement: Statement) -> Iterator[str]:
        beyond = [f"s3:{a}" for a in _BEYOND if statement.has_action(f"s3:{a}")]
        if beyond:
            given = texts(statement.source.get("Action")) or ("NotAction",)
            wild = [text for text in given if "*" in text] or list(given)
            yield f"{shown(wild[0])} includes {', '.join(beyond)}"
        other = self._bucket.rpartition(":")[0] + ":xcomkit-another-bucket"
        inside = (f"{self._prefix}/object".lstrip("/"), "object")
        if any(statement.has_resource(one) for one in (other, *(f"{other}/{i}" for i in inside))):
            yield "the resource includes every bucket"
        elif self._prefix and any(
            statement.has_resource(f"{self._bucket}/{outside}/object")
            for outside in ("xcomkit-outside", f"{self._prefix}-sibling")
        ):
            yield f"the resource reaches beyond {shown(self._prefix + '/')} in the bucket"

    def _whole(self) -> str:
        objects = tuple(action for action in _NEEDED if action not in _ON_BUCKET)
        statements = [json.loads(self._fix(actions)) for actions in (_ON_BUCKET, objects)]
        return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _decide(about: Sequence[tuple[Statement, bool | None]], *, context: Context) -> _Answer:
    """Return the verdict of IAM: an explicit deny wins, then one allow is enough."""
    verdicts = [(s, both((verdict, _is_met(s, context)))) for s, verdict in about]
    denies = [(s, verdict) for s, verdict in verdicts if s.denies]
    allows = [(s, verdict) for s, verdict in verdicts if not s.denies]
    denying = tuple(s for s, verdict in denies if verdict)
    if denying:
        return _Answer("denied", denying)
    allowed = either(verdict for _, verdict in allows)
    if allowed is False:
        return _Answer("missing", tuple(s for s, _ in allows))
    open_ones = tuple(s for s, verdict in denies if verdict is None)
    if allowed is None:
        open_ones += tuple(s for s, verdict in allows if verdict is None)
    return _Answer("unknown", open_ones) if open_ones else _Answer("allowed")


def _speaks_of_us(statement: Statement) -> bool | None:
    """Return whether a statement is about the agents' role; which that is, no file tells."""
    if statement.principals is None:
        return True
    named = [who for value in statement.principals.values() for who in texts(value)]
    return True if "*" in named and "NotPrincipal" not in statement.source else None


def _is_met(statement: Statement, context: Context) -> bool | None:
    keys = {clause.key for clause in statement.clauses or ()}
    known = {*_SENT, *_NOT_SENT}
    foreign = frozenset(k for k in keys if k not in known and not k.startswith(_SSE))
    return statement.is_met(context, unknown=foreign)


def _partition(statements: tuple[Statement, ...], *, bucket: str) -> str:
    """Return the ARN partition that the statements use for the bucket."""
    arns = {arn for s in statements for arn in texts(s.source.get("Resource"))}
    return next(
        (p for p in PARTITIONS if any(a.startswith(f"arn:{p}:s3:::{bucket}") for a in arns)), "aws"
    )
