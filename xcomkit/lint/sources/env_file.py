"""Reads an env file: one NAME=value per line, as Docker Compose and the Astro CLI read it.

Source: Docker, "Set environment variables", .env file syntax.
"""

import re
from collections.abc import Mapping

from xcomkit.findings.errors import InputError
from xcomkit.values.environment import Variable

_ENTRY = re.compile(
    r"""[^\S\n]*(?:export[^\S\n]+)?(?P<name>[^=\s#]+)[^\S\n]*
    (?:=[^\S\n]*
        (?: "(?P<double>(?:[^"\\]|\\.)*+)"
          | '(?P<single>(?:[^'\\]|\\.)*+)'
          | (?P<bare>(?:[^"'\n][^\n]*)?) )
    )?
    [^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)""",
    re.DOTALL | re.VERBOSE,
)
_NOTHING = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMENT = re.compile(r"\s#.*")
_REFERENCE = re.compile(r"\$(?:\{(\w+)(:?-[^{}$]*)?\}|(\w+)|(\$))", re.ASCII)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_DOLLAR = "\0"  # stands for an escaped one while references are filled in


def read_env(text: str, *, name: str) -> tuple[Variable, ...]:
    """Return the variables of an env file in order; a name without ``=`` comes from the shell.

    Raises:
        InputError: a line is no variable, in one line with its place.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    known: dict[str, str] = {}
    variables: list[Variable] = []
    at, line = 0, 1
    while at < len(text):
        match = _NOTHING.match(text, at)
        if match is None:
            match = _ENTRY.match(text, at)
            if match is None or not match["name"].isprintable():
                problem = "no NAME=value, or a quote that is not closed at the end of its line"
                raise InputError(f"{name}:{line}:1: {problem}.", hint="write NAME=value.")
            value, is_commented = _value(match, known)
            if value is not None:
                known[match["name"]] = value
            variables.append(
                Variable(match["name"], value, line, name, file=name, is_commented=is_commented)
            )
        line += text.count("\n", at, match.end())
        at = match.end()
    return tuple(variables)


def _value(match: re.Match[str], known: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return the value of an entry, and whether some readers take a comment for part of it."""
    if match["single"] is not None:
        return match["single"].replace("\\'", "'"), False
    if match["double"] is not None:
        body = re.sub(r"\\(.)", _unescaped, match["double"], flags=re.DOTALL)
        return interpolate(body, known), False
    if match["bare"] is None:  # no = behind the name
        return None, False
    bare = _COMMENT.sub("", match["bare"]).rstrip()
    return interpolate(bare, known), bare != match["bare"].rstrip()


def _unescaped(match: re.Match[str]) -> str:
    if match[1] == "$":
        return _DOLLAR
    return _ESCAPES.get(match[1], match[1] if match[1] in '"\\' else match[0])


def interpolate(text: str, known: Mapping[str, str], *, defaults: bool = False) -> str | None:
    """Return a text as Compose fills it in from known variables.

    ``defaults`` takes that of ``${NAME:-default}`` where no file knows the name. ``None`` where
    the shell would be asked, or where a reference is of a form not read here.
    """
    is_unknown = False

    def fill(match: re.Match[str]) -> str:
        nonlocal is_unknown
        if match[4]:
            return _DOLLAR
        name, default = match[1] or match[3], match[2]
        if known.get(name):
            return known[name]
        if name in known:
            return default[2:] if default and default.startswith(":") else ""
        if default and defaults:
            return default.removeprefix(":")[1:]
        is_unknown = True
        return ""

    filled = _REFERENCE.sub(fill, text)
    return None if is_unknown or "${" in filled else filled.replace(_DOLLAR, "$")
