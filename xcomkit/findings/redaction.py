"""Secrets of an environment taken out of what a process says, before anything of it is stored."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "***"
_NAME = re.compile(
    r"(?i)secret|passw|token|credential|private|fernet|signature|_key(?:_id)?$|connection_string"
    r"|sql_alchemy_conn|^AIRFLOW_CONN_"
)
# A path, an ARN or a class is no secret, and masking it would make a log unreadable.
_HARMLESS = re.compile(
    r"(?:_FILE|_URI|_ARN)$|^AIRFLOW__SECRETS__BACKEND$|^AZURE_TOKEN_CREDENTIALS$"
)
_DOCUMENT = "GOOGLE_APPLICATION_CREDENTIALS"
SHAPES = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (
        "a private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?:-----[^-]+-----END [A-Z ]*PRIVATE KEY-----)?",
    ),
    ("a signed token", r"(?<![\w-])ey[\w-]{10,}+\.[\w-]{10,}+\.[\w-]*"),
    ("a storage account key", r"\bAccountKey=[^;\s]+|\bsig=[\w%]{16,}"),
    (
        "an API token",
        (
            r"\bgh[pousr]_\w{20,}|\bglpat-[\w-]{10,}|\bsk-(?=[\w-]*[A-Z])[\w-]{16,}|\bAIza[\w-]{30,}"
            r"|\bxox[abps]-[\w-]{10,}|hooks\.slack\.com/services/\S+"
        ),
    ),
)
"""What is a secret by its shape alone, whoever wrote it: kind and regular expression."""
_SHAPE = re.compile(
    "|".join(pattern for _, pattern in SHAPES)
    + r"|(?i:(?<=bearer )\S+|(?<=signature=)[^&\s,]+|(?<=security-token=)[^&\s,]+)"
)
_SHORTEST = 4


def secret_texts(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every text of an environment that must not be stored, longest first.

    Tokens and credentials are read from the files the variables name; connections are taken apart,
    so that a password alone is known as well as the whole definition.
    """
    found: set[str] = set()
    for name, value in environment.items():
        if name.endswith("_TOKEN_FILE"):
            found.update(_read(Path(value)))
        elif name == _DOCUMENT:
            found.update(part for text in _read(Path(value)) for part in _inner(text))
        elif _NAME.search(name) and not _HARMLESS.search(name):
            found.add(value)
            found.update(_inner(value))
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True))


def redact(text: str, *, secrets: Iterable[str]) -> str:
    """Return ``text`` with every secret, and whatever has the shape of one, masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _SHAPE.sub(MASK, text)


def _read(path: Path) -> set[str]:
    """Return the text of a file; one that cannot be read cannot leak either."""
    try:
        return {path.read_text(encoding="utf-8").strip()}
    except (OSError, UnicodeDecodeError):
        return set()


def _inner(value: str) -> Iterable[str]:
    """Return the secret parts of a connection given as JSON or as a URI."""
    try:
        yield from _leaves(json.loads(value), named=False)
    except ValueError:
        yield from _uri_parts(value)


def _leaves(part: object, *, named: bool) -> Iterable[str]:
    match part:
        case dict():
            for name, value in part.items():
                yield from _leaves(value, named=named or bool(_NAME.search(name)))
        case list():
            for value in part:
                yield from _leaves(value, named=named)
        case str() if part.lstrip().startswith("{"):
            yield from _inner(part)  # Airflow takes a connection's extra as JSON inside a text
        case str() if named:
            yield part
        case _:
            return


def _uri_parts(value: str) -> Iterable[str]:
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    yield from (text for name, text in parse_qsl(parts.query) if _NAME.search(name))
