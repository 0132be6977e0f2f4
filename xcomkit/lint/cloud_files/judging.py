"""Tells by its content what an exported file is, and has it judged beside the agents' settings."""

import re
from collections.abc import Iterator
from typing import Any

from xcomkit.cloud_documents import block, items
from xcomkit.findings.model import CloudName, Rule
from xcomkit.lint.cloud_files import aws_pods, aws_policy, aws_trust, azure, gcp, lifecycle
from xcomkit.lint.cloud_files.agents import Agents
from xcomkit.lint.cloud_files.reading import read_document, read_policy
from xcomkit.lint.cloud_files.report import Collector, listed, quoted
from xcomkit.lint.cloud_files.rules import XC060, XC063, XC070, XC074
from xcomkit.lint.rules.stores import cloud_of
from xcomkit.settings.terms import TERMS
from xcomkit.values.names import BasePath
from xcomkit.values.tree import invalid

_OWNER = re.compile(
    r"/storageAccounts/(?P<account>[^/]+)/managementPolicies"
    r"|^(?:gs://|projects/_/buckets/)(?P<bucket>[^/]+)/?$",
    re.IGNORECASE,
)
_TRUST_HINT = (
    "export it with aws iam get-role, aws eks list-pod-identity-associations,"
    " az identity federated-credential list -o json or"
    " gcloud iam service-accounts get-iam-policy --format=json."
)
_POLICY_HINT = (
    "export it with aws iam get-role-policy or get-policy-version,"
    " az role assignment list -o json or gcloud storage buckets get-iam-policy --format=json."
)
_LIFECYCLE_HINT = (
    "export it with aws s3api get-bucket-lifecycle-configuration,"
    " az storage account management-policy show -o json or"
    " gcloud storage buckets describe --format=json."
)


def judge_trust(text: str, *, name: str, agents: Agents) -> Collector:
    """Return what is wrong with who may become the agents' identity.

    The file is a trust policy, list of federated credentials or IAM policy of an account.

    Raises:
        InputError: the file is none of these.
    """
    data, report = read_document(text, name=name), Collector(name, agents=agents)
    if _is_about(data, "rights"):
        raise invalid(name, "a file of rights, not of who is trusted", hint="use --policy.")
    associations, role = aws_pods.find_associations(data), aws_trust.find_role_trust(data)
    cloud: CloudName
    if associations is not None or role is not None:
        cloud = "aws"
    elif gcp.is_policy(data):
        cloud = "gcp"
    elif isinstance(data, dict | list) and all(map(azure.is_credential, _entries(data))):
        cloud = "azure"
    else:
        raise invalid(name, "no trust of a known shape", hint=_TRUST_HINT)
    if not _is_of_paths(cloud, data=data, report=report):
        return report
    if not agents.subjects:
        _add_unknown(XC060, "no service account to compare with", report)
    elif role is not None:
        arn, document = role
        aws_trust.judge_role_trust(document, role=arn, report=report)
        aws_trust.add_boundary(data, report=report)
    elif cloud == "aws":
        aws_pods.judge_associations(associations or [], report=report)
    elif cloud == "gcp":
        gcp.judge_account_policy(block(data), report=report)
    else:
        azure.judge_credentials(_entries(data), report=report)
    return report


def judge_policy(text: str, *, name: str, agents: Agents) -> Collector:
    """Return what is wrong with the agents' rights to the objects below the XCom paths.

    The file holds policies of a role, role assignments or the IAM policy of a bucket, which may
    name the service accounts directly.

    Raises:
        InputError: the file is none of these.
    """
    data, report = read_document(text, name=name), Collector(name, agents=agents)
    policies, entries = aws_policy.find_policies(data), _entries(data)
    cloud: CloudName
    if policies:
        cloud = "aws"
    elif gcp.is_policy(data):
        cloud = "gcp"
    elif isinstance(data, dict | list) and all(map(azure.is_assignment, entries)):
        # an empty list may be of either cloud that exports lists
        of_aws = not entries and any(cloud_of(path.scheme) == "aws" for path in agents.paths)
        cloud = "aws" if of_aws else "azure"
    else:
        raise invalid(name, "no policy of a known shape", hint=_POLICY_HINT)
    if _is_about(data, "trust"):
        raise invalid(name, "a file of who is trusted, not of rights", hint="use --trust.")
    paths = _comparable(data, cloud=cloud, rule=XC063, report=report)
    for path in dict.fromkeys((*paths, *_states(paths, cloud=cloud, agents=agents))):
        if cloud == "aws":
            read = [(role, read_policy(one, name=name)) for role, one in policies]
            aws_policy.judge_rights(read, path=path, report=report)
        elif cloud == "gcp":
            gcp.judge_bucket_policy(block(data), path=path, report=report)
        else:
            azure.judge_assignments(entries, path=path, report=report)
    return report


def judge_lifecycle(text: str, *, name: str, agents: Agents, rerun_days: int | None) -> Collector:
    """Return what is wrong with the expiry of the objects below the XCom paths.

    ``rerun_days`` is after how many days a task is run again at the latest, ``None`` if not known.

    Raises:
        InputError: the file is no lifecycle configuration or management policy.
    """
    data, report = read_document(text, name=name), Collector(name, agents=agents)
    found = lifecycle.find_lifecycle(data)
    if found is None:
        raise invalid(name, "no lifecycle of a known shape", hint=_LIFECYCLE_HINT)
    cloud, rules = found
    paths = _comparable(data, cloud=cloud, rule=XC070, report=report)
    for path in paths:
        lifecycle.judge_expiry(cloud, rules, path=path, rerun_days=rerun_days, report=report)
    for state in _states(paths, cloud=cloud, agents=agents):
        lifecycle.judge_state(cloud, rules, path=state, report=report)
    return report


def _states(paths: list[BasePath], *, cloud: CloudName, agents: Agents) -> Iterator[BasePath]:
    """Yield the paths of state in the buckets of which the file is known to be."""
    buckets = {path.bucket for path in paths}
    for state in agents.state_paths:
        if cloud_of(state.scheme) == cloud and state.bucket in buckets:
            yield state


def _entries(data: Any) -> list[Any]:
    """Return the entries of a list, of an answer of ARM with ``value``, or the one entry."""
    found = block(data).get("value")
    return found if isinstance(found, list) else items(data)


def _is_about(data: Any, subject: str) -> bool:
    """Tell whether a policy is about rights only, or about trust only: files get mixed up."""
    roles = [str(block(one).get("role")) for one in items(block(data).get("bindings"))]
    statements = [block(one) for one in items(block(data).get("Statement"))]
    start, names = ("roles/iam.", {"Resource", "NotResource"})
    if subject == "rights":
        start, names = ("roles/storage.", {"Principal", "NotPrincipal"})
    is_of_one_kind = bool(roles) and all(role.startswith(start) for role in roles)
    return is_of_one_kind or (
        bool(statements) and not any(names & one.keys() for one in statements)
    )


def _is_of_paths(cloud: CloudName, *, data: Any, report: Collector) -> bool:
    """Note placeholders, and paths to another cloud; ``False`` where every path leads there."""
    report.add_placeholders(data)
    clouds = [cloud_of(path.scheme) for path in report.agents.paths]
    for path, other in zip(report.agents.paths, clouds, strict=True):
        if other is not None and other != cloud:
            place = quoted(f"{path.scheme}://{path.bucket}")
            text = f"a file of {TERMS[cloud].store}, but {place} is {TERMS[other].store}"
            report.add(XC074, text, expected=f"a file of {TERMS[other].store}")
    return cloud in clouds or not any(clouds)


def _comparable(data: Any, *, cloud: CloudName, rule: Rule, report: Collector) -> list[BasePath]:
    """Return the paths into a bucket of the cloud; others are for the rules over the values."""
    agents = report.agents
    if not _is_of_paths(cloud, data=data, report=report):
        return []
    found = [path for path in agents.paths if cloud_of(path.scheme) == cloud and path.bucket]
    if not found:
        _add_unknown(rule, "no XCom path with a bucket to compare with", report)
    ours = {agents.storage_account} if cloud == "azure" else {path.bucket for path in found}
    other = _owner(data)
    if other and not ours & {other, ""}:
        expected = f"a file of {listed(sorted(ours))}"
        report.add(XC074, f"a file of {quoted(other)}", expected=expected)
        return []
    return list(dict.fromkeys(found))


def _owner(data: Any) -> str:
    """Return the bucket or storage account that a file says it is of, or ``""``."""
    names = ("id", "storage_url", "resourceId")
    matches = (_OWNER.search(str(block(data).get(name))) for name in names)
    return next(((m["account"] or m["bucket"]).lower() for m in matches if m), "")


def _add_unknown(rule: Rule, observed: str, report: Collector) -> None:
    report.add(rule, observed, expected="a values file that says it", is_unknown=True)
