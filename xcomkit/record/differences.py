"""What is different between two records: verdict, checks, settings and versions."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xcomkit.findings import evidence
from xcomkit.findings.plain import plain
from xcomkit.notebook import show
from xcomkit.record.reading import Record, RecordedCheck

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
    """A check that is not the same in both records; what is not there is ``None``."""

    kind: Kind
    before: RecordedCheck | None
    after: RecordedCheck | None

    @property
    def check(self) -> RecordedCheck:
        """Return the check as it is now, or as it was when it is gone."""
        found = self.after or self.before
        if found is None:
            raise TypeError("a difference has at least one side")
        return found


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """A setting or version that is not the same; values as JSON, absent is ``None``."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything in which the second record differs from the first."""

    before: Record
    after: Record
    checks: tuple[CheckDifference, ...]
    settings: tuple[ValueDifference, ...]
    versions: tuple[ValueDifference, ...]

    def of(self, kind: Kind) -> tuple[CheckDifference, ...]:
        """Return the differences of one kind."""
        return tuple(found for found in self.checks if found.kind == kind)

    @property
    def has_same_checks(self) -> bool:
        """Tell whether both records have the same checks with the same statuses and bases."""
        return all(found.kind == "observed" for found in self.checks)

    @property
    def exit_code(self) -> int:
        """Return 0 for the same checks with the same statuses and bases, else 1."""
        return 0 if self.has_same_checks else 1


def compare(before: Record, after: Record) -> Differences:
    """Return how the second record differs from the first."""
    return Differences(
        before,
        after,
        checks=tuple(_check_differences(before, after)),
        settings=_value_differences(before.settings, after.settings),
        versions=_value_differences(before.versions, after.versions),
    )


def _check_differences(before: Record, after: Record) -> Iterator[CheckDifference]:
    """Yield each check that differs, with its partner in the other record."""
    partners = _pairs(before.checks, after.checks)
    partnered = {id(old) for old in partners.values()}
    for check in after.checks:
        old = partners.get(id(check))
        if old is None:
            yield CheckDifference("new", None, check)
        elif old.standing != check.standing:
            yield CheckDifference("changed", old, check)
        elif (old.observed, old.title) != (check.observed, check.title):
            yield CheckDifference("observed", old, check)
    for old in before.checks:
        if id(old) not in partnered:
            yield CheckDifference("gone", old, None)


def _pairs(
    before: Iterable[RecordedCheck], after: Iterable[RecordedCheck]
) -> dict[int, RecordedCheck]:
    """Return the older check per identity of the newer one; each is used once.

    Pairs agree in step and id, and of several the closest: in title and what was observed, then in
    the title; for either may be reworded.
    """
    old, new = list(before), list(after)
    found: dict[int, RecordedCheck] = {}
    for likeness in (_same, _same_title, _same_id):
        waiting: defaultdict[tuple[str, ...], list[RecordedCheck]] = defaultdict(list)
        used = {id(check) for check in found.values()}
        for check in reversed(old):
            if id(check) not in used:
                waiting[likeness(check)].append(check)
        for check in new:
            if id(check) not in found and (those := waiting.get(likeness(check))):
                found[id(check)] = those.pop()
    return found


def _same(check: RecordedCheck) -> tuple[str, ...]:
    return (*_same_title(check), check.observed)


def _same_title(check: RecordedCheck) -> tuple[str, ...]:
    return (*_same_id(check), check.title)


def _same_id(check: RecordedCheck) -> tuple[str, ...]:
    return (check.step, check.id)


def _value_differences(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[ValueDifference, ...]:
    return tuple(
        ValueDifference(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def to_text(found: Differences) -> str:
    """Return the differences for people; long lists and texts are cut, and it is said."""
    counts = Counter(difference.kind for difference in found.checks)
    lines = [
        f"before  {_named(found.before)}",
        f"after   {_named(found.after)}",
        *(["! these are records of different targets"] if not is_same_target(found) else []),
        *_lines_of_steps(found),
        "",
        "checks: " + ", ".join(f"{counts[kind]} {word}" for kind, word in _WORDS.items()),
    ]
    for kind in _WORDS:
        those = found.of(kind)
        for difference in those[:MOST_SHOWN]:
            lines += _lines_of_check(difference)
        lines += _more(len(those), what=f"checks, {_WORDS[kind]}")
    for what, values in (("settings", found.settings), ("versions", found.versions)):
        lines.append(f"{what}: {len(values) or 'no'} different")
        lines += [
            f"  {cut(v.name, 60)}: {_value(v.before, _LONGEST)} → {_value(v.after, _LONGEST)}"
            for v in values[:MOST_SHOWN]
        ]
        lines += _more(len(values), what=what)
    return "\n".join([*lines, "", _verdict(found)]) + "\n"


def is_same_target(found: Differences) -> bool:
    """Tell whether both records are of the same place and endpoint: a stand-in is not the cloud."""
    before, after = found.before, found.after
    return (before.target, before.endpoint) == (after.target, after.endpoint)


def _named(record: Record) -> str:
    return f"{show.marked(record.verdict):<9} {cut(record.run, 80)}  {cut(record.target, 120)}"


def _lines_of_steps(found: Differences) -> Iterator[str]:
    for word, one, other in (
        ("before", found.before, found.after),
        ("after", found.after, found.before),
    ):
        if only := [step for step in one.steps if step not in other.steps]:
            yield cut(f"steps only {word}: {', '.join(only)}", _LONGEST)


def _lines_of_check(difference: CheckDifference) -> Iterator[str]:
    check = difference.check
    head = f"{cut(check.step, 40)} {cut(check.id, 12)}"
    sides = " → ".join(dict.fromkeys(_words(difference, has_marks=True)))
    yield f"  {head}  {sides}  {cut(check.title, _LONGEST)}"
    before, after = difference.before, difference.after
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
    same = (
        "the same checks with the same statuses and bases"
        if found.has_same_checks
        else "checks differ"
    )
    return f"{same}; {verdict}"


def _words(found: CheckDifference, *, has_marks: bool = False) -> Iterator[str]:
    """Yield how the check stands on each side that has it; the basis where only that changed."""
    sides = [side for side in (found.before, found.after) if side]
    is_basis = found.kind == "changed" and len({side.standing[:2] for side in sides}) == 1
    for check in sides:
        word = show.marked(check.status) if has_marks else check.status
        accepted = " (accepted)" if check.accepted else ""
        basis = f" by {cut(check.basis, 20)}" if is_basis else ""
        yield f"{word}{accepted}{basis}"


def _value(value: str | None, longest: int) -> str:
    if value is None:
        return "absent"
    loaded = json.loads(value)
    return cut(loaded if isinstance(loaded, str) and loaded else value, longest)


def cut(text: str, longest: int) -> str:
    """Return a text on one line, with nothing but letters, of at most so many characters."""
    shown = plain(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def to_json(found: Differences) -> str:
    """Return all differences as JSON, schema 1."""
    document = {
        "schema": evidence.SCHEMA,
        "same_checks": found.has_same_checks,
        "same_target": is_same_target(found),
        "before": _side(found.before),
        "after": _side(found.after),
        "checks": [
            {
                "kind": d.kind,
                "step": d.check.step,
                "id": d.check.id,
                "title": d.check.title,
                "before": _recorded(d.before),
                "after": _recorded(d.after),
            }
            for d in found.checks
        ],
        "settings": [_both(value) for value in found.settings],
        "versions": [_both(value) for value in found.versions],
    }
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def _side(record: Record) -> dict[str, Any]:
    names = ("run", "target", "where", "written", "commit", "verdict")
    return {name: getattr(record, name) for name in names} | {"steps": list(record.steps)}


def _recorded(check: RecordedCheck | None) -> dict[str, str] | None:
    names = ("status", "accepted", "basis", "observed")
    return {name: getattr(check, name) for name in names} if check else None


def _both(value: ValueDifference) -> dict[str, Any]:
    sides = {"before": value.before, "after": value.after}
    given = {name: json.loads(side) for name, side in sides.items() if side is not None}
    return {"name": value.name, **given}
