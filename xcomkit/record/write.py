"""Writes what is handed over: record.html, record.json, JUnit, and the manifest over everything."""

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from xcomkit.findings import evidence
from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import SCHEMA, write_text
from xcomkit.notebook.step import read_commit, read_versions
from xcomkit.record import junit, manifest, page
from xcomkit.record.record import NAME, Record
from xcomkit.record.runner import Run
from xcomkit.steps.prerequisites import CALLER


def write_record(run: Run) -> Path:
    """Write the record of a run into its directory and return the path of record.html."""
    record = make_record(run)
    path = run.directory / "record.html"
    write_text(path, page.render(record, notebooks=run.directory / "notebooks"))
    text = json.dumps(asdict(record), sort_keys=True, indent=1) + "\n"
    write_text(run.directory / NAME, text)
    write_text(run.directory / junit.NAME, junit.to_junit(record))
    manifest.write_manifest(run.directory)
    return path


def make_record(run: Run) -> Record:
    """Return the record of a run, as of now."""
    return Record(
        schema=SCHEMA,
        run=run.directory.name,
        target=run.settings.place,
        where=run.where,
        who=_caller(run),
        written=datetime.now(UTC).isoformat(),
        commit=read_commit(),
        verdict=run.verdict,
        sentence=run.sentence,
        good=run.is_good,
        settings=run.settings.recorded,
        versions=read_versions(),
        steps=tuple(run.results),
    )


def _caller(run: Run) -> str:
    """Return who acted, as the cloud said to any of the steps; empty when none asked."""
    for result in run.results:
        with suppress(InputError):  # the step is red already
            found = evidence.read_evidence(run.directory, step=result.name) or {}
            facts = found.get("facts")
            caller = facts.get("caller") if isinstance(facts, dict) else None
            if caller and isinstance(caller, str):
                return caller
    return next((check.observed for _, check in run.checks if check.id == CALLER.id), "")
