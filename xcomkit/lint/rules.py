"""The registry of lint rules, and the function that runs them all over one file.

A new rule is a ``Rule``, a function from ``Context`` to findings and one line in a registry below;
it counts once ``tests/lint/examples`` has a file that fails it and one that passes.
"""

from collections.abc import Iterator
from itertools import islice

from xcomkit.chart.values import Values, read_values
from xcomkit.lint.connections import CONNECTIONS
from xcomkit.lint.context import Context, LintRule
from xcomkit.lint.entries import ENTRIES
from xcomkit.lint.storage import STORAGE
from xcomkit.model import Check, Rule

MOST_FINDINGS = 20  # per rule; a file with more has one cause

REGISTRY: tuple[LintRule, ...] = tuple(
    sorted((*STORAGE, *CONNECTIONS, *ENTRIES), key=lambda r: r.rule.id)
)
RULES: tuple[Rule, ...] = tuple(entry.rule for entry in REGISTRY)


def lint_values(text: str, *, name: str) -> tuple[Check, ...]:
    """Return the checks of every rule over the text of a values file, one at least per rule.

    Raises:
        InputError: when the text is no values file at all.
    """
    return lint(read_values(text, name=name))


def lint(values: Values) -> tuple[Check, ...]:
    """Return the checks of every rule over a values file that was read already."""
    context = Context(values)
    return tuple(check for entry in REGISTRY for check in _judged(entry, context=context))


def _judged(entry: LintRule, *, context: Context) -> Iterator[Check]:
    name = context.values.name
    clean = True
    for finding in islice(entry.find(context), MOST_FINDINGS):
        clean = False
        yield entry.rule.judge(
            finding.holds,
            expected=entry.expected,
            observed=finding.observed,
            how=f"read from {name}:{finding.line}",
            basis="rule",
        )
    if clean:
        yield entry.rule.judge(
            True,
            expected=entry.expected,
            observed=entry.clean,
            how=f"read from {name}",
            basis="rule",
        )
