"""How far a step is: a line per moment for a record, one display that moves for a person.

What updates itself freezes into its first state in a record, so there are only lines there. They
say what has passed, and a share where a text counts; how long it still takes nobody promises.
"""

import re
import sys
import threading
import time
from collections.abc import Callable
from html import escape
from uuid import uuid4

from xcomkit.notebook.front_end import is_somebody_there

_COUNT = re.compile(r"([\d,]+) of ([\d,]+) ")
"""How a text begins that counts."""
_TICK = 1.0


def read_share(text: str) -> float | None:
    """Return which part of what a text counts is done, nothing where it does not count."""
    if not (count := _COUNT.match(text)):
        return None
    done, total = (int(number.replace(",", "")) for number in count.groups())
    return done / total if total else None


class _Shown:
    """What a display shows, as HTML and as text."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


class _Live:
    """One display that is updated every second until the cell ends."""

    def __init__(self, text: str, *, clock: Callable[[], float]) -> None:
        self._text, self._clock = text, clock
        self._begun = clock()
        self._name = uuid4().hex
        self._over = threading.Event()
        # Nothing else moves while the cell waits for a process. A daemon keeps no kernel alive.
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def start(self) -> None:
        """Show it; an interrupt on the way is no obstacle to its end."""
        from IPython.display import display

        display(self._now(), display_id=self._name)  # type: ignore[no-untyped-call]
        self._thread.start()

    def _now(self) -> _Shown:
        text = f"{self._clock() - self._begun:.0f} s: {self._text}"
        share = read_share(self._text)
        value = "" if share is None else f' value="{share:.2f}"'
        bar = f'<progress max="1"{value} aria-label="progress of this cell"></progress>'
        return _Shown(f"<div>{bar} {escape(text)}</div>", text)

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            self._show(self._now())

    def update(self, text: str) -> None:
        """Show what comes next."""
        self._text = text
        self._show(self._now())

    def _show(self, shown: _Shown) -> None:
        from IPython.display import update_display

        update_display(shown, display_id=self._name)  # type: ignore[no-untyped-call]

    def end(self, lines: str, *, summary: str) -> None:
        """Leave what happened, folded under its summary."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        html = f"<details><summary>{summary}</summary><pre>{escape(lines)}</pre></details>"
        self._show(_Shown(html, f"{summary}\n{lines}"))


class Progress:
    """The moments of a step."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._opened = clock()
        self._moments: list[tuple[float, str]] = []
        self._live: _Live | None = None

    def say(self, text: str) -> None:
        """Tell a moment: what comes next, or a count such as ``3 of 40 tasks ended``."""
        now = self._clock()
        self._moments.append((now, text))
        if not is_somebody_there():
            sys.stdout.write(f"{self._line(now, text)}\n")
            sys.stdout.flush()
        elif self._live is None:
            self._live = _Live(text, clock=self._clock)
            self._live.start()
        else:
            self._live.update(text)

    def cell_ended(self, *, well: bool) -> None:
        """Take the end of the cell: the display stands still."""
        if self._live is not None:
            lines = "\n".join(self._line(then, text) for then, text in self._moments)
            seconds = self._clock() - self._moments[0][0]
            self._live.end(
                lines, summary=f"{'took' if well else 'broken off after'} {seconds:.1f} s"
            )
        self._moments, self._live = [], None

    def _line(self, now: float, text: str) -> str:
        return f"{now - self._opened:6.1f} s  {text}"
