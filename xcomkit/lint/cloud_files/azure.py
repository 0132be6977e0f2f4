"""Judges Azure exports: federated credentials of an identity, and its role assignments."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

from xcomkit.cloud_documents import Block, block, texts
from xcomkit.cloud_documents.access.azure import (
    AUDIENCE,
    CONTRIBUTOR,
    MOST_CREDENTIALS,
    ROLE,
    credential_name,
)
from xcomkit.lint.cloud_files.agents import Agents
from xcomkit.lint.cloud_files.report import Collector, listed, pasted, quoted
from xcomkit.lint.cloud_files.rules import XC060, XC061, XC063, XC066
from xcomkit.values.names import BasePath

_OWNER, _READER = "Storage Blob Data Owner", "Storage Blob Data Reader"
_FULL = {CONTRIBUTOR: ROLE, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": _OWNER}
_NOT_ENOUGH = {
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": _READER,
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
# of the clouds of governments and of China; which one the agents sign in to no file tells
_OTHER_AUDIENCES = {f"{AUDIENCE}{cloud}" for cloud in ("USGov", "China", "USNat", "USSec")}
_CONTAINERS = "/blobservices/default/containers/"
_SCOPES = {
    "storage account": r".*/providers/microsoft\.storage/storageaccounts/[^/]+"
    r"(?:/blobservices/default)?",
    "management group": r".*/providers/microsoft\.management/managementgroups/.*",
    "resource group": r"/[^/]*/[^/]*/resourcegroups/[^/]*",
    "subscription": r"/subscriptions/[^/]*",
    "tenant": r"/",
}
"""How far a scope reaches, and how it is written, in lower case."""


def unwrapped(entry: object) -> Block:
    """Return an entry with the ARM form's ``properties`` laid over it."""
    found = block(entry)
    return {**found, **block(found.get("properties"))}


def is_credential(entry: object) -> bool:
    """Tell whether an entry looks like a federated credential."""
    found = unwrapped(entry)
    return "issuer" in found and ("subject" in found or "claimsMatchingExpression" in found)


def is_assignment(entry: object) -> bool:
    """Tell whether an entry looks like a role assignment."""
    found = unwrapped(entry)
    return "scope" in found and ("roleDefinitionId" in found or "roleDefinitionName" in found)


def judge_credentials(found: list[Any], *, report: Collector) -> None:
    """Note subjects without a working federated credential, and credentials of others.

    Which cluster is meant the file does not tell; it is one, so one issuer vouches for them all.
    """
    subjects = report.agents.subjects
    expected = f"one credential each for {listed(sorted(subjects))}, audience {AUDIENCE}"
    entries = [unwrapped(entry) for entry in found]
    flexible = [e for e in entries if not _subject(e) and e.get("claimsMatchingExpression")]
    audiences = [(_subject(e), {*texts(e.get("audiences"))}) for e in entries]
    good = {subject for subject, found in audiences if AUDIENCE in found}
    # an expression may let in any of them
    maybe = set(subjects) if flexible else {s for s, found in audiences if _OTHER_AUDIENCES & found}
    report.add_left_out(
        {one: True if one in good else None if one in maybe else False for one in subjects},
        expected=expected,
        fix=lambda subjects: "\n".join(_create(one, entries=entries) for one in subjects),
    )
    by_issuer: dict[str, set[str]] = {}
    for entry in (e for e in entries if AUDIENCE in texts(e.get("audiences"))):
        by_issuer.setdefault(str(entry.get("issuer")), set()).add(_subject(entry))
    if good >= {*subjects} and not any(one >= {*subjects} for one in by_issuer.values()):
        text = f"no issuer vouches for all of the agents: {listed(sorted(by_issuer))}"
        report.add(XC060, text, expected="one issuer, to the last slash: that of the cluster")
    if len(entries) > MOST_CREDENTIALS:
        text = f"{len(entries)} credentials; a managed identity takes {MOST_CREDENTIALS}"
        report.add(XC060, text, expected=f"at most {MOST_CREDENTIALS}")
    for entry in entries:
        if entry in flexible:
            text = f"{quoted(entry['claimsMatchingExpression'])} may match others as well"
            report.add(XC061, text, expected=expected, is_unknown=True)
        elif not report.agents.has_subject(_subject(entry)):
            text = f"{quoted(_subject(entry))} is no service account of the agents"
            name = pasted(entry.get("name") or "", otherwise="NAME")
            fix = _command("delete", "--name", name, "--yes")
            report.add(XC061, text, expected=expected, fix=fix)


def _subject(entry: Block) -> str:
    return str(entry.get("subject") or "")


def _create(subject: str, *, entries: list[Block]) -> str:
    issuer = next((e["issuer"] for e in entries if isinstance(e.get("issuer"), str)), "")
    issuer = pasted(issuer, otherwise="https://ISSUER")
    words = ("--name", credential_name(subject), "--issuer", issuer, "--subject", subject)
    return _command("create", *words, "--audiences", AUDIENCE)


def _command(verb: str, *words: str) -> str:
    identity = ("--identity-name", "IDENTITY", "--resource-group", "GROUP")
    return shlex.join(["az", "identity", "federated-credential", verb, *identity, *words])


def judge_assignments(found: list[Any], *, path: BasePath, report: Collector) -> None:
    """Note whether the assignments let their holder work in the container of the path.

    The storage account is the connection's; where the values do not tell it, a scope counts by its
    container. What the command line calls ``principalName`` is the client id of an identity.
    """
    agents = report.agents
    expected = f"{ROLE} on container {path.bucket[:80]}"
    everybodys = [unwrapped(entry) for entry in found]
    entries = [e for e in everybodys if _is_ours(e, agents=agents)]
    if everybodys and not entries:
        holders = dict.fromkeys(str(e["principalName"]) for e in everybodys)
        text = f"{listed(agents.identities)} has nothing; who has rights: {listed(holders)}"
        expected += " for the identity of the annotations"
        report.add(XC063, text, expected=expected, fix=_assign(path))
        return
    reaching = [
        (e, reach)
        for e in entries
        if (reach := _reach(e, container=path.bucket, account=agents.storage_account))
    ]
    full = [e for e, _ in reaching if _role(e) in _FULL.values()]
    if all(_doubt(e) for e in full):
        held = (f"{_role(e)}{_doubt(e)} on {e.get('scope')}" for e in entries)
        observed = f"nothing surely lets agents write: {listed(held) or 'no assignment at all'}"
        is_unknown = bool(full) or any(_role(e) not in _KNOWN.values() for e, _ in reaching)
        report.add(XC063, observed, expected=expected, fix=_assign(path), is_unknown=is_unknown)
    principals = {str(e["principalId"]) for e, _ in reaching if e.get("principalId")}
    if len(principals) > 1:
        text = f"assignments of {len(principals)} principals; which is the agents' is unknown"
        wanted = "the assignments of one identity"
        fix = "az role assignment list --assignee PRINCIPAL-ID --all -o json"
        report.add(XC063, text, expected=wanted, fix=fix, is_unknown=True)
    for entry, reach in reaching:
        if problems := "; ".join(_excesses(_role(entry), reach=reach)):
            doubt = _doubt(entry)
            text = f"{problems}{doubt}"
            fix = _assign(path)
            report.add(XC066, text, expected=expected, fix=fix, is_unknown=bool(doubt))


def _excesses(role: str, *, reach: str) -> Iterator[str]:
    """Yield what a role gives beyond the needs of agents."""
    if role in (*_FULL.values(), *_NOT_ENOUGH.values()) and reach != "container":
        yield f"{role} on a whole {reach}"
    if role == _OWNER:
        yield f"{role} may change owners and permissions too"
    if role in _READS_KEYS:
        yield f"{role} may read the account's keys or grant itself anything"


def _role(entry: Block) -> str:
    """Return the role by its id where there is one: names can be localised or shadowed."""
    short = str(entry.get("roleDefinitionId") or "").rpartition("/")[2].lower()
    return _KNOWN.get(short) or str(entry.get("roleDefinitionName") or short)


def _doubt(entry: Block) -> str:
    """Return why an assignment may not be the agents', or not hold, as words, or ``""``."""
    group = " of a group" if entry.get("principalType") == "Group" else ""
    return group + (" on a condition" if entry.get("condition") else "")


def _is_ours(entry: Block, *, agents: Agents) -> bool:
    """Tell whether an assignment may be of the agents' identity: its client id is no other one."""
    name = entry.get("principalName")
    ours = {one.lower() for one in agents.identities}
    if entry.get("principalType") == "Group":  # of which the identity may be a member
        return True
    return not ours or not isinstance(name, str) or not name or name.lower() in ours


def _reach(entry: Block, *, container: str, account: str) -> str:
    """Return how far a scope reaches when it includes the container, else ``""``."""
    written = str(entry.get("scope") or "").lower()
    scope = written.rstrip("/") or written[:1]
    named = re.search(r"/storageaccounts/([^/]+)", scope)
    if named and account and named[1] != account.lower():
        return ""
    if _CONTAINERS in scope:
        return "container" if scope.partition(_CONTAINERS)[2] == container.lower() else ""
    return next((name for name, form in _SCOPES.items() if re.fullmatch(form, scope)), "")


def _assign(path: BasePath) -> str:
    scope = (
        "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage"
        f"/storageAccounts/ACCOUNT/blobServices/default/containers/{path.bucket}"
    )
    words = ["az", "role", "assignment", "create", "--role", ROLE, "--scope", scope]
    return shlex.join([*words, "--assignee-object-id", "PRINCIPAL-ID",
                       "--assignee-principal-type", "ServicePrincipal"])  # fmt: skip
