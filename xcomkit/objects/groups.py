"""Objects counted per Dag, task, layout and codec: in columns, because there may be many groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAX_GROUPS = 2_000
OTHERS = "(others)"
Tally = list[int]
"""How many objects, and their bytes."""
Group = tuple[str, str, str, str]
"""Dag, task, layout and codec."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups of a batch: per part of their names a list, places in it, and what was counted."""

    names: Sequence[Sequence[str]]
    places: Sequence[Any]
    counts: Sequence[int]
    sizes: Sequence[int]


class Groups:
    """Tallies of groups, of which the smallest become "others" once there are too many.

    ``_numbers`` gives each name a number, apart for Dags, tasks, layouts and codecs. A column of
    ``_columns`` holds the four numbers of a group, how many objects it has and their bytes; a group
    may have several until they are joined.
    """

    def __init__(self) -> None:
        self._numbers: list[dict[str, int]] = [{}, {}, {}, {}]
        self._columns: list[Any] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Groups) and self.named() == other.named()

    __hash__ = None  # type: ignore[assignment]

    def add(self, *parts: Grouped) -> None:
        """Count the groups of a batch, too."""
        import numpy as np

        for one in parts:
            columns = [
                np.array([numbers.setdefault(name, len(numbers)) for name in names])[place]
                for numbers, names, place in zip(self._numbers, one.names, one.places, strict=True)
            ]
            self._columns.append(np.array([*columns, one.counts, one.sizes], np.int64))
        if sum(column.shape[1] for column in self._columns) > 8 * MAX_GROUPS:
            self._join()

    def add_named(self, tallies: Iterable[tuple[Group, int, int]]) -> None:
        """Count groups one by one: each with how many objects it has, and their bytes."""
        if found := list(tallies):
            groups, counts, sizes = zip(*found, strict=True)
            self.add(
                Grouped([*zip(*groups, strict=True)], [[*range(len(found))]] * 4, counts, sizes)
            )

    def named(self) -> dict[Group, Tally]:
        """Return the tally of each group."""
        self._join()
        names = [list(numbers) for numbers in self._numbers]
        found: dict[Group, Tally] = {}
        for rows in self._columns:
            for dag, task, layout, codec, *tally in rows.T.tolist():
                group = (names[0][dag], names[1][task], names[2][layout], names[3][codec])
                found[group] = tally
        return found

    def _join(self) -> None:
        """Join the columns of each group, and make "others" of the smallest tasks, then Dags."""
        import numpy as np

        if not self._columns or not (rows := self._joined(self._columns)).size:
            return
        if rows.shape[1] > 4 * MAX_GROUPS:
            for level in (1, 0):
                if (excess := rows.shape[1] - MAX_GROUPS) > 0:
                    small = rows[5].argsort(kind="stable")[:excess]
                    for part in range(level, 2):
                        numbers = self._numbers[part]
                        rows[part, small] = numbers.setdefault(OTHERS, len(numbers))
                    rows = self._joined([rows])
            for part, numbers in enumerate(self._numbers):  # names of nobody are forgotten
                names = list(numbers)
                used, rows[part] = np.unique(rows[part], return_inverse=True)
                self._numbers[part] = {names[old]: new for new, old in enumerate(used.tolist())}
        self._columns = [rows]

    def _joined(self, columns: Sequence[Any]) -> Any:
        import numpy as np

        rows = np.concatenate(columns, axis=1)
        groups: Any = np.ravel_multi_index(tuple(rows[:4]), tuple(map(len, self._numbers)))
        order = groups.argsort(kind="stable")
        first: Any = np.flatnonzero(np.diff(groups[order], prepend=-1))
        sums = np.add.reduceat(rows[4:, order], first, axis=1)
        return np.concatenate((rows[:4, order[first]], sums))
