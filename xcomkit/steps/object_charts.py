"""What a listing found, drawn: bytes by Dag, growth per day, ages, sizes beside the threshold."""

from datetime import timedelta

from xcomkit.notebook import show
from xcomkit.notebook.show import Bar, Chart
from xcomkit.objects.groups import OTHERS
from xcomkit.objects.summary import Summary, Total, size_text

_DAGS, _DAYS, _MOST_BITS = 10, 30, 60


def draw_dags(summary: Summary, table: show.Table) -> Chart:
    """Return the bytes of the largest Dags, and those of the others together."""
    largest = [one for one in summary.dags if one.name != OTHERS][:_DAGS]
    rest = sum(one.size for one in summary.dags) - sum(one.size for one in largest)
    bars = [*map(_bytes, largest), *([Bar(OTHERS, rest, size_text(rest))] if rest else [])]
    return Chart(table, tuple(bars), "bytes")


def last_days(summary: Summary) -> tuple[Total, ...]:
    """Return what was written on each of the last days, and what before and after them."""
    today = summary.now.date()
    names = [f"{today - timedelta(days=back)}" for back in reversed(range(_DAYS))]
    found = {name: Total(name, 0, 0) for name in names}
    earlier, later = Total(f"before {names[0]}", 0, 0), Total(f"after {today}", 0, 0)
    for one in summary.days:
        if one.name in found:
            found[one.name] = one
        elif one.name < names[0]:
            earlier = Total(earlier.name, earlier.count + one.count, earlier.size + one.size)
        else:
            later = Total(later.name, later.count + one.count, later.size + one.size)
    return earlier, *found.values(), later


def draw_days(summary: Summary, table: show.Table) -> Chart:
    """Return the bytes that were written on each of the last days and are still there."""
    return Chart(table, tuple(map(_bytes, last_days(summary)[1:-1])), "bytes", is_standing=True)


def draw_ages(summary: Summary, table: show.Table) -> Chart:
    """Return how many objects there are of each age."""
    return Chart(table, tuple(map(_count, summary.ages)), "objects")


def draw_sizes(summary: Summary, table: show.Table, *, threshold: int) -> Chart:
    """Return how many objects there are of each size, and where the threshold is among them."""
    found = {one.name: one for one in summary.sizes}
    names = [f"under {size_text(2**bits)}" for bits in range(_MOST_BITS)]
    places = [place for place, name in enumerate(names) if name in found]
    first, last = (places[0], places[-1] + 1) if places else (0, 0)
    mark = None
    if places and threshold > 0:  # otherwise every value goes to the bucket, or none
        bits = threshold.bit_length()
        place = bits + threshold / 2 ** (bits - 1) - 1 - first
        text = f"threshold: {threshold:,} bytes of JSON"
        mark = (min(max(place, 0.0), float(last - first)), text)
    bars = [_count(found.get(name, Total(name, 0, 0))) for name in names[first:last]]
    return Chart(table, tuple(bars), "objects", is_standing=True, mark=mark)


def _bytes(one: Total) -> Bar:
    return Bar(one.name, one.size, size_text(one.size))


def _count(one: Total) -> Bar:
    return Bar(one.name, one.count, f"{one.count:,}")
