"""The verdict of a run in a sentence: a practice run or a part of a run is never called usable."""

from collections.abc import Sequence

from xcomkit.findings.model import Check, worst
from xcomkit.findings.text import listed
from xcomkit.steps.opening import STEPS

_MOST_NAMED = 8


def describe(checks: Sequence[Check], *, is_practice: bool, ran: int) -> str:
    """Return how a run went, with the ids of the checks that decided it.

    ``ran`` counts the steps of the runbook that ran.
    """
    found, part = _count(checks), f"{ran} of {len(STEPS)} steps"
    if is_practice:
        return f"Practice run on a stand-in{f', {part}' if ran < len(STEPS) else ''}: {found}."
    if ran < len(STEPS):
        return f"Partial run: {part}. {found[0].upper()}{found[1:]}."
    match worst(checks):
        case "pass":
            return f"Usable: {found}."
        case "warn":
            return f"Usable, with what is named here: {found}."
        case "fail":
            return f"Not usable as it is: {found}."
        case _:
            return f"Not proved: {found}."


def is_accepted(check: Check) -> bool:
    """Tell whether the check is a risk that was accepted by name."""
    return bool(check.accepted) and check.status != "pass"


def _count(checks: Sequence[Check]) -> str:
    """Return what did not pass, by number and id; what was only skipped is not counted."""
    red = [check for check in checks if check.closes_gate]
    groups = (
        ("check failed", "checks failed", [c for c in red if c.status == "fail"]),
        ("check has no answer", "checks have no answer", [c for c in red if c.status == "unknown"]),
        ("warning", "warnings", [c for c in checks if c.status == "warn" and not c.accepted]),
        ("accepted risk", "accepted risks", [c for c in checks if is_accepted(c)]),
    )
    parts = [
        f"{len(found)} {one if len(found) == 1 else many} ({_ids(found)})"
        for one, many, found in groups
        if found
    ]
    if not parts and all(check.status == "skip" for check in checks):
        return "nothing was checked"
    if not parts:
        return "every check that could be made passed"
    return "; ".join(parts if red else ("no check failed", *parts))


def _ids(found: Sequence[Check]) -> str:
    return listed([*dict.fromkeys(check.id for check in found)], most=_MOST_NAMED)
