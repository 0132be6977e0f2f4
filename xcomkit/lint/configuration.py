"""A configuration of agents, whatever the kind of file it came from, as the rules see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xcomkit.lint.kinds import Kind
from xcomkit.values.environment import Variable, expanded, list_variables
from xcomkit.values.layers import Replacement
from xcomkit.values.values import Values

Place = tuple[str, int]
"""File and line, from 1."""


AGENT_KEYS = frozenset(
    {"commonEnv", "xcomBackend", "secretBackend", "resourceNamePrefix", "dagProcessor",
     "agentToken", "agentTokenSecretName", "astroDeploymentAPIURL", "sentinel", "loggingSidecar"}
)  # fmt: skip
"""Keys of the agent chart that the Airflow chart does not have."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was read: its name as the user gave it, its text and its kind."""

    name: str
    text: str = field(repr=False)
    kind: Kind


@dataclass(frozen=True, slots=True)
class Pod:
    """What ties the containers of a pod to an identity."""

    component: str
    place: Place
    labels: Mapping[str, object]
    image: str


@dataclass(frozen=True)
class Configuration:
    """Files of one kind with what each component sees of them.

    ``homes`` is where a setting that is missing would be added, ``more`` what else may bring a
    component variables (an ``env_file``, ``envFrom``), so that nothing is surely missing.
    """

    kind: Kind
    sources: tuple[Source, ...]
    variables: Mapping[str, tuple[Variable, ...]]
    environment: Mapping[str, Mapping[str, str]]
    homes: Mapping[str, Place]
    more: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[Values, ...] = ()
    pods: tuple[Pod, ...] = ()
    values: Values | None = None
    replacements: tuple[Replacement, ...] = ()

    @property
    def is_of_agents(self) -> bool:
        """Tell whether anything is about agents: a key of the chart, a variable of Airflow."""
        keys = set(self.values.data) if self.values else set()
        return bool(keys & AGENT_KEYS) or any(
            variable.name.startswith("AIRFLOW_")
            for variables in self.variables.values()
            for variable in variables
        )

    @property
    def name(self) -> str:
        """Return the names of the files."""
        return ", ".join(source.name for source in self.sources)


def from_values(values: Values, *, replacements: tuple[Replacement, ...] = ()) -> Configuration:
    """Return a values file, or several that were laid over each other, as a configuration."""
    variables = list_variables(values)
    return Configuration(
        kind="values",
        sources=tuple(Source(v.name, v.text, "values") for v in values.texts),
        variables=variables,
        environment={component: expanded(found) for component, found in variables.items()},
        homes=dict.fromkeys(variables, values.place("commonEnv")),
        documents=values.texts,
        values=values,
        replacements=replacements,
    )
