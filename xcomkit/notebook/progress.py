"""How far a step is: a line per message for a record, one display that is updated for a person.

A display that is updated freezes into its first state in a record, so there are only lines there.
"""

import re
import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any

from xcomkit.notebook.front_end import is_somebody_there

_COUNT = re.compile(r"([\d,]+) of ([\d,]+) ")
"""How a text begins that counts."""


def read_share(text: str) -> float | None:
    """Return which part of what a text counts is done, nothing where it does not count."""
    if not (count := _COUNT.match(text)):
        return None
    done, total = (int(number.replace(",", "")) for number in count.groups())
    return done / total if total else None


class Progress:
    """What a step says of itself."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._opened = self._begun = clock()
        self._lines: list[str] = []
        self._display: Any = None

    def say(self, text: str) -> None:
        """Tell what comes next, or a count such as ``3 of 40 tasks ended``."""
        now = self._clock()
        line = f"{now - self._opened:6.1f} s  {text}"
        if not is_somebody_there():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            return
        self._begun = self._begun if self._lines else now
        self._lines.append(line)
        share = read_share(text)
        value = "" if share is None else f' value="{share:.2f}"'
        bar = f'<progress max="1"{value} aria-label="progress of this cell"></progress>'
        self._show(f"<div>{bar} {escape(text)}</div>", text)

    def cell_ended(self, *, well: bool) -> None:
        """Take the end of the cell: what happened is left, folded under how long it took."""
        if self._display is not None:
            seconds = self._clock() - self._begun
            summary, lines = (
                f"{'took' if well else 'broken off after'} {seconds:.1f} s",
                self._lines,
            )
            text = "\n".join(lines)
            html = f"<details><summary>{summary}</summary><pre>{escape(text)}</pre></details>"
            self._show(html, f"{summary}\n{text}")
        self._lines, self._display = [], None

    def _show(self, html: str, text: str) -> None:
        from IPython.display import display

        shown = {"text/html": html, "text/plain": text}
        if self._display is None:
            self._display = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._display.update(shown, raw=True)
