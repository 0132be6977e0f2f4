"""Writes plain data as YAML text, in the quoting the chart's own files use."""

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z](?:[\w./@-]|:(?=\S))*(?: [\w./@-]+)*", re.ASCII)
_WORDS = frozenset(
    "y n yes no on off true false null none nan inf infinity".split()  # noqa: SIM905 - readable
)
_UNPRINTABLE = (  # compiled on first use: no pattern takes longer
    "[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def quote(value: object, *, style: str = "") -> str:
    """Return a scalar as YAML; ``style`` is the quote to keep, ``""`` picks the simplest."""
    if not isinstance(value, str):
        # 1e+16 is a number to Go's parser, and a text to YAML 1.1 without the dot
        return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value))
    if not style and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    single = style == "'" or (style != '"' and '"' in value)
    is_plain = value.isascii() and value.isprintable()
    if single and (is_plain or not re.search(_UNPRINTABLE, value)):
        return "'" + value.replace("'", "''") + "'"
    body = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + (body if is_plain else re.sub(_UNPRINTABLE, _escape, body)) + '"'


def block(data: Any, *, indent: int) -> list[str]:
    """Return data as indented lines without line ends; environment values are always quoted."""
    pad = " " * indent
    match data:
        case dict() if data:
            return [line for key, value in data.items() for line in pair(key, value, indent=indent)]
        case list() | tuple() if data:
            lines: list[str] = []
            for item in data:
                inner = block(item, indent=indent + 2)
                lines += [f"{pad}- {inner[0].lstrip()}", *inner[1:]]
            return lines
        case _:
            return [pad + quote(data)]


def pair(key: str, value: Any, *, indent: int) -> list[str]:
    """Return one key and its value as indented lines."""
    head = f"{' ' * indent}{quote(key)}:"
    if isinstance(value, (dict, list, tuple)) and value:
        return [head, *block(value, indent=indent + 2)]
    # a variable's value stays a text whatever it looks like; '0' unquoted is refused by Kubernetes
    style = ("'" if '"' in str(value) else '"') if key == "value" else ""
    return [f"{head} {quote(value, style=style)}"]


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
