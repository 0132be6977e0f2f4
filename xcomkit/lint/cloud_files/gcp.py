"""Judges Google Cloud exports: who may become a service account, and a bucket's IAM policy.

Roles inherited from the project are not in these files and are not looked at. Members are meant in
whichever pool they are of: the values do not tell which cluster is.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xcomkit.cloud_documents import Block, block, items, texts
from xcomkit.cloud_documents.access.gcp import BECOME, OBJECTS, PERMISSIONS, READER, condition_start
from xcomkit.cloud_documents.conditions import both, either
from xcomkit.lint.cloud_files.agents import Agents
from xcomkit.lint.cloud_files.report import Collector, listed, pasted, quoted
from xcomkit.lint.cloud_files.rules import XC061, XC063, XC064, XC065, XC066, XC067
from xcomkit.values.names import BasePath

_IMPERSONATE = "roles/iam.serviceAccountTokenCreator"
_HARMLESS = ("roles/iam.serviceAccountViewer", "roles/iam.securityReviewer")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
_POOL_MEMBER = re.compile(r"serviceAccount:[^\[\]]*\.svc\.id\.goog\[([^\[\]/]+)/([^\[\]/]+)\]")
# of GKE, and of a pool that takes the tokens of another cluster
_DIRECT = re.compile(
    r"principal://iam\.googleapis\.com/.*/subject/(?:ns/|system:serviceaccount:)"
    r"([^/:]+)(?:/sa/|:)([^/:]+)"
)
_ACCOUNTS = "/type/ServiceAccount"
_SET = re.compile(r"principalSet://iam\.googleapis\.com/.*/workloadIdentityPools/([^/]+)/(.+)")

_GET, _CREATE, _DELETE, _LIST = (
    f"storage.objects.{n}" for n in ("get", "create", "delete", "list")
)
_PROBE = "storage.buckets.get"
_OBJECT = frozenset({_GET, _CREATE, _DELETE})
_RIGHTS = ((XC063, (_GET, _CREATE, _LIST)), (XC064, (_PROBE,)), (XC065, (_DELETE,)))
_ANYTHING = frozenset[str]().union(*PERMISSIONS.values())  # what a role of one's own may hold
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

    @property
    def crowd(self) -> str:
        """Return in words whom a member names that is a whole set of pods, or ``""``."""
        match = _SET.fullmatch(self.member)
        kind, _, name = match[2].partition("/") if match else ("", "", "")
        words = {
            "namespace": f"of namespace {quoted(name)}",
            "*": f"of the pool {quoted(match[1] if match else '')}",
            "kubernetes.cluster": f"of cluster {quoted(name)}",
        }
        return f"every service account {words[kind]}" if kind in words else ""

    def is_of(self, who: str) -> bool | None:
        """Return whether the member is somebody, a subject or ``serviceAccount:<e-mail>``.

        ``None`` is a group, or a set by an attribute: the file does not tell who is in it.
        """
        if who.startswith("serviceAccount:"):  # or one of a group, or of a whole project
            is_open = self.member.startswith("group:") or self.member.endswith(_ACCOUNTS)
            return None if is_open else self.member == who
        match = _SET.fullmatch(self.member)
        if match and match[2].startswith("namespace/"):
            return match[2] == f"namespace/{who.split(':')[2]}"
        if match and not self.crowd:
            return None
        return bool(match) or self.subject == who


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


def judge_account_policy(policy: Block, *, report: Collector) -> None:
    """Note subjects that may not become the service account, and everybody else who may.

    Where the connection impersonates an account, and no pod may become the one of the file, it is
    that account's, and agents are who calls for its tokens.
    """
    grants, subjects = tuple(list_grants(policy)), report.agents.subjects
    become = [g for g in grants if g.role == BECOME]
    if report.agents.assumed and not become:
        _judge_impersonation(grants, report=report)
        return
    expected = f"{BECOME} for {listed(sorted(subjects))} and nobody else"
    is_let_in = {subject: _is_held(become, by=subject) for subject in subjects}
    pool = next((g.member.partition("[")[0] for g in become if g.subject), "")
    pool = pasted(pool, otherwise="serviceAccount:PROJECT.svc.id.goog")

    def bind(missing: list[str]) -> str:
        members = (f"{pool}[{'/'.join(subject.split(':')[-2:])}]" for subject in missing)
        return "\n".join(_account_command("add", role=BECOME, member=one) for one in members)

    report.add_left_out(is_let_in, expected=expected, fix=bind)
    _judge_others(grants, expected=expected, report=report)


def _judge_impersonation(grants: tuple[Grant, ...], *, report: Collector) -> None:
    """Judge the policy of an account whose tokens the agents' own identity has to get."""
    agents = report.agents
    callers = tuple(f"serviceAccount:{email}" for email in agents.identities) or agents.subjects
    expected = f"{_IMPERSONATE} for {listed(callers)}"
    create = [g for g in grants if g.role == _IMPERSONATE]
    is_let_in = {who: _is_held(create, by=who) for who in callers}
    report.names_accounts = callers == agents.subjects and any(is_let_in.values())
    member = callers[0] if agents.identities else "MEMBER"
    fix = _account_command("add", role=_IMPERSONATE, member=member)
    report.add_left_out(is_let_in, expected=expected, fix=lambda _: fix)
    others = (g for g in grants if g not in create or not any(map(g.is_of, callers)) or g.crowd)
    _judge_others(others, expected=expected, report=report)


def _is_held(grants: Iterable[Grant], *, by: str) -> bool | None:
    """Return whether one of the grants is somebody's, and ``None`` where only perhaps."""
    return either(both((g.is_of(by), True if g.condition is None else None)) for g in grants)


def _judge_others(grants: Iterable[Grant], *, expected: str, report: Collector) -> None:
    for grant in grants:
        if problem := _problem(grant, agents=report.agents):
            role = pasted(grant.role, otherwise="ROLE")
            member = pasted(grant.member, otherwise="MEMBER")
            fix = _account_command("remove", role=role, member=member)
            report.add(XC061, f"{quoted(grant.member)} {problem}", expected=expected, fix=fix)


def _problem(grant: Grant, *, agents: Agents) -> str:
    """Return why a member of an account's policy is too wide or somebody else, or ``""``."""
    if grant.role in _HARMLESS:
        return ""
    if grant.member in _EVERYBODY or grant.member.startswith("principalSet:"):
        return f"as {quoted(grant.role)} lets in everybody in it"
    if grant.role != BECOME:
        return f"has {quoted(grant.role)}, which may lead to the account's tokens"
    return "" if agents.has_subject(grant.subject) else "is no service account of the agents"


def judge_bucket_policy(policy: Block, *, path: BasePath, report: Collector) -> None:
    """Note what a bucket's IAM policy withholds from the agents, and what it grants beyond.

    Agents are whom the values name. Where they name nobody, it is each Kubernetes service account
    if the bucket names any of them directly, else the account with the most of what is needed.
    """
    grants, agents = tuple(list_grants(policy)), report.agents
    for grant in grants:
        _judge_member(grant, path=path, report=report)
    wanted = [f"serviceAccount:{email}" for email in agents.signers]
    named = {g.is_of(who) for g in grants for who in agents.subjects} - {False}
    if not wanted and named:
        report.names_accounts = True in named
        wanted = list(agents.subjects)
    if not wanted:
        accounts = dict.fromkeys(
            g.member for g in grants if g.member.startswith("serviceAccount:") and not g.subject
        )
        ranked = sorted(accounts, key=lambda who: -len(_permissions(grants, who, path=path)[0]))
        wanted = ranked[:1] or [""]
    alike: dict[tuple[Grant, ...], list[str]] = {}
    for agent in wanted:
        own = tuple(g for g in grants if agent and g.is_of(agent) is not False)
        alike.setdefault(own, []).append(agent)
    for names in alike.values():
        _judge_agents(names, grants=grants, path=path, report=report)


def _judge_member(grant: Grant, *, path: BasePath, report: Collector) -> None:
    """Note a grant to everybody, or to every pod of a namespace, a cluster or a pool."""
    if grant.member in _EVERYBODY:
        role = pasted(grant.role, otherwise="ROLE")
        fix = _bucket_command("remove", path=path, role=role, member=grant.member)
        text = f"{grant.member} has {quoted(grant.role)}"
        report.add(XC067, text, expected="named members", fix=fix)
    elif grant.crowd and PERMISSIONS.get(grant.role, frozenset()) & _OBJECT:
        text = f"{grant.crowd} has {quoted(grant.role)}, whether an agent or not"
        expected = "a member principal://.../subject/ns/NAMESPACE/sa/NAME for each agent"
        report.add(XC066, text, expected=expected)


def _judge_agents(
    names: list[str], *, grants: tuple[Grant, ...], path: BasePath, report: Collector
) -> None:
    """Judge agents of which the policy says the same; an empty name is nobody known."""
    agent = names[0]
    have, unsure, possible = _permissions(grants, agent, path=path)
    own = [grant for grant in grants if agent and grant.is_of(agent)]
    holders = dict.fromkeys(
        g.member for g in grants
        if g not in own and g.member not in _EVERYBODY and PERMISSIONS.get(g.role, set()) & _OBJECT
    )  # fmt: skip
    who = listed(names) if agent else "no service account is a member"
    named = agent if agent.startswith("serviceAccount:") else "MEMBER"
    member = pasted(own[0].member if own else named, otherwise="MEMBER")
    for rule, needed in _RIGHTS:
        missing = [permission for permission in needed if permission not in have]
        if not missing:
            continue
        role = READER if {_LIST, _PROBE}.issuperset(missing) else OBJECTS
        is_perhaps = possible.issuperset(missing)
        why = f"; {listed(unsure)} may or may not grant it" if is_perhaps else ""
        if holders and not is_perhaps and rule is XC063:
            why = f"; who has rights: {listed(holders)}"
        report.add(
            rule,
            f"{who}: no {', '.join(missing)}{why}",
            expected=f"{OBJECTS} below the path and {READER}",
            fix=_bucket_command("add", path=path, role=role, member=member),
            # refused the bucket itself, gcsfs lists instead: enough unless the bucket is empty
            is_unknown=is_perhaps or (rule is XC064 and _LIST in possible),
        )
    excesses = (_excess(grant, path=path, agents=report.agents) for grant in own)
    for problem in filter(None, excesses):
        fix = _bucket_command("add", path=path, role=OBJECTS, member=member)
        expected = f"{OBJECTS} on a condition and {READER}"
        report.add(XC066, f"{who}: {problem}", expected=expected, fix=fix)


def _permissions(
    grants: tuple[Grant, ...], who: str, *, path: BasePath
) -> tuple[set[str], list[str], set[str]]:
    """Return what somebody surely has, the grants that are unsure, and all they may have."""
    have: set[str] = set()
    possible: set[str] = set()
    unsure: list[str] = []
    for grant in grants:
        is_ours = grant.is_of(who) if who else False
        known, start = PERMISSIONS.get(grant.role), condition_start(grant.condition)
        if is_ours is False:
            continue
        if known is None or start is None or is_ours is None:
            condition = "" if grant.condition is None else " on a condition"
            unsure.append(f"{grant.role}{condition}{'' if is_ours else f' of {grant.member}'}")
            possible |= _ANYTHING if known is None else known
        elif _objects(path.bucket, path.prefix).startswith(start):
            # a condition on objects' names holds for no request about the bucket
            have |= known if grant.condition is None else known & _OBJECT
    return have, unsure, possible | have


def _excess(grant: Grant, *, path: BasePath, agents: Agents) -> str:
    """Return in words what a grant gives beyond the path, or ``""``."""
    if grant.role in _TOO_MUCH:
        return f"{grant.role} may change the bucket itself"
    start = condition_start(grant.condition)
    touches = PERMISSIONS.get(grant.role, frozenset()) & _OBJECT
    ours = tuple(_objects(path.bucket, one) for one in agents.prefixes(path.bucket))
    if not touches or not path.prefix or start is None or start.startswith(ours):
        return ""
    if not _objects(path.bucket, path.prefix).startswith(start):
        further = start.removeprefix(_objects(path.bucket, ""))
        return f"{grant.role} on {quoted(further)} as well" if further != start else ""
    return f"{grant.role} reaches beyond {quoted(path.prefix + '/')}"


def _objects(bucket: str, prefix: str) -> str:
    return f"projects/_/buckets/{bucket}/objects/{prefix}{'/' if prefix else ''}"


def _account_command(verb: str, *, role: str, member: str) -> str:
    words = ["gcloud", "iam", "service-accounts", f"{verb}-iam-policy-binding", "ACCOUNT-EMAIL"]
    return shlex.join([*words, f"--role={role}", f"--member={member}", "--condition=None"])


def _bucket_command(verb: str, *, path: BasePath, role: str, member: str) -> str:
    condition = "None"
    if role == OBJECTS and path.prefix:
        start = _objects(path.bucket, path.prefix)
        condition = f'title=xcom-prefix,expression=resource.name.startsWith("{start}")'
    words = ["gcloud", "storage", "buckets", f"{verb}-iam-policy-binding", f"gs://{path.bucket}"]
    return shlex.join([*words, f"--role={role}", f"--member={member}", f"--condition={condition}"])
