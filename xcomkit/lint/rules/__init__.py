"""All lint rules, and what they make of a configuration.

A new rule is a ``Rule`` and, below ``lint_rule``, a function from ``Context`` to objections; it
counts once ``tests/lint/examples.yaml`` has a file that fails it.
"""

from collections.abc import Iterator
from dataclasses import replace

from xcomkit.findings.model import Check, Finding, Rule
from xcomkit.findings.text import plain
from xcomkit.lint.configuration import Configuration, Place, from_values, place_of
from xcomkit.lint.fixes import render
from xcomkit.lint.registry import FOUND, NO_OBJECTION, Fix, LintRule
from xcomkit.lint.rules import (  # noqa: F401 - importing a module makes its rules known
    agreement,
    annotations,
    chart_keys,
    compression,
    connections,
    conventions,
    entries,
    identity,
    prefixes,
    secrets_backends,
    spelling,
    state_store,
    storage,
)
from xcomkit.values.values import Values

_SHORT = 3  # characters of a value in a Secret that are no secret, such as 0 and -1
MOST_FINDINGS = 20  # per rule in a record; a file with more has one cause

REGISTRY: tuple[LintRule, ...] = tuple(sorted(FOUND, key=lambda entry: entry.rule.id))
RULES: tuple[Rule, ...] = tuple(entry.rule for entry in REGISTRY)

# What these miss may stand in a part of the values that was not read.
_OF_THE_WHOLE = frozenset({"XC042", "XC045", "XC046", "XC050"})
# A run knows the identity by name and judges it by XC404 to XC411.
_LEFT_TO_THE_RUN = (identity.__name__, annotations.__name__, conventions.__name__)


def find(config: Configuration) -> tuple[Finding, ...]:
    """Return what the rules object to, in the order of the files."""
    found = [f for entry in REGISTRY for f in _found(entry, config=config)]
    order = {source.name: place for place, source in enumerate(config.sources)}
    return tuple(sorted(found, key=lambda f: (order.get(f.file, -1), f.line, f.rule.id)))


def _found(entry: LintRule, *, config: Configuration) -> Iterator[Finding]:
    """Yield what one rule objects to, each once."""
    if config.kind not in entry.kinds:
        return
    hidden = [v.value for v in config.written if v.is_hidden and v.value and len(v.value) > _SHORT]
    for objection in dict.fromkeys(entry.find(config)):
        file, line = objection.place
        observed = plain(objection.observed)
        fix = _rendered(objection.fix or entry.fix, config=config, place=objection.place)
        for value in hidden:
            observed = observed.replace(repr(value[:120]), "(hidden)").replace(value, "(hidden)")
            fix = "" if value in fix else fix
        yield Finding(
            rule=entry.rule,
            file=file,
            line=line,
            observed=observed,
            expected=entry.expected,
            fix=fix,
            is_unknown=objection.holds is None
            or bool(config.partial and entry.rule.id in _OF_THE_WHOLE),
            subject=config.subjects.get(objection.place, ""),
            advice=objection.advice,
        )


def _rendered(fix: Fix, *, config: Configuration, place: Place) -> str:
    """Return what to paste, for the entry at the place where there is one."""
    if not fix:
        return ""
    there = [v for v in config.written if place_of(v) == place and v.name != v.source]
    over = next((v for v in there if v.name == fix[0]), next(iter(there), None))
    text = next((one.text for one in config.sources if one.name == place[0]), "")
    line = (text.splitlines()[place[1] - 1 :] or [""])[0]
    return render(fix, kind=config.kind, over=over, indent=len(line) - len(line.lstrip(" ")))


def lint(values: Values) -> tuple[Check, ...]:
    """Return the checks a run makes of a values file that was read already.

    Notes are left out, and what the run judges itself because it knows the identity by name.
    """
    config = from_values(values)
    asked = [
        entry
        for entry in REGISTRY
        if entry.rule.severity != "info"
        and "values" in entry.kinds
        and entry.find.__module__ not in _LEFT_TO_THE_RUN
    ]
    return tuple(check for entry in asked for check in _judged(entry, config=config))


def _judged(entry: LintRule, *, config: Configuration) -> Iterator[Check]:
    objections = list(_found(entry, config=config))
    if len(objections) > MOST_FINDINGS + 1:
        rest = f"and {len(objections) - MOST_FINDINGS} more"
        objections[MOST_FINDINGS:] = [replace(objections[MOST_FINDINGS], observed=rest)]
    for found in objections:
        yield entry.rule.judge(
            None if found.is_unknown else False,
            expected=found.expected,
            observed=found.observed,
            how=f"read from {found.file}:{found.line}",
            basis="rule",
            where=found.where,
            paste=found.fix,
        )
    if objections:
        return
    how = f"read from {config.name}"
    if entry.applies(config):
        yield entry.rule.judge(
            True, expected=entry.expected, observed=NO_OBJECTION, how=how, basis="rule"
        )
    else:
        yield entry.rule.skip(
            expected=entry.expected,
            observed="not looked at: this file says nothing of it",
            how=how,
            remedy="Name the values.yaml downloaded from the Astro UI in values_file.",
        )
