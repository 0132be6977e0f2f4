"""XC030: XCom in callbacks of tasks and Dags."""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.resolving import Project
from xcomkit.lint.dags.running import Run, follow, xcom_uses
from xcomkit.lint.dags.scopes import Module, Scope

CALLBACKS = frozenset(
    {
        "on_success_callback",
        "on_failure_callback",
        "on_retry_callback",
        "on_execute_callback",
        "on_skipped_callback",
        "sla_miss_callback",
    }
)
XC030 = Rule(
    id="XC030",
    title="Callbacks use no XCom",
    severity="fail",
    why="a callback has no task token, so with a custom backend it cannot pull or push; the"
    " callback fails, and with it the alert it was to send.",
    remedy="let a task do it: one with trigger_rule=TriggerRule.ONE_FAILED that takes the value"
    ' as an argument, or read context["exception"], context["run_id"] and params, which a'
    " callback does have.",
    source="configure XCom backend, limitations",
)
_EXPECTED = "no XCom in what a callback runs"

Given = tuple[ast.expr, Scope, str, int]


def find_callbacks(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the uses of XCom in what the callbacks of a file run, wherever that is written."""
    given = list(_given(module))
    yield from _templates(given)
    roots = [
        Run(unit, f"given as {name} at {module.file}:{line}")
        for value, scope, name, line in given
        for unit in project.callables(value, scope)
    ]
    for run in follow(roots, project):
        for use in xcom_uses(run.unit, project):
            observed = f"{use.text} in {run.unit.name}, {run.told}"
            yield Finding(XC030, run.unit.module.file, use.line, observed, _EXPECTED)


def _given(module: Module) -> Iterator[Given]:
    """Yield the values that are given as callbacks, with the name and line of the place."""
    for site in (*module.calls, *module.dicts, *module.assigns):
        for name, value in _named(site.node):
            if name:
                yield value, site.scope, name, value.lineno


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the values a node gives to a callback by name; the name is empty for others."""
    match node:
        case ast.Call(keywords=keywords):
            for keyword in keywords:
                yield keyword.arg if keyword.arg in CALLBACKS else "", keyword.value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                yield _constant(key), value
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield _assigned(target), value


def _constant(key: ast.expr | None) -> str:
    value = key.value if isinstance(key, ast.Constant) else None
    return value if isinstance(value, str) and value in CALLBACKS else ""


def _assigned(target: ast.expr) -> str:
    """Return the callback that ``default_args["on_..."] =`` or ``task.on_... =`` sets."""
    if isinstance(target, ast.Subscript):
        return _constant(target.slice)
    if isinstance(target, ast.Attribute) and target.attr in CALLBACKS:
        return target.attr
    return ""


def _templates(given: list[Given]) -> Iterator[Finding]:
    """Yield templates that pull XCom when a notifier renders them."""
    seen: set[ast.AST] = set()
    todo = list(given)
    while todo:
        value, scope, name, line = todo.pop()
        if value in seen:
            continue
        seen.add(value)
        if isinstance(value, ast.Name):
            found = scope.find(value.id)
            todo += [
                (one.value, one.scope, name, line)
                for one in (found[1] if found else ())
                if one.kind == "value" and one.value is not None
            ]
        elif isinstance(value, (ast.List, ast.Tuple)):
            todo += [(one, scope, name, line) for one in value.elts]
        elif isinstance(value, ast.Call):
            for node in _pulling(value):
                observed = f"xcom_pull in a template, given as {name} at line {line}"
                yield Finding(XC030, scope.module.file, node.lineno, observed, _EXPECTED)


def _pulling(call: ast.Call) -> Iterator[ast.Constant]:
    """Yield the templates in a call that pull."""
    for node in ast.walk(call):
        match node:
            case ast.Constant(value=str() as text) if "{{" in text and "xcom_pull(" in text:
                yield node
