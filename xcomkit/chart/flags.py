"""Reads helm's ``--set``, ``--set-string`` and ``--set-json``, and does to values what they do.

Helm applies every ``--set-json`` first, then every ``--set``, then every ``--set-string``, wherever
they stand. Source: helm 3, pkg/strvals/parser.go, pkg/cli/values/options.go.
"""

import json
import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from xcomkit.chart.tree import MAX_DEPTH
from xcomkit.errors import InputError

Kind = Literal["set", "set-string", "set-json"]

MAX_CHARACTERS = 131_072  # what Linux passes to a program as one argument
MAX_INDEX = 65_536
MAX_PLACES = 1_000_000  # all indices of one flag together, as every place below them is filled

_WORDS = {"true": True, "false": False, "null": None}
_BLANKS = re.compile(r"[^\S\x1c-\x1f]*")  # those four are blank to Python only
_LONE = re.compile("[\ud800-\udfff]")  # half of a character, which is U+FFFD in Go
_JSON = json.JSONDecoder(parse_int=float)  # Go has one type for numbers
_STEP = re.compile(r"(?s)((?:[^\\=\[,.]|\\.?)*+)((?:\[[+-]?[0-9]{1,4000}\])*+)([=.]?)")
_ITEM = re.compile(r"(?s)((?:[^\\,}]|\\.?)*+)([,}]?)")
_REST = re.compile(r"(?s)((?:[^\\,]|\\.?)*+)(,?)")
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,19})")
_PLAIN_HINT = "write key=value, with a backslash before each comma, dot, bracket or = that is text."
_JSON_HINT = "write key=JSON: double quotes around texts, single ones around the argument."


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value a flag sets, None where helm deletes; an empty path merges a whole object.

    ``flag`` is the option with the key as written, and never the value, which may be secret.
    """

    path: tuple[str | int, ...]
    value: Any = field(repr=False)
    flag: str


def read_flag(kind: Kind, text: str) -> tuple[Assignment, ...]:
    """Return what one argument sets, in helm's order.

    As in helm, ``a={}`` is a list with one empty text and ``a=[]`` is a text. Not as in helm, a
    nameless pair and ``a[0]`` without ``=`` are refused: helm sets nothing and says nothing.

    Raises:
        InputError: with the column, when helm refuses the text or drops part of it.
    """
    reader = _Reader(kind, _LONE.sub("\ufffd", text))
    if len(text) > MAX_CHARACTERS:
        raise reader.refuse(MAX_CHARACTERS, "too long for one argument")
    # a helm too old for whole objects refuses one as a key without a value
    if kind == "set-json" and not reader.skip("") and text[reader.at] == "{":
        value = reader.json("")
        if reader.at < len(text):
            raise reader.refuse(reader.at, "something after the JSON object", hint=_JSON_HINT)
        return (Assignment((), value, "--set-json {...}"),)
    return tuple(iter(_Reader(kind, reader.text).pair, None))


def assign(data: dict[str, Any], assignment: Assignment) -> dict[str, Any]:
    """Return the values with one assignment made; the given ones stay as they are.

    Mappings are made and lists padded with nulls where needed, an index overwrites by position.
    A null stays; helm deletes the chart's own value of that key when it merges both.

    Raises:
        InputError: when no list or mapping is where one must be; in a list, helm makes a mapping.
    """
    if not assignment.path:
        return _merged(data, assignment.value)
    return dict(_changed(data, assignment.path, assignment))


def _changed(here: Any, path: tuple[str | int, ...], assignment: Assignment) -> Any:
    """Return a copy of a list or mapping with the value set below it."""
    step, rest = path[0], path[1:]
    if not isinstance(here, list if isinstance(step, int) else dict):
        message = f"{assignment.flag}: another value stands where the key needs a list or mapping."
        raise InputError(message, hint="set the whole key instead.")
    copy: Any = here.copy()
    new: Any = [] if rest and isinstance(rest[0], int) else {}
    if isinstance(step, int):
        copy += [None] * (step + 1 - len(copy))
        unfit = copy[step] is None or (new == {} and not isinstance(copy[step], dict))
        below = new if unfit else copy[step]
    else:
        below = copy.get(step, new)
    copy[step] = _changed(below, rest, assignment) if rest else deepcopy(assignment.value)
    return copy


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else deepcopy(value)
    return merged


@dataclass(slots=True)
class _Reader:
    """Walks over one argument; ``at`` is the next character."""

    kind: Kind
    text: str
    at: int = 0
    places: int = MAX_PLACES

    def refuse(self, at: int, problem: str, *, hint: str = _PLAIN_HINT) -> InputError:
        return InputError(f"--{self.kind}, column {at + 1}: {problem}.", hint=hint)

    def pair(self) -> Assignment | None:
        """Return the next assignment, or nothing at the end."""
        start, dots, stop = self.at, 0, "."
        path: list[str | int] = []
        while stop == ".":
            name, indices, stop = self._take(_STEP)
            if not (path or name or indices) and self.at == len(self.text):
                return None
            if not (name and stop):
                problem = "neither = nor . nor a list index [number]" if name else "no key"
                raise self.refuse(self.at - len(stop), problem)
            places = [int(digits) for digits in re.findall(r"[+-]?\d+", indices)]
            if not all(0 <= place <= MAX_INDEX for place in places):
                raise self.refuse(start, f"a list index outside 0 to {MAX_INDEX}")
            path += [name, *places]
            dots += stop == "." and not places
            self.places -= sum(places)
            if dots > 30 or len(path) > MAX_DEPTH or self.places < 0:
                raise self.refuse(start, "a key too deep, or with indices too high, for a flag")
        flag = f"--{self.kind} {self.text[start : self.at - 1]}"
        shown = "".join(char if char.isprintable() else "?" for char in flag[:79])
        return Assignment(tuple(path), self._value(), shown + "…" * (len(flag) > 79))

    def json(self, separator: str) -> Any:
        """Return the JSON value that stands here and skip a separator; Go wants none there."""
        start = self.at
        try:
            value, self.at = _JSON.raw_decode(self.text, start)
            value = _whole(value)
        except (ValueError, RecursionError) as error:
            at, problem = getattr(error, "pos", start), "no JSON, or nested too deep"
            raise self.refuse(at, problem, hint=_JSON_HINT) from None
        self.skip(separator)
        return value

    def skip(self, separator: str) -> bool:
        """Skip blanks and one separator; true where nothing else comes before it or the end."""
        self._take(_BLANKS)
        here = self.text[self.at : self.at + 1]
        self.at += here != "" and here == separator
        return here in {"", separator}

    def _take(self, pattern: re.Pattern[str]) -> list[str]:
        found = next(pattern.finditer(self.text, self.at))  # each pattern matches nothing, too
        self.at = found.end()
        return [re.sub(r"(?s)\\(.?)", r"\1", part) for part in found.groups()]

    def _value(self) -> Any:
        if self.kind == "set-json":
            return None if self.skip(",") else self.json(",")
        if self.text[self.at : self.at + 1] != "{":
            return self._typed(self._take(_REST)[0])
        self.at += 1
        items, stop = [], ","
        while stop == ",":
            item, stop = self._take(_ITEM)
            items.append(self._typed(item))
        if not stop:
            raise self.refuse(self.at, "a list without } at its end")
        self.at += self.text[self.at : self.at + 1] == ","
        return items

    def _typed(self, text: str) -> Any:
        if self.kind == "set-string" or (text[:1] == "0" and text != "0"):
            return text
        found = _INTEGER.fullmatch(text)
        number = int(found[1] + found[2]) if found else 2**63
        return number if -(2**63) <= number < 2**63 else _WORDS.get(text.casefold(), text)


def _whole(value: Any, left: int = MAX_DEPTH) -> Any:
    """Return JSON as Go holds it; a ValueError when a number is too big or it nests too deep."""
    number = isinstance(value, float)
    if left < 0 or (number and not value.is_integer() and not abs(value) < 2**53):
        raise ValueError
    if number and abs(value) <= 2**53 and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {_LONE.sub("\ufffd", key): _whole(value[key], left - 1) for key in value}
    if isinstance(value, list):
        return [_whole(item, left - 1) for item in value]
    return _LONE.sub("\ufffd", value) if isinstance(value, str) else value
