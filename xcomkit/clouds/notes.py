"""What a plan says in words where a change takes something away that was there."""

from collections.abc import Callable, Iterable
from typing import Any

from xcomkit.clouds.lifecycle import read_ours
from xcomkit.settings.settings import Settings

Note = Callable[[Settings, Any, Any], str]
"""Takes what is present and what is wanted."""


def no_note(_settings: Settings, _present: object, _wanted: object) -> str:
    """Return nothing: the change takes nothing away."""
    return ""


def replaces_key(key: str) -> str:
    """Return the note where a customer's key is replaced; only a parameter can ask for that."""
    return f"encryption is set, so it replaces the customer's key {key}"


def expires_sooner(settings: Settings, present: Iterable[Any], wanted: Iterable[Any]) -> str:
    """Return the note where XCom objects expire after fewer days than so far, or ``""``."""
    before, after = ([*rules] for rules in (present, wanted))
    old, new = (
        [e.days for e in read_ours(settings, rules)
         if e.action == "deletes" and e.days is not None and e.rule not in others]
        for rules, others in ((before, after), (after, before))
    )  # fmt: skip
    if not old or not new or min(new) >= max(old):
        return ""
    return f"objects expire after {min(new):g} days, so far after {max(old):g}"
