"""What a lifecycle rule will delete on which day, and what it costs to keep the objects."""

import math
from collections.abc import Iterable
from datetime import date, timedelta

from xcomkit.objects.summary import Summary, Total

MONTH = 30
"""Days that are looked ahead."""


def forecast(summary: Summary, *, days: float) -> tuple[Total, ...]:
    """Return the objects that a rule of so many days deletes, per day of the coming month.

    S3 deletes at the midnight UTC after the last of these days (S3 User Guide, "Expiring objects");
    the other clouds within about a day. What should be gone already stands before the first day,
    what stays longer than a month behind the last one.
    """
    today = summary.now.date()
    found = {"overdue": [0, 0], **{f"{day}": [0, 0] for day in _coming(today)}, "later": [0, 0]}
    for one in summary.days:
        due = date.fromisoformat(one.name) + timedelta(days=math.ceil(days) + 1)
        name = "overdue" if due < today else f"{due}"
        tally = found.get(name, found["later"])
        tally[0] += one.count
        tally[1] += one.size
    return tuple(Total(name, *tally) for name, tally in found.items() if tally[0])


def monthly_cost(size: int, *, price: float) -> float:
    """Return what keeping the bytes costs per month, at a price per GiB and month."""
    return size / 2**30 * price


def _coming(today: date) -> Iterable[date]:
    return (today + timedelta(days=number) for number in range(MONTH + 1))
