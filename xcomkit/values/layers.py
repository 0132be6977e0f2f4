"""Lays values files over each other as helm does, and keeps what went lost in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xcomkit.values.values import Key, Values


@dataclass(frozen=True, slots=True)
class Replacement:
    """A list that a later file took the place of.

    ``lost`` are the names that were in it and are no more.
    """

    path: Key
    before: tuple[str, int]
    after: tuple[str, int]
    lost: tuple[str, ...]


def layer(files: Sequence[Values]) -> tuple[Values, tuple[Replacement, ...]]:
    """Return the values helm makes of files, later over earlier, and what it replaced.

    Mappings are merged, lists and texts replaced whole; ``null`` unsets. Source: Helm, "Values
    Files".
    """
    stack = _Stack(files[0])
    for values in files[1:]:
        stack.put(values)
    return stack.values(tuple(files)), tuple(stack.replacements)


class _Stack:
    """The data so far, and who wrote which key last."""

    def __init__(self, first: Values) -> None:
        self._first = first
        self._data = first.data
        self._owners: dict[Key, tuple[int, Values]] = {}
        self._turn = 0
        self.replacements: list[Replacement] = []

    def values(self, layers: tuple[Values, ...]) -> Values:
        duplicates = tuple(d for values in layers for d in values.duplicates)
        return replace(
            self._first,
            data=self._data,
            duplicates=duplicates,
            owners=self._owners,
            layers=layers,
        )

    def put(self, values: Values) -> None:
        self._data = self._merged(self._data, values.data, owner=values, path=())

    def _merged(
        self,
        base: Mapping[str, Any],
        top: Mapping[str, Any],
        *,
        owner: Values,
        path: Key,
    ) -> dict[str, Any]:
        data = dict(base)
        for key, value in top.items():
            inner = (*path, key)
            if isinstance(value, dict) and isinstance(data.get(key), dict):
                data[key] = self._merged(data[key], value, owner=owner, path=inner)
                continue
            before = data.get(key)
            if isinstance(before, list) and before and before != value:
                self._note(inner, before, value, owner=owner)
            data[key] = value
            self._turn += 1
            self._owners[inner] = (self._turn, owner)
        return data

    def _note(self, path: Key, before: Sequence[Any], value: Any, *, owner: Values) -> None:
        """Note a list that goes, with the names nobody has any more."""
        kept = set(_names(value)) if isinstance(value, list) else set()
        lost = tuple(name for name in _names(before) if name not in kept)
        place = replace(self._first, owners=self._owners).place(*path)
        self.replacements.append(Replacement(path, place, owner.place(*path), lost))


def _names(items: Sequence[Any]) -> tuple[str, ...]:
    named = [item["name"] for item in items if isinstance(item, dict) and "name" in item]
    return tuple(name for name in named if isinstance(name, str))
