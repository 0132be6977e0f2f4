"""What a rule is, what it answers with, and all that there are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Configuration, Place
from xcomkit.lint.file_types import KINDS, Kind
from xcomkit.values.sensitive import show

Fix = str | tuple[str, str]
"""What to paste: a text as it is, or a setting, written as the file's kind writes it."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Something a rule objects to; ``holds`` is ``None`` where the file cannot tell.

    ``fix`` and ``advice`` replace the rule's own where the right text is known.
    """

    observed: str
    place: Place
    holds: bool | None = False
    fix: Fix = ""
    advice: str = ""


Find = Callable[[Configuration], Iterable[Objection]]


@dataclass(frozen=True, slots=True)
class LintRule:
    """A rule with the function that looks for it, and what is expected where nothing is found.

    ``kinds`` are the files it reads, ``fix`` what to paste; ``applies`` tells whether the file
    speaks of the matter at all, where a part of one may not.
    """

    rule: Rule
    expected: str
    find: Find
    fix: Fix = ""
    kinds: tuple[Kind, ...] = KINDS
    applies: Callable[[Configuration], bool] = lambda _config: True


NO_OBJECTION = "no objection"
"""What is observed where a rule finds nothing, which is said of all of them at once."""
FOUND: list[LintRule] = []
"""Every rule whose module was imported."""


def lint_rule(rule: Rule, expected: str, **more: Any) -> Callable[[Find], Find]:
    """Make the function below the one that looks for a rule; ``more`` as in ``LintRule``."""

    def register(find: Find) -> Find:
        FOUND.append(LintRule(rule, expected, find, **more))
        return find

    return register


def value_rule(
    rule: Rule, variable: str, expected: str, *, beside: str = "", **more: Any
) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Make the function below the one that says what is wrong with a value of one variable.

    ``beside`` as in ``judge_values``.
    """

    def register(problem: Callable[[str], str]) -> Callable[[str], str]:
        find = partial(judge_values, variable=variable, problem=problem, beside=beside)
        lint_rule(rule, expected, **more)(find)
        return problem

    return register


def judge_values(
    config: Configuration, variable: str, problem: Callable[[str], str], *, beside: str = ""
) -> Iterator[Objection]:
    """Yield what is wrong with each value of a variable.

    Components in which ``beside`` is not set do not read it.
    """
    for value, setting in config.known(variable):
        written = (v.name for one in setting.components for v in config.variables[one])
        if (not beside or beside in written) and (text := problem(value)):
            observed = f"{show(variable, value)} in {setting.where}: {text}"
            yield Objection(observed, setting.place)
