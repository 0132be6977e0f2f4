"""Judges Azure exports: federated credentials of an identity, and its role assignments."""

import shlex
from typing import Any

from xcomkit.cloud_documents.access.azure import (
    AUDIENCE,
    CONTRIBUTOR,
    MOST_CREDENTIALS,
    ROLE,
    credential_name,
)
from xcomkit.lint.cloud_files.reading import Block, block, texts
from xcomkit.lint.cloud_files.rules import (
    XC060,
    XC061,
    XC063,
    XC066,
    Collector,
    is_agents,
    listed,
    pasted,
    shown,
)
from xcomkit.values.names import BasePath

_FULL = {
    CONTRIBUTOR: ROLE,
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
}
_NOT_ENOUGH = {
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
}
_MANAGEMENT = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
}
_KNOWN = {**_FULL, **_NOT_ENOUGH, **_MANAGEMENT}
_READS_KEYS = ("Owner", "Contributor", "Storage Account Contributor")
_STORAGE = "/providers/microsoft.storage/storageaccounts/"
_CONTAINERS = "/blobservices/default/containers/"


def unwrapped(entry: object) -> Block:
    """Return an entry with the ARM form's ``properties`` laid over it."""
    found = block(entry)
    return {**found, **block(found.get("properties"))}


def judge_credentials(found: list[Any], *, subjects: tuple[str, ...], report: Collector) -> None:
    """Note subjects without a working federated credential, and credentials of strangers.

    A subject counts as let in whichever issuer vouches for it: the file does not tell which
    cluster is meant.
    """
    expected = f"one credential each for {listed(sorted(subjects))}"
    entries = [unwrapped(entry) for entry in found]
    good = {_subject(e) for e in entries if AUDIENCE in texts(e.get("audiences"))}
    has_flexible = any(map(_is_flexible, entries))
    missing = sorted(set(subjects) - good)
    if missing:
        reasons = "; ".join(_reasons(entries, missing=missing))
        report.add(
            XC060,
            f"no credential for {listed(missing)}" + (f"; {reasons}" if reasons else ""),
            expected=f"{expected}, audience {AUDIENCE}",
            fix="\n".join(_create(subject, entries=entries) for subject in missing),
            is_unknown=has_flexible and not reasons,
        )
    if len(entries) > MOST_CREDENTIALS:
        report.add(
            XC060,
            f"{len(entries)} credentials; a managed identity takes {MOST_CREDENTIALS}",
            expected=f"at most {MOST_CREDENTIALS}",
        )
    for entry in entries:
        if _is_flexible(entry):
            what = f"{shown(entry['claimsMatchingExpression'])[:200]} may match others as well"
            report.add(XC061, what, expected=expected, is_unknown=True)
        elif not is_agents(_subject(entry), subjects):
            report.add(
                XC061,
                f"{shown(_subject(entry))} is no service account of the agents",
                expected=expected,
                fix=_delete(entry),
            )


def _reasons(entries: list[Block], *, missing: list[str]) -> list[str]:
    found = []
    lowered = {subject.lower() for subject in missing}
    for entry in entries:
        subject = _subject(entry)
        if subject in missing:
            audiences = listed(texts(entry.get("audiences"))) or "none"
            found.append(f"the audience of {shown(subject)} is {audiences}")
        elif subject.lower() in lowered:
            found.append(f"{shown(subject)} differs in case, which counts")
        elif "*" in subject:
            found.append(f"{shown(subject)} is compared literally, so it matches nobody")
    return found[:3]


def _is_flexible(entry: Block) -> bool:
    return not _subject(entry) and bool(entry.get("claimsMatchingExpression"))


def _subject(entry: Block) -> str:
    return str(entry.get("subject") or "")


def _create(subject: str, *, entries: list[Block]) -> str:
    issuer = next((e["issuer"] for e in entries if isinstance(e.get("issuer"), str)), "")
    words = ["az", "identity", "federated-credential", "create", "--name", credential_name(subject)]
    words += ["--identity-name", "IDENTITY", "--resource-group", "GROUP"]
    words += ["--issuer", pasted(issuer, otherwise="https://ISSUER"), "--subject", subject]
    return shlex.join([*words, "--audiences", AUDIENCE])


def _delete(entry: Block) -> str:
    name = pasted(entry.get("name") or "", otherwise="NAME")
    words = ["az", "identity", "federated-credential", "delete", "--name", name]
    return shlex.join([*words, "--identity-name", "IDENTITY", "--resource-group", "GROUP", "--yes"])


def judge_assignments(found: list[Any], *, path: BasePath, report: Collector) -> None:
    """Note whether the assignments let their holder work in the container of the path.

    The storage account is not in the path: a scope counts by its container where it names one.
    """
    expected = f"{ROLE} on container {path.bucket[:80]}"
    entries = [unwrapped(entry) for entry in found]
    reaching = [entry for entry in entries if _reach(entry, container=path.bucket)]
    full = [e for e in reaching if _role(e) in _FULL.values()]
    decided = [e for e in full if not e.get("condition")]
    asked = [e for e in full if e.get("condition")]
    asked += [e for e in reaching if _role(e) not in _KNOWN.values()]
    if not decided:
        report.add(
            XC063,
            _lacking(entries, reaching=reaching, asked=asked),
            expected=expected,
            fix=_assign(path),
            is_unknown=bool(asked),
        )
    principals = {str(e["principalId"]) for e in reaching if e.get("principalId")}
    if len(principals) > 1:
        report.add(
            XC063,
            f"assignments of {len(principals)} principals; which is the agents' is not told",
            expected="the assignments of one identity",
            fix="az role assignment list --assignee PRINCIPAL-ID --all -o json",
            is_unknown=True,
        )
    for entry in reaching:
        _judge_width(entry, path=path, report=report)


def _judge_width(entry: Block, *, path: BasePath, report: Collector) -> None:
    role, reach = _role(entry), _reach(entry, container=path.bucket)
    problems = []
    if role in (*_FULL.values(), *_NOT_ENOUGH.values()) and reach != "container":
        problems.append(f"{role} on a whole {reach}")
    if role == "Storage Blob Data Owner":
        problems.append(f"{role} may change owners and permissions too")
    if role in _READS_KEYS:
        problems.append(f"{role} may read the account's keys or grant itself anything")
    if problems:
        report.add(
            XC066,
            "; ".join(problems),
            expected=f"{ROLE} on container {path.bucket[:80]}",
            fix=_assign(path),
        )


def _lacking(entries: list[Block], *, reaching: list[Block], asked: list[Block]) -> str:
    if not entries:
        return "no role assignment at all"
    if not reaching:
        scopes = listed(dict.fromkeys(str(entry.get("scope")) for entry in entries))
        return f"no assignment reaches the container: {scopes}"
    if asked:
        told = [f"{_role(e)}{' on a condition' if e.get('condition') else ''}" for e in asked]
        return f"this file does not tell what is granted by {listed(told)}"
    roles = [_role(entry) for entry in reaching]
    kind = "to read only" if "Storage Blob Data Reader" in roles else "nothing on blobs"
    return f"{listed(dict.fromkeys(roles))} grants {kind}"


def _role(entry: Block) -> str:
    """Return the role by its id where there is one: names can be localised or shadowed."""
    short = str(entry.get("roleDefinitionId") or "").rpartition("/")[2].lower()
    return _KNOWN.get(short) or str(entry.get("roleDefinitionName") or short)


def _reach(entry: Block, *, container: str) -> str:
    """Return how far a scope reaches when it includes the container, else ``""``."""
    scope = str(entry.get("scope") or "").lower().rstrip("/")
    if _CONTAINERS in scope:
        return "container" if scope.partition(_CONTAINERS)[2] == container.lower() else ""
    if _STORAGE in scope:
        rest = scope.partition(_STORAGE)[2]
        return "storage account" if rest and "/" not in rest.removesuffix(
            "/blobservices/default"
        ) else ""  # fmt: skip
    parts = scope.split("/")
    if "/providers/microsoft.management/managementgroups/" in scope:
        return "management group"
    if len(parts) == 5 and parts[3] == "resourcegroups":
        return "resource group"
    if len(parts) == 3 and parts[1] == "subscriptions":
        return "subscription"
    return "tenant" if entry.get("scope") == "/" else ""


def _assign(path: BasePath) -> str:
    scope = (
        "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage"
        f"/storageAccounts/ACCOUNT/blobServices/default/containers/{path.bucket}"
    )
    words = ["az", "role", "assignment", "create", "--role", ROLE, "--scope", scope]
    return shlex.join([*words, "--assignee-object-id", "PRINCIPAL-ID",
                       "--assignee-principal-type", "ServicePrincipal"])  # fmt: skip


def is_credential(entry: object) -> bool:
    """Tell whether an entry looks like a federated credential."""
    found = unwrapped(entry)
    return "issuer" in found and ("subject" in found or "claimsMatchingExpression" in found)


def is_assignment(entry: object) -> bool:
    """Tell whether an entry looks like a role assignment."""
    found = unwrapped(entry)
    return "scope" in found and ("roleDefinitionId" in found or "roleDefinitionName" in found)
