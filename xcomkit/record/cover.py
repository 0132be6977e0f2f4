"""The cover of the record: what a reader must know before any notebook.

Target, who, when, what was changed and what was not proved stand before the contents, every check
with the basis of its evidence behind them. Texts are cut, so that the page stays small whatever a
service answered.
"""

from collections.abc import Mapping
from dataclasses import fields, replace

from xcomkit.findings.model import Check, CloudName, FaultPair, Status
from xcomkit.findings.text import plain
from xcomkit.notebook import show
from xcomkit.record.record import Record
from xcomkit.settings.terms import TERMS
from xcomkit.steps.opening import STEPS
from xcomkit.values.helm import CHART

Part = tuple[str, str, show.Table | show.Checks]
"""Id, heading and content of a part of the page."""
Found = list[tuple[str, Check]]

_LONGEST = 2_000  # characters of one text; record.json has the whole
_MOST = 120_000  # characters of all checks
_FILESYSTEMS: Mapping[CloudName, str] = {"aws": "s3fs", "azure": "adlfs", "gcp": "gcsfs"}
_FATES = ("created", "changed", "deleted", "fulfilled_already", "not_made")
_HEARD = ("raised", "retried and stored", "retried and read", "retried and deleted", "stored")
"""Ends of a fault that the task noticed, or did not need to notice."""
_SHORT = 150  # characters of an observation on the cover; the check itself has the whole


def make_cover(record: Record) -> tuple[Part, ...]:
    """Return what stands before the contents: the answers that somebody opens a record for."""
    found = _fitting(record)
    return (
        ("findings", "Failed checks, warnings and accepted risks", _findings(found)),
        ("changes", "What was changed", _changes(record)),
        ("not-proved", "What this run did not prove", _unproved(record, found)),
    )


def make_parts(record: Record) -> tuple[Part, ...]:
    """Return what stands behind the contents, before the notebooks."""
    found = _fitting(record)
    left = len(record.checks) - len(found)
    caption = f"All checks; {left} more are in record.json" if left else "All checks"
    checks = show.checks((c for _, c in found), caption=caption, steps=(step for step, _ in found))
    rows = [(one.name, one.what, one.sha256) for one in record.files]
    files = show.table(
        ("file", "what it is", "SHA-256"), rows, caption="To recover what was proved"
    )
    parameters = {n: _cut(str(v)) for n, v in record.settings.items() if v not in ("", [], {})}
    return (
        ("checks", "Checks", checks),
        ("files", "Files that were proved", files),
        ("parameters", "Parameters", show.facts(parameters, caption="Those that are not empty")),
        ("versions", "Versions", show.facts(record.versions, caption="What the proof rests on")),
    )  # fmt: skip


def _fitting(record: Record) -> Found:
    """Return each check with its step, cut, what did not pass first, as far as there is room."""
    order = ("fail", "unknown", "warn", "skip", "pass")
    room, fitting = _MOST, []
    for step, check in sorted(record.checks, key=lambda pair: order.index(pair[1].status)):
        texts = {f.name: _cut(getattr(check, f.name)) for f in fields(check)}
        room -= sum(map(len, texts.values()))
        if room < 0:
            break
        fitting.append((step, replace(check, **texts)))  # type: ignore[arg-type]
    return fitting


def tell(record: Record) -> str:
    """Return what the cover says as text, the facts of the run last."""
    tables = [faults(record), *(part for _, _, part in make_cover(record))]
    rows = [[cell.text for cell in row] for row in facts(record).rows]
    lines = "\n".join(f"{name:<12} {plain(value)}" for name, value in rows)
    return "\n\n".join((*map(repr, tables), lines))


def facts(record: Record) -> show.Table:
    """Return target, kind, extent, caller and versions of the run, and what to do next."""
    values = {
        "target": f"{record.target} ({record.settings['region']})",
        "kind": f"{'practice run' if record.practice else 'real target'}: {record.where}",
        "steps": f"{record.ran} of {len(STEPS)} ran",
        "checks": f"{len(record.checks)}: {show.counted(check for _, check in record.checks)}",
        "proved": f"class and codec: {record.configured}" if record.configured else "none",
        "to install": _to_install(record),
        "changes": "apply was on: plans were carried out"
        if record.settings["apply"]
        else "apply was off: plans were displayed only",
        "who ran it": _cut(record.who) or "not asked in these steps",
        "when (UTC)": record.written.replace("T", " ")[:19],
        "versions": _versions(record),
        "run": f"{record.run}; runbook {record.commit or 'not in a git checkout'}",
        "next": record.next,
    }
    return show.facts(values, caption="Run")


def _to_install(record: Record) -> str:
    if not record.good:
        return "nothing yet: what failed has to be fixed first"
    if not record.install:
        return "nothing: step 03 did not run"
    return f"{'practice, not for your agents: ' if record.practice else ''}{record.install}"


def _versions(record: Record) -> str:
    """Return the versions that decide what was proved; the whole list is below."""
    filesystem = _FILESYSTEMS[record.settings["cloud"]]
    names = {
        "Airflow": "apache-airflow", "common-io": "apache-airflow-providers-common-io",
        filesystem: filesystem, "Python": "python", "xcomkit": "xcomkit", "chart": CHART,
    }  # fmt: skip
    return ", ".join(
        f"{word} {record.versions.get(name, 'not known')}" for word, name in names.items()
    )


def _findings(found: Found) -> show.Table:
    """Return what failed, warns or was accepted, with what to do or why it was accepted."""
    rows = tuple(
        (
            show.Cell(check.id, link=f"#{check.id}"),
            show.status_cell(check.status, accepted=bool(check.accepted)),
            show.Cell(f"Expected: {check.title}. Observed: {_brief(check.observed)}"),
            show.Cell(f"accepted: {check.accepted}" if check.accepted else check.remedy),
            show.Cell(step[:2]),
        )
        for step, check in sorted(found, key=lambda pair: not pair[1].closes_gate)
        if check.status not in ("pass", "skip")
    )
    headers = ("id", "status", "expected and observed", "what to do, or why accepted", "step")
    return show.Table(f"Not as expected: {len(rows) or 'nothing'}", headers, rows)


def _changes(record: Record) -> show.Table:
    columns = {"resource": [one.name for one in record.changes]} | {
        name.replace("_", " "): [", ".join(getattr(one, name)) for one in record.changes]
        for name in _FATES
    }
    used = {name: texts for name, texts in columns.items() if any(texts)}
    rows = zip(*used.values(), strict=True)
    caption = f"Resources: {len(record.changes) or 'none was planned for'}"
    return show.table([*used], rows, caption=caption)


def faults(record: Record) -> show.Table:
    """Return each fault that one of both loses, and how many there were."""
    silent = [sum(map(_is_silent, ends)) for ends in zip(*map(_ends, record.faults), strict=True)]
    rows = tuple(
        (show.Cell(f"{one.operation}: {one.fault}"), *map(_end, _ends(one)))
        for one in record.faults
        if any(map(_is_silent, _ends(one)))
    )
    caption = (
        f"Of {len(record.faults)} faults, {silent[1]} lose something without an error with the"
        f" vendor's values, {silent[0]} with those that are configured"
        if silent
        else "Not proved: no fault was injected"
    )
    headers = ("fault", f"configured: {record.configured}", "the vendor's: stock, zip")
    return show.Table(caption, headers, rows)


def _ends(pair: FaultPair) -> tuple[str, str]:
    return pair.configured, pair.recommended


def _is_silent(end: str) -> bool:
    return end.startswith("silent")


def _end(end: str) -> show.Cell:
    status: Status = "fail" if _is_silent(end) else "pass" if end in _HEARD else "skip"
    return show.Cell(f"{show.MARKS[status]} {end}" if end else "does not occur", status=status)


def _unproved(record: Record, found: Found) -> show.Table:
    """Return what the run leaves open: also what a step that was not chosen would have seen."""
    rows = []
    if record.practice:
        store = TERMS[record.settings["cloud"]].store
        rows.append(("", "", f"What {store} itself answers", record.where))
    ran = {step.name for step in record.steps}
    rows += [("", "", f"What {s} looks at", "not chosen") for s in STEPS if s not in ran]
    rows += [
        (step[:2], check.id, check.title, _brief(check.observed))
        for step, check in found
        if check.status in ("unknown", "skip") or check.basis == "not-supported-here"
    ]
    headers = ("step", "id", "what is not proved", "why")
    return show.table(headers, rows, caption=f"Not proved: {len(rows) or 'nothing was left open'}")


def _brief(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text):,} characters, whole in record.json)"
