"""Find the secrets of an environment and blot them out of texts."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

_SECRET_NAME = re.compile(
    r"(?i)secret(?!s__)|token|password|passwd|credential|(?:^|_)key(?:$|_)|_key_id$"
)


def secret_texts(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every text of an environment that must never be shown, the longest first.

    A name that speaks of a secret makes its whole value one. In a connection or in keyword
    arguments it is the passwords and the fields with such names; behind ``..._FILE`` the content.
    """
    found: set[str] = set()
    for name, value in environment.items():
        if name.startswith("AIRFLOW_CONN_") or name.endswith("_KWARGS"):
            found |= _connection_secrets(value)
        elif _SECRET_NAME.search(name) and name.endswith("_FILE"):
            with suppress(OSError, UnicodeDecodeError):
                found.add(Path(value).read_text(encoding="utf-8").strip())
        elif _SECRET_NAME.search(name):
            found.add(value)
    return tuple(sorted((text for text in found if len(text) >= 6), key=len, reverse=True))


def _connection_secrets(text: str) -> set[str]:
    """Return the secrets in a connection written as JSON or as a URI."""
    try:
        return _named_secrets(json.loads(text))
    except ValueError:
        with suppress(ValueError):
            parts = urlsplit(text)
            return {parts.query, parts.password or "", unquote(parts.password or "")}
    return {text}


def _named_secrets(value: object) -> set[str]:
    """Return the texts below secret-looking names; ``extra`` may be JSON inside a text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return _connection_secrets(value)
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for name, entry in value.items():
        is_secret = isinstance(entry, str) and _SECRET_NAME.search(str(name))
        found |= {entry} if is_secret else _named_secrets(entry)
    return found


def redact(text: str, *, secrets: Sequence[str]) -> str:
    """Return a text with every secret in it replaced."""
    for secret in secrets:
        text = text.replace(secret, "(hidden)")
    return text
