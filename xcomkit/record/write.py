"""Writes what is handed over: record.html, record.json, JUnit, and the manifest over everything."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xcomkit.findings import evidence
from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import write_text
from xcomkit.notebook.step import read_commit, read_versions
from xcomkit.record import cover, junit, manifest, page, reading
from xcomkit.record.runner import Run
from xcomkit.steps.prerequisites import CALLER


def write_record(run: Run) -> Path:
    """Write the record of a run into its directory and return the path of record.html."""
    about = cover.About(
        written=datetime.now(UTC).isoformat(),
        who=_caller(run),
        commit=read_commit(),
        versions=read_versions(),
    )
    path = run.directory / "record.html"
    write_text(path, page.render(run, about))
    text = json.dumps(to_document(run, about), sort_keys=True, indent=1) + "\n"
    write_text(run.directory / reading.NAME, text)
    write_text(run.directory / junit.NAME, junit.to_junit(run, written=about.written))
    manifest.write_manifest(run.directory)
    return path


def to_document(run: Run, about: cover.About) -> dict[str, Any]:
    """Return the record as record.schema.json describes it."""
    return {
        "schema": evidence.SCHEMA,
        "run": run.directory.name,
        "target": run.settings.place,
        "where": run.where,
        "who": about.who,
        "written": about.written,
        "commit": about.commit,
        "verdict": run.verdict,
        "sentence": cover.verdict_sentence(run),
        "good": run.is_good,
        "settings": run.settings.recorded,
        "versions": dict(about.versions),
        "steps": [
            {
                "name": r.name,
                "outcome": r.outcome,
                "status": r.status,
                "seconds": round(r.seconds, 3),
                "error": r.error,
                "checks": [asdict(check) for check in r.checks],
            }
            for r in run.results
        ],
    }


def _caller(run: Run) -> str:
    """Return who acted, as the cloud said to any of the steps; empty when none asked."""
    for result in run.results:
        try:
            found = evidence.read_evidence(run.directory, step=result.name) or {}
        except InputError:  # the step is red already
            continue
        facts = found.get("facts")
        caller = facts.get("caller") if isinstance(facts, dict) else None
        if caller and isinstance(caller, str):
            return caller
    return next((check.observed for _, check in run.checks if check.id == CALLER.id), "")
