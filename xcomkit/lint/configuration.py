"""A configuration of agents, whatever type of file it came from, as the rules see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from xcomkit.lint.conventions import Conventions
from xcomkit.lint.file_types import Kind
from xcomkit.values.environment import Variable, expanded, list_elsewhere, list_variables
from xcomkit.values.layers import Replacement
from xcomkit.values.names import BACKEND, CHART_FIELDS, is_reference, without_templates
from xcomkit.values.parts import is_of_agents
from xcomkit.values.values import Key, Values, read_values

Place = tuple[str, int]
"""File and line, from 1."""

BELOW = "the values that this file is laid over"
WHOLE_KEYS = frozenset(
    {"astroDeploymentAPIURL", "imagePullSecretName", "imagePullSecretData",
     "agentToken", "agentTokenSecretName", "agentTokenFile"}
)  # fmt: skip
"""Keys that only the whole file from the Astro UI has, not a part laid over it."""
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
    account: str = ""


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
    files are of that kind. ``label`` is what installs them, and ``partial`` names what lies below
    or above them and was not read, so that nothing is surely missing.
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
    label: str = ""
    partial: str = ""
    conventions: Conventions = field(default_factory=dict)
    _settings: dict[str, tuple[Setting, ...]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def environment(self) -> Mapping[str, Mapping[str, str]]:
        """Return the known variables, by component."""
        fills_in = self.kind in ("values", "pod")  # only Kubernetes replaces $(NAME)
        return {
            name: expanded(v if fills_in else replace(v, is_literal=True) for v in variables)
            for name, variables in self.variables.items()
        }

    @cached_property
    def written(self) -> tuple[Variable, ...]:
        """Return every variable once, in the order of the text."""
        found = dict.fromkeys(v for variables in self.variables.values() for v in variables)
        return tuple(sorted(found, key=lambda v: (v.file, v.line)))

    @cached_property
    def subjects(self) -> Mapping[Place, str]:
        """Return what is on each line, by names that stay when lines and lists move.

        The first line is left out: it stands for what the file lacks as well.
        """
        found = {place_of(v): f"{v.source} {v.name}" for v in self.written}
        for document in self.documents:
            for path, line in document.lines.items():
                names = [
                    document.get(*path[:end], "name") or "" if isinstance(part, int) else part
                    for end, part in enumerate(path, start=1)
                ]
                if path:
                    found.setdefault((document.name, line), ".".join(map(str, names)))
        first = dict(sorted(found, reverse=True))
        return {(file, n): name for (file, n), name in found.items() if n != first[file]}

    @property
    def is_of_agents(self) -> bool:
        """Tell whether anything is about agents: a key of the chart, a variable of Airflow."""
        return is_of_agents(self.values.data) or any(
            variable.name.startswith("AIRFLOW_") for variable in self.written
        )

    @property
    def name(self) -> str:
        """Return the names of the files, and what installs them where they say it."""
        files = ", ".join(source.name for source in self.sources)
        return f"{files} ({self.label})" if self.label else files

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


def is_part(values: Values) -> bool:
    """Tell whether values are too few to be installed by themselves.

    They have neither token nor backend class, nor image, workers and commonEnv together.
    """
    keys = set(values.data)
    has_backend = "xcomBackend" in keys or any(
        variable.name == BACKEND
        for variables in list_variables(values).values()
        for variable in variables
    )
    is_whole = keys >= {"image", "workers", "commonEnv"}
    return bool(keys) and not (keys & WHOLE_KEYS or has_backend or is_whole)


def from_values(
    values: Values,
    *,
    replacements: tuple[Replacement, ...] = (),
    label: str = "",
    partial: str = "",
    is_templated: bool = False,
) -> Configuration:
    """Return a values file, or several that were laid over each other, as a configuration.

    ``is_templated`` makes every value with ``${NAME}`` or ``{{ ... }}`` in it unknown.
    """
    variables = list_variables(values)
    if is_templated:
        variables = {
            component: tuple(_without_template(variable) for variable in found)
            for component, found in variables.items()
        }
    elsewhere = list_elsewhere(values) | {
        component: "entries whose names are encrypted"
        for component, found in variables.items()
        if any(is_reference(variable.name) for variable in found)
    }
    return Configuration(
        kind="values",
        sources=tuple({v.name: Source(v.name, "values", v.text) for v in values.texts}.values()),
        variables=variables,
        homes=dict.fromkeys(variables, values.place("commonEnv")),
        elsewhere=dict.fromkeys(variables, partial) if partial else elsewhere,
        documents=values.texts,
        values=values,
        replacements=replacements,
        label=label,
        partial=partial,
    )


def _without_template(variable: Variable) -> Variable:
    written = variable.value or ""
    return variable if without_templates(written) == written else replace(variable, value=None)
