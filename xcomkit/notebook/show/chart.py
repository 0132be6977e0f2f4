"""A table with a bar chart above it: an SVG held as an image, which runs no script.

Whoever does not see the image has its words, and everybody the table.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import ceil

from xcomkit.notebook.show.parts import Table, printable, to_html

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _ROW = 700, 220, 210, 90, 22
_BAR, _QUIET, _MARK = "#0969da", "#59636e", "#cf222e"
_SAID = 12
"""Bars that the words name, the longest ones."""
_LETTERS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length, and how this is written."""

    name: str
    length: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars that lie or stand above their table; ``unit`` says what their length is.

    ``mark`` is a line among standing bars, behind so many of them, and what it means.
    """

    table: Table
    bars: tuple[Bar, ...]
    unit: str
    is_standing: bool = False
    mark: tuple[float, str] | None = None

    @property
    def words(self) -> str:
        """Return what the image shows."""
        drawn = [bar for bar in self.bars if bar.length > 0]
        least = sorted((bar.length for bar in drawn), reverse=True)[:_SAID][-1:]
        said = [f"{_cut(bar.name)}: {bar.text}" for bar in drawn if [bar.length] >= least][:_SAID]
        more = f", and {len(drawn) - len(said)} smaller" if len(drawn) > len(said) else ""
        marked = f" Marked: {self.mark[1]}." if self.mark else ""
        text = f"Bar chart. {self._caption}. {', '.join(said) or 'Nothing'}{more}.{marked}"
        return printable(text)

    @property
    def _caption(self) -> str:
        return f"{self.table.caption} (bars: {self.unit})"

    def _repr_html_(self) -> str:
        address = f"data:image/svg+xml;base64,{b64encode(self._draw().encode()).decode()}"
        return (
            f'<p>{to_html(self._caption)}</p><img alt="{escape(self.words)}" src="{address}">'
            f"<details><summary>The same as a table</summary>{self.table._repr_html_()}</details>"
        )

    def __repr__(self) -> str:
        """Return the table."""
        return repr(self.table)

    def _draw(self) -> str:
        height = _HEIGHT if self.is_standing else _ROW * len(self.bars) + 12
        parts = "".join(self._standing() if self.is_standing else self._lying())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
            f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="#ffffff"/>{parts}</svg>'
        )

    def _lying(self) -> Iterator[str]:
        most = max((bar.length for bar in self.bars), default=0) or 1
        for number, bar in enumerate(self.bars):
            y, length = _ROW * number + 6, (_WIDTH - _LEFT - _RIGHT) * bar.length / most
            yield _word(_LEFT - 8, y + 15, _cut(bar.name), anchor="end")
            yield _bar(_LEFT, y + 3, length, 16)
            yield _word(_LEFT + length + 6, y + 15, bar.text, fill=_QUIET)

    def _standing(self) -> Iterator[str]:
        ground, left = _HEIGHT - 28, 12
        highest = max((bar.length for bar in self.bars), default=0) or 1
        step = min(60, (_WIDTH - 2 * left) / max(1, len(self.bars)))
        every = ceil(84 / step)
        for number, bar in enumerate(self.bars):
            x, height = left + number * step, (ground - 44) * bar.length / highest
            yield _bar(x, ground - height, step * 0.85, height)
            at, anchor = (x, "start") if x < _WIDTH / 2 else (x + step * 0.85, "end")
            if number % every == 0:
                yield _word(at, _HEIGHT - 10, bar.name, fill=_QUIET, anchor=anchor)
            if bar.length == highest:
                yield _word(at, ground - height - 6, bar.text, anchor=anchor)
        yield f'<path d="M{left} {ground}H{_WIDTH - left}" stroke="{_QUIET}"/>'
        if self.mark:
            x = left + self.mark[0] * step
            anchor = "end" if x > _WIDTH / 2 else "start"
            yield f'<path d="M{x:.1f} 4V{ground}" stroke="{_MARK}" stroke-dasharray="5 3"/>'
            yield _word(
                x + (-6 if anchor == "end" else 6), 16, self.mark[1], fill=_MARK, anchor=anchor
            )


def _bar(x: float, y: float, width: float, height: float) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{_BAR}"/>'


def _word(x: float, y: float, text: str, *, fill: str = "#1f2328", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(printable(text))}</text>"


def _cut(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= _LETTERS else f"{shown[: _LETTERS - 1]}…"
