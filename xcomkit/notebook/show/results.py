"""Plans, measurements and plain rows as tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xcomkit.findings.model import Measurement, Plan
from xcomkit.notebook.show.parts import Cell, Table
from xcomkit.notebook.show.words import in_words


def plan(proposed: Plan) -> Table:
    """Return a plan, before and after, with the command that would do the same below a fold."""
    rows = tuple(
        (
            Cell(f"{c.action} {c.setting}" + f" of {c.resource}" * (c.resource != c.setting)),
            _in_words(c.before),
            _in_words(c.after) if c.action != "unchanged" else Cell("="),
            Cell(c.note, more=("equivalent command", c.command)),
        )
        for c in proposed.changes
    )
    headers = ("change", "before", "after", "note and command")
    count = len(proposed.pending)
    return Table(f"{proposed.title}: {count} to change", headers, rows)


def _in_words(text: str) -> Cell:
    """Return a setting in words, with the document itself below a fold."""
    words = in_words(text)
    return Cell(words, more=("as it is", "" if words == text else text))


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

    def count(number: int | None) -> str:
        return "unknown" if number is None else str(number)

    found = tuple(found)
    rows = tuple(
        (
            Cell(f"{m.payload}, {m.codec}"),
            Cell(f"{m.stored_bytes:,} of {m.json_bytes:,} ({m.ratio:.4f})"),
            Cell(
                f"{spread(m.push_ms)}; {spread(m.pull_ms)}",
                more=("serialize ms", spread(m.serialize_ms)),
            ),
            Cell(f"{count(m.push_requests)}; {count(m.pull_requests)}"),
        )
        for m in found
    )
    headers = ("payload, codec", "stored of JSON bytes", "push; pull ms", "requests of push; pull")
    times = max((m.repetitions for m in found), default=0)
    caption = f"Codecs of the {backend} class: medians of {times} (smallest-largest)"
    return Table(caption, headers, rows)
