"""The guide at the top of each notebook: how far this run is, what is next, where red is fixed.

It is read from the evidence of the run directory, of which every line is a person's or a
program's text like any other: escaped, and never a reason to stop the notebook.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from xcomkit.findings import evidence
from xcomkit.findings.errors import GateError, InputError, XcomkitError
from xcomkit.findings.model import Check, worst
from xcomkit.findings.text import listed
from xcomkit.notebook import show
from xcomkit.notebook.front_end import Display, follow_cells, is_somebody_there
from xcomkit.notebook.gate import link_steps, united
from xcomkit.notebook.progress import AT_THE_GATE
from xcomkit.notebook.show.parts import to_html
from xcomkit.notebook.step import accept
from xcomkit.settings.settings import ONE_RUN_ONLY, Settings
from xcomkit.settings.shared_target import read_choice

_DECIDE_NOTHING = frozenset((*ONE_RUN_ONLY, "accepted", "step_timeout"))
"""Settings that say what a run may do: another value leaves what was proved as it was."""
_NAMED = 4  # settings named in one sentence
_SETS = re.compile(r"\b(?:set|raise|or) (\w+) to\b", re.IGNORECASE)
"""How a remedy names a parameter, which has to be saved so that other steps take it too."""


@dataclass(frozen=True, slots=True)
class StepState:
    """What the run directory holds of a step: its checks, none while it was not run to its end.

    ``changed`` are the settings that the step has read and that have another value now;
    ``finished`` is when it ended, where this is known.
    """

    step: str
    checks: tuple[Check, ...] = ()
    when: str = ""
    changed: tuple[str, ...] = ()
    trouble: str = ""
    finished: datetime | None = None

    @property
    def red(self) -> tuple[Check, ...]:
        """Return the checks that close the gate."""
        return tuple(check for check in self.checks if check.closes_gate)

    @property
    def is_open(self) -> bool:
        """Tell whether the step has to be run: for the first time, or again."""
        return not self.checks or bool(self.changed or self.red)

    @property
    def is_empty(self) -> bool:
        """Tell whether the step ran and had nothing to look at, so that it proves nothing."""
        return bool(self.checks) and worst(self.checks) == "skip"


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps of a run as a person walks through them; ``here`` is the notebook it stands in."""

    run: str
    steps: tuple[StepState, ...]
    here: str = ""
    problem: str = ""
    target: str = ""

    @property
    def next(self) -> str:
        """Return in a sentence what to do next: guide, gate and record say the same.

        What is red comes before what was not run, and the step that one is in before the others;
        but red that another value or another step may have ended since is no news.
        """
        if self.problem:
            return self.problem
        red = [state for state in self.steps if state.red and not self._outdated_by(state)]
        here = [state for state in red if state.step == self.here]
        if first := [*here, *red][:1]:
            return self._fix(*first)
        if first := [state for state in self.steps if state.is_open][:1]:
            return self._run(*first)
        if empty := [state.step for state in self.steps if state.is_empty]:
            return f"Nothing is red. With nothing to look at, not proved: {listed(empty, most=8)}."
        return "Every step is done and nothing is red."

    def _outdated_by(self, state: StepState) -> str:
        """Return what happened since a step ended, after which it may be another: empty if not."""
        if state.changed:
            return f"{listed(state.changed, most=_NAMED)} changed"
        place = self._place(state.red[0], state) if state.red else state.step
        fixed = next((one.finished for one in self.steps if one.step == place), None)
        is_later = fixed and state.finished and fixed > state.finished
        return f"{place} was run" if is_later else ""

    def _run(self, state: StepState) -> str:
        if why := self._outdated_by(state):
            return f"Run {state.step} again: {why} since."
        return f"Run {state.step}: {'you are here' if state.step == self.here else 'open it'}."

    def _fix(self, state: StepState) -> str:
        check, more = state.red[0], len(united(state.red)) - 1
        place, do = self._place(check, state), check.remedy.rstrip(".")
        if do[1:2].islower():
            do = do[:1].lower() + do[1:]
        what = f"{check.id}{f' and {more} more' if more else ''} in {place}: {do}"
        again = state.step if place == state.step else f"{place} and {state.step}"
        if any(name in Settings.model_fields for name in _SETS.findall(check.remedy)):
            return f"Fix {what}; save, then run {again} again."
        says_it = "again" in do or f"run step {place[:2]}" in do
        if place == state.step and says_it:
            return f"Fix {what}."
        return f"Fix {what}; then run {state.step} again."

    def _place(self, check: Check, state: StepState) -> str:
        """Return the step in which a check is fixed: the one that made it, if no other is named."""
        named = (one.step for one in self.steps if check.fix_in and one.step[:2] == check.fix_in)
        return next(named, state.step)

    def tables(self) -> Iterator[show.Table]:
        """Yield the checklist and, where something is red, what to do about it."""
        caption = f"Steps of {self.run}" if self.run else "Steps of a run that begins here"
        if self.run and self.here == self.steps[0].step:
            caption += "; running this notebook begins another"
        headers = ("step", "verdict", "when (UTC)", "checks")
        yield show.Table(caption, headers, tuple(self._row(state) for state in self.steps))
        red = tuple(
            (
                show.Cell(f"{check.id} {check.headline}"),
                show.status_cell(check.status),
                show.Cell(check.remedy, more=("observed", "; ".join(c.observed for c in same))),
                _link(self._place(check, state)),
            )
            for state in self.steps
            for same in united(state.red)
            for check in same[:1]
        )
        if red:
            fixing = ("check", "status", "what to do", "fix it in")
            yield show.Table(f"To be fixed: {len(red)}", fixing, red)

    def _row(self, state: StepState) -> tuple[show.Cell, ...]:
        step = _link(state.step, mark=" (you are here)" if state.step == self.here else "")
        if not state.when:
            return step, show.Cell(state.trouble or "not run"), show.Cell(""), show.Cell("")
        words = show.counted(state.checks)
        if state.changed:
            words += f"; with other settings: {listed(state.changed, most=_NAMED)}"
        verdict = show.status_cell(worst(state.checks))
        verdict = show.Cell("not proved", status="skip") if state.is_empty else verdict
        return step, verdict, show.Cell(state.when), show.Cell(words)

    def _repr_html_(self) -> str:
        tables = "".join(table._repr_html_() for table in self.tables())
        target = f"<p><strong>Target:</strong> {to_html(self.target)}</p>" if self.target else ""
        return f"{target}<p><strong>Next:</strong> {link_steps(self.next)}</p>{tables}"

    def __repr__(self) -> str:
        """Return the guide as text."""
        head = [f"Target: {self.target}"] if self.target else []
        return "\n".join([*head, f"Next: {self.next}", *map(repr, self.tables())])


def describe_problem(error: XcomkitError) -> str:
    """Return what to do about an error, such as a parameter that is invalid, and what it is."""
    return f"{error.hint[:1].upper()}{error.hint[1:]} {error.args[0]}"


class LiveGuide:
    """The guide of an open notebook: current at the gate, and where the parameters are invalid.

    It informs of a target that another notebook has chosen meanwhile, at the next cell.
    """

    def __init__(self, read: Callable[[], Guide], *, describe: Callable[[], str] = str) -> None:
        """Show what ``read`` returns; ``describe`` names the target of an invalid form."""
        self._read, self._describe = read, describe
        self._display: Display | None = None
        self._notice: Display | None = None
        self._cause = ""
        self._chosen = read_choice()
        self.guide = read()
        follow_cells(self, role="guide")

    def follow(self, read: Callable[[], Guide], *, is_current: bool = True) -> None:
        """Show from now on what this reads: the run and the target of the step that was opened.

        A notice that the target was switched goes as soon as the step is on that target.
        """
        self._read = read
        if self._notice and is_current:
            self._notice.show("", "")
            self._notice = None
        self.refresh()

    def refresh(self) -> None:
        """Read how far the run is, and show it where the guide is displayed."""
        self.guide = self._read()
        self._show()

    def cell_begins(self) -> None:
        """Inform of a target that was chosen since: this notebook is still on the one before."""
        chosen = read_choice()
        if chosen == self._chosen or not is_somebody_there():
            return
        self._chosen = chosen
        text = (
            f"The target was switched to {chosen.name if chosen else 'none'}. What is above is of"
            " the target before: run this notebook again, from the form on."
        )
        html = f'<p role="alert"><strong>{show.MARKS["warn"]} {to_html(text)}</strong></p>'
        self._notice = Display()
        self._notice.show(html, text)

    def cell_ended(self, error: BaseException | None) -> None:
        """Say why nothing was opened, such as the parameter that is invalid, here and at the gate.

        What was proved before stays as it is.
        """
        if isinstance(error, XcomkitError) and not isinstance(error, GateError):
            if self.guide.problem and self._cause and self._cause in error.args[0]:
                return  # a cell below that repeats why nothing was opened
            self._cause = error.args[0]
            target = self._describe() or self.guide.target
            self.guide = replace(self.guide, problem=describe_problem(error), target=target)
            self._show()

    def _show(self) -> None:
        if self._display is None:
            return
        html, problem = self.guide._repr_html_(), self.guide.problem
        if is_somebody_there():  # *Run All* leaves a person at the gate, which did not run
            why = f'<p role="alert">{show.MARKS["fail"]} Nothing ran. {to_html(problem)}</p>'
            html += f'<div class="xcomkit-running" hidden>{why}</div>' if problem else ""
            html += AT_THE_GATE
        self._display.show(html, repr(self.guide))

    def _ipython_display_(self) -> None:
        self._display = Display()
        self._show()

    def __repr__(self) -> str:
        """Return the guide as text."""
        return repr(self.guide)


def read_guide(
    run: Path | None,
    *,
    steps: Iterable[str],
    settings: Settings,
    here: str = "",
    target: str = "",
) -> Guide:
    """Return how far a run is; ``None`` is a run that is yet to begin."""
    states = (_read_step(run, step, asked=settings) if run else StepState(step) for step in steps)
    return Guide(run.name if run else "", tuple(states), here, target=target)


def _read_step(run: Path, step: str, *, asked: Settings) -> StepState:
    try:
        found = evidence.read_evidence(run, step=step)
        checks = evidence.read_checks(run, step=step)
    except InputError as error:
        return StepState(step, trouble=str(error))
    if found is None:
        return StepState(step)
    # A risk is accepted by whoever looks now.
    checks = tuple(accept(check, reasons=asked.accepted_reasons) for check in checks)
    finished = None
    with suppress(ValueError, OverflowError):
        finished = datetime.fromisoformat(str(found.get("finished"))).astimezone(UTC)
    when = f"{finished:%Y-%m-%d %H:%M}" if finished else "at a time unknown"
    changed = tuple(_changed(found, asked=asked))
    return StepState(step, checks, when, changed, finished=finished)


def _changed(found: Mapping[str, object], *, asked: Settings) -> Iterator[str]:
    given, reads = found.get("settings"), found.get("reads")
    before = given if isinstance(given, dict) else {}
    for name, value in asked.recorded.items():
        was_read = name in reads if isinstance(reads, list) else True
        if was_read and name not in _DECIDE_NOTHING and before.get(name) != value:
            yield name


def _link(step: str, *, mark: str = "") -> show.Cell:
    return show.Cell(f"{step}{mark}", link=f"{step}.ipynb")
