"""Reads an env file: one NAME=value per line, as Docker Compose and the Astro CLI read it.

Source: Docker, "Set environment variables", .env file syntax.
"""

import re
from collections.abc import Mapping

from xcomkit.findings.errors import InputError
from xcomkit.values.environment import Variable

_START = re.compile(r"[^\S\n]*(?:export[^\S\n]+)?([^=\s#]+)[^\S\n]*(=?)[^\S\n]*")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL)
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
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if text[at:end].strip() and not text[at:end].lstrip().startswith("#"):
            variable, end = _read(text, at, end, line=line, name=name, known=known)
            if variable.value is not None:
                known[variable.name] = variable.value
            variables.append(variable)
        line += text.count("\n", at, end + 1)
        at = end + 1
    return tuple(variables)


def _read(
    text: str, at: int, end: int, *, line: int, name: str, known: Mapping[str, str]
) -> tuple[Variable, int]:
    """Return the variable that begins here, and where its last line ends."""
    match = _START.match(text, at, end)
    if match is None or not match[1].isprintable():
        column = len(text[at:end]) - len(text[at:end].lstrip()) + 1
        raise _refuse(name, line, column, "no NAME=value")
    start, key = match.end(), match[1]
    rest = text[start:end]
    if not match[2]:
        if rest.strip() and not rest.startswith("#"):
            raise _refuse(name, line, start - at + 1, "no = behind the name")
        return Variable(key, None, line, name, file=name), end
    if rest[:1] not in ('"', "'"):
        bare = _COMMENT.sub("", rest).rstrip()
        value = interpolate(bare, known)
        is_commented = bare != rest.rstrip()
        return Variable(key, value, line, name, "", name, is_commented=is_commented), end
    quoted = (_DOUBLE if rest[0] == '"' else _SINGLE).match(text, start)
    if quoted is None:
        raise _refuse(name, line, start - at + 1, "a quote that is not closed")
    end = text.find("\n", quoted.end())
    end = len(text) if end < 0 else end
    behind = text[quoted.end() : end].strip()
    if behind and not behind.startswith("#"):
        raise _refuse(name, line, start - at + 1, "something behind the closing quote")
    body = quoted[1]
    if rest[0] == "'":
        return Variable(key, body.replace("\\'", "'"), line, name, file=name), end
    body = re.sub(r"\\(.)", _unescaped, body, flags=re.DOTALL)
    filled = interpolate(body, known)
    value = None if filled is None else filled.replace(_DOLLAR, "$")
    return Variable(key, value, line, name, file=name), end


def _unescaped(match: re.Match[str]) -> str:
    if match[1] == "$":
        return _DOLLAR
    return _ESCAPES.get(match[1], match[1] if match[1] in '"\\' else match[0])


def interpolate(text: str, known: Mapping[str, str]) -> str | None:
    """Return a text as Compose fills it in from known variables.

    ``None`` where the shell would be asked, or where a reference is of a form not read here.
    """
    untold = False

    def fill(match: re.Match[str]) -> str:
        nonlocal untold
        if match[4]:
            return _DOLLAR
        name, default = match[1] or match[3], match[2]
        if known.get(name):
            return known[name]
        if name in known:
            return default[2:] if default and default.startswith(":") else ""
        untold = True
        return ""

    filled = _REFERENCE.sub(fill, text)
    return None if untold or "${" in filled else filled.replace(_DOLLAR, "$")


def _refuse(name: str, line: int, column: int, problem: str) -> InputError:
    return InputError(f"{name}:{line}:{column}: {problem}.", hint="write NAME=value.")
