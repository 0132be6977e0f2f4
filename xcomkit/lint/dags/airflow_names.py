"""What Airflow's names mean: decorators that make tasks and Dags, classes of XCom, strings."""

import ast
from typing import Literal

from xcomkit.lint.dags.resolving import UNKNOWN, Project, origin
from xcomkit.lint.dags.scopes import FUNCTIONS, Scope

Role = Literal["task", "dag", "plain", "other"]
MOST_DECORATORS = 20  # of a function
TASK_MAKERS = frozenset({"setup", "teardown", "asset"})  # beside task and its variants
CONDITIONS = frozenset({"run_if", "skip_if"})  # stand above the decorator that makes the task
DAG_FAMILY = frozenset({"dag", "task_group"})
TRANSPARENT = frozenset(
    {
        "builtins.staticmethod",
        "builtins.classmethod",
        "functools.cache",
        "functools.lru_cache",
        "contextlib.contextmanager",
    }
)
XCOM_CLASSES = frozenset({"XCom", "BaseXCom", "XComModel"})


def is_airflow(name: str) -> bool:
    """Tell whether a dotted name is Airflow's, or may be: nothing in the file binds it."""
    return name.startswith(("airflow.", f"{UNKNOWN}."))


def is_airflow_class(name: str, *classes: str) -> bool:
    """Tell whether a dotted name is that of one of these classes of Airflow."""
    return is_airflow(name) and name.rpartition(".")[2] in classes


def is_xcom_class(name: str) -> bool:
    """Tell whether a dotted name is one of the classes through which XCom is read and written."""
    return is_airflow_class(name, *XCOM_CLASSES)


def is_dag_class(name: str) -> bool:
    """Tell whether a dotted name is the class of Dags."""
    return is_airflow_class(name, "DAG", "Dag")


def decorator_role(name: str) -> Role:
    """Return what a decorator of this dotted name makes of a function."""
    bare = name.replace("()", "")
    if is_airflow(bare):
        parts = bare.split(".")[1:]
        if DAG_FAMILY & set(parts[-1:]):
            return "dag"
        makes = "task" in parts or TASK_MAKERS & set(parts[-1:])
        if makes and not CONDITIONS & set(parts):
            return "task"
    return "plain" if bare in TRANSPARENT else "other"


def role(function: Scope) -> Role:
    """Return what a function is by its decorators; the strongest word wins."""
    if not isinstance(function.node, FUNCTIONS) or isinstance(function.node, ast.Lambda):
        return "plain"
    outer = function.parent or function
    roles = {
        decorator_role(origin(one, outer)) for one in function.node.decorator_list[:MOST_DECORATORS]
    }
    order: tuple[Role, ...] = ("task", "dag", "other")
    return next((one for one in order if one in roles), "plain")


def text_of(expression: ast.expr | None, scope: Scope) -> str | None:
    """Return the text an expression is known to be: a literal, or a name bound to one once."""
    for _ in range(5):
        if isinstance(expression, ast.Constant):
            return expression.value if isinstance(expression.value, str) else None
        if not isinstance(expression, ast.Name):
            return None
        found = scope.find(expression.id)
        if found is None or len(found[1]) != 1 or found[1][0].kind != "value":
            return None
        expression, scope = found[1][0].value, found[1][0].scope
    return None


def argument(call: ast.Call, name: str, *, place: int | None = None) -> ast.expr | None:
    """Return an argument of a call by its name, or by its place when no ``*`` hides the places."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if place is None or len(call.args) <= place:
        return None
    hidden = any(isinstance(one, ast.Starred) for one in call.args[: place + 1])
    return None if hidden else call.args[place]


def is_kind_of(owner: Scope, project: Project, *endings: str) -> bool:
    """Tell whether a class inherits, here or in the scan, from one whose name ends like this."""
    return any(name.endswith(endings) for name in project.base_names(owner))
