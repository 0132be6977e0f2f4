"""Sums over a listing of any length: Arrow batches folded as they arrive, in bounded memory.

Columns are judged by Arrow and numpy; a key that ``keys.strict_patterns`` does not match is read by
``keys.parse_key``, one by one.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from xcomkit.findings.model import StoredObject, StoredXCom
from xcomkit.findings.text import shorten
from xcomkit.objects.groups import Group, Grouped, Groups, Tally
from xcomkit.objects.keys import parse_key, strict_patterns
from xcomkit.objects.tallies import add_tallies, read_groups, tally, to_numpy

LARGEST = 10
EXAMPLES = 5
# S3 rounds an expiry up to the next midnight UTC and deletes later, at no stated time
# (S3 User Guide, "Expiring objects").
GRACE = timedelta(days=2)
AGES = (1, 7, 30, 90)
"""Ages in days up to which objects are counted together; the last place is for older ones."""
_DAY = 86_400_000_000
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
    in_groups: Groups = field(default_factory=Groups)
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
    def groups(self) -> dict[Group, Tally]:
        """Return what was counted per Dag, task, layout and codec."""
        return self.in_groups.named()

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

    def add(self, *batches: Any) -> "Columns":
        """Count batches: of Arrow with ``path``, ``size`` and ``last_modified``, or of objects."""
        columns = read_columns(*batches)
        if columns.count:
            self._add(columns)
        return columns

    def _add(self, columns: "Columns") -> None:
        strict = _read_strict(columns, prefix=self.prefix)
        odd = [parse_key(columns.stored(row), prefix=self.prefix) for row in strict.others.tolist()]
        self._add_columns(columns)
        self.in_groups.add(*strict.groups)
        rows = strict.rows[columns.size[strict.rows] == 0]
        self.empty.add(len(rows), 0, map(columns.key, rows.tolist()))
        self._add_objects(odd)
        self.consider(
            parse_key(columns.stored(row), prefix=self.prefix) for row in strict.candidates(self)
        )

    def _add_columns(self, columns: "Columns") -> None:
        import numpy as np

        age = _microseconds(self.now) - columns.modified
        for tallies, numbers in (
            (self.days, columns.modified // _DAY),
            (self.sizes, np.frexp(columns.size)[1]),
            (self.ages, np.searchsorted([days * _DAY for days in AGES], age)),
        ):
            add_tallies(tallies, *tally(numbers, columns.size))
        limit = timedelta(days=self.retention_days) + GRACE
        rows = np.flatnonzero(age > limit // timedelta(microseconds=1))
        self.past.add(len(rows), int(columns.size[rows].sum()), map(columns.key, rows.tolist()))

    def _add_objects(self, found: Iterable[StoredXCom]) -> None:
        tallies: list[tuple[Group, int, int]] = []
        for one in found:
            if one.layout == "foreign":
                self.foreign.add(1, one.size, (one.key,))
                continue
            if one.layout == "state":
                self.state.add(1, one.size, (one.key,))
            if not one.size:
                self.empty.add(1, 0, (one.key,))
            tallies.append(((one.dag_id, one.task_id, one.layout, one.codec), 1, one.size))
            self.consider((one,))
        self.in_groups.add_named(tallies)

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

    groups: list[Grouped]
    rows: Any
    others: Any
    columns: Columns

    def candidates(self, sums: Sums) -> Iterable[int]:
        """Return the rows that may be among the largest, the oldest and the newest."""
        if not len(self.rows):
            return
        size, modified = self.columns.size[self.rows], self.columns.modified[self.rows]
        least = sums.largest[0][0] if len(sums.largest) == LARGEST else -1
        large = size.argpartition(-min(LARGEST, len(size)))[-LARGEST:]
        found = set(large[size[large] >= least].tolist())
        if sums.oldest is None or modified.min() <= _microseconds(sums.oldest.modified):
            found.add(int(modified.argmin()))
        if sums.newest is None or modified.max() >= _microseconds(sums.newest.modified):
            found.add(int(modified.argmax()))
        for number in sorted(found):
            yield int(self.rows[number])


def read_columns(*batches: Any) -> Columns:
    """Return the columns of batches: of Arrow, or of objects."""
    import numpy as np
    import pyarrow as pa

    if len(batches) != 1:
        read = [read_columns(batch) for batch in (*batches, [])]
        sizes, times = [one.size for one in read], [one.modified for one in read]
        keys = pa.concat_arrays([one.keys for one in read])
        return Columns(keys, np.concatenate(sizes), np.concatenate(times))
    (batch,) = batches
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own one keeps 10 MB that nobody uses
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
    sizes = to_numpy(table["size"]).astype(np.int64)
    return Columns(table["path"].cast(pa.string()), sizes, to_numpy(modified))


def _read_strict(columns: Columns, *, prefix: str) -> _Strict:
    """Return the groups of the keys that match a strict pattern, read column by column."""
    import numpy as np
    import pyarrow.compute as pc

    groups: list[Grouped] = []
    strict, others = [], np.arange(columns.count)
    keys = columns.keys
    below = f"{prefix}/" if prefix else ""
    for layout, pattern in strict_patterns(prefix).items():
        matches = pc.match_substring_regex(keys, pattern)
        matched = to_numpy(matches)
        rows, others = others[matched], others[~matched]
        if len(rows):
            strict.append(rows)
            found = keys.filter(matches) if len(others) else keys
            read = read_groups(found, columns.size[rows], layout=layout, below=below)
            if read is None:
                return _Strict([], others[:0], np.arange(columns.count), columns)
            groups.append(read)
        if not len(others):
            break
        keys = keys.filter(pc.invert(matches))
    return _Strict(groups, np.concatenate([others[:0], *strict]), others, columns)


def _microseconds(when: datetime) -> int:
    return round(when.timestamp() * 1_000_000)
