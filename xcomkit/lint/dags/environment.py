"""XC039: settings of XCom that a Dag file makes in its own process."""

import ast
from collections.abc import Iterable, Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import argument, is_airflow, text_of
from xcomkit.lint.dags.resolving import Project, origin, value_of
from xcomkit.lint.dags.scopes import Module, Scope

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
_SETTERS = frozenset({"os.environ.setdefault", "os.environ.__setitem__", "os.putenv"})
_CONFIGURATIONS = frozenset({"conf", "configuration"})


def find_settings(module: Module, _project: Project) -> Iterator[Finding]:
    """Yield the places at which a file sets what decides where XCom values go."""
    for name, node in _set(module):
        observed = f"{name[:80]} is set in Dag code"
        yield Finding(XC039, module.file, node.lineno, observed, "set in commonEnv only")


def _set(module: Module) -> Iterator[tuple[str, ast.expr]]:
    for call in module.calls:
        for name in _set_by_call(call.node, call.scope):
            yield name, call.node
    for assign in module.assigns:
        for target in assign.node.targets:
            if isinstance(target, ast.Subscript) and _is_environ(target.value, assign.scope):
                yield from ((one, target) for one in _xcom_names([target.slice], assign.scope))
    for update in module.updates:
        if _is_environ(update.node.target, update.scope):
            keys = _keys(update.node.value, update.scope)
            yield from ((one, update.node.value) for one in keys)


def _set_by_call(call: ast.Call, scope: Scope) -> Iterator[str]:
    name = origin(call.func, scope)
    if name in _SETTERS:
        yield from _xcom_names(call.args[:1], scope)
    elif name == "os.environ.update":
        yield from _keywords(call)
        for value in call.args:
            yield from _keys(value, scope)
    elif is_airflow(name) and name.endswith(".set") and _CONFIGURATIONS & set(name.split(".")):
        section = text_of(argument(call, "section", place=0), scope)
        option = text_of(argument(call, "option", place=1), scope)
        if f"{section} {option}".lower().startswith(_OPTIONS):
            yield f"[{section}] {option}"


def _is_environ(expression: ast.expr, scope: Scope) -> bool:
    return origin(expression, scope) == "os.environ"


def _xcom_names(keys: Iterable[ast.expr | None], scope: Scope) -> list[str]:
    names = [text_of(key, scope) for key in keys]
    return [name for name in names if name and name.startswith(_VARIABLES)]


def _keywords(call: ast.Call) -> list[str]:
    return [one.arg for one in call.keywords if one.arg and one.arg.startswith(_VARIABLES)]


def _keys(mapping: ast.expr, scope: Scope) -> list[str]:
    """Return the settings of XCom among the keys of a mapping, as far as they are known."""
    mapping, scope = value_of(mapping, scope)
    if isinstance(mapping, ast.Dict):
        return _xcom_names(mapping.keys, scope)
    if isinstance(mapping, ast.Call) and origin(mapping.func, scope) == "builtins.dict":
        return _keywords(mapping)
    return []
