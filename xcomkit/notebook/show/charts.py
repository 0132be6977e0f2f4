"""Charts as pictures, each with its numbers in words for those who cannot see it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import ceil, floor, log1p, log10
from textwrap import wrap

from xcomkit.findings.model import Measurement
from xcomkit.notebook.show.escaping import printable
from xcomkit.notebook.show.parts import Picture
from xcomkit.plane.load import Times

_BLUE, _GREEN = "#5470c6", "#91cc75"
_NAMES, _VALUES, _ROW = 280, 80, 22
"""Pixels for the names beside bars, for the numbers behind them, and from one to the next."""


class _Board:
    """An SVG in the making: on white, so that a dark page hides no line; sizes in pixels."""

    def __init__(self, width: float, height: float) -> None:
        size = f'width="{width}" height="{height}" font-family="sans-serif"'
        white = '<path fill="#fff" d="M0 0h9999v9999H0z"/>'
        self._parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{white}']

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
        self._parts.append(f"<text {place}>{escape(_label(text))}</text>")

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._parts.append(f'<rect {place} fill="{colour}"/>')

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, dashes: str = "") -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        look = f'fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dashes}"'
        self._parts.append(f'<polyline points="{places}" {look}/>')

    def bars(self, x: float, y: float, names: Sequence[str], *values: Sequence[float],
             room: float, scale: Callable[[float], float] = float) -> None:  # fmt: skip
        """Draw a group of bars per name, which ends where they begin, each with its number."""
        most = max(map(scale, (v for one in values for v in one)), default=0) or 1
        height = (_ROW - 4) / len(values)
        for row, name in enumerate(names):
            self.text(x - 6, y + row * _ROW + 14, name[:40], anchor="end")
            for number, one in enumerate(values):
                top, width = y + row * _ROW + number * height, room * scale(one[row]) / most
                self.box(x, top, width, height, (_BLUE, _GREEN)[number])
                number_text = f"{one[row]:,.0f}" if one[row] >= 100 else f"{one[row]:.3g}"
                size = 12 if len(values) == 1 else 9
                self.text(x + width + 4, top + height - 1, number_text, size=size)

    def picture(self, alt: str) -> Picture:
        return Picture("".join((*self._parts, "</svg>")), alt)


def codec_chart(found: Sequence[Measurement], *, backend: str) -> Picture:
    """Return stored bytes and times of the largest payload, per codec of a backend class."""
    biggest = max(found, key=lambda m: m.json_bytes)
    rows = [m for m in found if m.payload == biggest.payload]
    names = [f"{backend}, {m.codec}" for m in rows]
    shares = [100 * m.ratio for m in rows]
    board, one, two, room = _Board(880, 40 + _ROW * len(rows)), 150, 590, 290 - _VALUES
    board.text(one, 20, f"stored, % of {biggest.json_bytes:,} B JSON")
    board.bars(one, 30, names, shares, room=room)
    board.text(two, 20, "push (blue), pull (green), median ms (log)")
    pushes, pulls = [m.push_ms.median for m in rows], [m.pull_ms.median for m in rows]
    board.bars(two, 30, names, pushes, pulls, room=room, scale=log1p)
    sizes = ", ".join(f"{m.codec} {100 * m.ratio:.1f} %" for m in rows)
    times = ", ".join(f"{m.codec} {m.push_ms.median:.0f}/{m.pull_ms.median:.0f}" for m in rows)
    alt = f"{biggest.payload}, class {backend}. Stored share: {sizes}. Push/pull in ms: {times}."
    return board.picture(alt)


def bar_chart(values: Mapping[str, float], *, label: str) -> Picture:
    """Return one bar per name; names are cut to 40 characters."""
    board = _Board(880, 40 + _ROW * len(values))
    board.text(_NAMES, 20, label)
    board.bars(_NAMES, 30, [*values], [*values.values()], room=880 - _NAMES - _VALUES)
    alt = f"{label}: " + ", ".join(f"{_label(n)} {v:,.0f}" for n, v in values.items())
    return board.picture(alt)


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    words: Mapping[tuple[str, str], str],
    *,
    colours: Mapping[str, str],
    title: str,
) -> Picture:
    """Return one coloured field per row and column, the word in it; no word leaves it white."""
    wide, heads = 130, [wrap(column, 20) for column in columns]
    top = 30 + 14 * max(map(len, heads), default=0)
    board = _Board(_NAMES + wide * len(columns), top + _ROW * len(rows))
    board.text(_NAMES, 16, title)
    for x, head in enumerate(heads):
        for number, line in enumerate(head):
            board.text(_NAMES + wide * (x + 0.5), 34 + 14 * number, line, anchor="middle", size=11)
    for y, row in enumerate(rows):
        board.text(_NAMES - 6, top + y * _ROW + 15, row[:40], anchor="end")
        for x, column in enumerate(columns):
            if word := words.get((row, column)):
                left, upper = _NAMES + wide * x, top + y * _ROW
                board.box(left + 1, upper + 1, wide - 2, _ROW - 2, colours[word])
                board.text(left + wide / 2, upper + 15, word, anchor="middle", size=11)
    counts = Counter(words.values())
    alt = f"{title}: " + ", ".join(f"{word} {count} times" for word, count in counts.items())
    return board.picture(alt)


def load_chart(push: Times, pull: Times) -> Picture:
    """Return the share of the load run's tasks that were done in so many ms, per direction.

    Points mark p50, p95 and p99.
    """
    board, (left, right, top, bottom) = _Board(880, 380), (60, 860, 80, 330)
    known = [t for one in (push, pull) for t in (*one.values, one.p99)]
    high = max(*known, 1e-3)
    first = floor(log10(max(min(known), high / 1e6)))
    last = max(ceil(log10(high)), first + 1)

    def place(ms: float, share: float) -> tuple[float, float]:
        along = (log10(max(ms, 10.0**first)) - first) / (last - first)
        return left + along * (right - left), bottom - share * (bottom - top)

    for share in (0, 0.25, 0.5, 0.75, 0.95):
        y = place(high, share)[1]
        board.line([(left, y), (right, y)], "#dddddd")
        board.text(left - 6, y + 4, f"{100 * share:.0f}", anchor="end")
    for ms in [n * 10.0**power for power in range(first, last) for n in (1, 2, 5)] + [10.0**last]:
        board.text(place(ms, 0)[0], bottom + 18, f"{ms:g}", anchor="middle", size=10)
    board.text((left + right) / 2, bottom + 38, "ms (log)", anchor="middle")
    board.text(left, top - 8, "% of tasks done")
    words: list[str] = []
    # Dark and light, whole and broken: so that grey shows both.
    looks = (("push", push, "#274b9f", ""), ("pull", pull, "#e08214", "6 3"))
    for number, (name, times, colour, dashes) in enumerate(looks):
        marks = {0.5: times.p50, 0.95: times.p95, 0.99: times.p99}
        figures = ", ".join(f"p{100 * share:.0f} {ms:.1f}" for share, ms in marks.items())
        words.append(f"{name} {figures}, longest {times.max:.1f} ms")
        count = len(times.values)
        steps = [(n, s / count) for s, n in enumerate(times.values)]
        edges = [place(ms, share + up) for ms, share in steps for up in (0, 1 / count)]
        board.line(edges, colour, dashes=dashes)
        for share, ms in marks.items():
            x, y = place(ms, share)
            board.box(x - 4, y - 4, 8, 8, colour)
        board.line([(left, 16 + 18 * number), (left + 30, 16 + 18 * number)], colour, dashes=dashes)
        board.text(left + 38, 20 + 18 * number, f"{name}: {figures} ms")
    return board.picture(f"Load run, tasks: {len(push.values)}; {'; '.join(words)}")


def _label(text: str) -> str:
    """Return the text on one line."""
    return " ".join(printable(text).split())
