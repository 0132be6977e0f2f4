"""What an expression stands for: its dotted name by import, the functions and classes it names.

Nothing is executed: names are followed through assignments, imports and the other files of the
scan, at most one step per node, so cycles end.
"""

import ast
import builtins
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from xcomkit.lint.dags.scopes import FUNCTIONS, Binding, Module, Scope

UNKNOWN = "?"  # first part of the dotted name of what nothing in the file binds
MOST_ANCESTORS = 50  # of a class
CALLABLE_METHODS = ("__call__", "notify", "async_notify")
MOST_TARGETS = 50  # per expression; a real list of callbacks has a handful
_BUILTINS = frozenset(dir(builtins))


def origin(expression: ast.expr, scope: Scope) -> str:
    """Return the dotted name of an expression, ``()`` for calls, or nothing when it has none."""
    known = scope.module.origins
    if expression not in known:
        known[expression] = ""  # what a cycle finds
        known[expression] = _origin(expression, scope)
    return known[expression]


def _origin(expression: ast.expr, scope: Scope) -> str:
    match expression:
        case ast.Name(id=name):
            return _name_origin(name, scope)
        case ast.Attribute(value=value, attr=attr):
            base = origin(value, scope)
            return f"{base}.{attr}" if base and len(base) < 500 else ""
        case ast.Call(func=func):
            base = origin(func, scope)
            return f"{base}()" if base and len(base) < 500 else ""
        case ast.NamedExpr(value=value) | ast.Await(value=value):
            return origin(value, scope)
        case _:
            return ""


def _name_origin(name: str, scope: Scope) -> str:
    found = scope.find(name)
    if found is None:
        if name in _BUILTINS:
            return f"builtins.{name}"
        stars = scope.module.stars
        return f"{stars[0] if stars else UNKNOWN}.{name}"
    for binding in found[1]:
        if binding.kind == "import":
            return binding.origin
    values = [one for one in found[1] if one.kind != "definition"]
    if len(values) == 1 and values[0].kind == "value" and values[0].value is not None:
        return origin(values[0].value, values[0].scope)
    return ""


class Project:
    """All files of a scan, so that a name imported from another one can be followed."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = tuple(modules)
        self._by_name: dict[str, list[Module]] = {}
        for module in self.modules:
            if module.path:
                self._by_name.setdefault(module.path[-1], []).append(module)
        self._lineages: dict[Scope, tuple[Scope, ...]] = {}
        self._found: dict[tuple[str, ...], Module | None] = {}
        self._targets: dict[tuple[ast.AST, str], tuple[Scope, ...]] = {}

    def callables(self, expression: ast.expr, scope: Scope) -> tuple[Scope, ...]:
        """Return the functions that run when the value of an expression is called."""
        return self._remembered(expression, scope, "callables")

    def classes(self, expression: ast.expr, scope: Scope) -> tuple[Scope, ...]:
        """Return the classes that an expression names, or is an instance of."""
        return self._remembered(expression, scope, "classes")

    def method(self, owner: Scope, name: str) -> Scope | None:
        """Return the method of a class, its own or inherited from a class of the scan."""
        for one in self.lineage(owner):
            for binding in one.names.get(name, ()):
                if binding.kind == "definition" and binding.scope.kind == "function":
                    return binding.scope
        return None

    def lineage(self, owner: Scope) -> tuple[Scope, ...]:
        """Return a class and those of the scan that it inherits from, nearest first."""
        if owner not in self._lineages:
            self._lineages[owner] = (owner,)  # what a cycle finds
            found: dict[Scope, None] = {}
            todo = deque([owner])
            while todo and len(found) < MOST_ANCESTORS:
                one = todo.popleft()
                if one not in found and isinstance(one.node, ast.ClassDef) and one.parent:
                    found[one] = None
                    for base in one.node.bases[:MOST_ANCESTORS]:
                        todo += self.classes(base, one.parent)
            self._lineages[owner] = tuple(found)
        return self._lineages[owner]

    def base_names(self, owner: Scope) -> set[str]:
        """Return the last parts of the names of all bases of a class."""
        return {
            base.rpartition(".")[2]
            for one in self.lineage(owner)
            if isinstance(one.node, ast.ClassDef) and one.parent is not None
            for base in (_written(b, one.parent) for b in one.node.bases)
        }

    def _remembered(self, expression: ast.expr, scope: Scope, what: str) -> tuple[Scope, ...]:
        key = (expression, what)
        if key not in self._targets:
            self._targets[key] = ()  # what a cycle finds
            find = self._callables if what == "callables" else self._classes
            found = dict.fromkeys(islice(find(expression, scope), MOST_TARGETS))
            self._targets[key] = tuple(found)
        return self._targets[key]

    def _callables(self, expression: ast.expr, scope: Scope) -> Iterator[Scope]:
        match expression:
            case ast.Lambda():
                yield scope.module.scopes[expression]
            case ast.Call():
                yield from self._callables_of_result(expression, scope)
            case ast.Name(id=name):
                for binding in self._bindings(name, scope):
                    yield from self._of_binding(binding, "callables")
            case ast.Attribute():
                yield from self._of_attribute(expression, scope, "callables")
            case _:
                for part in _alternatives(expression):
                    yield from self.callables(part, scope)

    def _callables_of_result(self, call: ast.Call, scope: Scope) -> Iterator[Scope]:
        """Yield what runs when the result of a call is called: of an instance, a closure."""
        classes = self.classes(call, scope)
        functions = () if classes else self.callables(call.func, scope)
        for one in classes:
            for name in CALLABLE_METHODS:
                method = self.method(one, name)
                if method is not None:
                    yield method
        for function in functions:
            if isinstance(function.node, ast.Lambda):
                yield from self.callables(function.node.body, function)
            for result in function.returns:
                if result.value is not None:
                    yield from self.callables(result.value, function)
        if not classes and not functions:  # partial(f), or some wrapper around f
            for argument in call.args:
                yield from self.callables(argument, scope)

    def _classes(self, expression: ast.expr, scope: Scope) -> Iterator[Scope]:
        match expression:
            case ast.Name(id=name):
                found = scope.find(name)
                owner = found[0].parent if found and self._is_self(name, found) else None
                if owner is not None:
                    yield owner
                    return
                for binding in self._bindings(name, scope):
                    yield from self._of_binding(binding, "classes")
            case ast.Call(func=ast.Name(id="super")):
                inside = scope
                while inside.kind != "class" and inside.parent is not None:
                    inside = inside.parent
                yield from self.lineage(inside)[1:]
            case ast.Call(func=inner) | ast.NamedExpr(value=inner):
                yield from self.classes(inner, scope)
            case ast.Attribute():
                yield from self._of_attribute(expression, scope, "classes")

    def _is_self(self, name: str, found: tuple[Scope, list[Binding]]) -> bool:
        function = found[0]
        return (
            function.parent is not None
            and function.parent.kind == "class"
            and isinstance(function.node, FUNCTIONS)
            and bool(function.parameters)
            and function.parameters[0].arg == name
        )

    def _of_binding(self, binding: Binding, what: str) -> Iterator[Scope]:
        if binding.kind == "definition":
            yield from self._of_definition(binding.scope, what)
        elif binding.kind == "value" and binding.value is not None:
            yield from self._remembered(binding.value, binding.scope, what)
        elif binding.kind == "item" and binding.value is not None and what == "callables":
            yield from self.callables(binding.value, binding.scope)
        elif binding.kind == "import":
            yield from self._imported(binding.origin, what)

    def _of_definition(self, found: Scope, what: str) -> Iterator[Scope]:
        if what == ("classes" if found.kind == "class" else "callables"):
            yield found
        elif found.kind == "class":
            method = self.method(found, "__init__")
            if method is not None:
                yield method

    def _of_attribute(self, expression: ast.Attribute, scope: Scope, what: str) -> Iterator[Scope]:
        for owner in self.classes(expression.value, scope):
            for one in self.lineage(owner):
                if expression.attr in one.names:
                    for binding in one.names[expression.attr]:
                        yield from self._of_binding(binding, what)
                    break
        name = origin(expression, scope)
        if name and "()" not in name:
            yield from self._imported(name, what)

    def _bindings(self, name: str, scope: Scope) -> list[Binding]:
        found = scope.find(name)
        if found is not None:
            return found[1]
        stars = scope.module.stars
        return [Binding("import", scope, origin=f"{star}.{name}") for star in stars]

    def _imported(self, name: str, what: str) -> Iterator[Scope]:
        """Yield what a dotted name means in the one file of the scan that it can belong to."""
        *path, last = name.split(".")
        module = self._module(tuple(path))
        if module is None:
            return
        key = (module.tree, f"{what} {last}")
        if key in self._targets:
            yield from self._targets[key]
            return
        self._targets[key] = ()  # two files that import from each other
        found = [
            target
            for binding in module.root.names.get(last, ())
            for target in self._of_binding(binding, what)
        ]
        self._targets[key] = tuple(found)
        yield from found

    def _module(self, path: tuple[str, ...]) -> Module | None:
        if path not in self._found:
            candidates = self._by_name.get(path[-1], ()) if path else ()
            fitting = [one for one in candidates if one.path[-len(path) :] == path]
            self._found[path] = fitting[0] if len(fitting) == 1 else None
        return self._found[path]


def _written(expression: ast.expr, scope: Scope) -> str:
    """Return the imported name of an expression, or else the name as it is written."""
    if isinstance(expression, ast.Subscript):
        expression = expression.value
    return origin(expression, scope) or getattr(expression, "attr", getattr(expression, "id", ""))


def _alternatives(expression: ast.expr) -> list[ast.expr]:
    """Return the expressions of which one, or all in a list, are the value of this one."""
    match expression:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return parts
        case ast.BoolOp(values=parts):
            return parts
        case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.NamedExpr(value=value) | ast.Starred(value=value) | ast.Await(value=value):
            return [value]
        case _:
            return []
