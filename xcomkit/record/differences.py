"""What is different between two records: verdict, checks, settings and versions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check
from xcomkit.findings.text import plain
from xcomkit.findings.text_file import SCHEMA
from xcomkit.notebook import show
from xcomkit.record.record import Record, read_record

Kind = Literal["changed", "new", "gone", "observed"]

MOST_SHOWN = 40  # per kind; the machine's format has them all
_LONGEST = 200  # characters of somebody else's text in one line
_WORDS: Mapping[Kind, str] = {
    "changed": "changed",
    "new": "new",
    "gone": "gone",
    "observed": "same status, other words",
}


@dataclass(frozen=True, slots=True)
class CheckDifference:
    """A check of a step that is not the same in both records; what is not there is ``None``."""

    kind: Kind
    step: str
    id: str
    title: str
    before: Check | None
    after: Check | None


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything in which the second record differs from the first.

    Of settings and versions ``name``, ``before`` and ``after``; a side that lacks the name has no
    such member.
    """

    before: Record
    after: Record
    checks: tuple[CheckDifference, ...]
    settings: tuple[dict[str, Any], ...]
    versions: tuple[dict[str, Any], ...]

    @property
    def has_same_checks(self) -> bool:
        """Tell whether both records have the same checks with the same statuses and bases."""
        return all(found.kind == "observed" for found in self.checks)

    @property
    def is_same_target(self) -> bool:
        """Tell whether both are of the same place and endpoint: a stand-in is not the cloud."""
        before, after = (
            (record.target, record.settings.get("endpoint_url", ""))
            for record in (self.before, self.after)
        )
        return before == after


def compare(before: Record, after: Record) -> Differences:
    """Return how the second record differs from the first."""
    return Differences(
        before,
        after,
        checks=tuple(_check_differences(before.checks, after.checks)),
        settings=tuple(_value_differences(before.settings, after.settings)),
        versions=tuple(_value_differences(before.versions, after.versions)),
    )


def compare_with_last(record: Record, *, runs: Path) -> Differences | None:
    """Return how a record differs from the newest earlier one of its target, in their common steps.

    One in which something was applied comes first. Steps that did not run to their gate in both
    are left out. ``runs`` is the folder of the run directories; ``None``: there is no such record.
    """
    found: list[Differences] = []
    for path in sorted(runs.glob("*/record.json"), reverse=True):
        try:
            earlier = read_record(path)
        except InputError:
            continue
        ran = [{s.name for s in r.steps if s.outcome in ("done", "red")} for r in (earlier, record)]
        if earlier.written < record.written and ran[0] & ran[1]:
            before, after = (
                replace(one, steps=tuple(s for s in one.steps if s.name in ran[0] & ran[1]))
                for one in (earlier, record)
            )
            if (difference := compare(before, after)).is_same_target:
                found.append(difference)
    applied = (one for one in found if one.before.settings.get("apply"))
    return next(applied, next(iter(found), None))


def list_drift(found: Differences | None, record: Record) -> list[str]:
    """Return what drifted, a line for each check, and which steps could not be compared."""
    if record.practice:
        return ["What drifted: nothing to compare, a stand-in is new for each run."]
    if found is None:
        return ["What drifted: nothing to compare, this is the first record of the target."]
    drifted = [one for one in found.checks if one.kind != "observed"]
    count = len(found.after.checks)
    since = f"Since {cut(found.before.run, 80)}"
    lines = [f"{since}: {len(drifted) or 'none'} of {count} checks drifted."]
    for difference in drifted[:MOST_SHOWN]:
        lines += _lines_of_check(difference)
    if len(drifted) > MOST_SHOWN:
        lines.append(f"  and {len(drifted) - MOST_SHOWN} more: xcomkit diff-records has them all.")
    compared = {step.name for step in found.after.steps}
    if rest := [step.name for step in record.steps if step.name not in compared]:
        lines.append(f"Not compared, because they did not run in both: {', '.join(rest)}.")
    return lines


def _check_differences(
    before: Sequence[tuple[str, Check]], after: Sequence[tuple[str, Check]]
) -> Iterator[CheckDifference]:
    """Yield each check that differs, with its partner in the other record."""
    partners = _find_partners(before, after)
    for place, (step, check) in enumerate(after):
        old = before[partners[place]][1] if place in partners else None
        kind: Kind | None = None
        if old is None:
            kind = "new"
        elif _standing(old) != _standing(check):
            kind = "changed"
        elif (old.observed, old.title) != (check.observed, check.title):
            kind = "observed"
        if kind:
            yield CheckDifference(kind, step, check.id, check.title, old, check)
    for place in sorted({*range(len(before))} - {*partners.values()}):
        step, old = before[place]
        yield CheckDifference("gone", step, old.id, old.title, old, None)


def _standing(check: Check) -> tuple[str, bool, str]:
    """Return what counts when two records are compared."""
    return check.status, bool(check.accepted), check.basis


def _find_partners(
    before: Sequence[tuple[str, Check]], after: Sequence[tuple[str, Check]]
) -> dict[int, int]:
    """Return the place of the older check per place of the newer one; each is used once.

    Both agree in step and id, and of several the closest: in what was observed as well.
    """
    old, new = (
        [(step, check.id, check.observed) for step, check in checks] for checks in (before, after)
    )
    found: dict[int, int] = {}
    for length in (3, 2):
        waiting: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for place in sorted({*range(len(old))} - {*found.values()}, reverse=True):
            waiting[old[place][:length]].append(place)
        for place, texts in enumerate(new):
            if place not in found and (those := waiting.get(texts[:length])):
                found[place] = those.pop()
    return found


def _value_differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield each name whose values differ as JSON, so that 1 is not True."""
    for name in sorted({*before, *after}):
        sides = {"before": before, "after": after}
        found = {side: values[name] for side, values in sides.items() if name in values}
        if len(found) < 2 or len(set(map(_json, found.values()))) > 1:
            yield {"name": name, **found}


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def to_text(found: Differences) -> str:
    """Return the differences for people; long lists and texts are cut, and it is said."""
    by_kind = {kind: [d for d in found.checks if d.kind == kind] for kind in _WORDS}
    lines = [
        f"before  {_describe(found.before)}",
        f"after   {_describe(found.after)}",
        *([] if found.is_same_target else ["! these are records of different targets"]),
        *_lines_of_steps(found),
        "",
        "checks: " + ", ".join(f"{len(by_kind[kind])} {word}" for kind, word in _WORDS.items()),
    ]
    for kind, word in _WORDS.items():
        for difference in by_kind[kind][:MOST_SHOWN]:
            lines += _lines_of_check(difference)
        lines += _more(len(by_kind[kind]), what=f"checks, {word}")
    for what, values in (("settings", found.settings), ("versions", found.versions)):
        lines.append(f"{what}: {len(values) or 'no'} different")
        lines += [
            f"  {cut(v['name'], 60)}: {_value(v, 'before')} → {_value(v, 'after')}"
            for v in values[:MOST_SHOWN]
        ]
        lines += _more(len(values), what=what)
    return "\n".join([*lines, "", _verdict(found)]) + "\n"


def _describe(record: Record) -> str:
    return f"{show.marked(record.verdict):<9} {cut(record.run, 80)}  {cut(record.target, 120)}"


def _steps(record: Record) -> list[str]:
    return list(dict.fromkeys(step for step, _ in record.checks))


def _lines_of_steps(found: Differences) -> Iterator[str]:
    before, after = _steps(found.before), _steps(found.after)
    for word, one, other in (("before", before, after), ("after", after, before)):
        if only := [step for step in one if step not in other]:
            yield cut(f"steps only {word}: {', '.join(only)}", _LONGEST)


def _lines_of_check(difference: CheckDifference) -> Iterator[str]:
    before, after = difference.before, difference.after
    sides = [check for check in (before, after) if check]
    is_basis = difference.kind == "changed" and len({_standing(c)[:2] for c in sides}) == 1
    words = (
        f"{show.marked(check.status)}{' (accepted)' if check.accepted else ''}"
        + (f" by {check.basis}" if is_basis else "")
        for check in sides
    )
    head = f"{cut(difference.step, 40)} {cut(difference.id, 12)}"
    yield f"  {head}  {' → '.join(dict.fromkeys(words))}  {cut(difference.title, _LONGEST)}"
    if before and after and before.observed == after.observed:
        yield f"      still: {cut(after.observed, _LONGEST)}"
        return
    if before:
        yield f"      was: {cut(before.observed, _LONGEST)}"
    if after:
        yield f"      is:  {cut(after.observed, _LONGEST)}"


def _more(count: int, *, what: str) -> list[str]:
    hidden = count - MOST_SHOWN
    return [f"  and {hidden} more {what}; --format json has them all"] if hidden > 0 else []


def _verdict(found: Differences) -> str:
    before, after = (show.marked(record.verdict) for record in (found.before, found.after))
    verdict = f"verdict {after}, as before" if before == after else f"verdict {before} → {after}"
    same = "the same checks with the same statuses and bases"
    return f"{same if found.has_same_checks else 'checks differ'}; {verdict}"


def _value(difference: Mapping[str, Any], side: str) -> str:
    if side not in difference:
        return "absent"
    value = difference[side]
    return cut(value if isinstance(value, str) and value else _json(value), _LONGEST)


def cut(text: str, longest: int) -> str:
    """Return a text on one line, with nothing but letters, of at most so many characters."""
    shown = plain(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def to_json(found: Differences) -> str:
    """Return all differences as JSON, schema 1."""
    document = {
        "schema": SCHEMA,
        "same_checks": found.has_same_checks,
        "same_target": found.is_same_target,
        "before": _side(found.before),
        "after": _side(found.after),
        "checks": [asdict(difference) for difference in found.checks],
        "settings": found.settings,
        "versions": found.versions,
    }
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def _side(record: Record) -> dict[str, Any]:
    names = ("run", "target", "where", "written", "commit", "verdict")
    return {name: getattr(record, name) for name in names} | {"steps": _steps(record)}
