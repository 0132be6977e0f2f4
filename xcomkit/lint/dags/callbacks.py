"""XC030, XC031 and XC095: XCom in triggers and callbacks, judged by where Airflow runs them."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import (
    DAG_CLASSES,
    argument,
    is_airflow_class,
    named_values,
)
from xcomkit.lint.dags.building import is_dag, is_dag_mapping
from xcomkit.lint.dags.references import is_pulling
from xcomkit.lint.dags.resolving import CALLABLE_METHODS, Project, origin, value_of
from xcomkit.lint.dags.running import Run, find_uses
from xcomkit.lint.dags.scopes import FUNCTIONS, Module, Scope, Site

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
# what a deadline calls: the name and the place of the argument
_DEADLINES = {
    "AsyncCallback": ("callback_callable", 0),
    "SyncCallback": ("callback_callable", 0),
    "DeadlineAlert": ("callback", 2),
}
_REMEDY = (
    "Let a task do it: one with trigger_rule=TriggerRule.ONE_FAILED that takes the value"
    ' as an argument, or read context["exception"], context["run_id"] and params, which a'
    " callback does have."
)
XC030 = Rule(
    id="XC030",
    title="Callbacks of Dags and of deadlines use no XCom",
    severity="fail",
    why="The Dag processor or the triggerer runs them, outside of any task and without a task"
    " token: with a custom backend they cannot pull or push. The callback fails, and with it the"
    " alert it was to send.",
    remedy=_REMEDY,
    source="configure XCom backend, limitations; Airflow, callbacks and deadline alerts",
)
XC095 = Rule(
    id="XC095",
    title="Callbacks of tasks use no XCom",
    severity="warn",
    why="They work while the worker lives, as they run in the task's process with its token. For a"
    " task that was killed the Dag processor runs them without one: the alert fails just when it is"
    " needed. The vendor supports XCom in no callback.",
    remedy=_REMEDY,
    source="measured with Airflow 3.3.2 under its own supervisor; apache/airflow PR 53058",
)
_TRIGGER_METHODS = ("run", "serialize", "__init__", "cleanup", "on_kill")
XC031 = Rule(
    id="XC031",
    title="Triggers use no XCom, or every agent runs Agent Client 1.5.0 or later",
    severity="warn",
    why="With a custom backend older agents have no XCom in the triggerer: the trigger fails, and"
    " the task that waits for it.",
    remedy="Pull in the operator before self.defer(...) and give the value to the trigger as an"
    " argument; push what comes back in execute_complete. Or run Agent Client 1.5.0 or later on"
    " every agent and accept XC031 with that reason.",
    source="configure XCom backend, limitations",
)
_EXPECTED = "no XCom in what a callback runs"

Given = tuple[ast.expr, Scope, str, Rule]
"""A value that is given as a callback, where, by which words, and the rule that judges it."""


def find_callbacks(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the uses of XCom in what the callbacks of a file run, wherever that is written."""
    roots: dict[Rule, list[Run]] = {XC030: [], XC095: []}
    seen: set[tuple[ast.expr, Rule]] = set()
    for given, place, words, rule in _given(module, project):
        value, scope = value_of(given, place)
        if (value, rule) in seen:
            continue
        seen.add((value, rule))
        why = f"{words} at {module.file}:{given.lineno}"
        for one, there in ((value, scope), *_arguments(value, scope, project)):
            roots[rule] += [Run(unit, why) for unit in _units(one, there, project)]
            for file, line in _templates(one, there, project):
                yield Finding(rule, file, line, f"xcom_pull in a template, {why}", _EXPECTED)
    for rule, runs in roots.items():
        yield from find_uses(rule, runs, project, expected=_EXPECTED)


def _units(value: ast.expr, scope: Scope, project: Project) -> Iterator[Scope]:
    """Yield the functions that run as a callback; a deadline takes a class or a path as well."""
    yield from project.callables(value, scope)
    owners = project.classes(value, scope)
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        named = project.named(value.value)
        yield from (one for one in named if one.kind == "function")
        owners = tuple(one for one in named if one.kind == "class")
    for owner in owners:
        methods = (project.method(owner, name) for name in CALLABLE_METHODS)
        yield from filter(None, methods)


def _given(module: Module, project: Project) -> Iterator[Given]:
    """Yield the values that are given as callbacks."""
    for site in module.calls:
        yield from _given_to_deadline(site)
    for one in named_values(module):
        name = getattr(one.key, "value", None)
        if name in CALLBACKS:
            if one.is_mapping:
                is_dags = is_dag_mapping(one.holder, one.scope, project)
            else:
                is_dags = is_dag(one.holder, one.scope, project, given=name)
            yield one.value, one.scope, f"given as {name}", XC030 if is_dags else XC095
    for owner in module.classes:
        rule = XC030 if project.is_kind_of(owner, *DAG_CLASSES) else XC095
        for name in sorted(CALLBACKS & owner.names.keys()):
            for bound in owner.names[name]:
                if bound.value is not None:
                    yield bound.value, bound.scope, f"given as {name} of {owner.name}", rule


def _given_to_deadline(site: Site[ast.Call]) -> Iterator[Given]:
    for name, (keyword, place) in _DEADLINES.items():
        if is_airflow_class(origin(site.node.func, site.scope), name):
            value = argument(site.node, keyword, place=place)
            # the call itself as well: its kwargs may be templates
            for one in filter(None, (value, site.node)):
                yield one, site.scope, f"given to {name}", XC030


def _arguments(value: ast.expr, scope: Scope, project: Project) -> Iterator[tuple[ast.expr, Scope]]:
    """Yield what calls hand to the function of which a value is a parameter."""
    name = value.id if isinstance(value, ast.Name) else ""
    for binding in scope.find(name):
        unit = binding.scope
        if binding.kind == "parameter" and isinstance(unit.node, FUNCTIONS):
            arguments = unit.node.args
            names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
            place = names.index(name) if name in names else None
            for site in _calls(project).get(unit, ()):
                found = argument(site.node, name, place=place)
                if found is not None:
                    yield found, site.scope


@lru_cache(maxsize=1)
def _calls(project: Project) -> dict[Scope, list[Site[ast.Call]]]:
    """Return the calls of each function of the scan."""
    found: dict[Scope, list[Site[ast.Call]]] = {}
    for site in (site for module in project.modules for site in module.calls):
        for unit in project.callables(site.node.func, site.scope):
            found.setdefault(unit, []).append(site)
    return found


def _templates(value: ast.expr, scope: Scope, project: Project) -> Iterator[tuple[str, int]]:
    """Yield file and line of the templates that pull when a notifier renders them."""
    todo = [one for one in project.expressions(value, scope) if isinstance(one[0], ast.Call)]
    seen: set[ast.expr] = set()
    while todo:
        part, here = todo.pop()
        for node in ast.walk(part):
            if isinstance(node, ast.Constant) and is_pulling(node.value):
                yield here.module.file, node.lineno
            elif isinstance(node, ast.Name) and node not in seen:
                seen.add(node)
                found = project.expressions(node, here)
                todo += [one for one in found if not isinstance(one[0], (ast.Name, ast.Call))]
    for owner in project.classes(value, scope):
        begin, end = getattr(owner.node, "lineno", 0), getattr(owner.node, "end_lineno", 0)
        for text, node in owner.module.texts:
            if begin <= node.lineno <= end and is_pulling(text):
                yield owner.module.file, node.lineno


def find_triggers(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the uses of XCom in the triggers of a file and what their methods call."""
    roots = [
        Run(method, f"a method of the trigger {owner.name}")
        for owner in module.classes
        if project.is_kind_of(owner, "Trigger")
        and (project.method(owner, "run") or project.method(owner, "serialize"))
        for method in (project.method(owner, name) for name in _TRIGGER_METHODS)
        if method is not None
    ]
    expected = "values come in as arguments and leave as the event"
    yield from find_uses(XC031, roots, project, expected=expected)
