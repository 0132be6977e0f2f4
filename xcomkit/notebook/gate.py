"""The last cell of a step: the verdict with all that decides it, and what comes next."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from xcomkit.findings.errors import GateError
from xcomkit.findings.model import Check, worst
from xcomkit.findings.text import listed
from xcomkit.notebook import show
from xcomkit.notebook.front_end import Display, is_notebook, is_somebody_there
from xcomkit.notebook.show.parts import COLOURS, badge, printable, to_html

_SEEN = 4  # observations of one check
_STEP = re.compile(r"\b0\d_[a-z_]+\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a step ended: what the gate says, on which target, and the checks to look at."""

    sentence: str
    target: str
    checks: Sequence[Check]
    next: str = ""

    @property
    def _to_look_at(self) -> list[tuple[Check, str]]:
        """Return what does not hold, each id once, and how it stands: what was seen if often."""
        found = united([check for check, _ in show.checks(self.checks).blocks])
        return [(same[0], _status(same)) for same in found]

    def _repr_html_(self) -> str:
        status = worst(self.checks)
        head = badge(show.marked(status), colour=COLOURS[status])
        items = "".join(
            f'<li><a href="#{to_html(c.id)}">{to_html(c.id)} {to_html(c.headline)}</a>:'
            f" {to_html(how)}</li>"
            for c, how in self._to_look_at
        )
        lists = f"<ul>{items}</ul>" if items else ""
        next_ = f"<p><strong>Next:</strong> {link_steps(self.next)}</p>" if self.next else ""
        target = f"<p>Target: {to_html(self.target)}</p>"
        return f"<p>{head} {to_html(self.sentence)}</p>{target}{lists}{next_}"

    def __repr__(self) -> str:
        """Return the verdict as text."""
        open_ = (f"{c.id} {c.headline}: {how}" for c, how in self._to_look_at)
        next_ = (f"Next: {self.next}",) if self.next else ()
        return printable("\n".join((self.sentence, f"Target: {self.target}", *open_, *next_)))


def show_closed(verdict: Verdict, error: GateError) -> None:
    """Show in a notebook what closes the gate, which the error need not repeat to a person."""
    if is_notebook():
        Display().show(verdict._repr_html_(), repr(verdict))
    error.is_listed = is_somebody_there()


def united(checks: Iterable[Check]) -> list[tuple[Check, ...]]:
    """Return the checks of one id that stand alike together, in their order."""
    found: dict[tuple[str, str, bool], list[Check]] = {}
    for one in checks:
        found.setdefault((one.id, one.status, bool(one.accepted)), []).append(one)
    return [tuple(same) for same in found.values()]


def _status(same: tuple[Check, ...]) -> str:
    how = f"{show.marked(same[0].status)}{' (accepted)' * bool(same[0].accepted)}"
    seen = listed([check.observed for check in same], most=_SEEN, separator="; ")
    return f"{how}, {len(same)} times: {seen}" if same[1:] else how


def link_steps(text: str) -> str:
    """Return a sentence as HTML in which the names of steps lead to their notebooks."""
    return _STEP.sub(r'<a href="\g<0>.ipynb">\g<0></a>', escape(printable(text)))
