"""What the sums over a listing say: top lists, ages, sizes and days, as they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from xcomkit.findings.model import StoredXCom
from xcomkit.objects.groups import OTHERS, Group, Tally
from xcomkit.objects.sums import AGES, Examples, Sums

TOP = 50
"""Names of a top list; the smaller ones are its last, ``OTHERS``."""
_AGE_NAMES = ("up to 1 day", *(f"up to {days} days" for days in AGES[1:]), f"over {AGES[-1]} days")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True, slots=True)
class Total:
    """The objects that share a name: a Dag, a codec or an age; ``size`` in bytes."""

    name: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What lies below a prefix; sizes in bytes, ages counted back from ``now``.

    ``past``, ``ages``, ``sizes`` and ``days`` speak of every object, because a lifecycle
    rule expires them all; what is not named otherwise speaks of XComs. ``part`` says why only a
    part was counted, where this is so.
    """

    now: datetime
    retention_days: int
    is_whole: bool
    part: str
    count: int
    size: int
    dags: tuple[Total, ...]
    tasks: tuple[Total, ...]
    codecs: tuple[Total, ...]
    layouts: tuple[Total, ...]
    ages: tuple[Total, ...]
    sizes: tuple[Total, ...]
    days: tuple[Total, ...]
    largest: tuple[StoredXCom, ...]
    oldest: StoredXCom | None
    newest: StoredXCom | None
    past: Examples
    foreign: Examples
    empty: Examples
    state: Examples
    states: tuple[Total, ...]


def to_summary(sums: Sums, *, part: str = "") -> Summary:
    """Return what sums say."""
    groups = sums.groups
    xcoms = {group: tally for group, tally in groups.items() if group[2] != "state"}
    states = {group: tally for group, tally in groups.items() if group[2] == "state"}
    return Summary(
        now=sums.now,
        retention_days=sums.retention_days,
        is_whole=not part,
        part=part,
        count=sum(count for count, _ in xcoms.values()),
        size=sum(size for _, size in xcoms.values()),
        dags=_top(xcoms, lambda group: group[0]),
        tasks=_top(xcoms, lambda group: f"{group[0]} {group[1]}"),
        codecs=_top(xcoms, lambda group: group[3]),
        layouts=_top(groups, lambda group: group[2]),
        ages=tuple(
            Total(name, *sums.ages.get(place, (0, 0))) for place, name in enumerate(_AGE_NAMES)
        ),
        sizes=tuple(
            Total(f"under {size_text(2**bits)}", *tally)
            for bits, tally in sorted(sums.sizes.items())
        ),
        days=tuple(Total(f"{day_of(day)}", *tally) for day, tally in sorted(sums.days.items())),
        largest=tuple(one for *_, one in sorted(sums.largest, key=lambda x: x[:2], reverse=True)),
        oldest=sums.oldest,
        newest=sums.newest,
        past=sums.past,
        foreign=sums.foreign,
        empty=sums.empty,
        state=sums.state,
        states=_top(states, lambda group: f"{group[0] or 'asset'} {group[1]}"),
    )


def day_of(number: int) -> date:
    """Return the day that is so many days after the first of 1970."""
    return date(1970, 1, 1) + timedelta(days=number)


def size_text(size: float) -> str:
    """Return bytes in the largest unit of which there is one."""
    place = 0
    while size >= 1024 and place < len(_UNITS) - 1:
        size, place = size / 1024, place + 1
    return f"{size:.3g} {_UNITS[place]}" if size < 1000 else f"{size:.0f} {_UNITS[place]}"


def _top(groups: Mapping[Group, Tally], name_of: Callable[[Group], str]) -> tuple[Total, ...]:
    """Return what was counted per name, the largest first, and the rest as ``OTHERS``."""
    found: dict[str, Tally] = {}
    for group, (count, size) in groups.items():
        tally = found.setdefault(name_of(group), [0, 0])
        tally[0] += count
        tally[1] += size
    others = found.pop(OTHERS, [0, 0])
    ranked = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))
    for _, (count, size) in ranked[TOP:]:
        others = [others[0] + count, others[1] + size]
    rest = [(OTHERS, others)] if others[0] else []
    return tuple(Total(name, *tally) for name, tally in (*ranked[:TOP], *rest))
