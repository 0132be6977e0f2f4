"""Calls of ``xcom_pull`` inside the templates that operators render."""

import ast
from collections.abc import Iterator

from xcomkit.lint.dags.reading import Unreadable, parse

_PULL = "xcom_pull("
MOST_CHARACTERS = 2000  # of one call
MOST_CALLS = 50  # of one template


def pulls_in(text: str) -> Iterator[tuple[ast.Call, int]]:
    """Yield the calls of ``xcom_pull`` in a template, and how many lines below its begin.

    What is no Python, because it uses Jinja's own syntax, is left out.
    """
    if "{{" not in text and "{%" not in text:
        return
    begin = text.find(_PULL)
    for _ in range(MOST_CALLS):
        if begin < 0:
            return
        source = _balanced(text[begin : begin + MOST_CHARACTERS])
        if source:
            try:
                statement = parse(source.encode("utf-8", "replace")).body[0]
            except Unreadable:
                statement = None
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                yield statement.value, text.count("\n", 0, begin)
        begin = text.find(_PULL, begin + len(_PULL))


def _balanced(text: str) -> str:
    """Return the call a text begins with, up to its own closing bracket."""
    depth, quote = 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return text[: place + 1]
    return ""
