"""What is displayed of a configuration beside its findings: what its components see."""

from collections.abc import Iterable, Mapping, Sequence

from xcomkit.findings.reports.report import Known
from xcomkit.lint.configuration import Configuration
from xcomkit.values.environment import Variable
from xcomkit.values.sensitive import MASK, is_shown


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
    """Return what a component sees; a value is masked where it holds a secret, or took one in."""
    secrets = [v for n, v in environment.items() if len(v) > 3 and not is_shown(n, v)]
    known = {}
    for variable in variables:  # the later of two of one name counts
        value = environment.get(variable.name)
        place = f"{variable.file}:{variable.line} {variable.source}"
        is_secret = value is not None and (
            variable.is_hidden
            or not is_shown(variable.name, value)
            or any(secret in value for secret in secrets)
        )
        known[variable.name] = Known(MASK if is_secret else value, place)
    return known
