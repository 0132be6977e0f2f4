"""XC039: settings of XCom that a Dag file makes in its own process."""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import argument, is_airflow, text_of
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Module, Scope

XC039 = Rule(
    id="XC039",
    title="XCom settings come from the agents' environment, not from Dag code",
    severity="fail",
    why="Airflow reads them once per process: set before the first use they move the values of"
    " that one process to where no other looks for them, set later they do nothing.",
    remedy="remove the line, and set the variable in commonEnv of values.yaml.",
    source="Airflow, common.io configuration; cached getters of the XCom backend, measured",
)
_VARIABLES = ("AIRFLOW__COMMON_IO__XCOM_", "AIRFLOW__CORE__XCOM_BACKEND")
_OPTIONS = (("common.io", "xcom_"), ("core", "xcom_backend"))
_SETTERS = frozenset({"os.environ.setdefault", "os.environ.__setitem__", "os.putenv"})
_UPDATES = frozenset({"os.environ.update"})
_CONFIGURATIONS = frozenset({"conf", "configuration"})


def find_settings(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the places at which a file sets what decides where XCom values go."""
    del project  # one file says it all
    for name, node in _set(module):
        observed = f"{name[:80]} is set in Dag code"
        yield Finding(XC039, module.file, node.lineno, observed, "set in commonEnv only")


def _set(module: Module) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    for site in (*module.assigns, *module.calls):
        match site.node:
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript) and _is_environ(target.value, site.scope):
                        yield from ((name, target) for name in _variables(target.slice, site.scope))
            case ast.AugAssign(target=target, value=value):
                if _is_environ(target, site.scope):
                    yield from ((name, value) for name in _keys(value, site.scope))
            case ast.Call() as call:
                yield from ((name, call) for name in _called(call, site.scope))


def _called(call: ast.Call, scope: Scope) -> Iterator[str]:
    name = origin(call.func, scope)
    if name in _SETTERS and call.args:
        yield from _variables(call.args[0], scope)
    elif name in _UPDATES:
        yield from (one.arg for one in call.keywords if one.arg and one.arg.startswith(_VARIABLES))
        for value in call.args:
            yield from _keys(value, scope)
    elif is_airflow(name) and name.endswith(".set") and _CONFIGURATIONS & set(name.split(".")):
        section = text_of(argument(call, "section", place=0), scope)
        option = text_of(argument(call, "option", place=1), scope)
        if section and option:
            for of, prefix in _OPTIONS:
                if section.lower() == of and option.lower().startswith(prefix):
                    yield f"[{section}] {option}"


def _is_environ(expression: ast.expr, scope: Scope) -> bool:
    return origin(expression, scope) == "os.environ"


def _variables(key: ast.expr, scope: Scope) -> Iterator[str]:
    name = text_of(key, scope)
    if name and name.startswith(_VARIABLES):
        yield name


def _keys(value: ast.expr, scope: Scope) -> Iterator[str]:
    if isinstance(value, ast.Name):
        found = scope.find(value.id)
        if found and len(found[1]) == 1 and found[1][0].value is not None:
            value, scope = found[1][0].value, found[1][0].scope
    if isinstance(value, ast.Dict):
        for key in value.keys:
            if key is not None:
                yield from _variables(key, scope)
    elif isinstance(value, ast.Call) and origin(value.func, scope) == "builtins.dict":
        yield from (one.arg for one in value.keywords if one.arg and one.arg.startswith(_VARIABLES))
