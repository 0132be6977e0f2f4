"""Checks as a person reads them: what does not hold first, a block each, what holds folded.

A block says what was observed, what to do and where, with why and how below a fold. What holds is
grouped by the question it answers.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from xcomkit.findings.model import Check
from xcomkit.findings.questions import QUESTIONS, question_of
from xcomkit.findings.text import number_of
from xcomkit.notebook.show.parts import (
    COLOURS,
    badge,
    folded,
    marked,
    printable,
    to_html,
)
from xcomkit.notebook.show.words import in_words

HEAD = '<div class="checks">'
"""Begins the HTML of checks, by which the record knows them in the output of a cell."""
_ORDER = ("fail", "unknown", "warn")
_BASES: Mapping[str, str] = {
    "behaviour": "seen to happen", "simulation": "computed by the service's own evaluator",
    "echo": "the service returned the setting", "rule": "read from a file",
    "not-supported-here": "not seen here",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks under a caption; ``steps`` names the step of each where they are of several."""

    caption: str
    found: tuple[Check, ...]
    steps: tuple[str, ...] = ()

    @property
    def blocks(self) -> list[tuple[Check, str]]:
        """Return what does not hold with its step: failed, unknown, warned, then accepted."""
        open_ = [pair for pair in self._pairs if pair[0].status in _ORDER]
        return sorted(open_, key=lambda p: (bool(p[0].accepted), _ORDER.index(p[0].status)))

    @property
    def groups(self) -> list[tuple[str, list[tuple[Check, str]]]]:
        """Return a heading with the checks below it: those that hold by question, then skips."""

        def place(pair: tuple[Check, str]) -> int:
            return QUESTIONS.index(question_of(pair[0].id))

        held = sorted((p for p in self._pairs if p[0].status == "pass"), key=place)
        skipped = [pair for pair in self._pairs if pair[0].status == "skip"]
        found = [(QUESTIONS[number], list(group)) for number, group in groupby(held, key=place)]
        return [*found, *([("Not proved", skipped)] if skipped else [])]

    @property
    def _pairs(self) -> list[tuple[Check, str]]:
        steps = self.steps or ("",) * len(self.found)
        return [*zip(self.found, steps, strict=True)]

    @property
    def title(self) -> str:
        """Return the caption with how many checks hold."""
        total = f"{self.caption}: {number_of(len(self.found), 'check')}"
        if not self.found:
            return f"{self.caption}: nothing was checked"
        return f"{total}, {'all hold' if self._all_hold else counted(self.found)}"

    @property
    def _all_hold(self) -> bool:
        return all(check.status == "pass" for check in self.found)

    def _repr_html_(self) -> str:
        seen: set[str] = set()
        parts = [f"{HEAD}<p><strong>{to_html(self.title)}</strong></p>"]
        for check, step in self.blocks:
            parts.append(_block(check, step=step, is_first=check.id not in seen))
            seen.add(check.id)
        return "".join((*parts, *(_group(name, pairs) for name, pairs in self.groups), "</div>"))

    def __repr__(self) -> str:
        """Return the same as text of at most 100 columns, in the same order."""
        return "\n".join((printable(self.title), *self._lines()))

    def _lines(self) -> Iterator[str]:
        for check, step in self.blocks:
            yield _wrapped(f"{_status(check)}  {check.id} {check.headline}")
            for name, text in _said(check, step=step):
                if name == "Paste":
                    yield from (f"      {printable(line)}" for line in text.splitlines())
                elif text:
                    yield _wrapped(f"    {name}: {text}")
        for name, pairs in self.groups:
            yield f"{marked(pairs[0][0].status)} {len(pairs)}  {name}"
            yield from (_wrapped(f"    {c.id} {c.title}: {in_words(c.observed)}") for c, _ in pairs)


def checks(found: Iterable[Check], *, caption: str = "Checks", steps: Iterable[str] = ()) -> Checks:
    """Return checks to be shown, with the step of each where they are of several."""
    return Checks(caption, tuple(found), tuple(steps))


def counted(found: Iterable[Check]) -> str:
    """Return how many checks stand how, as ``1 fail, 8 pass``: what is red comes first."""
    statuses = [check.status for check in found]
    order = (*_ORDER, "pass", "skip")
    return ", ".join(f"{statuses.count(s)} {s}" for s in order if s in statuses)


def _wrapped(text: str) -> str:
    line = printable(text).replace("\n", " ")
    return textwrap.fill(line, 100, subsequent_indent=" " * 8, break_on_hyphens=False)


def _status(check: Check) -> str:
    return marked(check.status) + (" (accepted)" if check.accepted else "")


def _said(check: Check, *, step: str) -> Iterator[tuple[str, str]]:
    """Yield what a block says, each under its name; the last two are folded."""
    do = check.remedy
    if check.fix_in and f"step {check.fix_in}" not in do:
        do += f" (in step {check.fix_in})"
    yield "Observed", in_words(check.observed)
    yield "Accepted", check.accepted
    yield "What to do", do
    yield "Where", check.where
    yield "Paste", check.paste
    yield "Step", step
    yield "Expected", in_words(check.expected)
    yield "Why", check.why
    yield "How", _how(check)


def _how(check: Check) -> str:
    return f"{check.how} ({_BASES.get(check.basis, check.basis)})"


def _block(check: Check, *, step: str, is_first: bool) -> str:
    """Return a check that does not hold; the first of its id can be linked to."""
    colour = COLOURS["warn" if check.accepted else check.status]
    said = dict(_said(check, step=step))
    below = [_line(name, said.pop(name)) for name in ("Expected", "Why", "How")]
    if in_words(check.observed) != check.observed:
        below.append(_line("Observed, as it is", check.observed, is_code=True))
    paste = said.pop("Paste")
    shown = [_line(name, text) for name, text in said.items()]
    if paste:
        style = "white-space: pre-wrap; overflow-wrap: anywhere"
        shown.append(f'<pre style="{style}">{to_html(paste)}</pre>')
    name = f' id="{to_html(check.id)}"' if is_first else ""
    style = f"border-left: 4px solid {colour}; padding: 2px 12px; margin: 8px 0"
    head = f"{badge(_status(check), colour=colour)} <strong>{to_html(check.headline)}</strong>"
    why = f"<details><summary>why and how</summary>{''.join(below)}</details>"
    return f'<div{name} style="{style}"><div>{head} {check.id}</div>{"".join(shown)}{why}</div>'


def _line(name: str, text: str, *, is_code: bool = False) -> str:
    return f"<div><em>{name}:</em> {folded(text, is_code=is_code)}</div>" if text else ""


def _group(name: str, pairs: list[tuple[Check, str]]) -> str:
    """Return the checks below a heading, folded to one line."""
    status = pairs[0][0].status
    mark = badge(f"{marked(status)} {len(pairs)}", colour=COLOURS[status])
    items = "".join(f"<li>{_item(check, step=step)}</li>" for check, step in pairs)
    head = f'<summary style="line-height: 1.7">{mark} {to_html(name)}</summary>'
    return f"<details>{head}<ul>{items}</ul></details>"


def _item(check: Check, *, step: str) -> str:
    """Return what holds, or was skipped, in a line, with how it was seen below a fold."""
    said = [("Expected", check.expected), ("How", _how(check))]
    said += [("Step", step), ("What to do", check.remedy)]
    if in_words(check.observed) != check.observed:
        said.append(("Observed, as it is", check.observed))
    below = "".join(_line(name, text, is_code=text[:1] in "{[") for name, text in said if text)
    line = (
        f"<strong>{to_html(check.title)}</strong> {check.id}: {to_html(in_words(check.observed))}"
    )
    return f"{line}<details><summary>how</summary>{below}</details>"
