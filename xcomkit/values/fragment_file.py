"""Reads a fragment, a part of values.yaml somebody wants merged, and refuses what has no meaning.

The fragment decides what is written, so it is held to more than the user's own file: no key twice,
no two entries of one name, and variables as Kubernetes takes them.
"""

import math
from pathlib import Path
from typing import Any

from xcomkit.findings.text_file import read_text
from xcomkit.values.merge_rules import is_by_name, is_merge_key, label
from xcomkit.values.tree import Node, refusal
from xcomkit.values.values import Key, Values, read_values

_ENTRIES = ("commonEnv", "workers")


def load_fragment(path: Path) -> dict[str, Any]:
    """Return the fragment in a file as plain data.

    Raises:
        InputError: when it cannot be read, or holds what no values file could.
    """
    return read_fragment(read_text(path, name=path.name), name=path.name)


def read_fragment(text: str, *, name: str) -> dict[str, Any]:
    """Return the fragment in a text as plain data; raises as ``load_fragment`` does."""
    return _checked(read_values(text, name=name))


def _checked(values: Values) -> dict[str, Any]:
    for duplicate in values.duplicates:
        first, *_, last = duplicate.lines
        problem = f"the key {label(duplicate.path)} stands in line {first} already"
        raise refusal(values.name, last, _column(values, last), problem)
    _Inspector(values).inspect(values.root, path=())
    return values.data


def _column(values: Values, line: int) -> int:
    text = (values.text.split("\n")[line - 1 : line] or [""])[0].lstrip("\ufeff")
    return len(text) - len(text.lstrip(" ")) + 1


class _Inspector:
    """Walks a fragment's tree, so that every refusal names its place."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def inspect(self, node: Node, *, path: Key) -> None:
        held = node.target or node
        if path[-1:] != () and path[-1] in _ENTRIES and len(path) == 1:
            self._need(held.kind == "list" or (held.value is None and held.kind == "scalar"), node,
                       f"{path[0]} must be a list of entries with names")  # fmt: skip
        match held.kind:
            case "mapping":
                self._inspect_mapping(held, path=path)
            case "list":
                self._inspect_list(held, path=path)
            case _:
                is_number = not isinstance(held.value, float) or math.isfinite(held.value)
                self._need(is_number, node, f"{label(path)} is a number that JSON does not know")

    def _inspect_mapping(self, node: Node, *, path: Key) -> None:
        for key, value in node.pairs:
            if is_merge_key(key):
                sources = value.items if value.kind == "list" else (value,)
                is_usable = all((source.target or source).kind == "mapping" for source in sources)
                self._need(is_usable, value, "<< must bring in mappings")
                for source in sources:
                    self.inspect(source, path=path)
                continue
            text = str(key.value)
            self._need(isinstance(key.value, str), key, f"the key {text} is no text; quote it")
            self.inspect(value, path=(*path, text))

    def _inspect_list(self, node: Node, *, path: Key) -> None:
        data = self._values.get(*path)
        data = data if isinstance(data, list) else []
        is_variables = path == ("commonEnv",) or path[-1] == "env"
        names: set[str] = set()
        for index, (item, entry) in enumerate(zip(node.items, data, strict=False)):
            if is_variables or path == ("workers",):
                problem = f"an entry of {label(path)} needs a name that is a text"
                self._need(is_by_name([entry]) and bool(entry["name"]), item, problem)
            if is_by_name(data):
                problem = f"{label((*path, entry['name']))} stands there twice"
                self._need(entry["name"] not in names, item, problem)
                names.add(entry["name"])
            if is_variables:
                self._inspect_variable(item, entry, path=(*path, entry["name"]))
            self.inspect(item, path=(*path, index))

    def _inspect_variable(self, item: Node, entry: dict[str, Any], *, path: Key) -> None:
        is_text = isinstance(entry.get("value", ""), str)
        self._need(is_text, item, f"the value of {label(path)} must be a text; put it in quotes")
        is_one = not {"value", "valueFrom"} <= set(entry)
        self._need(is_one, item, f"{label(path)} has value and valueFrom; Kubernetes takes one")

    def _need(self, is_good: bool, node: Node, problem: str) -> None:  # noqa: FBT001 - the subject
        if not is_good:
            raise refusal(self._values.name, node.line, node.column, problem)
