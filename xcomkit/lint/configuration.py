"""A configuration of agents, whatever type of file it came from, as the rules see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from xcomkit.lint.file_types import Kind
from xcomkit.values.environment import Variable, expanded, list_elsewhere, list_variables
from xcomkit.values.layers import Replacement
from xcomkit.values.names import CHART_FIELDS
from xcomkit.values.values import Key, Values, read_values

Place = tuple[str, int]
"""File and line, from 1."""

AGENT_KEYS = frozenset(
    {"commonEnv", "xcomBackend", "secretBackend", "resourceNamePrefix", "dagProcessor",
     "agentToken", "agentTokenSecretName", "astroDeploymentAPIURL", "sentinel", "loggingSidecar"}
)  # fmt: skip
"""Keys of the agent chart that the Airflow chart does not have."""
NO_VALUES = read_values("", name="")


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was read: its name as the user gave it, its kind, text and documents."""

    name: str
    kind: Kind
    text: str = field(repr=False)
    documents: tuple[Values, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Pod:
    """What ties the containers of a pod to an identity."""

    component: str
    place: Place
    labels: Mapping[str, object]
    image: str


def dotted(path: Key) -> str:
    """Return a path in a document as people write it: ``a.b[0].c``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]


def place_of(variable: Variable) -> Place:
    """Return where a variable is written."""
    return variable.file, variable.line


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a group of components sees it; ``variable`` is ``None`` where it is unset.

    ``value`` is the text Airflow will get, ``None`` when it is unset or not in the file;
    ``elsewhere`` is what else may set it, ``home`` where it would be added.
    """

    variable: Variable | None
    value: str | None
    components: tuple[str, ...]
    home: Place
    elsewhere: str = ""

    @property
    def where(self) -> str:
        """Return the components as words; their names are the user's and may hold anything."""
        return ", ".join(c if c.isprintable() else repr(c) for c in self.components)[:300]

    @property
    def place(self) -> Place:
        """Return where the setting stands, or where it would stand."""
        return place_of(self.variable) if self.variable else self.home

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether a value exists, or may exist, elsewhere, such as in a Kubernetes secret."""
        if self.variable is None:
            return bool(self.elsewhere)
        return self.value is None and not self.variable.problem


@dataclass(frozen=True)
class Configuration:
    """Files of one kind with what each component sees of them.

    ``variables`` are those of each component, as written; ``homes`` is where a setting that is
    missing would be added, ``elsewhere`` what else may bring a component variables (an
    ``env_file``, ``envFrom``), so that nothing is surely missing. ``values`` is empty unless the
    files are of that kind.
    """

    kind: Kind
    sources: tuple[Source, ...]
    variables: Mapping[str, tuple[Variable, ...]]
    homes: Mapping[str, Place]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[Values, ...] = ()
    pods: tuple[Pod, ...] = ()
    values: Values = NO_VALUES
    replacements: tuple[Replacement, ...] = ()
    _settings: dict[str, tuple[Setting, ...]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def environment(self) -> Mapping[str, Mapping[str, str]]:
        """Return the known variables, by component."""
        is_literal = self.kind not in ("values", "pod")  # only Kubernetes fills in $(NAME)
        return {
            component: expanded(
                replace(variable, is_literal=is_literal or variable.is_literal)
                for variable in variables
            )
            for component, variables in self.variables.items()
        }

    @cached_property
    def written(self) -> tuple[Variable, ...]:
        """Return every variable once, in the order of the text."""
        found = dict.fromkeys(v for variables in self.variables.values() for v in variables)
        return tuple(sorted(found, key=lambda v: (v.file, v.line)))

    @property
    def is_of_agents(self) -> bool:
        """Tell whether anything is about agents: a key of the chart, a variable of Airflow."""
        return bool(AGENT_KEYS & set(self.values.data)) or any(
            variable.name.startswith("AIRFLOW_") for variable in self.written
        )

    @property
    def name(self) -> str:
        """Return the names of the files."""
        return ", ".join(source.name for source in self.sources)

    def settings(self, name: str) -> tuple[Setting, ...]:
        """Return how the components see one setting, those that see the same together."""
        if name not in self._settings:
            self._settings[name] = self._read_settings(name)
        return self._settings[name]

    def _read_settings(self, name: str) -> tuple[Setting, ...]:
        groups: dict[tuple[Place | None, str | None, str], list[tuple[str, Variable | None]]] = {}
        for component, variables in self.variables.items():
            last = next((v for v in reversed(variables) if v.name == name), None)
            value = self.environment[component].get(name)
            elsewhere = "" if last else self.elsewhere.get(component, "")
            place = place_of(last) if last else None
            groups.setdefault((place, value, elsewhere), []).append((component, last))
        key = next((key for key, variable in CHART_FIELDS.items() if variable == name), "")
        own = self.values.place(key) if key in self.values.data else None
        return tuple(
            Setting(
                found[0][1],
                value,
                tuple(component for component, _ in found),
                own or self.homes[found[0][0]],
                elsewhere,
            )
            for (_, value, elsewhere), found in groups.items()
        )

    def known(self, name: str) -> list[tuple[str, Setting]]:
        """Return the values of a setting that the files tell."""
        return [(one.value, one) for one in self.settings(name) if one.value is not None]


def from_values(values: Values, *, replacements: tuple[Replacement, ...] = ()) -> Configuration:
    """Return a values file, or several that were laid over each other, as a configuration."""
    variables = list_variables(values)
    return Configuration(
        kind="values",
        sources=tuple(Source(v.name, "values", v.text) for v in values.texts),
        variables=variables,
        homes=dict.fromkeys(variables, values.place("commonEnv")),
        elsewhere=list_elsewhere(values),
        documents=values.texts,
        values=values,
        replacements=replacements,
    )
