"""Lays values files over each other as helm does, and notes what was lost in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from xcomkit.values.values import Key, Values


@dataclass(frozen=True, slots=True)
class Replacement:
    """A list that a later file took the place of; ``lost`` are the names that are no more."""

    path: Key
    before: tuple[str, int]
    after: tuple[str, int]
    lost: tuple[str, ...]


def layer(files: Sequence[Values]) -> tuple[Values, tuple[Replacement, ...]]:
    """Return the values helm makes of files, later over earlier, and what it replaced.

    Mappings are merged, lists and texts replaced whole; ``null`` unsets. Source: Helm, "Values
    Files".
    """
    first, *others = files
    owners: dict[Key, tuple[int, Values]] = {}
    replacements: list[Replacement] = []
    turns = count(1)

    def lay(base: Mapping[str, Any], top: Mapping[str, Any], owner: Values, path: Key) -> Any:
        data = dict(base)
        for key, value in top.items():
            inner, before = (*path, key), data.get(key)
            if isinstance(value, dict) and isinstance(before, dict):
                data[key] = lay(before, value, owner, inner)
                continue
            if isinstance(before, list) and before and before != value:
                lost = tuple(name for name in _names(before) if name not in _names(value))
                place = replace(first, owners=owners).place(*inner)
                replacements.append(Replacement(inner, place, owner.place(*inner), lost))
            data[key] = value
            owners[inner] = (next(turns), owner)
        return data

    data = first.data
    for values in others:
        data = lay(data, values.data, values, ())
    duplicates = tuple(duplicate for values in files for duplicate in values.duplicates)
    layered = replace(first, data=data, duplicates=duplicates, owners=owners, layers=tuple(files))
    return layered, tuple(replacements)


def _names(found: object) -> tuple[str, ...]:
    """Return the names of a list's entries."""
    items = found if isinstance(found, list) else []
    named = [item.get("name") for item in items if isinstance(item, dict)]
    return tuple(name for name in named if isinstance(name, str))
