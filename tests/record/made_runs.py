"""Runs that went a certain way, without a kernel."""

import json
from pathlib import Path

import nbformat
from records import check

from xcomkit.findings.model import Check
from xcomkit.record.cover import About
from xcomkit.record.runner import Run, StepResult
from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import STEPS

ABOUT = About("2026-01-01T08:00:00.123456+00:00", "ann in account 1", "abc", {"python": "3.12.1"})


def make_run(directory: Path, *checks: dict, outputs=(), step=STEPS[0], **settings) -> Run:
    """Return a run of one step with these checks, its notebook holding these outputs."""
    (directory / "notebooks").mkdir(parents=True)
    (directory / "evidence").mkdir()
    cell = nbformat.v4.new_code_cell("sentence()", outputs=list(outputs), execution_count=1)
    cell["id"] = "one"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), directory / f"notebooks/{step}.ipynb")
    chosen = {"bucket": "some-bucket", **settings}
    found = tuple(Check(**c) for c in checks or (check(),))
    run = Run(directory, "test", Settings.from_mapping(chosen), "a stand-in")
    run.results.append(StepResult(step, "done", found[0].status, 1.0, found))
    return run


def tell_caller(run: Run, caller: object) -> None:
    body = {"schema": 1, "facts": {"caller": caller}}
    (run.directory / f"evidence/{run.results[0].name}.json").write_text(json.dumps(body))
