"""Sums over a listing of any length, in one pass and with bounded memory."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from xcomkit.findings.model import StoredXCom

LARGEST = 10
EXAMPLES = 5
MAX_NAMES = 5_000
REST = "(further Dags)"
# S3 rounds an expiry up to the next midnight UTC and deletes later, at no stated time
# (S3 User Guide, "Expiring objects").
GRACE = timedelta(days=2)
_AGES = ((1, "up to 1 day"), (7, "up to 7 days"), (30, "up to 30 days"), (90, "up to 90 days"))
_OLDER = "over 90 days"


@dataclass(frozen=True, slots=True)
class Total:
    """The objects that share a name: a Dag, a codec or an age; ``size`` in bytes."""

    name: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What lies below a prefix; sizes in bytes, ages counted back from ``now``.

    ``past_retention`` and ``ages`` speak of every object, because a lifecycle rule expires them
    all; everything else that is not named foreign speaks of XComs.
    """

    now: datetime
    retention_days: int
    count: int
    size: int
    dags: tuple[Total, ...]
    codecs: tuple[Total, ...]
    ages: tuple[Total, ...]
    largest: tuple[StoredXCom, ...]
    oldest: StoredXCom | None
    newest: StoredXCom | None
    past_retention: int
    past_retention_keys: tuple[str, ...]
    foreign: int
    foreign_keys: tuple[str, ...]


@dataclass(slots=True)
class _Sums:
    """Counts and bytes per name, for at most ``MAX_NAMES`` names."""

    sums: dict[str, list[int]] = field(default_factory=dict)

    def add(self, name: str, size: int) -> None:
        if name not in self.sums and len(self.sums) >= MAX_NAMES:
            name = REST
        entry = self.sums.setdefault(name, [0, 0])
        entry[0] += 1
        entry[1] += size

    def totals(self) -> tuple[Total, ...]:
        found = (Total(name=name, count=n, size=size) for name, (n, size) in self.sums.items())
        return tuple(sorted(found, key=lambda total: (-total.size, total.name)))


@dataclass(slots=True)
class _Keys:
    """A count and the first few keys behind it."""

    count: int = 0
    size: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, found: StoredXCom) -> None:
        self.count += 1
        self.size += found.size
        if len(self.examples) < EXAMPLES:
            self.examples.append(found.key)


def summarise(objects: Iterable[StoredXCom], *, now: datetime, retention_days: int) -> Summary:
    """Return the sums over ``objects``, which are read once and not kept.

    An object counts as past its retention ``GRACE`` after the day on which it should expire.
    """
    dags, codecs, ages = _Sums(), _Sums(), _Sums()
    past, foreign = _Keys(), _Keys()
    largest: list[tuple[int, int, StoredXCom]] = []
    oldest: StoredXCom | None = None
    newest: StoredXCom | None = None
    deadline = now - timedelta(days=retention_days) - GRACE
    for position, found in enumerate(objects):
        ages.add(_age(now - found.modified), found.size)
        if found.modified < deadline:
            past.add(found)
        if found.layout == "foreign":
            foreign.add(found)
            continue
        dags.add(found.dag_id, found.size)
        codecs.add(found.codec, found.size)
        oldest = found if oldest is None or found.modified < oldest.modified else oldest
        newest = found if newest is None or found.modified >= newest.modified else newest
        keep = heapq.heappush if len(largest) < LARGEST else heapq.heappushpop
        keep(largest, (found.size, -position, found))
    by_codec = codecs.totals()
    return Summary(
        now=now,
        retention_days=retention_days,
        count=sum(total.count for total in by_codec),
        size=sum(total.size for total in by_codec),
        dags=dags.totals(),
        codecs=by_codec,
        ages=_in_order(ages),
        largest=tuple(found for _, _, found in sorted(largest, reverse=True)),
        oldest=oldest,
        newest=newest,
        past_retention=past.count,
        past_retention_keys=tuple(past.examples),
        foreign=foreign.count,
        foreign_keys=tuple(foreign.examples),
    )


def _age(age: timedelta) -> str:
    return next((name for days, name in _AGES if age <= timedelta(days=days)), _OLDER)


def _in_order(ages: _Sums) -> tuple[Total, ...]:
    """Return every age from young to old, empty ones too, as the axis of a chart."""
    names = (*(name for _, name in _AGES), _OLDER)
    sums = ((name, ages.sums.get(name, [0, 0])) for name in names)
    return tuple(Total(name=name, count=count, size=size) for name, (count, size) in sums)
