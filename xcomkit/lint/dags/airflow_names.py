"""What Airflow's names mean: decorators that make tasks and Dags, classes of XCom, strings."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from xcomkit.lint.dags.resolving import UNKNOWN, origin, value_of
from xcomkit.lint.dags.scopes import Module, Scope

Role = Literal["task", "dag", "plain", "other"]
MOST_DECORATORS = 20  # of a function
DAG_CLASSES = ("DAG", "Dag")
TASK_MAKERS = frozenset({"setup", "teardown", "asset"})  # beside task and its variants
CONDITIONS = frozenset({"run_if", "skip_if"})  # stand above the decorator that makes the task
TRANSPARENT = frozenset(
    {
        "builtins.staticmethod",
        "builtins.classmethod",
        "functools.cache",
        "functools.lru_cache",
        "functools.wraps",
        "contextlib.contextmanager",
    }
)
# calls that name something of their first argument
_FIRST_HOLDS = frozenset({"builtins.setattr", "functools.partial"})


def is_airflow(name: str) -> bool:
    """Tell whether a dotted name is Airflow's, or may be: nothing in the file binds it."""
    return name.startswith(("airflow.", f"{UNKNOWN}."))


def is_airflow_class(name: str, *classes: str) -> bool:
    """Tell whether a dotted name is that of one of these classes of Airflow."""
    return is_airflow(name) and name.rpartition(".")[2] in classes


def is_xcom_class(name: str) -> bool:
    """Tell whether a dotted name is one of the classes through which XCom is read and written."""
    return is_airflow_class(name, "XCom", "BaseXCom", "XComModel")


def decorators(of: Scope) -> Iterator[tuple[ast.expr, str]]:
    """Yield the decorators of a function or class with their names, without ``()`` of calls."""
    if isinstance(of.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for decorator in of.node.decorator_list[:MOST_DECORATORS]:
            yield decorator, origin(decorator, of.around).replace("()", "")


def decorator_role(name: str) -> Role:
    """Return what a decorator of this dotted name makes of a function."""
    if is_airflow(name):
        parts = name.split(".")[1:]
        if parts[-1] in ("dag", "task_group"):
            return "dag"
        if ("task" in parts or parts[-1] in TASK_MAKERS) and not CONDITIONS & set(parts):
            return "task"
    return "plain" if name in TRANSPARENT else "other"


def role(function: Scope) -> Role:
    """Return what a function is by its decorators; the strongest word wins."""
    roles = {decorator_role(name) for _, name in decorators(function)}
    order: tuple[Role, ...] = ("task", "dag", "other")
    return next((one for one in order if one in roles), "plain")


def text_of(expression: ast.expr | None, scope: Scope) -> str | None:
    """Return the text an expression is known to be: a literal, or a name bound to one once."""
    found = value_of(expression, scope)[0] if expression else None
    value = found.value if isinstance(found, ast.Constant) else None
    return value if isinstance(value, str) else None


def argument(call: ast.Call, name: str, *, place: int | None = None) -> ast.expr | None:
    """Return an argument of a call by its name, or by its place when no ``*`` hides the places."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if place is None or len(call.args) <= place:
        return None
    hidden = any(isinstance(one, ast.Starred) for one in call.args[: place + 1])
    return None if hidden else call.args[place]


@dataclass(frozen=True, slots=True)
class Named:
    """A value, the name it is given, and what it is given to: a mapping, an object or a call."""

    key: ast.expr | None  # nothing for what stands behind **
    value: ast.expr
    holder: ast.expr
    is_mapping: bool
    node: ast.expr
    scope: Scope


@lru_cache(maxsize=1)
def named_values(module: Module) -> tuple[Named, ...]:
    """Return what a file names by keywords, keys, items, attributes and the calls that set them."""
    found = [one for site in module.calls for one in _named_in_call(site.node, site.scope)]
    for mapping in module.dicts:
        node, scope = mapping.node, mapping.scope
        pairs = zip(node.keys, node.values, strict=True)
        found += [Named(key, value, node, True, node, scope) for key, value in pairs]
    for assign in module.assigns:
        value, scope = assign.node.value, assign.scope
        for target in assign.node.targets:
            match target:
                case ast.Subscript(value=holder, slice=key):
                    found.append(Named(key, value, holder, True, target, scope))
                case ast.Attribute(value=holder, attr=attr):
                    found.append(Named(ast.Constant(attr), value, holder, False, target, scope))
    return tuple(found)


def _named_in_call(call: ast.Call, scope: Scope) -> Iterator[Named]:
    match call:
        case ast.Call(
            func=ast.Attribute(value=holder, attr="setdefault" | "update" | "__setitem__")
        ):
            is_mapping = True
        case ast.Call(func=ast.Name(id="dict")):
            holder, is_mapping = call, True
        case ast.Call(func=func, args=[holder, *_]) if origin(func, scope) in _FIRST_HOLDS:
            is_mapping = False
        case _:
            holder, is_mapping = call.func, False
    named = [(ast.Constant(one.arg) if one.arg else None, one.value) for one in call.keywords]
    for key, value in (*named, *pairwise(call.args)):
        yield Named(key, value, holder, is_mapping, call, scope)
