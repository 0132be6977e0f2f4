"""XC039: settings of XCom that a Dag file makes in its own process."""

from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import argument, is_airflow, named_values, text_of
from xcomkit.lint.dags.resolving import Project, origin, value_of
from xcomkit.lint.dags.scopes import Module

XC039 = Rule(
    id="XC039",
    title="XCom settings come from the agents' environment, not from Dag code",
    severity="fail",
    why="Airflow reads them once per process: set before the first use they move the values of"
    " that one process to where no other looks for them, set later they do nothing.",
    remedy="Remove the line, and set the variable in commonEnv of values.yaml.",
    source="Airflow, common.io configuration; cached getters of the XCom backend, measured",
)
_VARIABLES = ("AIRFLOW__COMMON_IO__XCOM_", "AIRFLOW__CORE__XCOM_BACKEND")
_OPTIONS = ("common.io xcom_", "core xcom_backend")
_CONFIGURATIONS = frozenset({"conf", "configuration"})


def find_settings(module: Module, _project: Project) -> Iterator[Finding]:
    """Yield the places at which a file sets what decides where XCom values go."""
    for name, line in (*_variables(module), *_options(module)):
        observed = f"{name[:80]} is set in Dag code"
        yield Finding(XC039, module.file, line, observed, "set in commonEnv only")


def _variables(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the variables of the process that a file sets, one by one or as a mapping."""
    mappings = {
        value_of(one.node.value, one.scope)[0]: one.node.value.lineno
        for one in module.updates
        if origin(one.node.target, one.scope) == "os.environ"
    }
    for site in module.calls:
        if origin(site.node.func, site.scope) == "os.environ.update":
            for one in site.node.args:
                mappings[value_of(one, site.scope)[0]] = site.node.lineno
    for named in named_values(module):
        name = text_of(named.key, named.scope)
        if name and name.startswith(_VARIABLES):
            is_variable = origin(named.holder, named.scope) in ("os.environ", "os.putenv")
            if is_variable or named.holder in mappings:
                yield name, mappings.get(named.holder, named.node.lineno)


def _options(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the options that a file sets in Airflow's configuration."""
    for site in module.calls:
        name = origin(site.node.func, site.scope)
        if is_airflow(name) and name.endswith(".set") and _CONFIGURATIONS & set(name.split(".")):
            section = text_of(argument(site.node, "section", place=0), site.scope)
            option = text_of(argument(site.node, "option", place=1), site.scope)
            if f"{section} {option}".lower().startswith(_OPTIONS):
                yield f"[{section}] {option}", site.node.lineno
