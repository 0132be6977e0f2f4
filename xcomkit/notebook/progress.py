"""How far a step is: a line per message for a record, one display that is updated for a person.

A display that is updated freezes into its first state in a record, so there are only lines there.
"""

import re
import sys
import time
from collections.abc import Callable
from html import escape

from xcomkit.notebook.front_end import Display, is_somebody_there

_COUNT = re.compile(r"([\d,]+) of ([\d,]+) ")
"""How a text begins that counts."""

AT_THE_GATE = """<script>(() => {
  const here = document.currentScript, notebook = here.closest('.jp-Notebook');
  if (!notebook) return;
  const gate = [...notebook.querySelectorAll('.jp-CodeCell')].at(-1);
  gate.querySelector('.xcomkit-progress')?.remove();
  const running = here.parentNode.querySelector('.xcomkit-running');
  if (!running || gate.contains(here)) return;
  const copy = document.createElement('div');
  copy.className = 'xcomkit-progress';
  copy.style.padding = '4px 12px 4px 90px';
  copy.append(running.cloneNode(true));
  copy.firstChild.hidden = false;
  gate.append(copy);
})()</script>"""
"""Shows what runs at the last cell too, where *Run All* leaves a person, and removes it at the end.

JupyterLab runs it, since the cell was just executed; other front ends do not, and lose nothing.
"""


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
        self._display: Display | None = None

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
        self._show(f'<div class="xcomkit-running">{bar} {escape(text)}</div>', text)

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
        self._display = self._display or Display()
        self._display.show(html + AT_THE_GATE, text)
