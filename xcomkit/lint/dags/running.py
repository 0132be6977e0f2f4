"""What XCom use there is in a unit, and which units run because another one does."""

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from xcomkit.lint.dags.airflow_names import is_xcom_class, role
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Scope, Site

METHODS = frozenset({"xcom_pull", "xcom_push", "axcom_pull", "axcom_push"})
_VERBS = ("set", "get_one", "get_all", "get_value", "get_many", "delete", "clear")
CLASS_METHODS = frozenset(prefix + verb for verb in _VERBS for prefix in ("", "a"))


@dataclass(frozen=True, slots=True)
class Run:
    """A unit that runs, why (as words for people), and through which functions."""

    unit: Scope
    because: str
    through: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Return why the unit runs, with the way there."""
        shown = self.through[:-1]  # the last is the unit itself
        return f"{self.because}, through {' and '.join(shown)}" if shown else self.because


@dataclass(frozen=True, slots=True)
class Use:
    """One use of XCom: where, and how it is written."""

    site: Site
    text: str

    @property
    def line(self) -> int:
        """Return the line it begins on."""
        return getattr(self.site.node, "lineno", 1)


def xcom_uses(unit: Scope, project: Project) -> Iterator[Use]:
    """Yield the uses of XCom that run when a unit runs."""
    for site in unit.attributes:
        node = site.node
        if (
            isinstance(node, ast.Attribute)
            and node.attr in METHODS
            and isinstance(node.ctx, ast.Load)
            and not _is_own_method(node, site.scope, project)
        ):
            yield Use(site, node.attr)
    for site in unit.calls:
        call = site.node
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Attribute) and call.func.attr in CLASS_METHODS:
            if is_xcom_class(origin(call.func.value, site.scope)):
                yield Use(site, ".".join(origin(call.func, site.scope).split(".")[-2:]))
        elif len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
            name = call.args[1].value
            if name in METHODS and origin(call.func, site.scope) == "builtins.getattr":
                yield Use(site, f"getattr of {name}")


def _is_own_method(node: ast.Attribute, scope: Scope, project: Project) -> bool:
    """Tell whether a class of the scan defines the method, so that it is not Airflow's."""
    return any(project.method(one, node.attr) for one in project.classes(node.value, scope))


def called(unit: Scope, project: Project) -> Iterator[Scope]:
    """Yield the functions that a unit calls itself."""
    for site in unit.calls:
        if isinstance(site.node, ast.Call) and not site.is_guarded:
            yield from project.callables(site.node.func, site.scope)


def called_or_handed_on(unit: Scope, project: Project) -> Iterator[Scope]:
    """Yield the functions that a unit calls, or gives to what it calls."""
    yield from called(unit, project)
    yield from unit.lambdas
    for site in unit.calls:
        if isinstance(site.node, ast.Call):
            for value in (*site.node.args, *(one.value for one in site.node.keywords)):
                if isinstance(value, (ast.Name, ast.Attribute)):
                    yield from project.callables(value, site.scope)


def follow(
    roots: Iterable[Run],
    project: Project,
    *,
    steps: Callable[[Scope, Project], Iterable[Scope]] = called_or_handed_on,
) -> Iterator[Run]:
    """Yield the units that run with the roots, each once, nearest first.

    Functions that decorators made into tasks are left out: calling one builds a task.
    """
    seen: set[Scope] = set()
    pending = deque(roots)
    while pending:
        run = pending.popleft()
        if run.unit in seen:
            continue
        seen.add(run.unit)
        yield run
        for step in steps(run.unit, project):
            if step not in seen and role(step) in ("plain", "dag"):
                pending.append(Run(step, run.because, (*run.through[-2:], step.name)))
