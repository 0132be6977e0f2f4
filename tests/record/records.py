"""Records as files, without a run."""

import json
from pathlib import Path

VERSIONS = {"python": "3.12.1", "s3fs": "2026.9.0"}


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
            {"name": name, "outcome": "done", "status": "pass", "seconds": 1.0, "error": "",
             "checks": found}
            for name, found in steps.items()
        ],
        **more,
    }  # fmt: skip


def write(directory: Path, *args: object, **more: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "record.json").write_text(json.dumps(body(*args, **more)))
    (directory / "record.html").write_text("<p>")
    return directory
