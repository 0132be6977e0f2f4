"""The verdict of a run in a sentence: a practice run or a part of a run is never called usable."""

from collections.abc import Sequence

from xcomkit.findings.model import Check, worst
from xcomkit.findings.text import listed, number_of
from xcomkit.steps.opening import STEPS

_MOST_NAMED = 8
_WORDS = {
    "fail": "failed check", "unknown": "unanswered check", "warn": "warning",
    "accepted": "accepted risk",
}  # fmt: skip


def describe(checks: Sequence[Check], *, is_practice: bool, ran: int) -> str:
    """Return how a run went, with the ids of the checks that decided it.

    ``ran`` counts the steps of the runbook that ran.
    """
    found, part = _count(checks), f"{ran} of {len(STEPS)} steps"
    if is_practice:
        extent = f", {part}" if ran < len(STEPS) else ""
        return (
            f"Practice run on a stand-in{extent}: {found}."
            " It proves nothing of your own account yet."
        )
    if ran < len(STEPS):
        found = f"{found[0].upper()}{found[1:]}"
        return f"Partial run: {part}. {found}. What was left out is not proved."
    match worst(checks):
        case "pass":
            return f"Usable: {found}."
        case "warn":
            return f"Usable, with what is named here: {found}."
        case "fail":
            return f"Not usable as it is: {found}."
        case _:
            return f"Not proved: {found}."


def _count(checks: Sequence[Check]) -> str:
    """Return what did not pass, by number and id; what was only skipped is not counted.

    A check that several files or places failed, and a risk that was met several times, is one.
    """
    found: dict[str, dict[str, None]] = {word: {} for word in _WORDS.values()}
    for check in checks:
        if check.status in _WORDS:
            found["accepted risk" if check.accepted else _WORDS[check.status]][check.id] = None
    parts = [
        f"{number_of(len(ids), word)} ({listed([*ids], most=_MOST_NAMED)})"
        for word, ids in found.items()
        if ids
    ]
    if not parts:
        is_any = any(check.status == "pass" for check in checks)
        return "every check that could be made passed" if is_any else "nothing was checked"
    is_red = any(check.closes_gate for check in checks)
    return "; ".join(parts if is_red else ("no check failed", *parts))
