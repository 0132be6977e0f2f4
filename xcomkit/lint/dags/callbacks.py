"""XC030: XCom in callbacks of tasks and Dags."""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.resolving import Project, alternatives, value_of
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
    why="A callback has no task token, so with a custom backend it cannot pull or push; the"
    " callback fails, and with it the alert it was to send.",
    remedy="Let a task do it: one with trigger_rule=TriggerRule.ONE_FAILED that takes the value"
    ' as an argument, or read context["exception"], context["run_id"] and params, which a'
    " callback does have.",
    source="configure XCom backend, limitations",
)
_EXPECTED = "no XCom in what a callback runs"


def find_callbacks(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the uses of XCom in what the callbacks of a file run, wherever that is written."""
    roots: list[Run] = []
    seen: set[ast.expr] = set()
    for given, place, name in _given(module):
        value, scope = value_of(given, place)
        if value in seen:
            continue
        seen.add(value)
        why = f"given as {name} at {module.file}:{given.lineno}"
        roots += [Run(unit, why) for unit in project.callables(value, scope)]
        for part, here in alternatives(value, scope):
            for line in _templates(part) if isinstance(part, ast.Call) else ():
                observed = f"xcom_pull in a template, {why}"
                yield Finding(XC030, here.module.file, line, observed, _EXPECTED)
    for run in follow(roots, project):
        for use in xcom_uses(run.unit, project):
            yield run.finding(XC030, use.line, use.text, expected=_EXPECTED)


def _given(module: Module) -> Iterator[tuple[ast.expr, Scope, str]]:
    """Yield the values that are given as callbacks, with the name they are given by."""
    named: list[tuple[object, ast.expr, Scope]] = []
    for call in module.calls:
        named += [(one.arg, one.value, call.scope) for one in call.node.keywords]
    for mapping in module.dicts:
        pairs = zip(mapping.node.keys, mapping.node.values, strict=True)
        named += [(getattr(key, "value", ""), value, mapping.scope) for key, value in pairs]
    for assign in module.assigns:
        for target in assign.node.targets:
            key = target.slice if isinstance(target, ast.Subscript) else target
            name = getattr(key, "attr", getattr(key, "value", ""))
            named.append((name, assign.node.value, assign.scope))
    for name, value, scope in named:
        if isinstance(name, str) and name in CALLBACKS:
            yield value, scope, name


def _templates(notifier: ast.Call) -> Iterator[int]:
    """Yield the lines of the templates that pull when a notifier renders them."""
    for node in ast.walk(notifier):
        match node:
            case ast.Constant(value=str() as text) if "{{" in text and "xcom_pull(" in text:
                yield node.lineno
