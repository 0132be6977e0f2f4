"""The cover of the record: what a reader must know before any notebook.

Target, who, when, the verdict in a sentence, what was not proved, and every check with the basis
of its evidence. Texts are cut, so that the page stays small whatever a service answered.
"""

from xcomkit.findings.model import Check
from xcomkit.notebook import show
from xcomkit.record.record import Record
from xcomkit.settings.terms import EMBEDDED, TERMS
from xcomkit.steps.opening import STEPS

_LONGEST = 2_000  # characters of one text; record.json has the whole
_MOST_IN_A_TABLE = 200_000  # characters of all texts of a table
_NOT_PROVED = "not proved"


def make_parts(record: Record) -> tuple[tuple[str, str, show.Table], ...]:
    """Return id, heading and table of each part of the cover, in order."""
    parameters = {name: _cut(str(value)) for name, value in record.settings.items()}
    return (
        ("run", "This run", _facts(record)),
        ("steps", "Steps", _steps(record)),
        ("not-proved", "What this run did not prove", _unproved(record)),
        ("checks", "All checks", _checks(record)),
        ("parameters", "Parameters", show.facts(parameters, caption="What every step was given")),
        ("versions", "Versions", show.facts(record.versions, caption="What the proof rests on")),
    )


def _facts(record: Record) -> show.Table:
    summary = show.counted(check for _, check in record.checks)
    values = {
        "target": f"{record.target} ({record.settings['region']})",
        "where": record.where,
        "who": _cut(record.who) or "not asked in these steps",
        "when (UTC)": record.written.replace("T", " ")[:19],
        "run": record.run,
        "commit of the runbook": record.commit or "not in a git checkout",
        "checks": f"{len(record.checks)}: {summary}",
        "changes": "apply was on: plans were carried out"
        if record.settings["apply"]
        else "apply was off: plans were displayed only",
    }
    return show.facts(values, caption="Run")


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
    do = f"accepted: {check.accepted}" if check.accepted else check.remedy
    return _cells(
        check.id, status, check.title, check.expected, check.observed, _basis(check),
        f"{step}: {check.how}", do,
    )  # fmt: skip


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
