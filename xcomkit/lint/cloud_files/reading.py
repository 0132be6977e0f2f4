"""Reads an exported JSON or YAML file into plain data in which every value knows its line."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from xcomkit.chart.tree import MAX_DEPTH
from xcomkit.chart.values import MAX_CHARACTERS, Key, read_values
from xcomkit.cloud_documents import items
from xcomkit.errors import InputError

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:\n]|[^\s\[\]{},:"]+')
_HINT = "export it again with --output json, or mend the file there."


class Block(dict[str, Any]):
    """A mapping that knows the line it begins on."""

    line: int = 1
    pending: str | None = None


class Items(list[Any]):
    """A list that knows the line it begins on."""

    line: int = 1


class Text(str):
    """A text that knows its line."""

    __slots__ = ("line",)
    line: int


def line_of(*values: object) -> int:
    """Return the line of the first value that knows one; 1 where none does."""
    return next((int(v.line) for v in values if isinstance(v, Block | Items | Text)), 1)


def block(value: object) -> Block:
    """Return the value where it is a mapping, an empty one otherwise."""
    return value if isinstance(value, Block) else Block()


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
    values = read_values(text, name=name)
    return _with_lines(values.data, path=(), lines=values.lines)


def read_embedded(value: object, *, name: str) -> Any:
    """Return a document that stands in another one as text, plain or URL-encoded as IAM sends it.

    Raises:
        InputError: when the text is no JSON; the place is that of the text.
    """
    if not isinstance(value, str):
        return value
    line = line_of(value)
    for text in (str(value), unquote(value)):
        try:
            found = _read_json(text, name=name, first_line=line, is_one_line=True)
        except InputError:
            continue
        return found
    raise refusal(name, line, 1, "a policy given as text that is no JSON")


def refusal(name: str, line: int, column: int, problem: str, *, hint: str = _HINT) -> InputError:
    """Return the error for a place in a file, in one line."""
    return InputError(f"{name}:{line}:{column}: {problem}.", hint=hint)


def _read_json(text: str, *, name: str, first_line: int = 1, is_one_line: bool = False) -> Any:
    try:
        json.loads(text, parse_int=_number, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        problem = f"no JSON, {error.msg[:1].lower()}{error.msg[1:]}"
        raise refusal(name, error.lineno, error.colno, problem) from None
    except RecursionError:
        raise refusal(name, first_line, 1, f"nested deeper than {MAX_DEPTH} levels") from None
    return _build(text, name=name, line=first_line, is_one_line=is_one_line)


def _build(text: str, *, name: str, line: int, is_one_line: bool) -> Any:
    """Return the data of a text that is known to be JSON, without recursion."""
    root = Items()
    stack: list[Block | Items] = [root]
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece == "\n":
            line += not is_one_line
        elif piece in "]}":
            stack.pop()
        elif piece not in ",:":
            value = _value(piece, line=line)
            _put(stack[-1], value)
            if isinstance(value, Block | Items):
                stack.append(value)
            if len(stack) > MAX_DEPTH:
                raise refusal(name, line, 1, f"nested deeper than {MAX_DEPTH} levels")
    return root[0]


def _value(piece: str, *, line: int) -> Any:
    value: Any
    if piece in ("{", "["):
        value = Block() if piece == "{" else Items()
    elif piece.startswith('"'):
        value = Text(json.loads(piece))
    else:
        return json.loads(piece, parse_int=_number, parse_constant=lambda _: None)
    value.line = line
    return value


def _put(container: Block | Items, value: Any) -> None:
    if isinstance(container, Items):
        container.append(value)
    elif container.pending is None:
        container.pending = value
    else:
        container[container.pending] = value
        container.pending = None


def _number(digits: str) -> int | float:
    """Return a number without the length limit at which ``int`` raises."""
    return int(digits) if len(digits) < 16 else float(digits)


def _with_lines(value: object, *, path: Key, lines: Mapping[Key, int]) -> Any:
    found: Any
    if isinstance(value, dict):
        found = Block(
            (str(key), _with_lines(item, path=(*path, key), lines=lines))
            for key, item in value.items()
        )
    elif isinstance(value, list):
        found = Items(
            _with_lines(item, path=(*path, index), lines=lines) for index, item in enumerate(value)
        )
    elif isinstance(value, str):
        found = Text(value)
    else:
        return value
    found.line = lines.get(path, 1)
    return found
