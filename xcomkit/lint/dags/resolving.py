"""What an expression stands for: its dotted name by import, the functions and classes it names.

Nothing is executed: names are followed through assignments, imports and the other files of the
scan, at most one step per node, so cycles end.
"""

import ast
import builtins
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

from xcomkit.lint.dags.scopes import Binding, Module, Scope

UNKNOWN = "?"  # first part of the dotted name of what nothing in the file binds
MOST_ANCESTORS = 50  # of a class
CALLABLE_METHODS = ("__call__", "notify", "async_notify")
MOST_TARGETS = 50  # per expression; a real list of callbacks has a handful
MOST_CHARACTERS = 500  # of a dotted name
_BUILTINS = frozenset(dir(builtins))

Target = tuple[Scope, bool]
"""A function or class of the scan, and whether an instance of the class is meant."""


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
            return f"{base}.{attr}" if base and len(base) < MOST_CHARACTERS else ""
        case ast.Call(func=func):
            base = origin(func, scope)
            return f"{base}()" if base and len(base) < MOST_CHARACTERS else ""
        case ast.NamedExpr(value=value) | ast.Await(value=value):
            return origin(value, scope)
        case _:
            return ""


def _name_origin(name: str, scope: Scope) -> str:
    found = scope.find(name)
    if not found:
        if name in _BUILTINS:
            return f"builtins.{name}"
        return f"{next(iter(scope.module.stars), UNKNOWN)}.{name}"
    for binding in found:
        if binding.kind == "import":
            return binding.origin
    values = [one for one in found if one.kind != "definition"]
    if len(values) == 1 and values[0].kind == "value" and values[0].value is not None:
        return origin(values[0].value, values[0].scope)
    return ""


def value_of(expression: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
    """Return what names that are bound once stand for, and where that is written."""
    for _ in range(5):
        match scope.find(expression.id) if isinstance(expression, ast.Name) else []:
            case [Binding(kind="value", value=value, scope=there)] if value is not None:
                expression, scope = value, there
    return expression, scope


def alternatives(expression: ast.expr, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
    """Yield the expressions of which one, or all in a list, are the value of this one."""
    seen: set[ast.expr] = set()
    todo = [(expression, scope)]
    while todo:
        node, here = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        parts: list[ast.expr] = []
        match node:
            case ast.Name(id=name):
                found = reversed(here.find(name))
                todo += [(one.value, one.scope) for one in found if one.value is not None]
                yield node, here
            case (
                ast.List(elts=parts)
                | ast.Tuple(elts=parts)
                | ast.Set(elts=parts)
                | ast.BoolOp(values=parts)
            ):
                pass
            case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, right=right):
                parts = [left, right]
            case ast.NamedExpr(value=value) | ast.Starred(value=value) | ast.Await(value=value):
                parts = [value]
            case _:
                yield node, here
        todo += [(one, here) for one in reversed(parts[:MOST_TARGETS])]


class Project:
    """All files of a scan, so that a name imported from another one can be followed."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = tuple(modules)
        self._targets: dict[object, tuple[Target, ...]] = {}
        self._lineages: dict[Scope, tuple[Scope, ...]] = {}
        self._imports: dict[Module, frozenset[Module]] = {}
        self._by_name: dict[str, list[Module]] = {}
        for module in self.modules:
            self._by_name.setdefault("".join(module.path[-1:]), []).append(module)
        self._module = cache(self._find_module)
        for module in self.modules:
            for scope in (module.root, *module.scopes.values()):
                for bindings in scope.names.values():
                    bindings[:] = map(self._of_airflow, bindings)

    def expressions(self, expression: ast.expr, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
        """Yield what an expression may stand for, also what a class or another file binds."""
        for part, here in alternatives(expression, scope):
            yield part, here
            own = self._attributes(part, here) if isinstance(part, ast.Attribute) else ()
            for binding in (*own, *self._bindings(origin(part, here))):
                if binding.value is not None:
                    yield from alternatives(binding.value, binding.scope)

    def named(self, path: str) -> tuple[Scope, ...]:
        """Return the functions and classes of the scan that a dotted path names."""
        return tuple(target for target, _ in self._imported(path))

    def callables(self, expression: ast.expr, scope: Scope) -> tuple[Scope, ...]:
        """Return the functions that run when the value of an expression is called."""
        found: list[Scope] = []
        for target, is_instance in self._targets_of(expression, scope):
            if target.kind == "function":
                found.append(target)
            else:
                names = CALLABLE_METHODS if is_instance else ("__init__",)
                found += [one for one in (self.method(target, name) for name in names) if one]
        return tuple(found)

    def classes(self, expression: ast.expr, scope: Scope) -> tuple[Scope, ...]:
        """Return the classes that an expression names, or is an instance of."""
        targets = self._targets_of(expression, scope)
        return tuple(target for target, _ in targets if target.kind == "class")

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
                if one not in found:
                    found[one] = None
                    for base in _bases(one)[:MOST_ANCESTORS]:
                        todo += self.classes(base, one.around)
            self._lineages[owner] = tuple(found)
        return self._lineages[owner]

    def bases(self, owner: Scope) -> set[str]:
        """Return the names of what a class, or one it inherits from, has as bases."""
        return {
            origin(base, one.around) or getattr(base, "attr", getattr(base, "id", ""))
            for one in self.lineage(owner)
            for base in _bases(one)
        }

    def imported_by(self, module: Module) -> frozenset[Module]:
        """Return the files of the scan that a file imports."""
        if module not in self._imports:
            found = {self._module(tuple(name.split("."))) for name in module.imported}
            self._imports[module] = frozenset(one for one in found if one is not None) - {module}
        return self._imports[module]

    def is_kind_of(self, owner: Scope, *endings: str) -> bool:
        """Tell whether a class inherits, anywhere in the scan, from one whose name ends so."""
        return any(one.rpartition(".")[2].endswith(endings) for one in self.bases(owner))

    def _targets_of(self, expression: ast.expr, scope: Scope) -> tuple[Target, ...]:
        found = (
            target
            for part, here in alternatives(expression, scope)
            for target in self._targets_of_part(part, here)
        )
        return self._remembered(expression, found)

    def _remembered(self, key: object, found: Iterator[Target]) -> tuple[Target, ...]:
        if key not in self._targets:
            self._targets[key] = ()  # what a cycle finds
            self._targets[key] = tuple(dict.fromkeys(islice(found, MOST_TARGETS)))
        return self._targets[key]

    def _targets_of_part(self, part: ast.expr, scope: Scope) -> Iterator[Target]:
        match part:
            case ast.Lambda():
                yield scope.module.scopes[part], False
            case ast.Call(func=ast.Name(id="super")):
                yield from ((one, True) for one in self.lineage(scope.owner)[1:])
            case ast.Call():
                yield from self._results(part, scope)
            case ast.Name(id=name):
                bound = scope.find(name)
                for star in () if bound else scope.module.stars:
                    yield from self._imported(f"{star}.{name}")
                for binding in bound:
                    if binding.value is None:  # those with a value are parts of their own
                        yield from self._bound(binding)
            case ast.Attribute():
                yield from self._members(part, scope)

    def _members(self, part: ast.Attribute, scope: Scope) -> Iterator[Target]:
        """Yield what an attribute is: of a class of the scan, or of a module."""
        for binding in self._attributes(part, scope):
            yield from self._bound(binding)
        name = origin(part, scope)
        if name and "()" not in name:
            yield from self._imported(name)

    def _attributes(self, part: ast.Attribute, scope: Scope) -> Iterator[Binding]:
        """Yield how the classes of the scan that an attribute may be of bind it."""
        for owner in self.classes(part.value, scope):
            holders = (one.names for one in self.lineage(owner) if part.attr in one.names)
            yield from next(holders, {}).get(part.attr, ())

    def _results(self, call: ast.Call, scope: Scope) -> Iterator[Target]:
        """Yield what a call returns: an instance, or what a function of the scan returns."""
        made = self._targets_of(call.func, scope)
        for target, is_instance in made:
            if target.kind == "class" and not is_instance:
                yield target, True
            for result in target.results:
                yield from self._targets_of(result, target)
        if not made:  # partial(f), or some wrapper around f
            for argument in call.args:
                yield from self._targets_of(argument, scope)

    def _bound(self, binding: Binding) -> Iterator[Target]:
        match binding.kind:
            case "definition":
                yield binding.scope, False
            case "self":
                yield binding.scope.around, True
            case "import":
                yield from self._imported(binding.origin)
            case "value" | "item" if binding.value is not None:
                yield from self._targets_of(binding.value, binding.scope)

    def _imported(self, name: str) -> tuple[Target, ...]:
        """Return what a dotted name means in the one file of the scan that it can belong to."""
        bindings = self._bindings(name)
        found = (target for binding in bindings for target in self._bound(binding))
        return self._remembered(bindings, found)

    def _bindings(self, name: str) -> tuple[Binding, ...]:
        """Return how the one file of the scan that a dotted name can belong to binds it."""
        *path, last = name.split(".")
        module = self._module(tuple(path))
        return tuple(module.root.names.get(last, ())) if module else ()

    def _of_airflow(self, binding: Binding) -> Binding:
        """Return an import from the scan of what Airflow defines as an import from Airflow."""
        name = binding.origin
        for _ in range(5):
            found = self._bindings(name) if name else ()
            if len(found) != 1:
                break
            value, scope = found[0].value, found[0].scope
            is_alias = isinstance(value, (ast.Name, ast.Attribute))
            name = origin(value, scope) if value and is_alias else found[0].origin
        return replace(binding, origin=name) if name.startswith("airflow.") else binding

    def _find_module(self, path: tuple[str, ...]) -> Module | None:
        candidates = self._by_name.get(path[-1], ()) if path else ()
        fitting = [one for one in candidates if one.path[-len(path) :] == path]
        return fitting[0] if len(fitting) == 1 else None


def _bases(owner: Scope) -> list[ast.expr]:
    """Return the bases of a class, without the parameters of generic ones."""
    bases = owner.node.bases if isinstance(owner.node, ast.ClassDef) else []
    return [base.value if isinstance(base, ast.Subscript) else base for base in bases]
