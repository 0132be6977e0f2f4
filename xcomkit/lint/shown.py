"""What is shown of a configuration beside its findings: its files, and what components see."""

from collections.abc import Iterable, Mapping, Sequence

from xcomkit.findings.reports.report import Input, Known
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.kinds import KIND_WORDS
from xcomkit.values.environment import Variable
from xcomkit.values.sensitive import MASK, is_shown


def list_inputs(configurations: Iterable[Configuration]) -> tuple[Input, ...]:
    """Return the files of the configurations with what they were taken for."""
    return tuple(
        Input(source.name, KIND_WORDS[source.kind])
        for configuration in configurations
        for source in configuration.sources
    )


def environments(configurations: Sequence[Configuration]) -> dict[str, dict[str, Known]]:
    """Return each component's environment; with several, their files stand before the name."""
    several = len(configurations) > 1
    return {
        f"{configuration.name} {component}" if several else component: _known(
            variables, configuration.environment[component]
        )
        for configuration in configurations
        for component, variables in configuration.variables.items()
    }


def _known(variables: Iterable[Variable], environment: Mapping[str, str]) -> dict[str, Known]:
    """Return what a component sees; the later of two variables of one name stands."""
    hidden = [v for n, v in environment.items() if len(v) > 3 and not is_shown(n, v)]
    return {
        variable.name: Known(
            masked(variable.name, environment.get(variable.name), hidden=hidden),
            f"{variable.file}:{variable.line} {variable.source}",
        )
        for variable in variables
    }


def masked(name: str, value: str | None, *, hidden: Sequence[str]) -> str | None:
    """Return a value as it may be shown: masked where it holds a secret, or took one in."""
    if value is None or (is_shown(name, value) and not any(secret in value for secret in hidden)):
        return value
    return MASK
