"""Lays values files and flags over each other as helm does, and keeps what went lost in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xcomkit.chart.flags import Assignment, assign
from xcomkit.chart.values import Key, Values

FLAG_LINE = 0  # a flag has no line


@dataclass(frozen=True, slots=True)
class Replacement:
    """A list that a later file or flag took the place of, whole or in one position.

    ``lost`` are the names that were in it and are no more.
    """

    path: Key
    before: tuple[str, int]
    after: tuple[str, int]
    lost: tuple[str, ...]
    position: int | None = None


def layer(
    files: Sequence[Values], assignments: Iterable[Assignment] = ()
) -> tuple[Values, tuple[Replacement, ...]]:
    """Return the values helm makes of files and flags, later over earlier, and what it replaced.

    Mappings are merged, lists and texts replaced whole; ``null`` unsets. Source: Helm, "Values
    Files" and pkg/cli/values (files first, then flags).
    """
    stack = _Stack(files[0])
    for values in files[1:]:
        stack.put(values.data, owner=values)
    for assignment in assignments:
        if assignment.path:
            stack.set(assignment)
        else:  # a whole object is merged like a file
            stack.put(assignment.value, owner=assignment.flag)
    return stack.values(tuple(files)), tuple(stack.replacements)


class _Stack:
    """The data so far, and who wrote which key last."""

    def __init__(self, first: Values) -> None:
        self._first = first
        self._data = first.data
        self._owners: dict[Key, tuple[int, Values | str]] = {}
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

    def put(self, data: Mapping[str, Any], *, owner: Values | str) -> None:
        self._data = self._merged(self._data, data, owner=owner, path=())

    def set(self, assignment: Assignment) -> None:
        path = assignment.path
        indices = [place for place, part in enumerate(path) if isinstance(part, int)]
        position = indices[-1] if indices else None
        if position is None:
            self._note(path, assignment.value, owner=assignment.flag)
        else:
            self._note_position(path[: position + 1], assignment)
        self._data = assign(self._data, assignment)
        self._own(path, assignment.flag)

    def _merged(
        self,
        base: Mapping[str, Any],
        top: Mapping[str, Any],
        *,
        owner: Values | str,
        path: Key,
    ) -> dict[str, Any]:
        data = dict(base)
        for key, value in top.items():
            inner = (*path, key)
            if isinstance(value, dict) and isinstance(data.get(key), dict):
                data[key] = self._merged(data[key], value, owner=owner, path=inner)
                continue
            self._note(inner, value, owner=owner)
            data[key] = value
            self._own(inner, owner)
        return data

    def _own(self, path: Key, owner: Values | str) -> None:
        self._turn += 1
        self._owners[path] = (self._turn, owner)

    def _place(self, path: Key) -> tuple[str, int]:
        return replace(self._first, owners=self._owners).place(*path)

    def _note(self, path: Key, value: Any, *, owner: Values | str) -> None:
        """Note a list that goes, when it held anything."""
        before = _find(self._data, path)
        if isinstance(before, list) and before and before != value:
            kept = set(_names(value)) if isinstance(value, list) else set()
            lost = tuple(name for name in _names(before) if name not in kept)
            after = (owner, FLAG_LINE) if isinstance(owner, str) else owner.place(*path)
            self.replacements.append(Replacement(path, self._place(path), after, lost))

    def _note_position(self, path: Key, assignment: Assignment) -> None:
        """Note an entry of a file that a flag addresses by its place in a list."""
        *holder, index = path
        entry = _find(self._data, path)
        is_of_a_flag = any(isinstance(o, str) and k[: len(path)] == path
                           for k, (_, o) in self._owners.items())  # fmt: skip
        if not isinstance(index, int) or entry is None or is_of_a_flag or not self._place(path)[1]:
            return
        name = entry.get("name") if isinstance(entry, dict) else None
        value, rest = assignment.value, assignment.path[len(path) :]
        new = value.get("name") if isinstance(value, dict) else value
        is_renamed = rest in ((), ("name",)) and name != new
        lost = (name,) if is_renamed and isinstance(name, str) else ()
        if not lost and holder[-1:] not in (["commonEnv"], ["env"]):
            return  # such as workers[0].replicas, which takes nothing away
        after = (assignment.flag, FLAG_LINE)
        self.replacements.append(Replacement(tuple(holder), self._place(path), after, lost, index))


def _find(data: Any, path: Key) -> Any:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _names(items: Sequence[Any]) -> tuple[str, ...]:
    named = [item["name"] for item in items if isinstance(item, dict) and "name" in item]
    return tuple(name for name in named if isinstance(name, str))
