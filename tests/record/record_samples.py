"""Checks, records, runs and small notebooks that went a certain way."""

import json
from dataclasses import replace
from pathlib import Path

import nbformat

from xcomkit.findings.model import Check
from xcomkit.record import page
from xcomkit.record.record import StepResult
from xcomkit.record.runner import Run
from xcomkit.record.write import make_record
from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import STEPS

VERSIONS = {"python": "3.12.1", "s3fs": "2026.9.0"}
ABOUT = {
    "written": "2026-01-01T08:00:00.123456+00:00", "who": "ann in account 1", "commit": "abc",
    "versions": VERSIONS,
}  # fmt: skip
EVIDENCE = """
from pathlib import Path
from xcomkit.findings import evidence
from xcomkit.findings.model import Rule
rule = Rule("XC201", "Bucket", "fail", "why", "fix it", "source", blocks={blocks})
check = rule.judge({holds}, expected="e", observed={observed!r}, how="h", basis="echo")
evidence.write_evidence(Path(run_dir), step="{step}", content={{"checks": [check]}})
evidence.gate([check])
"""


def check(id_: str = "XC201", status: str = "pass", **more: str) -> dict[str, str]:
    return {
        "id": id_, "title": f"{id_} holds", "status": status, "severity": "fail",
        "expected": "e", "observed": "o", "how": "h", "remedy": "", "basis": "behaviour",
        "accepted": "", **more,
    }  # fmt: skip


def body(checks: dict[str, list[dict]] | None = None, **more: object) -> dict[str, object]:
    steps = checks if checks is not None else {"04_round_trip": [check()]}
    return {
        "schema": 1, "run": "r", "target": "s3://b/x", "where": "a stand-in", "who": "somebody",
        "written": "2026-01-01T00:00:00+00:00", "commit": "", "verdict": "pass",
        "sentence": "s", "good": True, "settings": {"threshold": 0}, "versions": VERSIONS,
        "steps": [
            {"name": name, "outcome": "done", "status": "pass", "seconds": 1.25, "error": "",
             "checks": found}
            for name, found in steps.items()
        ],
        **more,
    }  # fmt: skip


def write(directory: Path, *args: object, **more: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "record.json").write_text(json.dumps(body(*args, **more)))
    return directory


def make_run(directory: Path, *checks: dict, outputs=(), step=STEPS[0], **settings) -> Run:
    """Return a run of one step with these checks, its notebook holding these outputs."""
    (directory / "notebooks").mkdir(parents=True)
    (directory / "evidence").mkdir()
    cell = nbformat.v4.new_code_cell("sentence()", outputs=list(outputs), execution_count=1)
    cell["id"] = "one"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), directory / f"notebooks/{step}.ipynb")
    found = tuple(Check(**c) for c in checks or (check(),))
    run = Run(directory, Settings.from_mapping({"bucket": "some-bucket", **settings}), "a stand-in")
    run.results.append(StepResult(step, "done", found[0].status, 1.0, found))
    return run


def render(run: Run) -> str:
    record = replace(make_record(run), **ABOUT)
    return page.render(record, notebooks=run.directory / "notebooks")


def notebook(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "p", "language": "python"}
    return made


def judged(step: str, *, holds: bool = True, blocks: bool = False, observed: str = "o") -> str:
    """Return a cell that writes evidence of one check and closes the gate if it does not hold."""
    return EVIDENCE.format(step=step, holds=holds, blocks=blocks, observed=observed)
