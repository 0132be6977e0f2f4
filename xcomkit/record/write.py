"""Writes what is handed over: record.html, record.json, JUnit, and the manifest over everything."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from xcomkit.findings.text_file import SCHEMA, write_text
from xcomkit.notebook.provenance import read_commit, read_versions
from xcomkit.record import junit, manifest, page
from xcomkit.record.record import NAME, Record
from xcomkit.record.runner import Run
from xcomkit.record.summary import Summary
from xcomkit.values.helm import CHART


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
    said = Summary(run)
    return Record(
        schema=SCHEMA,
        run=run.directory.name,
        target=run.settings.place,
        where=run.where,
        who=said.caller,
        written=datetime.now(UTC).isoformat(),
        commit=read_commit(),
        verdict=run.verdict,
        sentence=run.sentence,
        good=run.is_good,
        settings=run.settings.recorded,
        versions=read_versions() | {CHART: said.values.chart or "not known"},
        steps=tuple(run.results),
        practice=run.settings.is_embedded,
        ran=run.ran,
        changes=said.list_changes(),
        configured=", ".join(filter(None, said.proof.configured)),
        faults=said.proof.compared,
        files=said.list_files(),
        install=said.values.install,
        next=said.next,
    )
