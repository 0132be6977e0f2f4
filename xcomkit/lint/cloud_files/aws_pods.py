"""Judges EKS Pod Identity: a trust in its service, and the associations of service accounts."""

import json
import shlex
from typing import Any

from xcomkit.cloud_documents import block, texts
from xcomkit.cloud_documents.conditions import Context
from xcomkit.cloud_documents.policies import Statement
from xcomkit.lint.cloud_files.report import Collector, listed, quoted
from xcomkit.lint.cloud_files.rules import XC060, XC061

ASSUME = "sts:AssumeRole"
TAG_SESSION = "sts:TagSession"
POD_IDENTITY = "pods.eks.amazonaws.com"


def speaks_of_pods(statement: Statement) -> bool:
    """Tell whether a statement lets in the pods that associations name."""
    services = texts((statement.principals or {}).get("Service"))
    return POD_IDENTITY in services and statement.has_action(ASSUME) is not False


def judge_pods(
    pods: list[Statement], *, missing: list[str], expected: str, report: Collector
) -> None:
    """Note that the associations say who gets the role, and a statement that gives it nobody."""
    report.names_accounts = True
    shut_out = [one for one in missing if not any(_takes(s, subject=one) for s in pods)]
    if shut_out:
        text = f"a condition on the tags of EKS Pod Identity keeps out {listed(shut_out)}"
        report.add(XC060, text, expected=expected)
        return
    report.add(
        XC060,
        "EKS Pod Identity: which service accounts get the role is in the associations, not in this"
        f" file; unknown for {listed(missing)}",
        expected=expected,
        fix="aws eks list-pod-identity-associations --cluster-name CLUSTER > trust.json",
        is_unknown=True,
    )
    if not any(s.has_action(TAG_SESSION) for s in pods):
        text = f"EKS Pod Identity without {TAG_SESSION}: no pod gets the role"
        fix = json.dumps([ASSUME, TAG_SESSION])
        report.add(XC060, text, expected=f"{ASSUME} and {TAG_SESSION}", fix=fix)


def _takes(statement: Statement, *, subject: str) -> bool:
    """Tell whether a statement may take the session tags of a service account."""
    space, name = subject.split(":")[-2:]
    tags = {"kubernetes-namespace": (space,), "kubernetes-service-account": (name,)}
    known: Context = {f"aws:requesttag/{tag}": value for tag, value in tags.items()}
    keys = {key for _, key, _ in statement.clauses}
    return statement.is_met({**dict.fromkeys(keys), **known}) is not False


def find_associations(data: object) -> list[Any] | None:
    """Return the associations of a list or of one description, ``None`` where there are none."""
    if isinstance(data, list):
        rows = [block(one).get("association", one) for one in data]
        return rows if data and all("serviceAccount" in block(row) for row in rows) else None
    found = block(data)
    one, several = found.get("association"), found.get("associations")
    return several if isinstance(several, list) else [one] if block(one) else None


def judge_associations(found: list[Any], *, report: Collector) -> None:
    """Note service accounts without an association, and others with the agents' role.

    ``list-pod-identity-associations`` names no roles: what others get stays unknown.
    """
    report.names_accounts = True
    subjects = report.agents.subjects
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
        if report.agents.has_subject(subject) or (roles and str(entry.get("roleArn")) not in roles):
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
