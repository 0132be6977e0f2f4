"""Reads an exported JSON or YAML file into plain data."""

import json
from typing import Any
from urllib.parse import unquote

from xcomkit.cloud_documents import items
from xcomkit.findings.errors import InputError
from xcomkit.values.tree import MAX_DEPTH
from xcomkit.values.values import MAX_CHARACTERS, read_values

Block = dict[str, Any]
_HINT = "export it again with --output json, or mend the file there."


def block(value: object) -> Block:
    """Return the value where it is a mapping, an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or the one text; everything else in it is left out."""
    return tuple(item for item in items(value) if isinstance(item, str))


def read_document(text: str, *, name: str) -> Any:
    """Return the data of a file; one that begins with neither brace nor bracket is read as YAML.

    Raises:
        InputError: when it is not JSON or YAML, or larger or deeper than any real one.
    """
    if len(text) > MAX_CHARACTERS:
        raise refusal(name, 1, 1, f"more than {MAX_CHARACTERS} characters")
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")):
        return _read_json(text, name=name)
    if not text.strip():
        raise refusal(name, 1, 1, "nothing in it")
    return read_values(text, name=name).data


def read_embedded(value: object, *, name: str) -> Any:
    """Return a document that stands in another one as text, plain or URL-encoded as IAM sends it.

    Raises:
        InputError: when the text is no JSON.
    """
    if not isinstance(value, str):
        return value
    for text in (value, unquote(value)):
        try:
            return _read_json(text, name=name)
        except InputError:
            continue
    raise refusal(name, 1, 1, "a policy given as text that is no JSON")


def refusal(name: str, line: int, column: int, problem: str, *, hint: str = _HINT) -> InputError:
    """Return the error for a place in a file, in one line."""
    return InputError(f"{name}:{line}:{column}: {problem}.", hint=hint)


def _read_json(text: str, *, name: str) -> Any:
    too_deep = refusal(name, 1, 1, f"nested deeper than {MAX_DEPTH} levels")
    try:
        found = json.loads(text, parse_int=_number, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        problem = f"no JSON, {error.msg[:1].lower()}{error.msg[1:]}"
        raise refusal(name, error.lineno, error.colno, problem) from None
    except RecursionError:
        raise too_deep from None
    level = [found]
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in _inner(one)]
    if level:
        raise too_deep
    return found


def _inner(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _number(digits: str) -> int | float:
    """Return a number without the length limit at which ``int`` raises."""
    return int(digits) if len(digits) < 16 else float(digits)
