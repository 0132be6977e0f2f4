"""How far a step is: a line per moment for a record, one display that moves for a person.

What updates itself freezes into its first state in a record, so there are only lines there. How
long something still takes is told from a count, or from the last time with the same settings;
where there is neither, only what has passed is told.
"""

import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from html import escape
from uuid import uuid4

from xcomkit.front_end import is_somebody_there

_COUNT = re.compile(r"([\d,]+) of ([\d,]+) ")
"""How a text begins that counts; what it counts takes about the same time each."""
_TICK = 1.0


class Estimate:
    """How long the cell, or what is counted in it, still takes."""

    def __init__(self, begun: float, *, last_time: Mapping[str, float]) -> None:
        self._begun = begun
        self._last_time = last_time
        self._text = ""
        self._cell_ends: float | None = None
        self._count_ends: float | None = None
        self._counted: tuple[float, int] | None = None
        self._share: float | None = None

    def take(self, text: str, *, now: float) -> None:
        """Take the text of a moment."""
        self._text = text
        if count := _COUNT.match(text):
            done, total = (int(number.replace(",", "")) for number in count.groups())
            since, before = self._counted = self._counted or (now, done)
            self._share = done / total if total else None
            if done > before:
                self._count_ends = now + (total - done) * (now - since) / (done - before)
            return
        self._counted = self._share = self._count_ends = None
        left = self._last_time.get(text)
        if left is not None:
            self._cell_ends = now + left

    def share(self, now: float) -> float | None:
        """Return which part is done, nothing where it is not known."""
        if self._share is not None or self._cell_ends is None:
            return self._share
        return min(0.99, (now - self._begun) / max(self._cell_ends - self._begun, 0.1))

    def sentence(self, now: float) -> str:
        """Return what has passed, what is left as far as it is known, and what happens."""
        ends = self._cell_ends if self._count_ends is None else self._count_ends
        left = "" if ends is None else self._left(ends - now)
        return f"{now - self._begun:.0f} s{left}: {self._text}"

    @staticmethod
    def _left(seconds: float) -> str:
        return f", about {seconds:.0f} s left" if seconds >= 1 else ", longer than expected"


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

    def __init__(self, estimate: Estimate, *, clock: Callable[[], float]) -> None:
        self._estimate, self._clock = estimate, clock
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
        now = self._clock()
        text = self._estimate.sentence(now)
        share = self._estimate.share(now)
        value = "" if share is None else f' value="{share:.2f}"'
        bar = f'<progress max="1"{value} aria-label="progress of this cell"></progress>'
        return _Shown(f"<div>{bar} {escape(text)}</div>", text)

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            self.update()

    def update(self) -> None:
        """Show how it stands now."""
        self._show(self._now())

    def _show(self, shown: _Shown) -> None:
        from IPython.display import update_display

        update_display(shown, display_id=self._name)  # type: ignore[no-untyped-call]

    def end(self, lines: str, *, told: str) -> None:
        """Leave what happened, folded under what is told of it."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        html = f"<details><summary>{told}</summary><pre>{escape(lines)}</pre></details>"
        self._show(_Shown(html, f"{told}\n{lines}"))


class Progress:
    """The moments of a step.

    ``left`` maps each text to the seconds from it to the end of its cell: what the next run with
    these settings expects.
    """

    def __init__(
        self, *, last_time: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.left: dict[str, float] = {}
        self._last_time = last_time
        self._clock = clock
        self._opened = clock()
        self._moments: list[tuple[float, str]] = []
        self._estimate: Estimate | None = None
        self._live: _Live | None = None

    def say(self, text: str) -> None:
        """Tell a moment: what comes next, or a count such as ``3 of 40 tasks ended``."""
        now = self._clock()
        self._moments.append((now, text))
        if not is_somebody_there():
            sys.stdout.write(f"{self._line(now, text)}\n")
            sys.stdout.flush()
            return
        if self._estimate is None:
            self._estimate = Estimate(now, last_time=self._last_time)
        self._estimate.take(text, now=now)
        if self._live is None:
            self._live = _Live(self._estimate, clock=self._clock)
            self._live.start()
        else:
            self._live.update()

    def cell_ended(self, *, well: bool) -> None:
        """Take the end of the cell: the display stands still, and moments know what came after.

        Of a cell that was broken off nothing is to be expected.
        """
        now = self._clock()
        if well:
            for then, text in self._moments:
                if not _COUNT.match(text):
                    self.left.setdefault(text, round(now - then, 1))
        if self._live is not None:
            lines = "\n".join(self._line(then, text) for then, text in self._moments)
            told = f"{'took' if well else 'broken off after'} {now - self._moments[0][0]:.1f} s"
            self._live.end(lines, told=told)
        self._moments, self._estimate, self._live = [], None, None

    def _line(self, now: float, text: str) -> str:
        return f"{now - self._opened:6.1f} s  {text}"
