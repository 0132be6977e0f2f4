"""Checks, plans, measurements and plain rows as tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xcomkit.findings.model import Check, Measurement, Plan
from xcomkit.notebook.show.parts import MARKS, Cell, Table, status_cell


def checks(found: Iterable[Check], *, caption: str = "Checks") -> Table:
    """Return checks as a table, with what to do, or why a risk is taken, where there is any."""
    found = tuple(found)
    headers = ("id", "status", "check", "expected", "observed", "how [basis]", "what to do")
    # An empty column would only push the others together.
    count = len(headers) - (not any(check.remedy or check.accepted for check in found))
    rows = tuple(
        (
            Cell(check.id),
            status_cell(check.status, accepted=bool(check.accepted)),
            Cell(check.title),
            Cell(check.expected),
            Cell(check.observed),
            Cell(f"{check.how} [{check.basis}]"),
            Cell(f"accepted: {check.accepted}" if check.accepted else check.remedy),
        )[:count]
        for check in found
    )
    return Table(caption, headers[:count], rows)


def counted(found: Iterable[Check]) -> str:
    """Return how many checks stand how, as ``8 pass, 1 warn``."""
    counts = Counter(check.status for check in found)
    return ", ".join(f"{counts[status]} {status}" for status in MARKS if counts[status])


def plan(proposed: Plan) -> Table:
    """Return a plan, before and after, with the command that would do the same."""
    rows = tuple(
        (
            Cell(c.action),
            Cell(c.setting),
            Cell(c.resource),
            Cell(c.before),
            Cell(c.after if c.action != "unchanged" else "="),
            Cell(c.note or c.command, is_code=not c.note),
        )
        for c in proposed.changes
    )
    headers = ("action", "setting", "resource", "before", "after", "equivalent command or note")
    count = len(proposed.pending)
    title = f"{proposed.title}: {count} to change"
    return Table(title, headers, rows, named_by=headers.index("setting"))


def facts(values: Mapping[str, object], *, caption: str) -> Table:
    """Return names and values as a table."""
    rows = tuple((Cell(name), Cell(str(value))) for name, value in values.items())
    return Table(caption, ("what", "value"), rows)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str) -> Table:
    """Return any rows as a table."""
    body = tuple(tuple(Cell(str(value)) for value in row) for row in rows)
    return Table(caption, tuple(headers), body)


def measurements(found: Iterable[Measurement], *, backend: str) -> Table:
    """Return sizes, times and requests per payload and codec."""

    def spread(value: Any) -> str:
        return f"{value.median:.1f} ({value.low:.1f}-{value.high:.1f})"

    rows = [
        (
            m.payload, m.codec, m.repetitions, f"{m.json_bytes:,}", f"{m.stored_bytes:,}",
            f"{m.ratio:.4f}", spread(m.serialize_ms), spread(m.push_ms), spread(m.pull_ms),
            "unknown" if m.push_requests is None else m.push_requests,
            "unknown" if m.pull_requests is None else m.pull_requests,
        )
        for m in found
    ]  # fmt: skip
    headers = (
        "payload", "codec", "n", "JSON B", "stored B", "stored/JSON",
        "serialize ms (low-high)", "push ms", "pull ms", "requests/push", "requests/pull",
    )  # fmt: skip
    caption = f"Codecs of the {backend} class: medians of n with the smallest and largest"
    return table(headers, rows, caption=caption)
