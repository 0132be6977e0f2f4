"""What a rule gets to see and what it answers with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from xcomkit.chart.environment import Variable, effective_environment, list_variables
from xcomkit.chart.values import Values
from xcomkit.model import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule objects to; ``holds`` is ``None`` where the file cannot tell."""

    observed: str
    line: int
    holds: bool | None = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One setting as a group of components sees it; ``variable`` is ``None`` where it is unset.

    ``value`` is the text Airflow will get, ``None`` when it is unset or not told by the file.
    """

    variable: Variable | None
    value: str | None
    components: tuple[str, ...]

    @property
    def where(self) -> str:
        """Return the components as words; their names are the user's and may hold anything."""
        return ", ".join(c if c.isprintable() else repr(c) for c in self.components)[:300]

    @property
    def line(self) -> int:
        """Return the line of the setting; 1 where it is unset."""
        return self.variable.line if self.variable else 1

    @property
    def is_untold(self) -> bool:
        """Tell whether the value exists but stands elsewhere, such as in a Kubernetes secret."""
        variable = self.variable
        return variable is not None and variable.value is None and not variable.problem


@dataclass(frozen=True)
class Context:
    """A values file with the variables and the effective environment of each component."""

    values: Values

    @cached_property
    def variables(self) -> dict[str, tuple[Variable, ...]]:
        """Return every variable as written, by component."""
        return list_variables(self.values)

    @cached_property
    def environment(self) -> dict[str, dict[str, str]]:
        """Return the known variables, by component."""
        return effective_environment(self.values)

    def written(self) -> tuple[Variable, ...]:
        """Return every variable once, in the order of the text."""
        found = dict.fromkeys(v for variables in self.variables.values() for v in variables)
        return tuple(sorted(found, key=lambda v: v.line))

    def seen(self, name: str) -> tuple[Seen, ...]:
        """Return how the components see one setting, those that see the same together."""
        groups: dict[tuple[Variable | None, str | None], list[str]] = {}
        for component, variables in self.variables.items():
            last = next((v for v in reversed(variables) if v.name == name), None)
            value = self.environment[component].get(name)
            groups.setdefault((last, value), []).append(component)
        return tuple(
            Seen(variable, value, tuple(components))
            for (variable, value), components in groups.items()
        )

    def near_miss(self, *words: str, name: str) -> str:
        """Return a hint at a variable that was probably meant to be this one, or ``""``."""
        for variable in self.written():
            upper = variable.name.upper()
            if variable.name != name and all(word in upper for word in words):
                return f"; line {variable.line} sets {variable.name[:80]!r}, which is not read"
        return ""


@dataclass(frozen=True, slots=True)
class LintRule:
    """A rule with the function that looks for it, and the words for a file without findings."""

    rule: Rule
    expected: str
    clean: str
    find: Callable[[Context], Iterable[Finding]]
