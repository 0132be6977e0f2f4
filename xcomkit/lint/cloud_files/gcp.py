"""Judges Google Cloud exports: who may become a service account, and a bucket's IAM policy.

Roles inherited from the project do not stand in these files and are not looked at.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.access.gcp import BECOME, OBJECTS, READER
from xcomkit.lint.cloud_files.reading import Block, block, texts
from xcomkit.lint.cloud_files.rules import (
    XC060,
    XC061,
    XC063,
    XC064,
    XC065,
    XC066,
    XC067,
    Collector,
    is_agents,
    listed,
    pasted,
    shown,
)
from xcomkit.values.names import BasePath

_HARMLESS = ("roles/iam.serviceAccountViewer", "roles/iam.securityReviewer")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
_POOL_MEMBER = re.compile(r"serviceAccount:[^\[\]]*\.svc\.id\.goog\[([^\[\]/]+)/([^\[\]/]+)\]")
_DIRECT = re.compile(r"principal://iam\.googleapis\.com/.*/subject/ns/([^/]+)/sa/([^/]+)")
_CONDITION = re.compile(r"\s*resource\.name\.startsWith\(\s*(['\"])([^'\"\\]*)\1\s*\)\s*")

_OBJECT = frozenset({"objects.get", "objects.create", "objects.delete"})
_LIST, _PROBE = "objects.list", "buckets.get"
NEEDED = (*sorted(_OBJECT), _LIST, _PROBE)
PERMISSIONS: dict[str, frozenset[str]] = {
    "roles/storage.admin": frozenset(NEEDED),
    "roles/storage.objectAdmin": _OBJECT | {_LIST},
    OBJECTS: _OBJECT | {_LIST},
    "roles/storage.objectViewer": frozenset({"objects.get", _LIST}),
    "roles/storage.objectCreator": frozenset({"objects.create"}),
    "roles/storage.bucketViewer": frozenset({_PROBE}),
    READER: frozenset({_PROBE, _LIST}),
    "roles/storage.legacyBucketWriter": frozenset(
        {_PROBE, _LIST, "objects.create", "objects.delete"}
    ),
    "roles/storage.legacyBucketOwner": frozenset(
        {_PROBE, _LIST, "objects.create", "objects.delete"}
    ),
    "roles/storage.legacyObjectReader": frozenset({"objects.get"}),
    "roles/storage.legacyObjectOwner": frozenset({"objects.get"}),
}
"""What each role grants of what gcsfs asks for (Cloud Storage, IAM roles)."""
_TOO_MUCH = ("roles/storage.admin", "roles/storage.legacyBucketOwner")


@dataclass(frozen=True, slots=True)
class Grant:
    """One member of one binding; ``condition`` is its expression, ``None`` where there is none."""

    role: str
    member: str
    condition: str | None

    @property
    def subject(self) -> str:
        """Return the Kubernetes service account that the member is, or ``""``."""
        match = _POOL_MEMBER.fullmatch(self.member) or _DIRECT.fullmatch(self.member)
        return f"system:serviceaccount:{match[1]}:{match[2]}" if match else ""


def list_grants(policy: object) -> Iterator[Grant]:
    """Yield every member of every binding."""
    for binding in items(block(policy).get("bindings")):
        found = block(binding)
        condition = found.get("condition")
        text = None if condition is None else str(block(condition).get("expression"))
        for member in texts(found.get("members")):
            yield Grant(str(found.get("role")), member, text)


def is_policy(data: object) -> bool:
    """Tell whether something is an IAM policy; one without any binding is an etag only."""
    found = block(data)
    keys = set(found) - {"etag", "version", "kind", "resourceId", "auditConfigs"}
    return isinstance(found.get("bindings"), list) or ("etag" in found and not keys)


def judge_account_policy(policy: Block, *, subjects: tuple[str, ...], report: Collector) -> None:
    """Note subjects that may not become the service account, and everybody else who may.

    A subject counts as let in whichever pool it is of: the file does not tell which is meant.
    """
    grants = tuple(list_grants(policy))
    expected = f"{BECOME} for {listed(sorted(subjects))} and nobody else"
    become = [g for g in grants if g.role == BECOME]
    sure = {g.subject for g in become if g.condition is None}
    perhaps = {g.subject for g in become if g.condition is not None} - sure
    missing = sorted(set(subjects) - sure - perhaps)
    unknown = sorted(perhaps.intersection(subjects))
    pool = next((g.member.partition("[")[0] for g in become if g.subject), "")
    pool = pasted(pool, otherwise="serviceAccount:PROJECT.svc.id.goog")
    if missing:
        members = (f"{pool}[{'/'.join(s.split(':')[-2:])}]" for s in missing)
        report.add(
            XC060,
            f"not let in: {listed(missing)}",
            expected=expected,
            fix="\n".join(_bind_account("add", member, role=BECOME) for member in members),
        )
    if unknown:
        report.add(
            XC060,
            f"a condition that this file does not decide stands before {listed(unknown)}",
            expected=expected,
            is_unknown=True,
        )
    for grant in grants:
        problem = _stranger(grant, subjects=subjects)
        if problem:
            member = pasted(grant.member, otherwise="MEMBER")
            report.add(
                XC061,
                f"{shown(grant.member)} {problem}",
                expected=expected,
                fix=_bind_account("remove", member, role=pasted(grant.role, otherwise="ROLE")),
            )


def _stranger(grant: Grant, *, subjects: tuple[str, ...]) -> str:
    if grant.role in _HARMLESS:
        return ""
    if grant.member in _EVERYBODY or grant.member.startswith("principalSet:"):
        return f"as {shown(grant.role)} lets in everybody in it"
    if grant.role != BECOME:
        return f"has {shown(grant.role)}, which may lead to the account's tokens"
    return "" if is_agents(grant.subject, subjects) else "is no service account of the agents"


def _bind_account(verb: str, member: str, *, role: str) -> str:
    words = ["gcloud", "iam", "service-accounts", f"{verb}-iam-policy-binding", "ACCOUNT-EMAIL"]
    return shlex.join([*words, f"--role={role}", f"--member={member}", "--condition=None"])


def judge_bucket_policy(
    policy: Block, *, path: BasePath, subjects: tuple[str, ...], report: Collector
) -> None:
    """Note what a bucket's IAM policy withholds from the agents, and what it grants beyond.

    Agents are the service account with the most of what is needed, or, where the bucket names
    Kubernetes service accounts directly, each of them.
    """
    grants = tuple(list_grants(policy))
    for grant in grants:
        if grant.member in _EVERYBODY:
            report.add(
                XC067,
                f"{grant.member} has {shown(grant.role)}",
                expected="named members",
                fix=_bind(path, role=pasted(grant.role, otherwise="ROLE"), member=grant.member,
                          verb="remove"),
            )  # fmt: skip
    held: dict[str, list[Grant]] = {}
    for grant in grants:
        who = grant.subject or grant.member
        if who in subjects or grant.member.startswith("serviceAccount:"):
            held.setdefault(who, []).append(grant)
    direct = [subject for subject in subjects if subject in held]
    if direct:
        agents = list(subjects)
    else:
        agents = sorted(held, key=lambda w: -len(_permissions(held[w], path=path)[0]))[:1]
    for agent in agents or [""]:
        _judge_agent(agent, grants=held.get(agent, []), path=path, report=report)


def _judge_agent(agent: str, *, grants: list[Grant], path: BasePath, report: Collector) -> None:
    have, unsure = _permissions(grants, path=path)
    who = shown(agent) if agent else "no service account"
    member = pasted(grants[0].member, otherwise="MEMBER") if grants else "MEMBER"
    rights = (
        (XC063, ("objects.get", "objects.create", _LIST)),
        (XC064, (_PROBE,)),
        (XC065, ("objects.delete",)),
    )
    for rule, names in rights:
        missing = [f"storage.{name}" for name in names if name not in have]
        if not missing:
            continue
        role = READER if set(missing) <= {f"storage.{_LIST}", f"storage.{_PROBE}"} else OBJECTS
        why = f"; {listed(unsure)} may or may not grant it" if unsure else ""
        report.add(
            rule,
            f"{who} has no {', '.join(missing)}{why}",
            expected=f"{OBJECTS} below the path and {READER}",
            fix=_bind(path, role=role, member=member),
            # refused the bucket itself, gcsfs lists instead: enough unless the bucket is empty
            is_unknown=bool(unsure) or (rule is XC064 and _LIST in have),
        )
    for grant in grants:
        problem = _excess(grant, path=path)
        if problem:
            report.add(
                XC066,
                f"{who}: {problem}",
                expected=f"{OBJECTS} on a condition and {READER}",
                fix=_bind(path, role=OBJECTS, member=member),
            )


def _permissions(grants: list[Grant], *, path: BasePath) -> tuple[set[str], list[str]]:
    """Return what is surely granted, and the roles of which the file does not tell."""
    have: set[str] = set()
    unsure: list[str] = []
    for grant in grants:
        known = PERMISSIONS.get(grant.role)
        covered = True if grant.condition is None else _covers(grant.condition, path=path)
        if known is None or covered is None:
            unsure.append(grant.role + (" on a condition" if grant.condition is not None else ""))
        elif covered:  # a condition on objects' names holds for no request about the bucket
            have |= known if grant.condition is None else known & _OBJECT
    return have, unsure


def _covers(expression: str, *, path: BasePath) -> bool | None:
    """Return whether a condition holds for the objects below the path."""
    match = _CONDITION.fullmatch(expression)
    return _objects(path).startswith(match[2]) if match else None


def _objects(path: BasePath) -> str:
    prefix = f"{path.prefix}/" if path.prefix else ""
    return f"projects/_/buckets/{path.bucket}/objects/{prefix}"


def _excess(grant: Grant, *, path: BasePath) -> str:
    if grant.role in _TOO_MUCH:
        return f"{grant.role} may change the bucket itself"
    touches = PERMISSIONS.get(grant.role, frozenset()) & _OBJECT
    if not touches or not path.prefix:
        return ""
    if grant.condition is None:
        return f"{grant.role} holds in the whole bucket, not only below {shown(path.prefix + '/')}"
    match = _CONDITION.fullmatch(grant.condition)
    if match and _objects(path).startswith(match[2]) and match[2] != _objects(path):
        return f"the condition of {grant.role} reaches beyond {shown(path.prefix + '/')}"
    return ""


def _bind(path: BasePath, *, role: str, member: str, verb: str = "add") -> str:
    words = ["gcloud", "storage", "buckets", f"{verb}-iam-policy-binding", f"gs://{path.bucket}"]
    words += [f"--member={member}", f"--role={role}"]
    if role != OBJECTS or not path.prefix:
        return shlex.join([*words, "--condition=None"])
    condition = f'title=xcom-prefix,expression=resource.name.startsWith("{_objects(path)}")'
    return shlex.join([*words, f"--condition={condition}"])
