"""The last cell of a step: the verdict with all that decides it, and what comes next."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from xcomkit.findings.model import Check, worst
from xcomkit.notebook import show
from xcomkit.notebook.show.parts import COLOURS, badge, printable, to_html

_STEP = re.compile(r"\b0\d_[a-z_]+\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a step ended: what the gate says, on which target, and the checks to look at."""

    sentence: str
    target: str
    checks: Sequence[Check]
    next: str = ""

    @property
    def _to_look_at(self) -> list[Check]:
        return [check for check, _ in show.checks(self.checks).blocks]

    def _repr_html_(self) -> str:
        status = worst(self.checks)
        head = badge(show.marked(status), colour=COLOURS[status])
        items = "".join(
            f'<li><a href="#{to_html(c.id)}">{to_html(c.id)} {to_html(c.headline)}</a>:'
            f" {show.marked(c.status)}{' (accepted)' * bool(c.accepted)}</li>"
            for c in self._to_look_at
        )
        lists = f"<ul>{items}</ul>" if items else ""
        next_ = f"<p><strong>Next:</strong> {link_steps(self.next)}</p>" if self.next else ""
        target = f"<p>Target: {to_html(self.target)}</p>"
        return f"<p>{head} {to_html(self.sentence)}</p>{target}{lists}{next_}"

    def __repr__(self) -> str:
        """Return the verdict as text."""
        open_ = (f"{show.marked(c.status)} {c.id} {c.headline}" for c in self._to_look_at)
        next_ = (f"Next: {self.next}",) if self.next else ()
        return printable("\n".join((self.sentence, f"Target: {self.target}", *open_, *next_)))


def link_steps(text: str) -> str:
    """Return a sentence as HTML in which the names of steps lead to their notebooks."""
    return _STEP.sub(r'<a href="\g<0>.ipynb">\g<0></a>', escape(printable(text)))
