"""What runs saw the backends do, with versions: ``docs/findings.md`` is written from here.

Nothing is known here that is not in the evidence of step 04; a run of other versions gives another
page.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xcomkit.findings.errors import InputError, XcomkitError

EVIDENCE = "evidence/04_round_trip.json"
SHOWN = ("python", "apache-airflow", "apache-airflow-providers-", "fsspec", "s3fs", "adlfs",
         "gcsfs", "universal-pathlib")  # fmt: skip
FACTS = ("faults", "lost_writes", "measurements", "types")
REFERENCES = ("XC518", "XC519", "XC521")
STATE_REFERENCES = ("XC542", "XC543", "XC544")
_HEAD = """\
# Findings

Written by `make findings` from runs on the embedded stand-ins with `fault_depth: full`, faults
injected by a proxy. What is listed was seen. A cell reads as in the record: **silent
loss** the push succeeded and no object is there, **silent wrong value** the task got something else
and no error, **silent leftover** the purge succeeded and the object is still there.

Four of these defects have a reproduction without this project in [upstream](upstream/README.md).
"""


def read_run(directory: Path) -> dict[str, Any]:
    """Return the evidence of step 04 of a run.

    Raises:
        InputError: it is absent, no JSON, or the faults were not tried.
    """
    path = directory / EVIDENCE
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{directory.name} holds no {EVIDENCE}: {error.strerror}.",
            hint="name the directory of a run that got through step 04.",
        ) from None
    except ValueError:
        raise InputError(f"{path.name} is no JSON.", hint="repeat the run.") from None
    missing = [name for name in FACTS if not found.get("facts", {}).get(name)]
    if missing:
        raise InputError(
            f"The run {directory.name} has no {', '.join(missing)}.",
            hint="repeat it with run_in: local, and see why its step 04 ended early.",
        )
    return found


def render(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of some runs, as Markdown."""
    lines = [_HEAD, *_versions(runs), *(line for run in runs for line in _run(run))]
    tables: list[list[str]] = []
    for table in ([*_types(run["facts"]["types"])] for run in runs):
        if table not in tables:  # the encoder's doing: the same on every cloud
            tables.append(table)
            lines += table
    return "\n".join(lines) + "\n"


def _versions(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen = {name: text for run in runs for name, text in run["versions"].items()}
    shown = [f"{name} {text}" for name, text in sorted(seen.items()) if name.startswith(SHOWN)]
    yield f"Versions: {', '.join(shown)}."


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    settings, facts = run["settings"], run["facts"]
    yield f"\n## {settings['backend']} on {settings['cloud']}\n"
    yield from _faults(facts["faults"])
    yield from _lost(facts["lost_writes"])
    yield from _references(run["checks"], REFERENCES)
    yield from _sizes(facts["measurements"])
    state = facts.get("state_store", {})
    if state.get("faults"):
        yield f"\n### State store, {settings['backend']} on {settings['cloud']}\n"
        yield "The same faults: push is set, pull is get, purge is delete.\n"
        yield from _faults(state["faults"])
        yield from _lost(state["lost_writes"])
        yield from _references(run["checks"], STATE_REFERENCES)


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"


def _faults(faults: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    cells: dict[str, dict[str, str]] = {}
    for one in faults:
        verdict = str(one["verdict"])
        told = f"**{verdict}**" if verdict.startswith("silent") else verdict
        cells.setdefault(f"{one['operation']}: {one['fault']}", {})[one["codec"]] = told
    codecs = list(dict.fromkeys(one["codec"] for one in faults))
    rows = [(name, *(row.get(codec, "") for codec in codecs)) for name, row in cells.items()]
    yield from _table(("fault", *codecs), rows)


def _lost(writes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    told = "; ".join(
        f"{one['codec']} {one['problem']}" if one["problem"] else
        f"{one['codec']} {one['seen_at_once'] + one['seen_after_exit']} of"
        f" {one['at_once'] + one['at_exit']}"
        for one in writes
    )  # fmt: skip
    yield f"\nPushes found again without any fault: {told}."


def _references(checks: Sequence[Mapping[str, Any]], rules: Sequence[str]) -> Iterator[str]:
    yield "\nA reference that leads nowhere any more:\n"
    for check in checks:
        if check["id"] in rules:
            told = check["observed"].partition(";")[0].partition(" (")[0].partition(": ")[0]
            yield f"- {check['title']}: {check['status']}, {told}"


def _sizes(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    records = [one for one in measurements if one["payload"].startswith("records")]
    largest = max((one["json_bytes"] for one in records), default=0)
    yield f"\nRecords of {largest:,} bytes of JSON:\n"
    rows = [
        (one["codec"], f"{one['stored_bytes']:,}", one["push_requests"], one["pull_requests"])
        for one in records
        if one["json_bytes"] == largest
    ]
    yield from _table(("codec", "stored bytes", "requests of a push", "of a pull"), rows)


def _types(types: Sequence[Mapping[str, str]]) -> Iterator[str]:
    def short(text: str) -> str:
        return text if text.startswith(("becomes", "not available")) else text.partition(":")[0]

    changed = [
        (one["name"], short(one["through_object"]), short(one["through_database"]))
        for one in types
        if (one["through_object"], one["through_database"]) != ("kept", "kept")
    ]
    yield f"\n## Types\n\nNot kept, of {len(types)} tried:\n"
    yield from _table(("type", "through the object", "through the database"), changed)


def main(arguments: Sequence[str]) -> int:
    """Print the page of the runs in these directories; 2 for one that cannot be read."""
    try:
        sys.stdout.write(render([read_run(Path(one)) for one in arguments]))
    except XcomkitError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
