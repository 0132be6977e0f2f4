"""Finds secrets standing in clear in a values file, and shows the file without them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xcomkit.chart.names import CONNECTION_PREFIX, find_placeholder
from xcomkit.chart.tree import Node
from xcomkit.chart.values import Key, Values

MASK = "***"

# agentTokenSecretName and AWS_WEB_IDENTITY_TOKEN_FILE name a place, not a secret
_NAME = re.compile(
    r"(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|account_?key"
    r"|fernet_?key|client_?secret|credentials?|keyfile_dict|connection_string|pullsecretdata)$",
    re.IGNORECASE,
)
# how azure-identity is to sign in, a class name
_NO_SECRETS = frozenset({"AZURE_TOKEN_CREDENTIALS"})
_VALUE = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("a signed token", re.compile(r"\bey[\w-]{10,}\.[\w-]{10,}\.")),
    ("a storage account key", re.compile(r"\bAccountKey=[^;\s]+|\bsig=[\w%]{16,}")),
    ("an API token", re.compile(r"\bgh[pousr]_\w{20,}|\bAIza[\w-]{30,}|\bxox[abps]-[\w-]{10,}")),
    ("a password in a URL", re.compile(r"://[^/@\s:]*:[^/@\s]+@")),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be shown: where it stands and what kind it is, never the value."""

    label: str
    kind: str
    line: int


def find_secret(name: str, value: str) -> str:
    """Return what kind of secret a named text holds, or ``""``; references are no secrets."""
    if not value.strip() or find_placeholder(value) == value.strip():
        return ""
    if _NAME.search(name) and name not in _NO_SECRETS and not name.startswith(CONNECTION_PREFIX):
        return "a secret by its name"
    for kind, pattern in _VALUE:
        if pattern.search(value):
            return kind
    return _inside_json(value)


def show(name: str, value: str) -> str:
    """Return a value as a record may show it: on one line, bounded, never a secret."""
    return "(hidden)" if find_secret(name, value) else repr(value[:120])


def list_secrets(values: Values) -> tuple[Secret, ...]:
    """Return the secrets that stand in clear in the file, in the order of the text."""
    found = {
        node.line: Secret(_label(path), kind, node.line)
        for path, node, kind in _secrets(values.root, path=(), name="")
    }
    return tuple(found[line] for line in sorted(found))


def masked(values: Values) -> str:
    """Return the text with every secret value replaced, line for line where it was."""
    text = values.text
    spans = {(node.start, node.end) for _, node, _ in _secrets(values.root, path=(), name="")}
    for start, end in sorted(spans, reverse=True):
        hidden = text[start:end].rstrip()
        mask = "\n".join([MASK] * (hidden.count("\n") + 1))
        text = text[:start] + mask + text[start + len(hidden) :]
    return text


def texts(values: Values) -> tuple[str, ...]:
    """Return the secret values themselves, longest first, for taking them out of other text."""
    found = {node.value for _, node, _ in _secrets(values.root, path=(), name="")}
    return tuple(sorted(found, key=len, reverse=True))


def _secrets(node: Node, *, path: Key, name: str) -> Iterator[tuple[Key, Node, str]]:
    """Yield the scalars that are secrets; aliases are judged where their anchor stands."""
    match node.kind:
        case "scalar" if isinstance(node.value, str):
            if kind := find_secret(name, node.value):
                yield path, node, kind
        case "list":
            for index, item in enumerate(node.items):
                yield from _secrets(item, path=(*path, index), name=name)
        case "mapping":
            entry = node.pair("name")
            own = str(entry[1].value) if entry and entry[1].kind == "scalar" else ""
            for key, value in node.pairs:
                inner = own if key.value == "value" and own else str(key.value)
                label = own or str(key.value)
                yield from _secrets(value, path=(*path, label), name=inner)


def _label(path: Key) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))


def _inside_json(value: str) -> str:
    """Return the kind of secret inside a JSON connection or keyword arguments, or ``""``."""
    if not value.lstrip().startswith("{"):
        return ""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    return _inside(document, depth=0)


def _inside(document: Any, *, depth: int) -> str:
    if depth > 5 or not isinstance(document, dict):
        return ""
    for name, value in document.items():
        if isinstance(value, str) and (kind := find_secret(name, value)):
            return f"{name} in clear" if kind == "a secret by its name" else kind
        if isinstance(value, dict):
            if _NAME.search(name):
                return f"{name} in clear"
            if kind := _inside(value, depth=depth + 1):
                return kind
    return ""
