"""What of a file builds a Dag: calls, objects, and the mappings that become a Dag's keywords."""

import ast
from functools import lru_cache

from xcomkit.lint.dags.airflow_names import DAG_CLASSES, decorators, is_airflow_class
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Module, Scope

_MAKERS = (*DAG_CLASSES, "dag")  # classes, and the decorator


def is_dag(expression: ast.expr, scope: Scope, project: Project, *, given: str) -> bool:
    """Tell whether an expression is a Dag, or makes one to which it hands the keyword ``given``."""
    if isinstance(expression, ast.Attribute) and expression.attr == "__init__":
        is_super = origin(expression.value, scope) == "builtins.super()"
        if is_super and project.is_kind_of(scope.owner, *DAG_CLASSES):
            return True
        expression = expression.value
    for part, here in project.expressions(expression, scope):
        name = origin(part, here).replace("()", "")
        classes = project.classes(part, here)
        if is_airflow_class(name, *_MAKERS) or any(
            project.is_kind_of(one, *DAG_CLASSES) for one in classes
        ):
            return True
        match part:
            case ast.Call(func=func, args=[made, *_]) if origin(func, here) == "functools.partial":
                return is_dag(made, here, project, given=given)
    factories = [one for one in project.callables(expression, scope) if one.kind == "function"]
    written = getattr(expression, "attr", getattr(expression, "id", ""))
    if not factories:
        return written.lower().endswith("dag")
    return any(_makes_dag(one, project, given=given) for one in factories)


def _makes_dag(factory: Scope, project: Project, *, given: str) -> bool:
    """Tell whether a function hands the keyword ``given``, or all that it gets, to a Dag."""
    known = _known_factories(project)
    if (factory, given) not in known:
        known[factory, given] = False  # what a cycle finds
        known[factory, given] = any(
            is_dag(site.node.func, site.scope, project, given=given)
            for site in factory.calls
            if {given, None} & {one.arg for one in site.node.keywords}
        )
    return known[factory, given]


@lru_cache(maxsize=1)
def _known_factories(_project: Project) -> dict[tuple[Scope, str], bool]:
    return {}


def is_dag_file(module: Module, project: Project) -> bool:
    """Tell whether Airflow loads a file itself: it builds a Dag, or no other file imports it."""
    names = [origin(site.node.func, site.scope) for site in module.calls]
    names += [name for unit in module.units for _, name in decorators(unit)]
    is_imported = any(module in project.imported_by(one) for one in project.modules)
    return not is_imported or any(is_airflow_class(name, *_MAKERS) for name in names)


def is_dag_mapping(expression: ast.expr, scope: Scope, project: Project) -> bool:
    """Tell whether a mapping becomes keywords of a Dag, rather than defaults of its tasks."""
    spread = _spread_to_dags(project)
    return any(
        part in spread or _name_of(part, here) in spread
        for part, here in project.expressions(expression, scope)
    )


def _name_of(part: ast.expr, scope: Scope) -> tuple[Scope, str] | None:
    """Return a name with the scope that binds it: ``**kwargs`` is nothing but a name."""
    bound = scope.find(part.id) if isinstance(part, ast.Name) else []
    return (bound[0].scope, getattr(part, "id", "")) if bound else None


@lru_cache(maxsize=1)
def _spread_to_dags(project: Project) -> frozenset[object]:
    """Return the mappings that stand behind ``**`` where a Dag is built, and their names."""
    found: set[object] = set()
    todo = [
        (keyword.value, site.scope)
        for module in project.modules
        for site in module.calls
        for keyword in site.node.keywords
        if keyword.arg is None and is_dag(site.node.func, site.scope, project, given="")
    ]
    while todo:
        for part, here in project.expressions(*todo.pop()):
            if part in found:
                continue
            found |= {part, _name_of(part, here)} - {None}
            inner: list[ast.expr] = []
            match part:
                case ast.Dict(keys=keys, values=values):
                    inner = [one for key, one in zip(keys, values, strict=True) if key is None]
                case ast.Call(args=args, keywords=keywords):
                    inner = [*args, *(one.value for one in keywords if one.arg is None)]
            todo += [(one, here) for one in inner]
    return frozenset(found)
