"""Reads a text file of the user's, bounded, and writes one whole or not at all."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from xcomkit.findings.errors import InputError

SCHEMA = 1  # of every JSON document that xcomkit writes
MAX_BYTES = 8_000_000  # no configuration comes near; what is larger is the wrong file


def read_text(path: Path, *, name: str) -> str:
    """Return the text of a file, or of the standard input for ``-``; a BOM stays in it.

    Raises:
        InputError: it is not there, too large, or not UTF-8.
    """
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}.", hint="check the path.") from None
    except ValueError:  # a NUL in the path
        raise InputError(f"{name!r}: no path.", hint="check the path.") from None
    if len(raw) > MAX_BYTES:
        problem = f"{name}:1:1: more than {MAX_BYTES // 1_000_000} MB."
        raise InputError(problem, hint="give the configuration itself.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        problem = f"{name}:{line}:{column}: not UTF-8 text."
        raise InputError(problem, hint="save it as UTF-8.") from None


def read_document(path: Path, *, name: str, hint: str) -> dict[str, Any]:
    """Return a JSON document that xcomkit wrote, and that anybody may have damaged since.

    Raises:
        InputError: it is not there, or not a JSON object of this schema.
    """
    try:
        document = json.loads(read_text(path, name=name))
    except RecursionError:
        raise InputError(f"{name} is nested too deeply.", hint=hint) from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}.", hint=hint) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(f"{name} is not a document of schema {SCHEMA}.", hint=hint)
    return document


def write_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it.

    Raises:
        OSError: it cannot be written; then nothing is left behind.
    """
    import tempfile  # what only reads does without it and all it brings

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # closed to others
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        made.chmod(mode)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
