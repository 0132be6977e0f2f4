"""Which expressions are a Decimal, and what names stand for, without knowing any value."""

import ast
from functools import lru_cache

from xcomkit.lint.dags.airflow_names import named_values, role
from xcomkit.lint.dags.resolving import origin
from xcomkit.lint.dags.scopes import Module, Scope

DECIMAL = "decimal.Decimal"
_MAKERS = frozenset({DECIMAL, f"{DECIMAL}.from_float"})
# methods and functions whose result is a Decimal where what they are given is one
_METHODS = frozenset(
    {"quantize", "normalize", "copy_abs", "copy_negate", "sqrt", "fma", "to_integral_value"}
)
_FUNCTIONS = frozenset(
    {"builtins.abs", "builtins.max", "builtins.min", "builtins.round", "builtins.sum"}
)


def is_decimal(node: ast.expr, scope: Scope, seen: set[ast.expr] | None = None) -> bool:
    """Tell whether the value of an expression is surely a Decimal; ``seen`` are those around it."""
    within = bool(seen)
    seen = set() if seen is None else seen
    if node in seen:
        return False
    seen.add(node)
    parts: list[tuple[ast.expr, Scope]] = []
    match node:
        case ast.Call(func=func) if _makes_decimal(func, scope):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _METHODS:
            parts = [(value, scope)]
        case ast.Call(func=func, args=args) if origin(func, scope) in _FUNCTIONS:
            # round(x) is an int
            is_whole = origin(func, scope) == "builtins.round" and len(args) == 1
            parts = [] if is_whole else [(one, scope) for one in args]
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) if within:  # of sum and max
            parts = [(part, scope.module.scopes[node])]
        case ast.List(elts=elements) | ast.Tuple(elts=elements) if within:
            parts = [(one, scope) for one in elements]
        case ast.BinOp(left=left, right=right):
            parts = [(left, scope), (right, scope)]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            parts = [(operand, scope)]
        case ast.Name() if within:
            parts = bound_values(node, scope)
    return any(is_decimal(one, here, seen) for one, here in parts)


def _makes_decimal(func: ast.expr, scope: Scope) -> bool:
    is_of_context = getattr(func, "attr", "") in ("create_decimal", "create_decimal_from_float")
    return is_of_context or origin(func, scope) in _MAKERS


def bound_values(name: ast.Name, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """Return what a name may stand for; nothing where it is made of what it was, but by adding."""
    found = scope.find(name.id)
    for one in found:
        value = one.value
        if value is None or one.kind != "value":
            return []
        if isinstance(value, ast.BinOp) and getattr(value.left, "id", "") == name.id:
            value = value.right
        if name.id in _names(value):
            return []
    return [(one.value, one.scope) for one in found if one.value is not None]


@lru_cache(maxsize=10_000)
def _names(value: ast.expr) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(value) if isinstance(node, ast.Name))


@lru_cache(maxsize=1)
def put_in(module: Module) -> dict[tuple[Scope, str], list[tuple[ast.expr, Scope]]]:
    """Return what functions put into the lists and mappings of a name."""
    found: dict[tuple[Scope, str], list[tuple[ast.expr, Scope]]] = {}
    for site in module.calls:
        match site.node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="append" | "add" | "insert"),
                args=[*_, value],
            ):
                found.setdefault((site.scope.unit, name), []).append((value, site.scope))
    for one in named_values(module):
        match one.node:
            case ast.Subscript(value=ast.Name(id=name)):
                found.setdefault((one.scope.unit, name), []).append((one.value, one.scope))
    return found


def is_followed(unit: Scope) -> bool:
    """Tell whether a call of a function has the value that the function returns."""
    return role(unit) == "plain" and isinstance(unit.node, (ast.FunctionDef, ast.Lambda))
