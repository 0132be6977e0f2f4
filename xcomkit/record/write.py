"""Writes what is handed over: record.html, record.json and the manifest over everything."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from xcomkit import evidence
from xcomkit.record import manifest, page
from xcomkit.record.runner import Run
from xcomkit.step import read_commit, read_versions


def write_record(run: Run) -> Path:
    """Write the record of a run into its directory and return the path of record.html."""
    path = run.directory / "record.html"
    evidence.write_text(path, page.render(run))
    content = {
        "schema": evidence.SCHEMA,
        "run": run.directory.name,
        "target": run.settings.place,
        "where": run.where,
        "written": datetime.now(UTC).isoformat(),
        "commit": read_commit(),
        "verdict": run.verdict,
        "sentence": page.verdict_sentence(run.verdict),
        "good": run.is_good,
        "settings": run.settings.model_dump(mode="json", exclude={"run_dir"}),
        "versions": read_versions(),
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
    text = json.dumps(content, sort_keys=True, indent=1) + "\n"
    evidence.write_text(run.directory / "record.json", text)
    manifest.write_manifest(run.directory)
    return path
