"""The cover of the record: what a reader must know before any notebook.

Target, who, when, what was changed and what was not proved stand before the contents, every check
with the basis of its evidence behind them. Texts are cut, so that the page stays small whatever a
service answered.
"""

from collections.abc import Mapping, Sequence

from xcomkit.findings.model import Check, CloudName, Status
from xcomkit.findings.text import plain
from xcomkit.notebook import show
from xcomkit.record.record import Record
from xcomkit.settings.terms import EMBEDDED, TERMS
from xcomkit.steps.opening import STEPS
from xcomkit.values.helm import CHART

Part = tuple[str, str, show.Table]
"""Id, heading and table of a part of the page."""

_LONGEST = 2_000  # characters of one text; record.json has the whole
_MOST_IN_A_TABLE = 200_000  # characters of all texts of a table
_NOT_PROVED = "not proved"
_FILESYSTEMS: Mapping[CloudName, str] = {"aws": "s3fs", "azure": "adlfs", "gcp": "gcsfs"}
_ENDS: Mapping[str, Status] = {
    "raised": "pass", "retried and stored": "pass", "stored": "pass", "silent loss": "fail",
    "silent wrong value": "fail", "silent leftover": "fail",
}  # fmt: skip
"""How the end of a fault is coloured; any other one proves nothing."""


def make_cover(record: Record) -> tuple[Part, ...]:
    """Return what stands before the contents: the answers that somebody opens a record for."""
    return (
        ("run", "This run", _facts(record)),
        ("findings", "Failed checks, warnings and accepted risks", _findings(record)),
        ("changes", "What was changed", _changes(record)),
        ("not-proved", "What this run did not prove", _unproved(record)),
        ("faults", "The configured values beside those the vendor recommends", _faults(record)),
    )


def make_parts(record: Record) -> tuple[Part, ...]:
    """Return what stands behind the contents, before the notebooks."""
    parameters = {name: _cut(str(value)) for name, value in record.settings.items()}
    files = [_cells(one.name, one.what, one.sha256) for one in record.files]
    headers = ("file", "what it is", "SHA-256")
    return (
        ("steps", "Steps", _steps(record)),
        ("checks", "All checks", _checks(record)),
        ("files", "Files that were proved", _table("Files", headers, files)),
        ("parameters", "Parameters", show.facts(parameters, caption="What every step was given")),
        ("versions", "Versions", show.facts(record.versions, caption="What the proof rests on")),
    )


def tell(record: Record) -> str:
    """Return the facts of the cover as lines of text."""
    rows = [[cell.text for cell in row] for row in _facts(record).rows]
    return "\n".join(f"{name:<16} {plain(value)}" for name, value in rows)


def _facts(record: Record) -> show.Table:
    values = {
        "target": f"{record.target} ({record.settings['region']})",
        "kind of run": f"practice run: {record.where}" if record.practice else record.where,
        "steps": f"{record.ran} of {len(STEPS)} ran",
        "checks": f"{len(record.checks)}: {show.counted(check for _, check in record.checks)}",
        "proved values": f"class and codec: {record.configured}" if record.configured else "none",
        "file to install": record.install or "none: step 03 did not run",
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


def _findings(record: Record) -> show.Table:
    """Return what failed, warns or was accepted, with what to do or why it was accepted."""
    order: Sequence[Status] = ("fail", "unknown", "warn")
    found = sorted(
        ((step, check) for step, check in record.checks if check.status in order),
        key=lambda one: (not one[1].closes_gate, order.index(one[1].status)),
    )
    rows = [
        _cells(
            check.id, show.status_cell(check.status, accepted=bool(check.accepted)),
            f"{check.title}: {check.observed}", _do(check), step,
        )
        for step, check in found
    ]  # fmt: skip
    headers = ("id", "status", "what was observed", "what to do, or why accepted", "step")
    return _table("Not as expected", headers, rows or [_cells("", "", "none", "", "")])


def _changes(record: Record) -> show.Table:
    headers = ("resource", "created", "changed", "deleted", "fulfilled already", "not made")
    rows = [
        _cells(
            one.name,
            *map(", ".join, (one.created, one.changed, one.deleted, one.fulfilled, one.not_made)),
        )
        for one in record.changes
    ]
    return _table("Resources", headers, rows or [_cells("nothing was planned", *[""] * 5)])


def _faults(record: Record) -> show.Table:
    """Return each fault that does not end the same with both, and how many others do."""
    differing = [one for one in record.faults if one.configured != one.recommended]
    lost = sum(_ENDS.get(one.recommended) == "fail" for one in record.faults)
    rows = tuple(
        (
            show.Cell(f"{one.operation}: {one.fault}"), _end(one.configured), _end(one.recommended)
        )
        for one in differing
    )  # fmt: skip
    caption = (
        f"Of {len(record.faults)} faults, {lost} lose a value or leave one behind without an error"
        f" with the vendor's values; {len(record.faults) - len(differing)} end the same with both"
        if record.faults
        else "No fault was injected, so nothing of this is proved"
    )
    headers = ("fault", f"configured: {record.configured}", "the vendor's: stock, zip")
    return show.Table(caption, headers, rows)


def _end(verdict: str) -> show.Cell:
    return show.Cell(verdict, status=_ENDS.get(verdict, "skip")) if verdict else show.Cell("-")


def _steps(record: Record) -> show.Table:
    rows = tuple(
        _cells(
            step.name, step.outcome, show.status_cell(step.status), str(len(step.checks)),
            f"{step.seconds:.1f}",
        )
        for step in record.steps
    )  # fmt: skip
    headers = ("step", "outcome", "verdict", "checks", "seconds")
    return show.Table("How each step ended", headers, rows)


def _unproved(record: Record) -> show.Table:
    """Return what the run leaves open: also what a step that was not chosen would have seen."""
    rows = []
    if record.settings["endpoint_url"] == EMBEDDED:
        store = TERMS[record.settings["cloud"]].store
        rows.append(_cells("", "", f"What {store} itself answers", record.where))
    ran = {step.name for step in record.steps}
    rows += [_cells("", "", f"What {s} looks at", "not chosen") for s in STEPS if s not in ran]
    rows += [
        _cells(step, check.id, check.title, check.observed)
        for step, check in record.checks
        if _basis(check) == _NOT_PROVED
    ]
    rows = rows or [_cells("", "", "nothing of what was asked", "every check gave an answer")]
    return _table("Not proved", ("step", "id", "what is not proved", "why"), rows)


def _checks(record: Record) -> show.Table:
    headers = (
        "id", "status", "check", "expected", "observed", "basis", "step and how", "what to do",
    )  # fmt: skip
    return _table("Checks", headers, [_row(step, check) for step, check in record.checks])


def _row(step: str, check: Check) -> tuple[show.Cell, ...]:
    status = show.status_cell(check.status, accepted=bool(check.accepted))
    return _cells(
        check.id, status, check.title, check.expected, check.observed, _basis(check),
        f"{step}: {check.how}", _do(check),
    )  # fmt: skip


def _do(check: Check) -> str:
    return f"accepted: {check.accepted}" if check.accepted else check.remedy


def _cells(*values: str | show.Cell) -> tuple[show.Cell, ...]:
    return tuple(show.Cell(_cut(one)) if isinstance(one, str) else one for one in values)


def _table(caption: str, headers: tuple[str, ...], rows: list[tuple[show.Cell, ...]]) -> show.Table:
    """Return the rows as a table, those at its end left out where it would become too large."""
    room, fitting = _MOST_IN_A_TABLE, []
    for row in rows:
        room -= sum(len(cell.text) for cell in row)
        if room < 0:
            break
        fitting.append(row)
    left = len(rows) - len(fitting)
    more = f"; {left} more are in record.json" if left else ""
    return show.Table(f"{caption}: {len(rows)}{more}", headers, tuple(fitting))


def _basis(check: Check) -> str:
    """Return how strong the evidence is; what gave no answer proves nothing."""
    is_open = check.status in ("unknown", "skip") or check.basis == "not-supported-here"
    return _NOT_PROVED if is_open else check.basis


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text):,} characters, whole in record.json)"
