"""The values file under proof, and what each component sees of it: computed once per step.

It is the file that would be installed: with ``apply`` the user's file with the fragment merged in,
without ``apply`` the user's file as it is, and the fragment where there is no file.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from xcomkit.clouds import Cloud
from xcomkit.settings.settings import Settings
from xcomkit.values import accounts, environment, fragment
from xcomkit.values.merge import Merged, merge
from xcomkit.values.names import PRACTICE, is_practice
from xcomkit.values.values import Values, load_values, read_values

FRAGMENT = "values.yaml"


def name_of_merged(given: str) -> str:
    """Return the name of the file that the user's own becomes, once the fragment is merged in."""
    path = Path(given)
    return f"{path.stem}.xcom{path.suffix}"


@dataclass(frozen=True, slots=True)
class Component:
    """A component as a process: its effective environment and its token's subject."""

    name: str
    subject: str
    environment: dict[str, str] = field(repr=False)


class EffectiveValues:
    """What the settings and the user's file make of the agents; each part is computed on first use.

    Every part raises InputError where the user's file cannot be read or merged.
    """

    def __init__(self, settings: Settings, cloud: Cloud) -> None:
        self._settings = settings
        self._cloud = cloud

    def anew(self) -> Self:
        """Return the same, not yet computed: the file may have been edited since."""
        return type(self)(self._settings, self._cloud)

    @cached_property
    def fragment(self) -> dict[str, Any]:
        """Return the part of values.yaml that this run needs, as plain data."""
        cloud = self._cloud
        return fragment.generate(
            self._settings,
            connection=cloud.connection(),
            annotations=cloud.annotations(),
            labels=cloud.labels(),
            environment=cloud.agent_environment(),
            secrets_backend=cloud.secrets_backend(),
        )

    @property
    def rendered(self) -> str:
        """Return the fragment as text."""
        return fragment.render(self.fragment, practice=self._settings.is_embedded)

    @cached_property
    def original(self) -> Values | None:
        """Return the user's own file, or ``None`` where none was given."""
        given = self._settings.values_file
        return load_values(Path(given).expanduser()) if given else None

    @cached_property
    def merged(self) -> Merged | None:
        """Return the user's file with the fragment merged in, or ``None`` where none was given.

        In practice its first line says so; lines of the user's file are cited as they are there.
        """
        if self.original is None:
            return None
        text, name = self.original.text, self.original.name
        if not self._settings.is_embedded or is_practice(text):
            return merge(text, self.fragment, name=name)
        text = f"# {PRACTICE}\n{text.removeprefix(chr(0xFEFF))}"
        marked = merge(text, self.fragment, name=name)
        conflicts = tuple(replace(one, line=one.line - 1) for one in marked.conflicts)
        rewritten = frozenset(number - 1 for number in marked.rewritten)
        return replace(marked, conflicts=conflicts, rewritten=rewritten)

    @cached_property
    def file(self) -> Values:
        """Return the values file that is under proof."""
        if self.original is None:
            return read_values(self.rendered, name=FRAGMENT)
        if self._settings.apply and self.merged:
            # Lines are those of the file that is installed, which is not the user's own.
            return replace(self.merged.values, name=name_of_merged(self.original.name))
        return self.original

    @cached_property
    def variables(self) -> dict[str, tuple[environment.Variable, ...]]:
        """Return the variables of each component as the file writes them."""
        return environment.list_variables(self.file)

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """Return every component that handles XComs: worker groups first, each with its subject."""
        found = accounts.read_accounts(self.file, prefix=self._settings.resource_name_prefix)
        names = {account.component: account.name for account in found}
        start = f"system:serviceaccount:{self.namespace}:"
        return tuple(
            Component(component, start + names[component], environment.expanded(variables))
            for component, variables in self.variables.items()
            if component in names
        )

    @property
    def namespace(self) -> str:
        """Return the namespace the file installs into."""
        return accounts.read_namespace(self.file, default=self._settings.namespace)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Return the subjects of the tokens of all service accounts the chart will create."""
        return tuple(dict.fromkeys(component.subject for component in self.components))

    @property
    def first_worker(self) -> Component:
        """Return the first worker group: its environment and its subject."""
        return self.components[0]

    def written(self, component: Component) -> dict[str, str | None]:
        """Return what the file says of a component; ``None`` for a value from elsewhere."""
        names = dict.fromkeys(variable.name for variable in self.variables[component.name])
        return {**names, **component.environment}

    def deployment(self, component: Component) -> str:
        """Return the name of a worker group's Deployment, as the chart makes it."""
        prefix = accounts.read_prefix(self.file, default=self._settings.resource_name_prefix)
        return f"{prefix}-worker-{component.name.removeprefix('worker:')}"
