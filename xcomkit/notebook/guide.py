"""The guide at the top of each notebook: how far this run is, what is next, where red is fixed.

It is read from the evidence of the run directory, of which every line is a person's or a
program's text like any other: escaped, and never a reason to stop the notebook.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from xcomkit.findings import evidence
from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check, Status, worst
from xcomkit.findings.text import listed
from xcomkit.notebook import show
from xcomkit.notebook.step import accept
from xcomkit.settings.settings import Settings

_DECIDE_NOTHING = frozenset(("confirm_delete", "run_dir", "accepted", "step_timeout"))
"""Settings that say what a run may do: another value leaves what was proved as it was."""
_NAMED = 4  # settings named in one sentence


@dataclass(frozen=True, slots=True)
class Seen:
    """What the run directory holds of a step: its checks, none while it was not run to its end."""

    step: str
    checks: tuple[Check, ...] = ()
    when: str = ""
    changed: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def was_run(self) -> bool:
        """Tell whether there is evidence of the step."""
        return bool(self.when)

    @property
    def status(self) -> Status:
        """Return the status that sums up the step's checks."""
        return worst(self.checks)

    @property
    def is_open(self) -> bool:
        """Tell whether the step has to be run: for the first time, or again."""
        is_red = any(check.closes_gate for check in self.checks)
        return not self.was_run or not self.checks or bool(self.changed) or is_red


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps of a run as a person walks through them; ``here`` is the notebook it stands in."""

    run: str
    steps: tuple[Seen, ...]
    here: str = ""
    refused: str = ""

    @property
    def next(self) -> str:
        """Return in a sentence what to do next."""
        if self.refused:
            return f"The parameters are refused: {self.refused}"
        first = next((seen for seen in self.steps if seen.is_open), None)
        if first is None:
            return "Every step is done and nothing is red."
        if first.changed:
            return f"Run {first.step} again: {listed(first.changed, most=_NAMED)} changed since."
        if not first.was_run or not first.checks:
            return f"Run {first.step}: " + (
                "you are here." if first.step == self.here else "open it."
            )
        red = next(check for check in first.checks if check.closes_gate)
        return f"Fix {red.id} in {self._place(red, first)}, then run {first.step} again."

    def _place(self, check: Check, seen: Seen) -> str:
        """Return the step in which a check is fixed: the one that made it, if no other is named."""
        named = (one.step for one in self.steps if check.fix_in and one.step[:2] == check.fix_in)
        return next(named, seen.step)

    def parts(self) -> Iterator[show.Table]:
        """Yield the checklist and, where something is red, what to do about it."""
        headers = ("step", "verdict", "when (UTC)", "checks")
        caption = f"Steps of {self.run}" if self.run else "Steps of a run that begins here"
        if self.run and self.here == self.steps[0].step:
            caption += "; running this notebook begins another"
        yield show.Table(
            caption,
            headers,
            tuple(self._row(seen) for seen in self.steps),
        )
        red = tuple(
            (
                show.Cell(check.id),
                show.status_cell(check.status),
                show.Cell(check.observed),
                show.Cell(check.remedy),
                _to(self._place(check, seen)),
            )
            for seen in self.steps
            for check in seen.checks
            if check.closes_gate
        )
        if red:
            yield show.Table(
                f"To be fixed: {len(red)}",
                ("id", "status", "observed", "what to do", "fix it in"),
                red,
            )

    def _row(self, seen: Seen) -> tuple[show.Cell, ...]:
        mark = " (you are here)" if seen.step == self.here else ""
        step = show.Cell(f"{seen.step}{mark}", link=f"{seen.step}.ipynb")
        if not seen.was_run:
            return step, show.Cell(seen.trouble or "not run"), show.Cell(""), show.Cell("")
        words = show.counted(seen.checks)
        if seen.changed:
            words += f"; with other settings: {listed(seen.changed, most=_NAMED)}"
        return step, show.status_cell(seen.status), show.Cell(seen.when), show.Cell(words)

    def _repr_html_(self) -> str:
        tables = "".join(part._repr_html_() for part in self.parts())
        return f"<p><strong>Next:</strong> {escape(self.next)}</p>{tables}"

    def __repr__(self) -> str:
        """Return the guide as text."""
        return "\n".join([f"Next: {self.next}", *(repr(part) for part in self.parts())])


def read_guide(
    run: Path | None, *, steps: Iterable[str], settings: Settings, here: str = ""
) -> Guide:
    """Return how far a run is; ``None`` is a run that is yet to begin."""
    seen = tuple(_read_step(run, step, asked=settings) if run else Seen(step) for step in steps)
    return Guide(run.name if run else "", seen, here)


def _read_step(run: Path, step: str, *, asked: Settings) -> Seen:
    try:
        found = evidence.read_evidence(run, step=step)
        checks = evidence.read_checks(run, step=step)
    except InputError as error:
        return Seen(step, trouble=str(error))
    if found is None:
        return Seen(step)
    # A risk is accepted by whoever looks now.
    checks = tuple(accept(check, reasons=asked.accepted_reasons) for check in checks)
    changed = tuple(_changed(found, asked=asked))
    return Seen(step, checks, _when(found.get("finished")), changed)


def _changed(found: Mapping[str, object], *, asked: Settings) -> Iterator[str]:
    """Yield the settings that have another value now, of those that the step has read."""
    given, reads = found.get("settings"), found.get("reads")
    before = given if isinstance(given, dict) else {}
    for name, value in asked.recorded.items():
        was_read = name in reads if isinstance(reads, list) else True
        if was_read and name not in _DECIDE_NOTHING and before.get(name) != value:
            yield name


def _when(finished: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(finished)):%Y-%m-%d %H:%M}"
    except ValueError:
        return "at a time unknown"


def _to(step: str) -> show.Cell:
    return show.Cell(step, link=f"{step}.ipynb")
