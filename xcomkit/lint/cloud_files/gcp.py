"""Judges Google Cloud exports: who may become a service account, and a bucket's IAM policy.

Roles inherited from the project are not in these files and are not looked at.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.access.gcp import BECOME, OBJECTS, READER
from xcomkit.lint.cloud_files.reading import Block, block, texts
from xcomkit.lint.cloud_files.report import Collector, is_agents, listed, pasted, quoted
from xcomkit.lint.cloud_files.rules import XC061, XC063, XC064, XC065, XC066, XC067
from xcomkit.values.names import BasePath

_HARMLESS = ("roles/iam.serviceAccountViewer", "roles/iam.securityReviewer")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
_POOL_MEMBER = re.compile(r"serviceAccount:[^\[\]]*\.svc\.id\.goog\[([^\[\]/]+)/([^\[\]/]+)\]")
_DIRECT = re.compile(r"principal://iam\.googleapis\.com/.*/subject/ns/([^/]+)/sa/([^/]+)")
_CONDITION = re.compile(r"\s*resource\.name\.startsWith\(\s*(['\"])([^'\"\\]*)\1\s*\)\s*")

_GET, _CREATE, _DELETE = "objects.get", "objects.create", "objects.delete"
_OBJECT = frozenset({_GET, _CREATE, _DELETE})
_LIST, _PROBE = "objects.list", "buckets.get"
_WRITER = frozenset({_PROBE, _LIST, _CREATE, _DELETE})
_RIGHTS = ((XC063, (_GET, _CREATE, _LIST)), (XC064, (_PROBE,)), (XC065, (_DELETE,)))
PERMISSIONS: dict[str, frozenset[str]] = {
    "roles/storage.admin": _OBJECT | {_LIST, _PROBE},
    "roles/storage.objectAdmin": _OBJECT | {_LIST},
    OBJECTS: _OBJECT | {_LIST},
    "roles/storage.objectViewer": frozenset({_GET, _LIST}),
    "roles/storage.objectCreator": frozenset({_CREATE}),
    "roles/storage.bucketViewer": frozenset({_PROBE}),
    READER: frozenset({_PROBE, _LIST}),
    "roles/storage.legacyBucketWriter": _WRITER,
    "roles/storage.legacyBucketOwner": _WRITER,
    "roles/storage.legacyObjectReader": frozenset({_GET}),
    "roles/storage.legacyObjectOwner": frozenset({_GET}),
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


def list_grants(policy: Block) -> Iterator[Grant]:
    """Yield every member of every binding."""
    for binding in map(block, items(policy.get("bindings"))):
        condition = binding.get("condition")
        text = None if condition is None else str(block(condition).get("expression"))
        for member in texts(binding.get("members")):
            yield Grant(str(binding.get("role")), member, text)


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
    is_let_in: dict[str, bool | None] = dict.fromkeys(subjects, False)
    for grant in sorted(become, key=lambda g: g.condition is None):  # the certain ones last
        if grant.subject in is_let_in:
            is_let_in[grant.subject] = True if grant.condition is None else None
    pool = next((g.member.partition("[")[0] for g in become if g.subject), "")
    pool = pasted(pool, otherwise="serviceAccount:PROJECT.svc.id.goog")

    def bind(missing: list[str]) -> str:
        members = (f"{pool}[{'/'.join(subject.split(':')[-2:])}]" for subject in missing)
        return "\n".join(_account_command("add", role=BECOME, member=one) for one in members)

    report.add_left_out(is_let_in, expected=expected, fix=bind)
    for grant in grants:
        if problem := _problem(grant, subjects=subjects):
            role = pasted(grant.role, otherwise="ROLE")
            member = pasted(grant.member, otherwise="MEMBER")
            fix = _account_command("remove", role=role, member=member)
            report.add(XC061, f"{quoted(grant.member)} {problem}", expected=expected, fix=fix)


def _problem(grant: Grant, *, subjects: tuple[str, ...]) -> str:
    """Return why a member of an account's policy is too wide or somebody else, or ``""``."""
    if grant.role in _HARMLESS:
        return ""
    if grant.member in _EVERYBODY or grant.member.startswith("principalSet:"):
        return f"as {quoted(grant.role)} lets in everybody in it"
    if grant.role != BECOME:
        return f"has {quoted(grant.role)}, which may lead to the account's tokens"
    return "" if is_agents(grant.subject, subjects) else "is no service account of the agents"


def judge_bucket_policy(
    policy: Block, *, path: BasePath, subjects: tuple[str, ...], report: Collector
) -> None:
    """Note what a bucket's IAM policy withholds from the agents, and what it grants beyond.

    Agents are the service account with the most of what is needed, or, where the bucket names
    Kubernetes service accounts directly, each of them.
    """
    held: dict[str, list[Grant]] = {}
    for grant in list_grants(policy):
        if grant.member in _EVERYBODY:
            role = pasted(grant.role, otherwise="ROLE")
            report.add(
                XC067,
                f"{grant.member} has {quoted(grant.role)}",
                expected="named members",
                fix=_bucket_command("remove", path=path, role=role, member=grant.member),
            )
        who = grant.subject or grant.member
        if who in subjects or grant.member.startswith("serviceAccount:"):
            held.setdefault(who, []).append(grant)
    agents = list(subjects)
    if not held.keys() & set(subjects):
        agents = sorted(held, key=lambda who: -len(_permissions(held[who], path=path)[0]))[:1]
    for agent in agents or [""]:
        _judge_agent(agent, grants=held.get(agent, []), path=path, report=report)


def _judge_agent(agent: str, *, grants: list[Grant], path: BasePath, report: Collector) -> None:
    have, unsure = _permissions(grants, path=path)
    who = quoted(agent) if agent else "no service account"
    member = pasted(grants[0].member, otherwise="MEMBER") if grants else "MEMBER"
    why = f"; {listed(unsure)} may or may not grant it" if unsure else ""
    for rule, names in _RIGHTS:
        missing = [name for name in names if name not in have]
        if not missing:
            continue
        role = READER if {_LIST, _PROBE}.issuperset(missing) else OBJECTS
        report.add(
            rule,
            f"{who} has no {', '.join(f'storage.{name}' for name in missing)}{why}",
            expected=f"{OBJECTS} below the path and {READER}",
            fix=_bucket_command("add", path=path, role=role, member=member),
            # refused the bucket itself, gcsfs lists instead: enough unless the bucket is empty
            is_unknown=bool(unsure) or (rule is XC064 and _LIST in have),
        )
    for problem in filter(None, (_excess(grant, path=path) for grant in grants)):
        report.add(
            XC066,
            f"{who}: {problem}",
            expected=f"{OBJECTS} on a condition and {READER}",
            fix=_bucket_command("add", path=path, role=OBJECTS, member=member),
        )


def _permissions(grants: list[Grant], *, path: BasePath) -> tuple[set[str], list[str]]:
    """Return what is surely granted, and the roles of which the file does not tell."""
    have: set[str] = set()
    unsure: list[str] = []
    for grant in grants:
        known = PERMISSIONS.get(grant.role)
        start = _condition_start(grant)
        if known is None or start is None:
            unsure.append(grant.role + ("" if grant.condition is None else " on a condition"))
        elif _objects(path).startswith(start):
            # a condition on objects' names holds for no request about the bucket
            have |= known if grant.condition is None else known & _OBJECT
    return have, unsure


def _excess(grant: Grant, *, path: BasePath) -> str:
    """Return in words what a grant gives beyond the path, or ``""``."""
    if grant.role in _TOO_MUCH:
        return f"{grant.role} may change the bucket itself"
    start = _condition_start(grant)
    touches = PERMISSIONS.get(grant.role, frozenset()) & _OBJECT
    if not touches or not path.prefix or start is None:
        return ""
    is_wider = _objects(path).startswith(start) and start != _objects(path)
    return f"{grant.role} reaches beyond {quoted(path.prefix + '/')}" if is_wider else ""


def _condition_start(grant: Grant) -> str | None:
    """Return how the names of the objects begin that a grant is for; ``None`` if not known."""
    if grant.condition is None:
        return ""
    match = _CONDITION.fullmatch(grant.condition)
    return match[2] if match else None


def _objects(path: BasePath) -> str:
    prefix = f"{path.prefix}/" if path.prefix else ""
    return f"projects/_/buckets/{path.bucket}/objects/{prefix}"


def _account_command(verb: str, *, role: str, member: str) -> str:
    words = ["gcloud", "iam", "service-accounts", f"{verb}-iam-policy-binding", "ACCOUNT-EMAIL"]
    return shlex.join([*words, f"--role={role}", f"--member={member}", "--condition=None"])


def _bucket_command(verb: str, *, path: BasePath, role: str, member: str) -> str:
    condition = "None"
    if role == OBJECTS and path.prefix:
        condition = f'title=xcom-prefix,expression=resource.name.startsWith("{_objects(path)}")'
    words = ["gcloud", "storage", "buckets", f"{verb}-iam-policy-binding", f"gs://{path.bucket}"]
    return shlex.join([*words, f"--role={role}", f"--member={member}", f"--condition={condition}"])
