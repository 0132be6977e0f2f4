"""Runs the steps with papermill in one process, a kernel per notebook, and judges each.

A step counts as what its notebook and its evidence say together, also one of an earlier run into
the same directory. One whose blocking check is red, or that did not reach its end, stops the
steps after it, because they would act on the wrong target; tear down runs all the same and
removes what was recorded. Any other red check does not stop the run: more evidence is worth more
than an early end.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xcomkit.findings import evidence
from xcomkit.findings.errors import InputError, SettingsError
from xcomkit.findings.model import Check, Status, worst
from xcomkit.notebook.step import REACHED_END
from xcomkit.plane.control_plane import VARIABLE as CONTROL_PLANE
from xcomkit.record import verdict
from xcomkit.record.outcomes import execute, open_kernel, read_outcome
from xcomkit.record.record import Outcome, StepResult
from xcomkit.settings.deployment import LOCAL
from xcomkit.settings.settings import Settings
from xcomkit.settings.shared_target import is_shared
from xcomkit.stand_ins.common.stand_in import stand_in_of
from xcomkit.steps.helm_values import FOLDERS
from xcomkit.steps.opening import SELECTED, STEPS, describe_place, export
from xcomkit.steps.orchestration import open_plane
from xcomkit.steps.prerequisites import CALLER
from xcomkit.steps.rule_index import RULES_BY_ID
from xcomkit.values.values import load_values

_VALUES, (_VERIFY, _LAST) = STEPS[3], STEPS[-2:]
_HANDED_OVER = (
    "record.html", "record.json", "record.junit.xml", "manifest.sha256", "manifest.sha256.sig",
)  # fmt: skip


@dataclass(slots=True)
class Run:
    """A run of several steps on one target."""

    directory: Path
    settings: Settings
    where: str
    results: list[StepResult] = field(default_factory=list)

    @property
    def checks(self) -> tuple[tuple[str, Check], ...]:
        """Return every check with the step it belongs to."""
        return tuple((r.name, c) for r in self.results for c in r.checks)

    @property
    def verdict(self) -> Status:
        """Return the status that sums up the run."""
        return worst(check for _, check in self.checks)

    @property
    def ran(self) -> int:
        """Return how many steps of the runbook ran."""
        return sum(result.outcome != "not run" for result in self.results)

    @property
    def sentence(self) -> str:
        """Return the verdict in a sentence."""
        checks = [check for _, check in self.checks]
        return verdict.describe(checks, is_practice=self.settings.is_embedded, ran=self.ran)

    @property
    def is_good(self) -> bool:
        """Tell whether no check closes the gate."""
        return not any(check.closes_gate for _, check in self.checks)

    @property
    def exit_code(self) -> int:
        """Return 0 for good, 1 for a closed gate, 3 when nobody answered who the caller is."""
        red = {check.id for _, check in self.checks if check.closes_gate}
        return 0 if not red else 3 if CALLER.id in red else 1


def select_steps(names: Sequence[str]) -> tuple[str, ...]:
    """Return the named steps in the order of the runbook; all of them for no name.

    Raises:
        SettingsError: a name fits no step.
    """
    chosen = []
    for name in names:
        found = [step for step in STEPS if step == name or step.split("_")[0] == name]
        if not found:
            raise SettingsError(f"{name}: no such step.", hint=f"choose of {', '.join(STEPS)}.")
        chosen += found
    return tuple(step for step in STEPS if step in chosen) if chosen else STEPS


def run_steps(
    settings: Settings,
    *,
    name: str,
    steps: Sequence[str],
    notebooks: Path,
    out: Path,
    progress: Callable[[StepResult], None],
) -> Run:
    """Run the steps on the target of the settings and return how they went.

    Args:
        settings: parameters of every notebook.
        name: the last part of the run directory's name.
        steps: names of notebooks, in order.
        notebooks: the folder that holds them.
        out: the folder below which the run directory is made.
        progress: called with each step's result as soon as it is there.

    Raises:
        SettingsError: the notebooks are not there, or the run directory is of another target.
        InputError: the values file, or the URL of the plane's database, cannot be read.
        ProcessError: the stand-in did not start.
        KeyboardInterrupt: it names the run directory.
    """
    missing = [step for step in steps if not (notebooks / f"{step}.ipynb").is_file()]
    if missing:
        raise SettingsError(
            f"{notebooks.name}/{missing[0]}.ipynb: no such notebook.",
            hint="run xcomkit in the folder of the runbook, the one that holds notebooks/.",
        )
    given = settings.values_file  # read before anything is made in the account
    original = load_values(Path(given).expanduser()) if given else None
    directory = (
        Path(settings.run_dir).expanduser()
        if settings.run_dir
        else evidence.make_run_directory(out, name=name)
    )
    evidence.claim_run_directory(directory, target=settings.target)
    begun = evidence.note_begun(directory, steps=steps)
    _clear(directory, steps=steps)
    run = Run(directory, settings, describe_place(settings))
    try:
        with hold_target(settings, steps=steps), ExitStack() as held:
            if _VERIFY in steps and settings.deployment == LOCAL:
                # It comes up while the steps before it work.
                plane = held.enter_context(open_plane(original=original))
                os.environ[CONTROL_PLANE] = plane.export()
            _run_each(run, steps=steps, notebooks=notebooks, progress=progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what ran so far is in {os.path.relpath(directory)}") from None
    now = {result.name: result for result in run.results}
    run.results = [now.get(step) or _earlier(step, run=run) for step in STEPS if step in begun]
    return run


def _run_each(
    run: Run, *, steps: Sequence[str], notebooks: Path, progress: Callable[[StepResult], None]
) -> None:
    """Run one step after the other, until the next ones would act on the wrong target."""
    # A relative path keeps this machine's folders out of notebooks and record.
    parameters = {**run.settings.to_parameters(), "run_dir": os.path.relpath(run.directory)}
    with ExitStack() as ahead:
        kernel = ahead.enter_context(open_kernel())
        stopped_by = ""
        for step in steps:
            if stopped_by and step != _LAST:
                result = _not_run(step, stopped_by)
            else:
                with ahead.pop_all():
                    this = kernel
                    # The next one comes up now, so that it is idle long before this step measures.
                    if step != steps[-1]:
                        kernel = ahead.enter_context(open_kernel())
                    source = notebooks / f"{step}.ipynb"
                    result = _run_step(step, source, kernel=this, run=run, parameters=parameters)
            run.results.append(result)
            progress(result)
            red = [RULES_BY_ID[check.id] for check in result.checks if check.closes_gate]
            if not stopped_by and any(rule.blocks for rule in red):
                stopped_by = step


def _earlier(step: str, *, run: Run) -> StepResult:
    """Return how a step of an earlier run into this directory went, from what it left there.

    Without it a later run of other steps would hand over a better record than the evidence is.
    """
    output = run.directory / "notebooks" / f"{step}.ipynb"
    outcome: Outcome = "done"
    error = ""
    if output.is_file():
        outcome, error = read_outcome(output)
    elif evidence.read_evidence(run.directory, step=step) is None:
        outcome, error = "crashed", "begun and broken off"
    return _judge(step, run=run, outcome=outcome, error=error, seconds=0.0)


def _clear(directory: Path, *, steps: Sequence[str]) -> None:
    """Remove what an earlier run into this directory found: it is no evidence of this one.

    That of the steps that will not be reached goes as well, and the record, so that a run that
    is interrupted leaves none. What was created stays recorded, for tear down.

    Raises:
        SettingsError: the directory cannot be written to.
    """
    stale = [f"evidence/{step}.json" for step in steps]
    stale += [f"notebooks/{step}.ipynb" for step in steps]
    with evidence.writing_to(directory):
        for folder in ("evidence", "notebooks"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        for name in (*stale, *_HANDED_OVER):
            (directory / name).unlink(missing_ok=True)
        if _VALUES in steps:
            for folder in FOLDERS:
                shutil.rmtree(directory / folder, ignore_errors=True)


@contextmanager
def hold_target(settings: Settings, *, steps: Sequence[str]) -> Iterator[None]:
    """Keep the stand-in of a run alive; afterwards the environment is as it was before.

    Raises:
        ProcessError: the stand-in did not start.
    """
    before = dict(os.environ)
    try:
        with ExitStack() as held:
            # A terminal of JupyterLab knows the stand-in of its notebooks; a run has its own.
            kind = stand_in_of(settings.cloud) if settings.is_embedded else None
            if kind and (is_shared() or kind.attach() is None):
                stand_in = held.enter_context(kind.start())
                export(stand_in.environment, replaced=kind.replaced)
                os.environ[SELECTED] = ",".join(steps)
                # Its process removes this folder when we are gone, also after a SIGKILL.
                os.environ["TMPDIR"] = str(stand_in.ca_bundle.parent)
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run_step(
    step: str, source: Path, *, kernel: Any, run: Run, parameters: dict[str, Any]
) -> StepResult:
    """Run one notebook and judge it by everything but papermill's own word."""
    output = run.directory / "notebooks" / f"{step}.ipynb"
    before = time.monotonic()
    outcome, error = execute(
        source, output, parameters, kernel=kernel, seconds=run.settings.step_timeout
    )
    seconds = time.monotonic() - before
    return _judge(step, run=run, outcome=outcome, error=error, seconds=seconds)


def _judge(step: str, *, run: Run, outcome: Outcome, error: str, seconds: float) -> StepResult:
    """Return the result of a step whose notebook ended like this, with the evidence it left."""
    checks: tuple[Check, ...] = ()
    try:
        checks = evidence.read_checks(run.directory, step=step)
    except InputError as unreadable:
        outcome, error = "crashed", error or str(unreadable)
    is_red = any(check.closes_gate for check in checks)
    if outcome in ("done", "red") and not checks:
        outcome, error = "crashed", "the notebook ended without evidence"
    if outcome == "done" and is_red:
        outcome = "red"
    if outcome == "red" and not is_red:
        outcome, error = "crashed", f"the gate is closed, the evidence is not red: {error}"
    if outcome in ("crashed", "died", "timed out"):
        broken = REACHED_END.judge(
            False,
            observed=f"{outcome}: {error}",
            how="papermill's exception, error outputs and execution counts",
            basis="behaviour",
        )
        checks = (*checks, broken)
    return StepResult(step, outcome, worst(checks), seconds, checks, error)


def _not_run(step: str, stopped_by: str) -> StepResult:
    check = REACHED_END.skip(
        observed=f"not run, so nothing is proved here: {stopped_by} must be green first",
        how=f"{step} was not started",
    )
    return StepResult(step, "not run", "skip", 0.0, (check,))
