"""Sums over a listing of any length: Arrow batches folded as they arrive, in bounded memory.

What is counted per Dag and task is bounded by ``MAX_GROUPS``: the smallest groups become "others".
Columns are judged by Arrow and numpy; a key that ``keys.strict_patterns`` does not match is read by
``keys.parse_key``, one by one.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from xcomkit.findings.model import StoredCodec, StoredObject, StoredXCom
from xcomkit.findings.text import shorten
from xcomkit.objects.keys import CODECS, MAX_ID, parse_key, strict_patterns

LARGEST = 10
EXAMPLES = 5
MAX_GROUPS = 2_000
OTHERS = "(others)"
# S3 rounds an expiry up to the next midnight UTC and deletes later, at no stated time
# (S3 User Guide, "Expiring objects").
GRACE = timedelta(days=2)
AGES = (1, 7, 30, 90)
"""Ages in days up to which objects are counted together; the last place is for older ones."""
_DAY = 86_400_000_000
_FEW = 10_000
_CODECS: tuple[StoredCodec, ...] = tuple(CODECS.values())
Group = tuple[str, str, str, str]
"""Dag, task, layout and codec."""
Tally = list[int]
"""How many objects, and their bytes."""

Ranked = tuple[int, str, StoredXCom]
"""Size and key of an object, and the object."""


@dataclass(slots=True)
class Examples:
    """How many objects share something, their bytes, and the first few keys."""

    count: int = 0
    size: int = 0
    keys: list[str] = field(default_factory=list)

    def add(self, count: int, size: int, keys: Iterable[str]) -> None:
        """Count further objects; of their keys only the first few are looked at."""
        self.count += count
        self.size += size
        if len(self.keys) < EXAMPLES:
            self.keys += [
                key for key, _ in zip(keys, range(EXAMPLES - len(self.keys)), strict=False)
            ]

    def counted(self, what: str) -> str:
        """Return ``5 foreign: key, key and 3 more``."""
        named = ": " + ", ".join(map(shorten, self.keys)) if self.keys else ""
        more = self.count - len(self.keys)
        return f"{self.count:,} {what}{named}" + (f" and {more:,} more" if more else "")

    def join(self, other: "Examples") -> None:
        """Count those of another part, too; the keys are then the first ones in their order."""
        self.count += other.count
        self.size += other.size
        self.keys = sorted({*self.keys, *other.keys})[:EXAMPLES]


@dataclass(slots=True)
class Sums:
    """What was counted so far of the objects below a prefix.

    ``days``, ``sizes`` and ``ages`` speak of every object, by the day of its writing (days since
    1970), by the number of bits of its size, and by the place of its age in ``AGES``. So does
    ``past``: a lifecycle rule expires them all; an object counts as past its retention ``GRACE``
    after the day on which it should expire. ``empty`` are those of no bytes but foreign ones.
    """

    prefix: str
    now: datetime
    retention_days: int
    groups: dict[Group, Tally] = field(default_factory=dict)
    days: dict[int, Tally] = field(default_factory=dict)
    sizes: dict[int, Tally] = field(default_factory=dict)
    ages: dict[int, Tally] = field(default_factory=dict)
    empty: Examples = field(default_factory=Examples)
    past: Examples = field(default_factory=Examples)
    foreign: Examples = field(default_factory=Examples)
    state: Examples = field(default_factory=Examples)
    largest: list[Ranked] = field(default_factory=list)
    oldest: StoredXCom | None = None
    newest: StoredXCom | None = None

    @property
    def count(self) -> int:
        """Return how many objects were counted, of whatever kind."""
        return sum(count for count, _ in list(self.days.values()))

    @property
    def size(self) -> int:
        """Return how many bytes they have."""
        return sum(size for _, size in list(self.days.values()))

    @property
    def readable(self) -> int:
        """Return how many of them have a key that Airflow writes."""
        return sum(count for count, _ in self.groups.values())

    def add(self, batch: Any) -> None:
        """Count a batch: of Arrow with ``path``, ``size`` and ``last_modified``, or of objects.

        One that was read into columns already is not read again.
        """
        columns = batch if isinstance(batch, Columns) else read_columns(batch)
        if not columns.count:
            return
        strict = _read_strict(columns, prefix=self.prefix)
        odd = [parse_key(columns.stored(row), prefix=self.prefix) for row in strict.others.tolist()]
        self._add_columns(columns)
        for group, tally in strict.groups:
            _tally(self.groups, group, *tally)
        self._add_objects(odd)
        self.consider(
            parse_key(columns.stored(row), prefix=self.prefix) for row in strict.candidates(self)
        )
        if len(self.groups) > 2 * MAX_GROUPS:
            self._prune()

    def _add_columns(self, columns: "Columns") -> None:
        import numpy as np

        age = _microseconds(self.now) - columns.modified
        for tallies, numbers in (
            (self.days, columns.modified // _DAY),
            (self.sizes, np.frexp(columns.size)[1]),
            (self.ages, np.searchsorted([days * _DAY for days in AGES], age)),
        ):
            for number, tally in zip(*_tallies(numbers, columns.size), strict=True):
                _tally(tallies, int(number), *tally)
        limit = timedelta(days=self.retention_days) + GRACE
        rows = np.flatnonzero(age > limit // timedelta(microseconds=1))
        self.past.add(len(rows), int(columns.size[rows].sum()), map(columns.key, rows.tolist()))
        for row in np.flatnonzero(columns.size == 0).tolist():
            if parse_key(columns.stored(row), prefix=self.prefix).layout != "foreign":
                self.empty.add(1, 0, (columns.key(row),))

    def _add_objects(self, found: Iterable[StoredXCom]) -> None:
        for one in found:
            if one.layout == "foreign":
                self.foreign.add(1, one.size, (one.key,))
                continue
            if one.layout == "state":
                self.state.add(1, one.size, (one.key,))
            _tally(self.groups, (one.dag_id, one.task_id, one.layout, one.codec), 1, one.size)
            self.consider((one,))

    def consider(self, found: Iterable[StoredXCom]) -> None:
        """Keep an object if it is among the largest, or the oldest or newest."""
        for one in found:
            keep = heapq.heappush if len(self.largest) < LARGEST else heapq.heappushpop
            keep(self.largest, (one.size, one.key, one))
            if self.oldest is None or (one.modified, one.key) < (
                self.oldest.modified, self.oldest.key
            ):  # fmt: skip
                self.oldest = one
            if self.newest is None or (one.modified, one.key) > (
                self.newest.modified, self.newest.key
            ):  # fmt: skip
                self.newest = one

    def _prune(self) -> None:
        """Make "others" of the smallest tasks of each Dag, then of the smallest Dags."""
        for level in (1, 0):
            by_size = sorted(self.groups.items(), key=lambda item: item[1][1])
            for group, tally in by_size[: max(0, len(by_size) - MAX_GROUPS)]:
                dag, _, layout, codec = group
                name = (dag if level else OTHERS, OTHERS, layout, codec)
                if group != name:
                    del self.groups[group]
                    _tally(self.groups, name, *tally)
            if len(self.groups) <= MAX_GROUPS:
                return


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a batch: keys in Arrow, sizes and microseconds since 1970 in numpy."""

    keys: Any
    size: Any
    modified: Any

    @property
    def count(self) -> int:
        """Return how many objects there are."""
        return len(self.keys)

    def key(self, row: int) -> str:
        """Return the key in a row."""
        return str(self.keys[row])

    def stored(self, row: int) -> StoredObject:
        """Return the object in a row."""
        modified = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(self.modified[row]))
        return StoredObject(self.key(row), int(self.size[row]), modified)


@dataclass(frozen=True, slots=True)
class _Strict:
    """What was read of the keys that nothing is odd about, and the rows of the others."""

    groups: list[tuple[Group, Tally]]
    rows: Any
    others: Any
    columns: Columns

    def candidates(self, sums: Sums) -> Iterable[int]:
        """Return the rows that may be among the largest, the oldest and the newest."""
        if not len(self.rows):
            return
        size, modified = self.columns.size[self.rows], self.columns.modified[self.rows]
        least = sums.largest[0][0] if len(sums.largest) == LARGEST else -1
        large = (
            size.argpartition(-min(LARGEST, len(size)))[-LARGEST:] if size.max() >= least else []
        )
        found = {*map(int, large)}
        if sums.oldest is None or modified.min() <= _microseconds(sums.oldest.modified):
            found.add(int(modified.argmin()))
        if sums.newest is None or modified.max() >= _microseconds(sums.newest.modified):
            found.add(int(modified.argmax()))
        for number in sorted(found):
            yield int(self.rows[number])


def read_columns(batch: Any) -> Columns:
    """Return the columns of a batch: of Arrow, or of objects."""
    import numpy as np
    import pyarrow as pa

    if isinstance(batch, Sequence):
        objects: Sequence[StoredObject] = batch
        keys = [one.key.encode("utf-8", "backslashreplace") for one in objects]
        ends = np.cumsum([0, *map(len, keys)], dtype=np.int32)
        return Columns(  # pa.array imports pandas as well
            pa.StringArray.from_buffers(
                len(keys), pa.py_buffer(ends), pa.py_buffer(b"".join(keys))
            ),
            np.array([one.size for one in objects], np.int64),
            np.array([_microseconds(one.modified) for one in objects], np.int64),
        )
    table = pa.record_batch(batch)
    modified = table["last_modified"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return Columns(table["path"], _numbers(table["size"]).astype(np.int64), _numbers(modified))


def _numbers(array: Any) -> Any:
    """Return an Arrow array in numpy; ``to_numpy`` imports pandas, which takes 40 MB."""
    import numpy as np
    import pyarrow as pa

    if array.type == pa.bool_():
        return np.from_dlpack(array.cast(pa.uint8())).view(bool)
    return np.from_dlpack(array)


def _read_strict(columns: Columns, *, prefix: str) -> _Strict:
    """Return the groups of the keys that match a strict pattern, read column by column."""
    import numpy as np
    import pyarrow.compute as pc

    groups: list[tuple[Group, Tally]] = []
    strict, others = [], np.arange(columns.count)
    keys = columns.keys
    base = len(prefix.split("/")) if prefix else 0
    for layout, pattern in strict_patterns(prefix).items():
        matches = pc.match_substring_regex(keys, pattern)
        matched = _numbers(matches)
        rows, others = others[matched], others[~matched]
        if len(rows):
            strict.append(rows)
            read = _groups(keys.filter(matches), columns.size[rows], layout=layout, base=base)
            if read is None:
                return _Strict([], others[:0], np.arange(columns.count), columns)
            groups += read
        if not len(others):
            break
        keys = keys.filter(pc.invert(matches))
    return _Strict(groups, np.concatenate([others[:0], *strict]), others, columns)


def _groups(keys: Any, sizes: Any, *, layout: str, base: int) -> list[tuple[Group, Tally]] | None:
    """Return Dag, task and codec of keys that a strict pattern matched, with their tallies.

    Nothing is returned where an id is too long to be one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.split_pattern(keys, "/")
    ends = _numbers(parts.offsets)
    spots = (ends[:-1] + base, ends[1:] - (2 if layout == "uuid" else 3))
    dags, tasks = (
        parts.values.take(
            pa.Array.from_buffers(pa.int32(), len(spot), [None, pa.py_buffer(spot)])
        ).dictionary_encode()
        for spot in spots
    )
    codecs: Any = np.zeros(len(keys), np.int64)
    for number, suffix in enumerate(CODECS):
        if suffix:
            codecs[_numbers(pc.ends_with(keys, f".{suffix}"))] = number
    few = (len(dags.dictionary), len(tasks.dictionary), len(CODECS))
    numbers = np.ravel_multi_index((_numbers(dags.indices), _numbers(tasks.indices), codecs), few)
    dag_names, task_names = dags.dictionary.to_pylist(), tasks.dictionary.to_pylist()
    if max(map(len, (*dag_names, *task_names))) > MAX_ID:
        return None
    found, tallies = _tallies(numbers, sizes)
    places = zip(*(place.tolist() for place in np.unravel_index(found, few)), strict=True)
    return [
        ((dag_names[dag], task_names[task], layout, _CODECS[codec]), tally)
        for (dag, task, codec), tally in zip(places, tallies, strict=True)
    ]


def _tallies(numbers: Any, sizes: Any) -> tuple[Any, list[Tally]]:
    """Return each number once, and how often it is there with the bytes of its objects."""
    import numpy as np

    least = numbers.min()
    places = numbers - least
    if places.max() > 4 * len(numbers) + _FEW:  # a place for each would be too many
        kinds, places = np.unique(numbers, return_inverse=True)
    else:
        kinds = np.arange(places.max() + 1) + least
    counts = np.bincount(places)
    found = np.flatnonzero(counts)
    # A float holds every whole number up to 2**53, so the bytes of a batch are exact.
    sums = np.bincount(places, weights=sizes)[found].astype(np.int64)
    return kinds[found], np.stack((counts[found], sums), axis=1).tolist()


def _tally(tallies: dict[Any, Tally], name: Any, count: int, size: int) -> None:
    tally = tallies.setdefault(name, [0, 0])
    tally[0] += count
    tally[1] += size


def _microseconds(when: datetime) -> int:
    return round(when.timestamp() * 1_000_000)
