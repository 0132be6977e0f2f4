"""What XCom use there is in a unit, and which units run because another one does."""

import ast
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import decorators, is_xcom_class, role
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Scope

METHODS = frozenset({"xcom_pull", "xcom_push", "axcom_pull", "axcom_push"})
_VERBS = ("set", "get_one", "get_all", "get_value", "get_many", "delete", "clear")
CLASS_METHODS = frozenset(prefix + verb for verb in _VERBS for prefix in ("", "a"))


@dataclass(frozen=True, slots=True)
class Run:
    """A unit that runs, why (as words for people), and through which functions."""

    unit: Scope
    because: str
    through: tuple[str, ...] = ()

    def finding(self, rule: Rule, line: int, what: str, *, expected: str) -> Finding:
        """Return what a rule objects to in the unit, with the reason why the unit runs."""
        unit = self.unit
        where = "the file itself" if unit.kind == "module" else unit.name
        way = " and ".join(self.through[:-1])  # the last is the unit itself
        why = f"{self.because}, through {way}" if way else self.because
        return Finding(rule, unit.module.file, line, f"{what} in {where}, {why}", expected)


def find_uses(
    rule: Rule, roots: Iterable[Run], project: Project, *, expected: str
) -> Iterator[Finding]:
    """Yield the uses of XCom in what runs with the roots."""
    for run in follow(roots, project):
        for line, text in xcom_uses(run.unit, project):
            yield run.finding(rule, line, text, expected=expected)


def xcom_uses(unit: Scope, project: Project) -> Iterator[tuple[int, str]]:
    """Yield the uses of XCom that run when a unit runs: on which line, and how it is written."""
    for site in unit.attributes:
        node = site.node
        if site.is_guarded or not isinstance(node.ctx, ast.Load):
            continue
        if node.attr in CLASS_METHODS and is_xcom_class(name := origin(node.value, site.scope)):
            yield node.lineno, f"{name.rpartition('.')[2]}.{node.attr}"
        if node.attr in METHODS:
            owners = project.classes(node.value, site.scope)
            # a method that a class of the scan defines is not Airflow's
            if not any(project.method(one, node.attr) for one in owners):
                yield node.lineno, node.attr
    for call_site in unit.calls:
        match call_site.node:
            case _ if call_site.is_guarded:
                continue
            case ast.Call(func=func, args=[_, ast.Constant(value=verb), *_]) if verb in METHODS:
                is_getattr = origin(func, call_site.scope) == "builtins.getattr"
                text = f"getattr of {verb}" if is_getattr else ""
            case _:
                continue
        if text:
            yield call_site.node.lineno, text


def follow(roots: Iterable[Run], project: Project, *, is_handed_on: bool = True) -> Iterator[Run]:
    """Yield the units that run with the roots, each once, nearest first.

    ``is_handed_on`` tells whether what is given to a call is called as well. Functions that
    decorators made into tasks are left out: calling one builds a task.
    """
    seen: set[Scope] = set()
    pending = deque(roots)
    while pending:
        run = pending.popleft()
        if run.unit in seen:
            continue
        seen.add(run.unit)
        yield run
        for step in _called(run.unit, project, is_handed_on=is_handed_on):
            if step not in seen and role(step) in ("plain", "dag"):
                pending.append(Run(step, run.because, (*run.through[-2:], step.name)))


def _called(unit: Scope, project: Project, *, is_handed_on: bool) -> Iterator[Scope]:
    """Yield the functions that a unit calls, or gives to what it calls, or that decorate it."""
    for decorator, _ in decorators(unit):
        for maker in project.callables(decorator, unit.around):
            for result in maker.results:
                yield from project.callables(result, maker)
    for site in unit.calls:
        if not site.is_guarded:
            yield from project.callables(site.node.func, site.scope)
    if is_handed_on:
        yield from unit.lambdas
        for site in unit.calls:
            for value in (*site.node.args, *(one.value for one in site.node.keywords)):
                if isinstance(value, (ast.Name, ast.Attribute)):
                    yield from project.callables(value, site.scope)
