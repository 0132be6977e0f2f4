"""Tells by its content what an exported file is, and has it judged beside the agents' settings."""

from collections.abc import Iterator
from typing import Any

from xcomkit.cloud_documents import items
from xcomkit.findings.model import CloudName, Finding, Rule
from xcomkit.lint.cloud_files import aws_policy, aws_trust, azure, gcp, lifecycle
from xcomkit.lint.cloud_files.reading import (
    block,
    read_document,
    read_embedded,
    refusal,
)
from xcomkit.lint.cloud_files.rules import (
    STORES,
    XC060,
    XC063,
    XC070,
    XC074,
    Collector,
    shown,
)
from xcomkit.lint.rules.stores import cloud_of
from xcomkit.values.names import BasePath

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


def judge_trust(
    text: str, *, name: str, subjects: tuple[str, ...], paths: tuple[BasePath, ...] = ()
) -> tuple[Finding, ...]:
    """Return what is wrong with who may become the agents' identity.

    Args:
        text: an exported trust policy, list of federated credentials or IAM policy of an account.
        name: what to call the file.
        subjects: every ``system:serviceaccount:<namespace>:<name>`` the chart will create.
        paths: the XCom paths, where the file is to be of their cloud.

    Raises:
        InputError: the file is none of these.
    """
    data, report = read_document(text, name=name), Collector(name)
    cloud = _trust_cloud(data, name=name)
    if _is_of_paths(cloud, paths, report=report):
        if not subjects:
            _untold(XC060, "no service account to compare with", report)
        elif cloud == "aws":
            _judge_aws_trust(data, subjects=subjects, report=report)
        elif cloud == "gcp":
            gcp.judge_account_policy(block(data), subjects=subjects, report=report)
        else:
            azure.judge_credentials(_entries(data), subjects=subjects, report=report)
    return tuple(report.findings)


def _trust_cloud(data: Any, *, name: str) -> CloudName:
    """Return whose trust a file is, by its content."""
    if _speaks_of(data, rights=True):
        raise refusal(name, 1, 1, "this tells rights, not who is trusted", hint="use --policy.")
    is_list_of_pods = isinstance(block(data).get("associations"), list)
    if is_list_of_pods or aws_trust.find_role_trust(data) is not None:
        return "aws"
    if gcp.is_policy(data):
        return "gcp"
    if isinstance(data, dict | list) and all(map(azure.is_credential, _entries(data))):
        return "azure"
    raise refusal(name, 1, 1, "no trust of a known shape", hint=_TRUST_HINT)


def _judge_aws_trust(data: Any, *, subjects: tuple[str, ...], report: Collector) -> None:
    role = aws_trust.find_role_trust(data)
    if role is None:
        pods = items(block(data).get("associations"))
        aws_trust.judge_associations(pods, subjects=subjects, report=report)
        return
    document = read_embedded(role, name=report.name)
    if "Statement" not in block(document):
        raise refusal(report.name, 1, 1, "a trust policy without statements", hint=_TRUST_HINT)
    aws_trust.judge_role_trust(document, subjects=subjects, report=report)


def judge_policy(
    text: str, *, name: str, paths: tuple[BasePath, ...], subjects: tuple[str, ...]
) -> tuple[Finding, ...]:
    """Return what is wrong with the agents' rights to the objects below the XCom paths.

    Args:
        text: exported policies of a role, role assignments or IAM policy of a bucket.
        name: what to call the file.
        paths: the XCom paths of the components.
        subjects: the agents' service accounts, where a bucket names them directly.

    Raises:
        InputError: the file is none of these.
    """
    data, report = read_document(text, name=name), Collector(name)
    policies = aws_policy.find_policies(data, name=name)
    entries = _entries(data)
    if policies:
        cloud: CloudName = "aws"
    elif gcp.is_policy(data):
        cloud = "gcp"
    elif isinstance(data, dict | list) and all(map(azure.is_assignment, entries)):
        # an empty list may be of either cloud that exports lists
        cloud = "aws" if not entries and "aws" in _clouds(paths) else "azure"
    else:
        raise refusal(name, 1, 1, "no policy of a known shape", hint=_POLICY_HINT)
    if _speaks_of(data, rights=False):
        raise refusal(name, 1, 1, "this tells who is trusted, not the rights", hint="use --trust.")
    if not _is_of_paths(cloud, paths, report=report):
        return tuple(report.findings)
    for path in _told(paths, cloud=cloud, rule=XC063, report=report):
        if cloud == "aws":
            aws_policy.judge_rights(policies, path=path, report=report)
        elif cloud == "gcp":
            gcp.judge_bucket_policy(block(data), path=path, subjects=subjects, report=report)
        else:
            azure.judge_assignments(entries, path=path, report=report)
    return tuple(report.findings)


def judge_lifecycle(
    text: str, *, name: str, paths: tuple[BasePath, ...], rerun_days: int | None
) -> tuple[Finding, ...]:
    """Return what is wrong with the expiry of the objects below the XCom paths.

    Args:
        text: an exported lifecycle configuration or management policy.
        name: what to call the file.
        paths: the XCom paths of the components.
        rerun_days: after how many days a task is run again at the latest; ``None`` if not known.

    Raises:
        InputError: the file is none of these.
    """
    data, report = read_document(text, name=name), Collector(name)
    found = lifecycle.find_lifecycle(data)
    if found is None:
        raise refusal(name, 1, 1, "no lifecycle of a known shape", hint=_LIFECYCLE_HINT)
    cloud, rules = found
    if _is_of_paths(cloud, paths, report=report):
        for path in _told(paths, cloud=cloud, rule=XC070, report=report):
            lifecycle.judge_expiry(cloud, rules, path=path, rerun_days=rerun_days, report=report)
    return tuple(report.findings)


def _entries(data: Any) -> list[Any]:
    """Return the entries of a list, of an answer of ARM with ``value``, or the one entry."""
    found = block(data).get("value")
    return found if isinstance(found, list) else items(data)


def _speaks_of(data: Any, *, rights: bool) -> bool:
    """Tell whether a policy speaks of rights only, or else of trust only: files get mixed up."""
    roles = [str(block(one).get("role")) for one in items(block(data).get("bindings"))]
    statements = [block(one) for one in items(block(data).get("Statement"))]
    if rights:
        named = [one for one in statements if {"Principal", "NotPrincipal"} & one.keys()]
        of_bucket = bool(roles) and all(role.startswith("roles/storage.") for role in roles)
        return of_bucket or (bool(statements) and not named)
    aimed = [one for one in statements if {"Resource", "NotResource"} & one.keys()]
    of_account = bool(roles) and all(role.startswith("roles/iam.") for role in roles)
    return of_account or (bool(statements) and not aimed)


def _clouds(paths: tuple[BasePath, ...]) -> tuple[CloudName, ...]:
    return tuple(cloud for path in paths if (cloud := cloud_of(path.scheme)))


def _is_of_paths(cloud: CloudName, paths: tuple[BasePath, ...], *, report: Collector) -> bool:
    """Note paths that lead to another cloud; ``False`` where every path does."""
    clouds = _clouds(paths)
    for path in paths:
        other = cloud_of(path.scheme)
        if other is not None and other != cloud:
            report.add(
                XC074,
                f"a file of {STORES[cloud]}, but {shown(f'{path.scheme}://{path.bucket}')} is"
                f" {STORES[other]}",
                expected=f"a file of {STORES[other]}",
            )
    return not clouds or cloud in clouds


def _told(
    paths: tuple[BasePath, ...], *, cloud: CloudName, rule: Rule, report: Collector
) -> Iterator[BasePath]:
    """Yield the paths into a bucket of the cloud; others are for the rules over the values."""
    told = [path for path in paths if cloud_of(path.scheme) == cloud and path.bucket]
    if not told:
        _untold(rule, "no XCom path with a bucket to compare with", report)
    yield from dict.fromkeys(told)


def _untold(rule: Rule, observed: str, report: Collector) -> None:
    report.add(rule, observed, expected="a values file that tells it", is_unknown=True)
