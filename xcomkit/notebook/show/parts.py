"""What a result is made of: cells, tables and texts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from unicodedata import category

from xcomkit.findings.model import Status
from xcomkit.findings.text import begin

MARKS: Mapping[Status, str] = {"pass": "✔", "warn": "▲", "fail": "✖", "unknown": "?", "skip": "-"}
COLOURS: Mapping[Status, str] = {
    "pass": "#1a7f37",
    "warn": "#9a6700",
    "fail": "#cf222e",
    "unknown": "#8250df",
    "skip": "#59636e",
}
"""Behind white letters, so that they are read on a light page and on a dark one."""

_WIDGETS = "application/vnd.jupyter.widget-view+json"
_FOLD = 160
_WORD, _NAME = 24, 11
"""Letters after which a word may be broken anywhere, and behind its separators; never a shorter."""
_BREAK = re.compile(r"(?<=[/:.,;_=@|+&?*)-])(?<!^\.)(?=[^/:.,;_=@|+&?*)-])|(?<=[a-z0-9])(?=[A-Z])")
"""Where a long word is broken first: behind a separator that it does not begin with, and before a
part of a name."""
_FORMULA = re.compile(r"(\$|\\(?=[(\[]|begin|ref|eqref))")
_NUMBER = re.compile(r"[\d.,%()/ -]{1,24}")  # never broken within its digits
_WIDE = 4
"""Columns from which a table may be wider than a small window, and then scrolls by itself."""
_CELL = "text-align: left; vertical-align: top; min-width: 3em; overflow-wrap: "
_WHOLE = 13  # letters of a name, or between its separators, that are never broken in a small window


def printable(text: str) -> str:
    """Return the text with what is neither printed nor blank as its number."""
    return "".join(
        c if c.isprintable() or c in "\n\t" or category(c) == "Zs" else ascii(c)[1:-1]
        for c in text.replace("\r\n", "\n")
    )


def to_html(text: str) -> str:
    """Return the text as HTML whose long words may be broken, and in which no formula begins."""
    parts = _broken(printable(text)).split("\0")
    return _FORMULA.sub(r"<span>\1</span>", "<wbr>".join(map(escape, parts)))


def _broken(text: str) -> str:
    return re.sub(rf"\S{{{_NAME + 1},}}", _breakable, text)


def _pieces(text: str) -> list[str]:
    """Return the parts of a text within which no line ends."""
    return _broken(text).replace("\0", " ").split()


def _breakable(word: re.Match[str]) -> str:
    return re.sub(rf"([^\0]{{{_WORD}}})(?=[^\0])", "\\1\0", _BREAK.sub("\0", word[0]))


def folded(text: str, *, is_code: bool = False) -> str:
    """Return the text as HTML, a long one behind its beginning."""
    html = to_html(text)
    body = f'<code style="white-space: pre-wrap">{html}</code>' if is_code else html
    if len(text) <= _FOLD or not html:
        return body if html else ""
    head = to_html(begin(text, most=_FOLD // 2))
    return f'<details class="cut"><summary>{head}</summary>{body}</details>'


def badge(text: str, *, colour: str) -> str:
    """Return a text on a ground of its colour."""
    style = (
        f"background-color: {colour}; color: #ffffff; padding: 0 6px; border-radius: 4px;"
        " white-space: nowrap"
    )
    return f'<strong style="{style}">{to_html(text)}</strong>'


def widget_bundle(box: Any) -> dict[str, Any]:
    """Return what Jupyter needs to draw widgets, and no text of theirs."""
    bundle = box._repr_mimebundle_()
    return {_WIDGETS: bundle[_WIDGETS]} if _WIDGETS in bundle else {}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and a status where the cell is one.

    ``link`` is a file beside this one, of a name that is ours; ``more`` is folded below the text
    behind its own name.
    """

    text: str
    status: Status | None = None
    is_code: bool = False
    link: str = ""
    more: tuple[str, str] = ("", "")

    def to_html(self, *, names_row: bool = False) -> str:
        """Return the cell as HTML; only long words may be broken, long texts are folded."""
        longest = max(map(len, self.text.split()), default=0)
        kind = "number" if _NUMBER.fullmatch(self.text) else "long" if longest > 18 else ""
        is_whole = (names_row or self.link) and all(len(p) <= _WHOLE for p in _pieces(self.text))
        wrap = "break-word" if is_whole else "anywhere"
        given = (f' class="{kind}"' if kind else "") + f' style="{_CELL}{wrap}'
        if names_row and self.text:
            return f'<th scope="row"{given}; font-weight: normal">{self._inner()}</th>'
        return f'<td{given}">{self._inner()}</td>'

    def _inner(self) -> str:
        name, more = self.more
        below = f"<details><summary>{name}</summary>{folded(more, is_code=True)}</details>"
        return self._text() + (below if more else "")

    def _text(self) -> str:
        if self.status and self.text:
            return badge(self.text, colour=COLOURS[self.status])
        if self.link and self.text:
            return f'<a href="{escape(self.link)}">{to_html(self.text)}</a>'
        return folded(self.text, is_code=self.is_code)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers, with a caption that says what they show.

    ``named_by`` counts the columns up to the one that names a row.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    named_by: int = 0

    def _repr_html_(self) -> str:
        head = "".join(
            '<th scope="col" style="text-align: left">'
            f"{'/<wbr>'.join(map(to_html, name.split('/')))}</th>"
            for name in self.headers
        )
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in self.rows)
        caption = f'<caption style="text-align: left">{to_html(self.caption)}</caption>'
        table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        if len(self.headers) < _WIDE:
            return table
        # What scrolls must be reached without a mouse, and say what it is.
        name = escape(printable(self.caption))
        scrolls = f'role="region" aria-label="{name}" tabindex="0" style="overflow-x: auto"'
        return f"<div {scrolls}>{table}</div>"

    def _row(self, row: Iterable[Cell]) -> str:
        return "".join(
            cell.to_html(names_row=number == self.named_by) for number, cell in enumerate(row)
        )

    def __repr__(self) -> str:
        """Return the table as aligned text of at most 100 columns."""
        body = aligned(self.headers, [[cell.text for cell in row] for row in self.rows])
        return f"{printable(self.caption)}\n{body}"


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence or a file's text, shown as it is."""

    text: str
    is_code: bool = False

    def _repr_html_(self) -> str:
        if self.is_code:
            style = "white-space: pre-wrap; overflow-wrap: anywhere"
            return f'<pre style="{style}">{escape(printable(self.text))}</pre>'
        return f"<p>{to_html(self.text)}</p>"

    def __repr__(self) -> str:
        """Return the text itself."""
        return printable(self.text)


def aligned(headers: Sequence[str], rows: Iterable[Sequence[str]], *, width: int = 100) -> str:
    """Return a plain-text table of at most ``width`` columns; the longest cells are cut."""
    body = [[" ".join(printable(text).split()) for text in row] for row in rows]
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


def marked(status: Status) -> str:
    """Return a status as mark and word, so that colour is never the only sign."""
    return f"{MARKS[status]} {status}"


def status_cell(status: Status, *, accepted: bool = False) -> Cell:
    """Return a status as a cell of its colour."""
    word = marked(status) + (" (accepted)" if accepted else "")
    return Cell(word, status="warn" if accepted else status)
