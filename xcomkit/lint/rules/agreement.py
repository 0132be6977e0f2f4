"""Rules about components and files that must say the same."""

from collections.abc import Iterator

from xcomkit.findings.model import Rule
from xcomkit.findings.text import listed
from xcomkit.lint.configuration import Configuration, dotted
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.values.names import (
    COMPRESSION,
    PATH,
    SECRETS_BACKEND,
    SECRETS_KWARGS,
    STATE_SETTINGS,
    XCOM_SETTINGS,
    connection_variable,
    parse_base_path,
)
from xcomkit.values.sensitive import show

XC018 = Rule(
    id="XC018",
    title="Every component has the same settings of XCom and state store",
    severity="fail",
    why="A value written under one setting is read as a bare path, or not at all, under another.",
    remedy="Keep these settings and the connection in one place for all (commonEnv of the chart).",
    source="configure XCom backend; Helm reference, commonEnv",
)
XC025 = Rule(
    id="XC025",
    title="No later file drops entries of a list",
    severity="warn",
    why="Helm merges mappings but replaces lists: a later commonEnv is the whole commonEnv.",
    remedy="Write the whole list in the last file, or leave it out there.",
    source="Helm, values files",
)


_SHARED = (*XCOM_SETTINGS, *STATE_SETTINGS, SECRETS_BACKEND, SECRETS_KWARGS)
_MAY_BE_UNSET = (COMPRESSION, *STATE_SETTINGS, SECRETS_BACKEND, SECRETS_KWARGS)


@lint_rule(XC018, "the same values everywhere")
def find_disagreement(config: Configuration) -> Iterator[Objection]:
    """Yield settings that one component sees differently from another.

    What must be there and is missing in one is the matter of the rule that asks for it.
    """
    paths = [parse_base_path(text) for text, _ in config.known(PATH)]
    ours = [connection_variable(one.connection_id) for one in paths if one and one.connection_id]
    for name in dict.fromkeys((*_SHARED, *ours)):
        found = [one for one in config.settings(name) if one.variable or name in _MAY_BE_UNSET]
        if any(one.variable and one.variable.problem for one in found):
            continue
        elsewhere = [one for one in found if one.is_elsewhere]
        if len(found) > 1 and elsewhere and any(one.value for one in found):
            text = f"{name[:80]}: not in this file for all components"
            yield Objection(text, elsewhere[0].place, None)
        elif len({one.value or "" for one in found}) > 1:
            spread = ", ".join(f"{one.where} = {_display(name, one.value)}" for one in found)
            odd = min(found, key=lambda one: (one.variable is None, len(one.components)))
            yield Objection(f"{name[:80]}: {spread}"[:400], odd.place)


def _display(name: str, value: str | None) -> str:
    return "unset" if value is None else show(name, value)


@lint_rule(XC025, "lists as they were", kinds=("values",))
def _replaced(config: Configuration) -> Iterator[Objection]:
    for replaced in config.replacements:
        path = dotted(replaced.path)
        if replaced.lost:
            text = (
                f"{':'.join(map(str, replaced.after))} replaces the whole list {path[:80]} of"
                f" {':'.join(map(str, replaced.before))}; lost: {listed(replaced.lost, most=8)}"
            )
            yield Objection(text[:600], replaced.after)
