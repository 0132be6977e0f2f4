"""Reads an exported JSON or YAML file into plain data."""

import json
from typing import Any
from urllib.parse import unquote

from xcomkit.cloud_documents import block, items
from xcomkit.cloud_documents.policies import Statement, read_statements
from xcomkit.values.tree import MAX_DEPTH, invalid
from xcomkit.values.values import MAX_CHARACTERS, read_values

_HINT = "export it again with --output json."
MOST_TEXTS = 5_000  # IAM takes 10,240 characters of policies per role


def read_document(text: str, *, name: str) -> Any:
    """Return the data of a file; one that begins with neither brace nor bracket is read as YAML.

    Raises:
        InputError: when it is not JSON or YAML, or larger or deeper than any real one.
    """
    if len(text) > MAX_CHARACTERS:
        raise invalid(name, f"more than {MAX_CHARACTERS} characters")
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("{", "[")):
        return _read_json(text, name=name)
    if not text.strip():
        raise invalid(name, "nothing in it", hint=_HINT)
    return read_values(text, name=name).data


def read_policy(document: object, *, name: str, most: int = MOST_TEXTS) -> tuple[Statement, ...]:
    """Return the statements of an IAM policy, also of one given as text, plain or URL-encoded.

    Raises:
        InputError: the text is no JSON, a statement is none, or there are more than IAM would take.
    """
    if isinstance(document, str):
        text = document if document.lstrip().startswith("{") else unquote(document)
        document = _read_json(text, name=name)
    if "Statement" not in block(document):
        raise invalid(name, "a policy without a Statement")
    for number, one in enumerate(items(block(document)["Statement"]), start=1):
        if block(one).get("Effect") not in ("Allow", "Deny"):
            raise invalid(name, f"statement {number} has no Effect")
    statements = read_statements(block(document))
    if sum(map(_size, statements)) > most:
        raise invalid(name, "a policy larger than IAM takes")
    return statements


def _size(statement: Statement) -> int:
    names = ("Action", "NotAction", "Resource", "NotResource")
    named = sum(len(items(statement.source.get(one))) for one in names)
    principals = sum(len(items(value)) for value in (statement.principals or {}).values())
    return 1 + named + principals + sum(len(values) for _, _, values in statement.clauses)


def _read_json(text: str, *, name: str) -> Any:
    too_deep = invalid(name, f"nested deeper than {MAX_DEPTH} levels")
    try:
        found = json.loads(text, parse_int=_number, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        problem = f"no JSON, {error.msg[:1].lower()}{error.msg[1:]}"
        raise invalid(name, problem, line=error.lineno, column=error.colno, hint=_HINT) from None
    except RecursionError:
        raise too_deep from None
    level = [found]
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict)
                 else one if isinstance(one, list) else ())]  # fmt: skip
    if level:
        raise too_deep
    return found


def _number(digits: str) -> int | float:
    """Return a number without the length limit at which ``int`` raises."""
    return int(digits) if len(digits) < 16 else float(digits)
