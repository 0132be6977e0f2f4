"""XC097 and XC098: values that leave the execution plane, past every XCom backend."""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import (
    Named,
    decorators,
    is_airflow,
    is_airflow_class,
    named_values,
)
from xcomkit.lint.dags.resolving import Project, origin, value_of
from xcomkit.lint.dags.scopes import Module, Scope, Site

XC097 = Rule(
    id="XC097",
    title="Triggers that end a task hand over no XCom values",
    severity="fail",
    why="Airflow writes the xcoms of such an event into the metadata database itself, past the"
    " backend and its threshold: the values leave the execution plane.",
    remedy="Yield a small TriggerEvent that says where the values are, and return them from the"
    " method that resumes the task, such as execute_complete. End a task from its trigger only"
    " where it has no values: TaskSuccessEvent().",
    source="Airflow, models/trigger.py (3.3.2), read; apache/airflow 44759",
)
XC098 = Rule(
    id="XC098",
    title="No task runs in the SDK of another language",
    severity="fail",
    why="Tasks in Java, Go or TypeScript push straight to the API server, whatever backend is set:"
    " their values leave the execution plane, and of a value of a Python task they pull the"
    " reference.",
    remedy="Start the program from a Python task, such as @task.kubernetes or a @task that runs a"
    " subprocess, and return its result there; or let it write to the bucket itself and hand on"
    " nothing but the place. Support is planned for Airflow 3.5.",
    source="Airflow 3.3 and 3.4, language SDKs, read; apache/airflow PR 75184",
)
_EVENTS = ("TaskSuccessEvent", "TaskFailedEvent", "TaskSkippedEvent", "BaseTaskEndEvent")


def find_leaving(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the events of triggers that hold values, and the tasks of other languages."""
    for line, observed in _events(module, project):
        yield Finding(XC097, module.file, line, observed, "an event without xcoms")
    for line, observed in _stubs(module):
        yield Finding(XC098, module.file, line, observed, "a task in Python")


def _events(module: Module, project: Project) -> Iterator[tuple[int, str]]:
    """Yield what hands ``xcoms`` to an event: a keyword, a mapping behind ``**``, an assignment."""
    mappings = {one.holder for one in named_values(module) if _is_xcoms(one)}
    for one in named_values(module):
        value, _ = value_of(one.value, one.scope)
        spread = project.expressions(one.value, one.scope) if one.key is None else ()
        is_spread = any(part in mappings for part, _ in spread)
        # a name that begins as an empty mapping is filled before it is given
        empty = ("None",) if isinstance(one.value, ast.Name) else ("None", "{}", "dict()")
        if is_spread or (_is_xcoms(one) and ast.unparse(value) not in empty):
            is_set = isinstance(one.node, ast.Attribute)
            for name in _event_names(one.holder, one.scope, project):
                text = f"xcoms of {name} are set" if is_set else f"xcoms given to {name}"
                yield one.node.lineno, text


def _is_xcoms(named: Named) -> bool:
    return getattr(named.key, "value", "") == "xcoms"


def _event_names(expression: ast.expr, scope: Scope, project: Project) -> Iterator[str]:
    """Yield the events that end a task among what an expression may name or be."""
    if isinstance(expression, ast.Attribute) and expression.attr == "__init__":
        if project.is_kind_of(scope.owner, *_EVENTS):
            yield scope.owner.name
        return
    for part, here in project.expressions(expression, scope):
        name = origin(part, here).removesuffix("()")
        if is_airflow_class(name, *_EVENTS):
            yield name.rpartition(".")[2]
        for owner in project.classes(part, here):
            if project.is_kind_of(owner, *_EVENTS):
                yield owner.name


def _stubs(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the declarations of tasks that another language implements."""
    for unit in module.units:
        for decorator, name in decorators(unit):
            if _is_stub(name):
                yield decorator.lineno, f"{unit.name} is declared with @task.stub"
    named: list[Site[ast.Attribute] | Site[ast.Call]] = [*module.calls]
    named += [site for unit in module.units for site in unit.attributes]
    for site in named:
        if _is_stub(origin(site.node, site.scope).removesuffix("()")):
            yield site.node.lineno, "task.stub declares a task of another language"


def _is_stub(name: str) -> bool:
    return is_airflow(name) and name.endswith((".task.stub", ".decorators.stub.stub"))
