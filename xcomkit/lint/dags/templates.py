"""Calls of ``xcom_pull`` inside the templates that operators render."""

import ast
import re
from collections.abc import Iterator
from itertools import islice

from xcomkit.lint.dags.reading import Unreadable, parse

_PULL = re.compile(r"xcom_pull\(")
MOST_CHARACTERS = 2000  # of one call
MOST_BRACKETS = 20  # of one call
MOST_CALLS = 50  # of one template


def is_pulling(value: object) -> bool:
    """Tell whether a value is a template that pulls when it is rendered."""
    return isinstance(value, str) and "xcom_pull(" in value and ("{{" in value or "{%" in value)


def pulls_in(text: str) -> Iterator[tuple[ast.Call, int]]:
    """Yield the calls of ``xcom_pull`` in a template, and how many lines below its begin.

    What is no Python, because it uses Jinja's own syntax, is left out.
    """
    if "{{" in text or "{%" in text:
        for match in islice(_PULL.finditer(text), MOST_CALLS):
            call = _parse_call(text[match.start() : match.start() + MOST_CHARACTERS])
            if call is not None:
                yield call, text.count("\n", 0, match.start())


def _parse_call(text: str) -> ast.Call | None:
    """Return the call a text begins with, up to the first bracket that makes it Python."""
    for bracket in islice(re.finditer(r"\)", text), MOST_BRACKETS):
        try:
            statement = parse(text[: bracket.end()].encode("utf-8", "replace")).body[0]
        except Unreadable:
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return statement.value
    return None
