"""One step of a run: its target, what it found, and the evidence it leaves.

A notebook opens a step, lets the modules of ``xcomkit.steps`` work on it, writes the evidence and
passes the gate. An error on the way is a result (a check), not an exception.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

from xcomkit.clouds import Cloud, Platform
from xcomkit.findings import evidence
from xcomkit.findings.errors import GateError, SettingsError, XcomkitError
from xcomkit.findings.model import Check, Plan, Rule, worst
from xcomkit.findings.text import number_of
from xcomkit.notebook import show
from xcomkit.notebook.effective import EffectiveValues
from xcomkit.notebook.front_end import follow_cells
from xcomkit.notebook.gate import Verdict, show_closed
from xcomkit.notebook.progress import Progress
from xcomkit.notebook.provenance import read_commit, read_versions
from xcomkit.settings.settings import Settings, parameters_of
from xcomkit.settings.shared_target import read_choice

WORK = Rule(
    id="XC901",
    title="The step could do its work",
    severity="fail",
    why="What could not be asked is not known, and nothing may be concluded from it.",
    remedy="Look at the service that is named in what was observed, then run the step again.",
    source="xcomkit.notebook.step",
)
REACHED_END = Rule(
    id="XC902",
    title="No cell of the step stopped early",
    severity="fail",
    why="A notebook that stopped half-way proves nothing about the rest.",
    remedy="Open the step's notebook in the run directory; its last cell shows the error.",
    source="papermill and nbclient: exception, error outputs and execution counts; IPython:"
    " how each cell ended",
    blocks=True,
)
INTERPRETER = Rule(
    id="XC903",
    title="The kernel runs in the environment that started the run",
    severity="fail",
    why="Another environment has other versions: its proof would be of something else.",
    remedy="Unset JUPYTER_PATH, or remove the kernelspec that shadows this environment's.",
    source="Jupyter: JUPYTER_PATH and JUPYTER_PREFER_ENV_PATH",
)
ACCEPTED = Rule(
    id="XC904",
    title="Every accepted risk names a check that exists",
    severity="warn",
    why="A misspelled id accepts nothing, and reads as if it did.",
    remedy="Correct the id in accepted; docs/checks.md lists them.",
    source="xcomkit.settings, accepted",
)
RULES: tuple[Rule, ...] = (WORK, REACHED_END, INTERPRETER, ACCEPTED)
# Not risks but the absence of any answer: accepting one would accept everything behind it.
NEVER_ACCEPTED = frozenset({WORK.id, REACHED_END.id, INTERPRETER.id})

_S = TypeVar("_S", bound="Step")
_T = TypeVar("_T")


@dataclass
class Step:
    """A step in progress.

    Checks, plans and facts become the evidence. ``owed`` names the cells without whose checks it is
    not whole. ``applied`` holds, per title of a plan that was carried out, what of it was not made;
    ``None`` where it broke off. ``target_name`` says in words whose parameters these are,
    ``follows`` is the file of a target that all notebooks share, ``next_step`` says what comes next
    once this is saved, and ``on_save`` is called then.
    """

    name: str
    settings: Settings
    run: Path
    platform: Platform
    cloud: Cloud
    note: str = ""
    plans: list[Plan] = field(default_factory=list)
    planned: Plan | None = None
    applied: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    owed: tuple[str, ...] = ()
    target_name: str = ""
    follows: Path | None = None
    next_step: Callable[[], str] = str
    on_save: Callable[[], None] = lambda: None
    progress: Progress = field(init=False)
    values: EffectiveValues = field(init=False)

    def __post_init__(self) -> None:
        """Begin: an earlier pass leaves no evidence, and no step that looks like this one."""
        self.values = EffectiveValues(self.settings, self.cloud)
        self._found: dict[str, list[Check]] = {}
        self._cell = ""
        self._broken_off = self._rejected = ""
        self.progress = Progress()
        evidence.remove_evidence(self.run, step=self.name)
        before = follow_cells(self)
        if isinstance(before, Step) and (before.run, before.name) == (self.run, self.name):
            before.break_off("the step was opened again")

    @cached_property
    def target(self) -> show.Table:
        """Return the target of this step, and of the parameters it takes those that matter most."""
        settings = self.settings.recorded  # what is only displayed here decides nothing
        taken = parameters_of(self.name)
        values: dict[str, object] = {
            "bucket": self.settings.place,
            "region": settings["region"],
            "where": self.platform.label,
        }
        if "workers" in taken:
            workers = ", ".join(settings["workers"])
            values["agents"] = f"workers {workers} in namespace {settings['namespace']}"
        if "apply" in taken:
            off = "plans are displayed only; the proof writes test objects, and removes them"
            effect = "changes are made" if settings["apply"] else off
            values["apply"] = f"{settings['apply']}: {effect}"
        values["run directory"] = self.run.name
        try:
            caller = self.cloud.who_am_i()
            values["caller"] = f"{caller.principal} (account {caller.account or 'none'})"
        except XcomkitError as error:
            values["caller"] = f"unknown: {error}"
        self.facts["caller"] = values["caller"]
        if self.target_name:
            values = {"parameters": self.target_name, **values}
        if self.note:
            values["note"] = self.note
        return show.facts(values, caption="Target")

    def check(self, *found: Check, caption: str = "Checks") -> show.Checks:
        """Record checks, accepted ones marked with their reason, and return them to be shown."""
        reasons = self.settings.accepted_reasons
        marked = [accept(check, reasons=reasons) for check in found]
        self._found.setdefault(self._cell, []).extend(marked)
        return show.checks(marked, caption=caption)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return the checks of all cells; of one that was run again, those of its last run."""
        return tuple(check for found in self._found.values() for check in found)

    @property
    def closed(self) -> str:
        """Return why no cell may go on with this step, empty if it may.

        What was asked for last is not this: either it was invalid, or it is another target.
        """
        if self._rejected:
            return f"Nothing was opened, and nothing ran: {self._rejected}"
        chosen = read_choice() if self.follows else None
        if chosen is None or chosen == self.follows:
            return ""
        return f"The target is {chosen.name} now, and this step is still on another one."

    def require_open(self) -> None:
        """Go on only with a step that is what was asked for last.

        Raises:
            SettingsError: it is not.
        """
        if self.closed:
            raise SettingsError(self.closed, hint="run the cells again, from the form on.")

    @contextmanager
    def in_cell(self, name: str) -> Iterator[None]:
        """Record as this cell's what is found meanwhile, in place of what it found before.

        Raises:
            SettingsError: another target was asked for meanwhile.
        """
        self.require_open()
        self._found[name] = []
        outer, self._cell = self._cell, name
        try:
            yield
        finally:
            self._cell = outer

    def error_check(self, error: XcomkitError) -> Check:
        """Return the check that says that the step's work could not be done."""
        return WORK.judge(
            None,
            expected="an answer",
            observed=str(error),
            how=type(error).__name__,
            basis="behaviour",
            remedy=error.hint,
            fix_in=error.fix_in,
        )

    def plan(self, make: Callable[[], Plan]) -> show.Table:
        """Record the plan that ``make`` returns."""
        self.planned = None
        self.planned = plan = make()
        self.plans.append(plan)
        return show.plan(plan)

    def apply(self, change: Callable[[Plan], tuple[str, ...] | None]) -> show.Text:
        """Make the changes of the latest plan, if ``apply`` is set; say what was done.

        A plan that could not be made leaves none, and one that is applied is used up: no plan is
        ever made twice. A step that was broken off changes nothing any more.
        """
        self.require_open()
        plan = self.planned
        if self._broken_off:
            return show.Text("Nothing is changed: run the step again, from the cell that opens it.")
        if plan is None:
            return show.Text("There is no plan, so nothing was changed.")
        if not plan.pending:
            return show.Text("Nothing to change: everything is as planned already.")
        if not self.settings.recorded["apply"]:  # it decides what is done, not what is found
            return show.Text(f"apply is False: {_changes(len(plan.pending))} not made.")
        self.say(f"changes to make: {len(plan.pending)}")
        self.planned, self.applied[plan.title] = None, None
        self.applied[plan.title] = not_made = change(plan) or ()
        evidence.record_created(
            self.run,
            kind="resources",
            names=[f"{c.setting} {c.resource}" for c in plan.pending if c.action == "create"],
        )
        made = f"{_changes(len(plan.pending) - len(not_made))} made."
        return show.Text(" ".join((made, *(f"Not made: {one}" for one in not_made))))

    def say(self, text: str) -> None:
        """Tell what comes next, or a count such as ``3 of 40 tasks ended``."""
        self.progress.say(text)

    def cell_begins(self) -> None:
        """Take that a cell begins."""

    def cell_ended(self, error: BaseException | None) -> None:
        """Take the end of a cell; what it raised, but for a closed gate, breaks the step off.

        Invalid parameters break nothing off: what was proved before stays as it was.
        """
        self.progress.cell_ended(well=error is None)
        if isinstance(error, SettingsError):
            self._rejected = self._rejected if self.closed else str(error)
        elif error is not None and not isinstance(error, GateError):
            how = "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
            self.break_off(f"the step stopped early: {how}")

    def break_off(self, why: str) -> None:
        """Note that a cell did not end well: the checks it owes are missing in what is saved."""
        self._broken_off = self._broken_off or why

    @property
    def verdicts(self) -> tuple[Check, ...]:
        """Return the checks, and a red one where cells did not end well or left none."""
        lost = [name for name in self.owed if not self._found.get(name)]
        if any(check.closes_gate for check in self.checks):
            lost = []  # what is red already may well be the reason
        missing = f"no check of {', '.join(lost)}" if lost else ""
        if not (why := self._broken_off or missing):
            return self.checks
        check = REACHED_END.judge(
            False,
            expected="every cell ran and the gate was reached",
            observed=why,
            how="how each cell ended, and which left checks",
            basis="behaviour",
            remedy="Run the step again, from the cell that opens it, each cell as it was given.",
        )
        return (*self.checks, check)

    def save(self) -> show.Text:
        """Write the evidence, and say where and what the verdict is.

        Raises:
            SettingsError: another target was asked for meanwhile, so this is left as it was.
        """
        self.require_open()
        finished = datetime.now(UTC)
        checks = self.verdicts
        content = {
            "accepted": self.settings.accepted_reasons,
            "applied": self.applied,
            "checks": checks,
            "commit": read_commit(),
            "facts": self.facts,
            "finished": finished,
            "plans": self.plans,
            "reads": self.settings.reads,
            "seconds": round((finished - self.started).total_seconds(), 3),
            "settings": self.settings.recorded,
            "started": self.started,
            "verdict": worst(checks),
            "versions": read_versions(),
            "where": self.platform.label,
        }
        evidence.write_evidence(self.run, step=self.name, content=content)
        self.on_save()
        return show.Text(f"evidence/{self.name}.json: {worst(checks)} ({show.counted(checks)})")

    def gate(self) -> Verdict:
        """Return the verdict; a closed gate shows it and stops the notebook.

        Raises:
            GateError: a check is red or unknown and not accepted by name.
            SettingsError: another target was asked for meanwhile.
        """
        self.require_open()
        checks, next_ = self.verdicts, self.next_step()
        try:
            sentence = evidence.gate(checks)
        except GateError as error:
            closed = error.args[0].partition(":")[0].rstrip(".")
            show_closed(Verdict(f"{closed}.", self.target_name, checks, next_), error)
            raise
        return Verdict(sentence, self.target_name, checks, next_)


def _changes(count: int) -> str:
    return f"{number_of(count, 'change')} {'was' if count == 1 else 'were'}"


def cell(work: Callable[[_S], _T]) -> Callable[[_S], _T | show.Checks]:
    """Make a function the sentence of a notebook's cell: an error on the way is a check."""
    name = f"{work.__module__.rpartition('.')[2]}.{work.__name__}"

    @wraps(work)
    def sentence(step: _S) -> _T | show.Checks:
        with step.in_cell(name):
            try:
                return work(step)
            except XcomkitError as error:
                return step.check(step.error_check(error))

    return sentence


def accept(check: Check, *, reasons: Mapping[str, str]) -> Check:
    """Return the check with the reason for which its risk is taken, if it is one and if it is."""
    is_risk = check.status != "pass" and check.id not in NEVER_ACCEPTED
    return replace(check, accepted=reasons.get(check.id, "") if is_risk else "")
