"""Rows of a plan, and beside each the command that does the same."""

import json
import shlex
from string import Formatter
from typing import Any

from xcomkit.findings.model import Action, Change
from xcomkit.settings.settings import Settings

ABSENT = "absent"


def row(
    resource: str, setting: str, before: str, after: str, command: str, *, note: str = ""
) -> Change:
    """Return a row; what it does follows from before and after."""
    action: Action = "update"
    if before == after:
        action = "unchanged"
    elif ABSENT in (before, after):
        action = "create" if before == ABSENT else "delete"
    return Change(resource, setting, before, after, action, command, note)


def keep(resource: str, setting: str, state: str, note: str) -> Change:
    """Return the row of what stays as it is, and why."""
    return Change(resource, setting, state, state, "keep", note=note)


def shell(template: str, settings: Settings, **words: object) -> str:
    """Return a command whose ``{names}`` are settings or these words, quoted for a shell."""
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    values = {
        name: shlex.quote(str(words[name] if name in words else getattr(settings, name)))
        for name in names
    }
    return template.format_map(values)


def as_text(value: Any) -> str:
    """Return a value in one line, in a fixed order; an empty one is unset."""
    if value in (None, "", {}, []):
        return "unset"
    # a rule's Date is a datetime
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
