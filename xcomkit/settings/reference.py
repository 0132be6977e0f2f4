"""``docs/parameters.md``: every parameter, from the settings themselves."""

from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from xcomkit.settings.settings import ONE_RUN_ONLY, Settings
from xcomkit.settings.validators import unit_of

_INTRO = """\
# Parameters

Every parameter of a run, written by `make docs` from the settings. They are read, each over the \
one before, from a file of `parameters/` (`xcomkit run -f FILE`), from `-p name=value`, and from \
the form or the first code cell of a notebook. An unknown name, a value with a unit and a secret \
are rejected before anything is asked. A list is written with commas, `accepted` with semicolons.

| parameter | default | accepted | who reads it | what it is |
|---|---|---|---|---|
"""
_END = """
`{0}` belong to one run: *Save* in a form leaves them out. A step reads a parameter where its \
notebook takes it; *all* is every step. Another value of what a step has read makes it run again.
"""


def to_markdown() -> str:
    """Return every parameter with its default, what is accepted, and the steps that read it."""
    rows = (_row(name, field) for name, field in Settings.model_fields.items())
    return _INTRO + "\n".join(rows) + "\n" + _END.format("` and `".join(ONE_RUN_ONLY))


def _row(name: str, field: FieldInfo) -> str:
    extra: Any = field.json_schema_extra
    steps = ", ".join(extra["steps"]) or "all"
    cells = (f"`{name}`", _default(field), _accepted(name, field), steps, field.description or "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if isinstance(value, tuple | dict):
        value = ",".join(map(str, value))
    return "empty" if value == "" else f"`{value}`"


def _accepted(name: str, field: FieldInfo) -> str:
    """Return the words, the numbers with their limits, or the kind of text."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(field.annotation))
    kind = type(field.get_default())
    if kind is bool:
        return "`true`, `false`"
    if kind is not int:
        return "a list" if kind is tuple else "name=value, ..." if kind is dict else "a text"
    low, high = (
        next((getattr(one, name) for one in field.metadata if hasattr(one, name)), None)
        for name in ("ge", "le")
    )
    unit = f" of {unit_of(name)}" if unit_of(name) else ""
    limits = f"{'' if low is None else f', from {low}'}{f' to {high}' if high else ''}"
    return f"a whole number{unit}{limits}"


if __name__ == "__main__":
    import sys

    sys.stdout.write(to_markdown())
