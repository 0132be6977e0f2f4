"""The cover of the record: what a reader must know before any notebook.

Target, who, when, the verdict in a sentence, what was not proved, and every check with the basis
of its evidence. Texts are cut, so that the page stays small whatever a service answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xcomkit.findings.model import Check, Status
from xcomkit.notebook import show
from xcomkit.record.runner import Run
from xcomkit.settings.terms import TERMS
from xcomkit.steps.opening import STEPS

_LONGEST = 2_000  # characters of one text; record.json has the whole
_MOST_IN_A_TABLE = 200_000  # characters of all texts of a table
_VERDICTS: Mapping[Status, str] = MappingProxyType(
    {
        "pass": "Proved: every check that could be made passed.",
        "warn": "Usable, with warnings or accepted risks: read them below.",
        "fail": "Not usable as it is: at least one check failed.",
        "unknown": "Not proved: at least one thing could not be looked at.",
        "skip": "Nothing was checked.",
    }
)
_NOT_PROVED = "not proved"


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a run beside its results: when it was written, by whom, with what."""

    written: str
    who: str
    commit: str
    versions: Mapping[str, str]


def verdict_sentence(run: Run) -> str:
    """Return the run's verdict in a sentence, and of how many steps where it is not of all."""
    chosen = len(run.results)
    part = f" ({chosen} of {len(STEPS)} steps.)" if chosen < len(STEPS) else ""
    return f"{_VERDICTS[run.verdict]}{part}"


def make_parts(run: Run, about: About) -> tuple[tuple[str, str, show.Table], ...]:
    """Return id, heading and table of each part of the cover, in order."""
    settings = run.settings.recorded
    parameters = {name: _cut(str(value)) for name, value in settings.items()}
    return (
        ("run", "This run", _facts(run, about)),
        ("steps", "Steps", _steps(run)),
        ("not-proved", "What this run did not prove", _unproved(run)),
        ("checks", "All checks", _checks(run)),
        ("parameters", "Parameters", show.facts(parameters, caption="What every step was given")),
        ("versions", "Versions", show.facts(about.versions, caption="What the proof rests on")),
    )


def _facts(run: Run, about: About) -> show.Table:
    summary = show.counted(check for _, check in run.checks)
    values = {
        "target": f"{run.settings.place} ({run.settings.region})",
        "where": run.where,
        "who": _cut(about.who) or "not asked in these steps",
        "when (UTC)": about.written.replace("T", " ")[:19],
        "run": run.directory.name,
        "commit of the runbook": about.commit or "not in a git checkout",
        "checks": f"{len(run.checks)}: {summary}",
        "changes": "apply was on: plans were carried out"
        if run.settings.apply
        else "apply was off: plans were shown only",
    }
    return show.facts(values, caption="Run")


def _steps(run: Run) -> show.Table:
    rows = tuple(
        (
            show.Cell(r.name),
            show.Cell(r.outcome),
            show.status_cell(r.status),
            show.Cell(str(len(r.checks))),
            show.Cell(f"{r.seconds:.1f}"),
        )
        for r in run.results
    )
    headers = ("step", "outcome", "verdict", "checks", "seconds")
    return show.Table("How each step ended", headers, rows)


def _unproved(run: Run) -> show.Table:
    """Return what the run leaves open: also what a step that was not chosen would have shown."""
    store = TERMS[run.settings.cloud].store
    rows = [("", "", f"What {store} itself answers", run.where)] if run.settings.is_embedded else []
    ran = {result.name for result in run.results}
    rows += [("", "", f"What {s} looks at", "not chosen") for s in STEPS if s not in ran]
    rows += [
        (step, check.id, _cut(check.title), _cut(check.observed))
        for step, check in run.checks
        if _basis(check) == _NOT_PROVED
    ]
    rows = rows or [("", "", "nothing of what was asked", "every check gave an answer")]
    shown = [tuple(map(show.Cell, row)) for row in rows]
    headers = ("step", "id", "what is not proved", "why")
    return _table("Not proved", headers, shown)


def _checks(run: Run) -> show.Table:
    headers = (
        "id", "status", "check", "expected", "observed", "basis", "step and how", "what to do",
    )  # fmt: skip
    return _table("Checks", headers, [_row(step, check) for step, check in run.checks])


def _table(caption: str, headers: tuple[str, ...], rows: list[tuple[show.Cell, ...]]) -> show.Table:
    """Return the rows as a table, those at its end left out where it would become too large."""
    room, shown = _MOST_IN_A_TABLE, []
    for row in rows:
        room -= sum(len(cell.text) for cell in row)
        if room < 0:
            break
        shown.append(row)
    more = f"; {len(rows) - len(shown)} more are in record.json" if len(shown) < len(rows) else ""
    return show.Table(f"{caption}: {len(rows)}{more}", headers, tuple(shown))


def _row(step: str, check: Check) -> tuple[show.Cell, ...]:
    do = f"accepted: {check.accepted}" if check.accepted else check.remedy
    texts = (check.title, check.expected, check.observed)
    return (
        show.Cell(_cut(check.id)),
        show.status_cell(check.status, accepted=bool(check.accepted)),
        *(show.Cell(_cut(text)) for text in texts),
        show.Cell(_basis(check)),
        show.Cell(_cut(f"{step}: {check.how}")),
        show.Cell(_cut(do)),
    )


def _basis(check: Check) -> str:
    """Return how strong the evidence is; what gave no answer proves nothing."""
    is_open = check.status in ("unknown", "skip") or check.basis == "not-supported-here"
    return _NOT_PROVED if is_open else check.basis


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text):,} characters, whole in record.json)"
