"""Results as objects that look right in a notebook, in the record and as plain text.

Every text goes through HTML escaping: object keys and values are hostile input.
"""

import base64
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from xcomkit.airflow_plane.load import PlainLoop, Times
from xcomkit.model import Check, Measurement, Plan, Status

MARKS: Mapping[Status, str] = {"pass": "✔", "warn": "▲", "fail": "✖", "unknown": "?", "skip": "-"}
COLOURS: Mapping[Status, str] = {
    "pass": "#1a7f37",
    "warn": "#9a6700",
    "fail": "#cf222e",
    "unknown": "#8250df",
    "skip": "#6e7781",
}
_FOLD = 160


def _breakable(text: str) -> str:
    """Return escaped text whose long words may be broken.

    JupyterLab keeps no class and few styles of ours: there a word such as an ARN would push the
    columns after it, the remedy among them, out of sight.
    """
    return "<wbr>".join(map(escape, re.sub(r"(\S{24})(?=\S)", "\\1\0", text).split("\0")))


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, a status where the cell is one, or where a link leads."""

    text: str
    status: Status | None = None
    is_code: bool = False
    link: str = ""

    def to_html(self) -> str:
        """Return the cell as HTML; only long words may be broken, long texts are folded."""
        kind = ' class="long"' if max(map(len, self.text.split()), default=0) > 18 else ""
        return f'<td{kind} style="text-align: left; vertical-align: top">{self._inner()}</td>'

    def _inner(self) -> str:
        text = _breakable(self.text)
        if self.status:
            style = f"color: {COLOURS[self.status]}; white-space: nowrap"
            return f'<strong style="{style}">{text}</strong>'
        if self.link:
            return f'<a href="{escape(self.link)}">{text}</a>'
        body = f'<code style="white-space: pre-wrap">{text}</code>' if self.is_code else text
        if len(self.text) <= _FOLD:
            return body
        head = _breakable(self.text[: _FOLD // 2])
        return f"<details><summary>{head} …</summary>{body}</details>"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers, with a caption that says what they show."""

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col" style="text-align: left">{escape(name)}</th>' for name in self.headers
        )
        body = "".join(
            "<tr>" + "".join(cell.to_html() for cell in row) + "</tr>" for row in self.rows
        )
        caption = f"<caption>{escape(self.caption)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        """Return the table as aligned text of at most 100 columns."""
        return f"{self.caption}\n{aligned(self.headers, [[c.text for c in r] for r in self.rows])}"


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence or a file's text, shown as it is."""

    text: str
    is_code: bool = False

    def _repr_html_(self) -> str:
        tag = "pre" if self.is_code else "p"
        return f"<{tag}>{escape(self.text)}</{tag}>"

    def __repr__(self) -> str:
        """Return the text itself."""
        return self.text


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with a sentence for those who cannot see it."""

    png: bytes
    alt: str

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        return f'<p><img alt="{escape(self.alt)}" src="data:image/png;base64,{data}"></p>'

    def __repr__(self) -> str:
        """Return the picture's sentence."""
        return self.alt


def aligned(headers: Sequence[str], rows: Iterable[Sequence[str]], *, width: int = 100) -> str:
    """Return a plain-text table of at most ``width`` columns; the longest cells are cut."""
    body = [[" ".join(text.split()) for text in row] for row in rows]
    columns = list(zip(headers, *body, strict=False)) if body else [(name,) for name in headers]
    widths = [max(len(text) for text in column) for column in columns]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    lines = [
        "  ".join(
            (text if len(text) <= size else f"{text[: size - 1]}…").ljust(size)
            for text, size in zip(row, widths, strict=True)
        ).rstrip()
        for row in (headers, *body)
    ]
    return "\n".join(lines)


def status_cell(status: Status, *, accepted: bool = False) -> Cell:
    """Return a status as mark and word, so that colour is never the only sign."""
    word = f"{MARKS[status]} {status}" + (" (accepted)" if accepted else "")
    return Cell(word, status="warn" if accepted else status)


def checks(found: Iterable[Check], *, caption: str = "Checks") -> Table:
    """Return checks as a table, remedy and reason of acceptance beside what was observed."""
    rows = tuple(
        (
            Cell(check.id),
            status_cell(check.status, accepted=bool(check.accepted)),
            Cell(check.title),
            Cell(check.expected),
            Cell(check.observed),
            Cell(f"{check.how} [{check.basis}]"),
            Cell(f"accepted: {check.accepted}" if check.accepted else check.remedy),
        )
        for check in found
    )
    headers = ("id", "status", "check", "expected", "observed", "how [basis]", "what to do")
    return Table(caption, headers, rows)


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
    return Table(f"{proposed.title}: {count} to change", headers, rows)


def facts(values: Mapping[str, object], *, caption: str) -> Table:
    """Return names and values as a table."""
    rows = tuple((Cell(name), Cell(str(value))) for name, value in values.items())
    return Table(caption, ("what", "value"), rows)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str) -> Table:
    """Return any rows as a table."""
    body = tuple(tuple(Cell(str(value)) for value in row) for row in rows)
    return Table(caption, tuple(headers), body)


def measurements(found: Iterable[Measurement]) -> Table:
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
    return table(headers, rows, caption="Codecs: medians with the smallest and largest")


def _canvas(width: float, height: float) -> Any:
    """Return an empty figure that needs no window system; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _picture(figure: Any, alt: str) -> Picture:
    buffer = io.BytesIO()
    # Without metadata the same numbers give the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return Picture(buffer.getvalue(), alt)


def codec_chart(found: Sequence[Measurement]) -> Picture:
    """Return stored bytes and push and pull times of the largest payload, per codec."""
    biggest = max(found, key=lambda m: m.json_bytes)
    rows = [m for m in found if m.payload == biggest.payload]
    names = [m.codec for m in rows]
    figure = _canvas(8, 2.6)
    left, right = figure.subplots(1, 2)
    left.barh(names, [100 * m.ratio for m in rows], color="#5470c6")
    left.set_xlabel(f"stored, % of {biggest.json_bytes:,} B JSON")
    left.invert_yaxis()
    places = range(len(rows))
    right.barh([p - 0.2 for p in places], [m.push_ms.median for m in rows], 0.4, label="push")
    right.barh([p + 0.2 for p in places], [m.pull_ms.median for m in rows], 0.4, label="pull")
    right.set_yticks(list(places), names)
    right.set_xlabel("median, ms (log)")
    right.set_xscale("log")
    right.invert_yaxis()
    right.legend(frameon=False)
    sizes = ", ".join(f"{m.codec} {100 * m.ratio:.1f} %" for m in rows)
    times = ", ".join(f"{m.codec} {m.push_ms.median:.0f}/{m.pull_ms.median:.0f}" for m in rows)
    alt = f"Payload {biggest.payload}. Stored share: {sizes}. Push/pull in ms: {times}."
    return _picture(figure, alt)


def bar_chart(values: Mapping[str, float], *, label: str) -> Picture:
    """Return one bar per name; names are cut to 40 characters."""
    figure = _canvas(8, 1.2 + 0.28 * len(values))
    axes = figure.subplots()
    # Without parse_math=False a key such as "$x_" is read as TeX and can fail.
    axes.barh(range(len(values)), list(values.values()), color="#5470c6")
    axes.set_yticks(range(len(values)), [_printable(n)[:40] for n in values], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    alt = f"{label}: " + ", ".join(f"{_printable(n)} {v:,.0f}" for n, v in values.items())
    return _picture(figure, alt)


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    words: Mapping[tuple[str, str], str],
    *,
    colours: Mapping[str, str],
    title: str,
) -> Picture:
    """Return one coloured field per row and column, the word in it; no word leaves it white."""
    figure = _canvas(2.6 + 1.1 * len(columns), 1.0 + 0.26 * len(rows))
    axes = figure.subplots()
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if word := words.get((row, column)):
                axes.barh(y, 1, left=x, height=1, color=colours[word], edgecolor="white")
                axes.text(x + 0.5, y, word, ha="center", va="center", fontsize=6)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([x + 0.5 for x in range(len(columns))], columns)
    axes.set_yticks(range(len(rows)), [_printable(row)[:40] for row in rows], fontsize=7)
    axes.xaxis.tick_top()
    axes.set_title(title, fontsize=9)
    axes.tick_params(length=0)
    counts = Counter(words.values())
    alt = f"{title}: " + ", ".join(f"{word} {count} times" for word, count in counts.items())
    return _picture(figure, alt)


def load_chart(push: Times, pull: Times, *, alone: PlainLoop | None) -> Picture:
    """Return the share of the load run's tasks that were done in so many ms, per direction.

    Points mark p50, p95 and p99; upright lines the medians of the plain loop, where there is one.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = _canvas(8, 3.4)
    axes = figure.subplots()
    words: list[str] = []
    plain = (alone.push, alone.pull) if alone else (None, None)
    # Dark and light, whole and broken: also to be told apart in grey.
    looks = (("push", push, "#274b9f", "-"), ("pull", pull, "#e08214", "--"))
    for (name, times, colour, line), without in zip(looks, plain, strict=True):
        marks = {0.5: times.p50, 0.95: times.p95, 0.99: times.p99}
        told = ", ".join(f"p{100 * share:.0f} {ms:.1f}" for share, ms in marks.items())
        words.append(f"{name} {told}, longest {times.max:.1f} ms")
        axes.ecdf(times.values, color=colour, linestyle=line, label=f"{name}: {told} ms")
        axes.plot(list(marks.values()), list(marks), "o", color=colour, markeredgecolor="white")
        if without:
            words.append(f"plain SDK {name} median {without.p50:.1f} ms")
            axes.axvline(without.p50, color=colour, linestyle=":", label=words[-1])
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("ms (log)")
    axes.set_ylim(0, 1.03)
    axes.set_yticks((0, 0.25, 0.5, 0.75, 0.95), ("0", "25", "50", "75", "95"))
    axes.set_ylabel("% of tasks done")
    axes.grid(visible=True, axis="y", alpha=0.4)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return _picture(figure, f"Load run, tasks: {len(push.values)}; {'; '.join(words)}")


def _printable(text: str) -> str:
    """Return the text with everything unprintable made visible."""
    return "".join(c if c.isprintable() else "�" for c in text)
