"""What a rule gets to see and what it answers with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Configuration, Place
from xcomkit.lint.kinds import KINDS, Kind
from xcomkit.values.environment import Variable
from xcomkit.values.names import CHART_FIELDS
from xcomkit.values.values import Values

Fix = str | tuple[tuple[str, str], ...]
"""What to paste: a text as it is, or settings, written as the file's kind writes them."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Something a rule objects to; ``holds`` is ``None`` where the file cannot tell.

    ``fix`` stands over the rule's own where the right text is known.
    """

    observed: str
    place: Place
    holds: bool | None = False
    fix: Fix = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One setting as a group of components sees it; ``variable`` is ``None`` where it is unset.

    ``value`` is the text Airflow will get, ``None`` when it is unset or not told by the file;
    ``more`` is what else may set it, ``home`` where it would be added.
    """

    variable: Variable | None
    value: str | None
    components: tuple[str, ...]
    home: Place
    more: str = ""

    @property
    def where(self) -> str:
        """Return the components as words; their names are the user's and may hold anything."""
        return ", ".join(c if c.isprintable() else repr(c) for c in self.components)[:300]

    @property
    def place(self) -> Place:
        """Return where the setting stands, or where it would stand."""
        return (self.variable.file, self.variable.line) if self.variable else self.home

    @property
    def is_untold(self) -> bool:
        """Tell whether a value exists, or may exist, elsewhere, such as in a Kubernetes secret."""
        variable = self.variable
        if variable is None:
            return bool(self.more)
        return self.value is None and not variable.problem


@dataclass(frozen=True)
class Context:
    """A configuration with the variables and the effective environment of each component."""

    configuration: Configuration

    @property
    def kind(self) -> Kind:
        """Return the kind of the files."""
        return self.configuration.kind

    @property
    def values(self) -> Values | None:
        """Return the values file, where it is one."""
        return self.configuration.values

    @property
    def variables(self) -> Mapping[str, tuple[Variable, ...]]:
        """Return every variable as written, by component."""
        return self.configuration.variables

    @property
    def environment(self) -> Mapping[str, Mapping[str, str]]:
        """Return the known variables, by component."""
        return self.configuration.environment

    @cached_property
    def written(self) -> tuple[Variable, ...]:
        """Return every variable once, in the order of the text."""
        found = dict.fromkeys(v for variables in self.variables.values() for v in variables)
        return tuple(sorted(found, key=lambda v: (v.file, v.line)))

    @cached_property
    def _memory(self) -> dict[object, Any]:
        """Return what was worked out already: rules ask for the same settings."""
        return {}

    def seen(self, name: str) -> tuple[Seen, ...]:
        """Return how the components see one setting, those that see the same together."""
        if name not in self._memory:
            self._memory[name] = self._seen(name)
        found: tuple[Seen, ...] = self._memory[name]
        return found

    def _seen(self, name: str) -> tuple[Seen, ...]:
        groups: dict[tuple[Place | None, str | None, str], list[tuple[str, Variable | None]]] = {}
        for component, variables in self.variables.items():
            last = next((v for v in reversed(variables) if v.name == name), None)
            value = self.environment[component].get(name)
            more = "" if last else self.configuration.more.get(component, "")
            place = (last.file, last.line) if last else None
            groups.setdefault((place, value, more), []).append((component, last))
        homes = self.configuration.homes
        field = next((key for key, variable in CHART_FIELDS.items() if variable == name), "")
        own = self.values.place(field) if self.values and field in self.values.data else None
        return tuple(
            Seen(found[0][1], value, tuple(c for c, _ in found), own or homes[found[0][0]], more)
            for (_, value, more), found in groups.items()
        )

    def told(self, name: str) -> Iterable[tuple[str, Seen]]:
        """Return the values of a setting that the file tells."""
        return [(seen.value, seen) for seen in self.seen(name) if seen.value is not None]

    def near_miss(self, *words: str, name: str) -> str:
        """Return a hint at a variable that was probably meant to be this one, or ``""``."""
        key = (name, words)
        if key not in self._memory:
            self._memory[key] = next(
                (
                    f"; line {variable.line} sets {variable.name[:80]!r}, which is not read"
                    for variable in self.written
                    if variable.name != name and all(w in variable.name.upper() for w in words)
                ),
                "",
            )
        return str(self._memory[key])


Find = Callable[[Context], Iterable[Objection]]


@dataclass(frozen=True, slots=True)
class LintRule:
    """A rule with the function that looks for it, and what is expected where nothing is found.

    ``kinds`` are the files it reads, ``backend`` which class it holds for, ``fix`` what to paste;
    ``is_told`` tells whether the file speaks of the matter at all, where a part of one may not.
    """

    rule: Rule
    expected: str
    find: Find
    fix: Fix = ""
    kinds: tuple[Kind, ...] = KINDS
    backend: Literal["both", "stock", "durable"] = "both"
    is_told: Callable[[Context], bool] = lambda _context: True


FOUND: list[LintRule] = []
"""Every rule whose module was imported."""


def lint_rule(rule: Rule, expected: str, **more: Any) -> Callable[[Find], Find]:
    """Make the function below the one that looks for a rule; ``more`` as in ``LintRule``."""

    def register(find: Find) -> Find:
        FOUND.append(LintRule(rule, expected, find, **more))
        return find

    return register
