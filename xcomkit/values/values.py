"""Reads a values.yaml as plain data together with the line of everything in it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xcomkit.findings.text_file import read_text
from xcomkit.values.tree import MAX_DEPTH, Node, compose, compose_all, invalid

MAX_CHARACTERS = 2_000_000
MAX_EXPANDED = 5_000_000  # characters once every alias is written out, a node counting as 25

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A key that one mapping holds more than once, with all its lines.

    ``lost`` are the names under it, of keys or of entries, that the last one does not have.
    """

    path: Key
    lines: tuple[int, ...]
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """A values file: plain data, the line of every key and item, and its duplicate keys.

    Several files laid over each other keep the files themselves in ``layers``, and in ``owners``
    who last wrote a key: its turn, and the file. ``text`` and ``root`` are then those of the first.
    """

    name: str
    text: str = field(repr=False)
    root: Node = field(repr=False)
    data: dict[str, Any] = field(repr=False)
    lines: Mapping[Key, int] = field(repr=False)
    duplicates: tuple[DuplicateKey, ...] = ()
    owners: Mapping[Key, tuple[int, "Values"]] = field(default_factory=dict, repr=False)
    layers: tuple["Values", ...] = field(default=(), repr=False)

    @property
    def texts(self) -> tuple["Values", ...]:
        """Return the files this was layered from, or this file alone."""
        return self.layers or (self,)

    def get(self, *path: str | int) -> Any:
        """Return the value at a path, or ``None`` where there is none."""
        found: Any = self.data
        for part in path:
            if isinstance(found, dict):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
                found = found[part]
            else:
                return None
        return found

    def line(self, *path: str | int) -> int:
        """Return the line of a path, or of the nearest parent that is in the text."""
        return self.place(*path)[1]

    def place(self, *path: str | int) -> tuple[str, int]:
        """Return file and line of a path, or of the nearest parent that is in a text."""
        turn = -1
        owner = self.texts[0]
        for end in range(1, len(path) + 1):
            found = self.owners.get(path[:end])
            if found is not None and found[0] > turn:
                turn, owner = found
        while path and path not in owner.lines:
            path = path[:-1]
        return owner.name, owner.lines.get(path, 1)


def load_values(path: Path) -> Values:
    """Return a values file from disk.

    Raises:
        InputError: when it cannot be read as one YAML mapping in UTF-8.
    """
    return read_values(read_text(path, name=path.name), name=path.name)


def read_values(text: str, *, name: str) -> Values:
    """Return the text of a values file as data with positions; a BOM is tolerated.

    Raises:
        InputError: when it is not one YAML mapping, or is larger or deeper than any real one.
    """
    _refuse_size(text, name=name)
    return _convert(compose(text, name=name), text=text, name=name)


def read_documents(text: str, *, name: str) -> tuple[Values, ...]:
    """Return every document of a YAML stream, the empty ones left out.

    Raises:
        InputError: as ``read_values``.
    """
    _refuse_size(text, name=name)
    return tuple(_convert(root, text=text, name=name) for root in compose_all(text, name=name))


def _refuse_size(text: str, *, name: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise invalid(name, f"more than {MAX_CHARACTERS} characters")


def _convert(root: Node, *, text: str, name: str) -> Values:
    converter = _Converter(name=name)
    data = converter.convert(root, path=(), depth=0)
    return Values(name, text, root, data, converter.lines, tuple(converter.duplicates))


class _Converter:
    """Turns the tree into plain data, counting what aliases would blow up."""

    def __init__(self, *, name: str) -> None:
        self.lines: dict[Key, int] = {}
        self.duplicates: list[DuplicateKey] = []
        self._name = name
        self._left = MAX_EXPANDED

    def convert(self, node: Node, *, path: Key, depth: int) -> Any:
        """Return the data of a node and note the lines below it."""
        self._left -= 25 + (len(node.value) if isinstance(node.value, str) else 0)
        if self._left < 0 or depth > MAX_DEPTH:
            problem = "aliases that multiply without end"
            raise invalid(self._name, problem, line=node.line, column=node.column)
        match node.kind:
            case "alias" if node.target is not None:
                return self.convert(node.target, path=path, depth=depth + 1)
            case "list":
                return [
                    self._item(item, path=(*path, index), depth=depth)
                    for index, item in enumerate(node.items)
                ]
            case "mapping":
                return self._mapping(node, path=path, depth=depth)
            case _:
                if isinstance(node.value, float) and not math.isfinite(node.value):
                    problem = "infinite or not a number, which JSON does not have"
                    raise invalid(self._name, problem, line=node.line, column=node.column)
                return node.value

    def _item(self, node: Node, *, path: Key, depth: int) -> Any:
        self.lines[path] = node.line
        return self.convert(node, path=path, depth=depth + 1)

    def _mapping(self, node: Node, *, path: Key, depth: int) -> dict[str, Any]:
        """Return a mapping in the order of the text, as helm does: what is later wins.

        So a ``<<`` below a key replaces it, against YAML's own rule.
        """
        data: dict[str, Any] = {}
        seen: dict[str, list[int]] = {}
        lasts = {key.value: value for key, value in node.pairs if not key.is_merge}
        for key, value in node.pairs:
            if key.is_merge:
                merged: dict[str, Any] = {}
                for source in value.merged:
                    merged |= self.convert(source, path=path, depth=depth + 1)
                for name in seen.keys() & data.keys() & merged.keys():
                    if data[name] != merged[name]:
                        seen[name].append(key.line)
                data |= merged
                continue
            seen.setdefault(key.value, []).append(key.line)
            if lasts[key.value] is value:
                self.lines[(*path, key.value)] = key.line
                data[key.value] = self.convert(value, path=(*path, key.value), depth=depth + 1)
        self.duplicates += [
            DuplicateKey((*path, name), tuple(lines), _lost(node, name))
            for name, lines in seen.items()
            if len(lines) > 1
        ]
        return data


def _lost(node: Node, name: str) -> tuple[str, ...]:
    """Return what earlier keys of a name hold and the last one does not."""
    *earlier, last = (_names(value) for key, value in node.pairs if key.value == name)
    return tuple(dict.fromkeys(one for names in earlier for one in names if one not in last))


def _names(node: Node) -> tuple[str, ...]:
    """Return the keys of a mapping, or the names of a list's entries."""
    held = node.target or node
    named = ((item.target or item).pair("name") for item in held.items)
    return tuple(str(key.value) for key, _ in held.pairs) + tuple(
        str((pair[1].target or pair[1]).value) for pair in named if pair
    )
