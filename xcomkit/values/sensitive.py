"""Finds secrets standing in clear in a values file, and shows the file without them."""

import json
import re
from bisect import bisect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from xcomkit.findings.redaction import SHAPES
from xcomkit.values.names import (
    CONNECTION_PREFIX,
    STATE_SETTINGS,
    XCOM_SETTINGS,
    find_placeholder,
    is_reference,
    without_templates,
)
from xcomkit.values.tree import Node
from xcomkit.values.values import Key, Values

MASK = "***"

# agentTokenSecretName and AWS_WEB_IDENTITY_TOKEN_FILE name a place, not a secret
_NAME = re.compile(
    r"(?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|access_key_id"
    r"|private_?key|account_?key|secret_?key|signing_?key|fernet_?key|client_?secret|credentials?"
    r"|creds|keyfile_dict|connection_string|pullsecretdata|private_key_content|authorization"
    r"|(?:^|_)(?:pass|pat)|webhook(?:_?url)?)(?:_?\d+|_(?:prod|production|stage|staging|dev|test))?$",
    re.IGNORECASE,
)
# what the chart and others call the name of a Kubernetes secret
_NAMES_SECRET = re.compile(
    r"(?:existing|tls|ca|cert|pull|registry|docker\w*|auth|ssh|git|external)_?secret(?:_?ref)?$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# shown is less than is certain: a name with one of these words keeps its value to itself
_SUSPECT = re.compile(
    r"pass|pwd|secret|token|key|auth|cred|dsn|webhook|(?:^|_)(?:pat|sas|sig)(?:_|$)", re.IGNORECASE
)
# what names a place, a class or another object, whatever word is in it
_NAMES_PLACE = re.compile(r"(?:name|file|backend|_path|class)$", re.IGNORECASE)
_LONG = re.compile(r"[A-Za-z0-9+=]{24,}")  # a UUID and a name with dashes are shorter words
_ID = re.compile(r"(?:^|[_./-])id$", re.IGNORECASE)
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*(\S[^\n]*)", re.MULTILINE)
_PLACE = re.compile(r"/[\w./-]{2,200}")
# the fields of a connection that say where and what, and never let anybody in
_HARMLESS_FIELDS = frozenset(
    {"conn_type", "description", "host", "schema", "port", "extra", "region_name", "account_name",
     "account_host", "account_url", "anon", "is_anonymous", "project", "endpoint_url", "role_arn",
     "verify", "service_config", "s3", "gcs.endpoint", "managed_identity_client_id",
     "workload_identity_client_id", "workload_identity_tenant_id", "tenant_id", "config_kwargs"}
)  # fmt: skip
# how azure-identity is to sign in, a class name
_NO_SECRETS = frozenset({"AZURE_TOKEN_CREDENTIALS"})
_ALWAYS_SHOWN = frozenset({*XCOM_SETTINGS, *STATE_SETTINGS})
_VALUE = (
    *((kind, re.compile(pattern)) for kind, pattern in SHAPES),
    ("a password in a URL", re.compile(r"://[^/@\s:?#]*:[^@\s]+@")),
    ("a token in a URL", re.compile(r"\b(?:https?|git|ssh)://[\w-]{20,}@")),
    ("a bearer token", re.compile(r"\bBearer\s+[\w.~+/-]{8,}|\bhvs\.[\w-]{8,}")),
    (
        "a secret inside the text",
        re.compile(
            r"(?i)(?<![a-z])(?:password|passwd|pwd|secret|token|api[_.-]?key|account\.key[\w.]{0,80})"
            r"[\"']?\s*(?:[=:]|,(?=\s*\"))\s*[\"']?[^\s\"';,&<>$(){}\[\]]{3,}"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be shown: where it stands and what kind it is, never the value."""

    label: str
    kind: str
    line: int


@lru_cache(maxsize=20_000)  # a value is asked about by several rules and for each component
def find_secret(name: str, value: str) -> str:
    """Return what kind of secret a named text holds, or ``""``; references are no secrets."""
    value = without_templates(value)
    if not value.strip() or find_placeholder(value) == value.strip() or is_reference(value):
        return ""
    is_named = _NAME.search(name) and name not in _NO_SECRETS
    if _NAMES_SECRET.search(name) and _LABEL.fullmatch(value) and not _LONG.search(value):
        is_named = None
    if re.search(r"(?i)secret_?id$", name) and _UUID.fullmatch(value):  # of Vault's AppRole
        return "a secret by its name"
    if is_named and not name.startswith(CONNECTION_PREFIX) and not _PLACE.fullmatch(value):
        return "a secret by its name"
    for kind, pattern in _VALUE:
        if pattern.search(value):
            return kind
    return _inside(value)


def is_shown(name: str, value: str) -> bool:
    """Tell whether a value may be shown: neither a secret nor what might be one."""
    if find_secret(name, value):
        return False
    if name in _ALWAYS_SHOWN or not value:
        return True
    if name.startswith(CONNECTION_PREFIX):
        return _is_harmless(value)
    if _SUSPECT.search(name) and not (_NAMES_PLACE.search(name) or _PLACE.fullmatch(value)):
        return name in _NO_SECRETS
    words = [] if _ID.search(name) else _LONG.findall(value)
    is_random = any(re.search(r"\d", word) and re.search(r"[A-Za-z]", word) for word in words)
    return not is_random and not re.search(r"://[^/\s]*@", value)


def show(name: str, value: str) -> str:
    """Return a value as a record may show it: on one line, bounded, never a secret."""
    return repr(value[:120]) if is_shown(name, value) else "(hidden)"


def differing(one: str, other: str) -> str:
    """Return in which fields two connections differ, as words behind a hidden value, or ``""``."""
    first, second = dict(_fields(one)), dict(_fields(other))
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    named = ", ".join(name for name in names if name not in ("", "extra"))
    return f", another {named[:120]}" if named else ""


def _is_harmless(value: str) -> bool:
    """Tell whether a connection holds nothing but what says where and what."""
    return all(
        name.rpartition("__")[2] in _HARMLESS_FIELDS and not isinstance(found, list)
        for name, found in _fields(value)
    )


def _fields(value: str | dict[str, Any], *, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a connection or of keyword arguments, and those inside of them.

    What cannot be taken apart, or is deeper than any real one, comes whole under an empty name.
    """
    document = _take_apart(value) if isinstance(value, str) else value
    if document is None or depth > 5:
        yield "", value
        return
    for name, found in document.items():
        yield name, found
        is_text = isinstance(found, str) and found
        if isinstance(found, dict) or (
            is_text and (name == "extra" or found.lstrip().startswith("{"))
        ):
            yield from _fields(found, depth=depth + 1)


def _take_apart(value: str) -> dict[str, Any] | None:
    """Return the fields of a JSON object or of the URI of a connection, ``None`` for others."""
    try:
        if value.lstrip().startswith("{"):
            document = json.loads(value)
            return document if isinstance(document, dict) else None
        if "://" not in value:
            return None
        parts = urlsplit(value)
        password = {"password": parts.password} if parts.password else {}
        fields = dict(parse_qsl(parts.query, keep_blank_values=True))
    except (ValueError, RecursionError):
        return None
    return {**fields, **password}


def list_secrets(values: Values) -> tuple[Secret, ...]:
    """Return the secrets that stand in clear in the file, in the order of the text."""
    found = {
        node.line: Secret(_label(path), kind, node.line)
        for path, node, kind in _secrets(values.root, path=(), name="")
    }
    return tuple(found[line] for line in sorted(found))


def masked(values: Values) -> str:
    """Return the text with every secret replaced, in comments too, line for line where it was."""
    text = values.text
    found = [node for _, node, _ in _secrets(values.root, path=(), name="", find=_might_be)]
    lines = {node.line for node in found}
    spans = {(node.start, node.end) for node in found} | {*_comments(values, beside=lines)}
    for start, end in sorted(spans, reverse=True):
        hidden = text[start:end].rstrip()
        mask = "\n".join([MASK] * (hidden.count("\n") + 1))
        text = text[:start] + mask + text[start + len(hidden) :]
    return text


def _comments(values: Values, *, beside: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield where comments are that might hold a secret: commented out, or beside one."""
    inside = sorted((node.start, node.end) for node in _scalars(values.root))
    line, last = 1, 0
    for found in _COMMENT.finditer(values.text):
        line, last = line + values.text.count("\n", last, found.start()), found.start()
        place = bisect(inside, (found.start(), len(values.text))) - 1
        name, _, value = found[1].rpartition(":")
        is_value = name.strip(" -").lower() == "value" and value.strip()
        if (place < 0 or inside[place][1] <= found.start()) and (
            line in beside
            or is_value
            or _SUSPECT.search(found[1])
            or not is_shown("", found[1].strip())
        ):
            yield found.span(1)


def _scalars(node: Node) -> Iterator[Node]:
    """Yield every scalar that is written below a node."""
    if node.kind == "scalar":
        yield node
    for one in (*node.items, *(part for pair in node.pairs for part in pair)):
        yield from _scalars(one)


def texts(values: Values) -> tuple[str, ...]:
    """Return the secret values themselves, longest first, for taking them out of other text."""
    found = {str(node.value) for _, node, _ in _secrets(values.root, path=(), name="")}
    return tuple(sorted(found, key=len, reverse=True))


def _might_be(name: str, value: str) -> str:
    return "" if is_shown(name, value) else "perhaps a secret"


def _secrets(
    node: Node, *, path: Key, name: str, find: Callable[[str, str], str] = find_secret
) -> Iterator[tuple[Key, Node, str]]:
    """Yield the scalars that are secrets; what an alias makes one is hidden at its anchor."""
    node = node.target or node
    match node.kind:
        case "scalar" if isinstance(node.value, str | int | float):
            if not isinstance(node.value, bool) and (kind := find(name, str(node.value))):
                yield path, node, kind
        case "list":
            for index, item in enumerate(node.items):
                yield from _secrets(item, path=(*path, index), name=name, find=find)
        case "mapping":
            entry = node.pair("name")
            own = str(entry[1].value) if entry and entry[1].kind == "scalar" else ""
            for key, value in node.pairs:
                inner = own if key.value == "value" and own else str(key.value)
                label = own or str(key.value)
                if key.value != "valueFrom":  # it names where the value is, and holds none
                    yield from _secrets(value, path=(*path, label), name=inner, find=find)


def _label(path: Key) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))


def _inside(value: str) -> str:
    """Return the kind of secret inside a connection or keyword arguments, or ``""``."""
    for name, found in _fields(value):
        is_named = bool(_NAME.search(name))
        kind = find_secret(name, found) if name and isinstance(found, str) else ""
        if (isinstance(found, dict) and is_named) or kind == "a secret by its name":
            return f"{name[:40]} in clear"
        if kind:
            return kind
    return ""
