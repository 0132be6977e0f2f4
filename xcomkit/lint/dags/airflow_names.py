"""What Airflow's names mean: decorators that make tasks and Dags, classes of XCom, strings."""

import ast
from collections.abc import Iterator
from typing import Literal

from xcomkit.lint.dags.resolving import UNKNOWN, origin, value_of
from xcomkit.lint.dags.scopes import Scope

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
