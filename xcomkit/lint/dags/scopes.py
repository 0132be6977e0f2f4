"""A Dag file as scopes: what each name is bound to, and what runs where.

A *unit* is what runs as one: the module, a function or a lambda; class bodies and comprehensions
run with the unit around them.
"""

import ast
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

MOST_BINDINGS = 50  # of one name; all of them are looked at whenever it is used

Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Binding:
    """One way in which a name gets its value.

    ``value`` is what it is assigned, or for ``item`` what it iterates over; ``origin`` the dotted
    name of an import, ``annotation`` that of a parameter. ``self`` is the first parameter of a
    method, ``other`` everything a scan does not follow.
    """

    kind: Literal["import", "definition", "value", "item", "self", "parameter", "other"]
    scope: "Scope"
    value: ast.expr | None = None
    origin: str = ""
    annotation: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class Site(Generic[Node]):
    """A node, the scope it stands in, and whether the parser of Dags never gets there."""

    node: Node
    scope: "Scope"
    is_guarded: bool = False


@dataclass(eq=False, slots=True)
class Scope:
    """A namespace: module, class, function or comprehension."""

    kind: Literal["module", "class", "function", "comprehension"]
    node: ast.AST
    module: "Module"
    outer: "Scope | None" = None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    calls: list[Site[ast.Call]] = field(default_factory=list)
    attributes: list[Site[ast.Attribute]] = field(default_factory=list)
    results: list[ast.expr] = field(default_factory=list)
    lambdas: list["Scope"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the name of what this is, as written."""
        return getattr(self.node, "name", "a lambda")

    @property
    def around(self) -> "Scope":
        """Return the scope in which decorators, bases and annotations of this are looked up."""
        return self.outer or self

    @property
    def owner(self) -> "Scope":
        """Return the class this stands in, or the module."""
        return self if self.kind in ("class", "module") else self.around.owner

    @property
    def unit(self) -> "Scope":
        """Return what this runs with."""
        return self.around.unit if self.kind in ("class", "comprehension") else self

    def bind(self, name: str, binding: Binding) -> None:
        """Add a binding where Python would put it."""
        scope = self.module.root if name in self.globals else self
        bindings = scope.names.setdefault(name, [])
        if len(bindings) < MOST_BINDINGS:
            bindings.append(binding)

    def find(self, name: str) -> list[Binding]:
        """Return how a name is bound as seen from here; classes are seen from inside only."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope.kind != "class" or scope is self):
                return scope.names[name]
            scope = scope.outer
        return []


@dataclass(eq=False, slots=True)
class Module:
    """A file: its scopes, and all nodes of the kinds that rules look at."""

    file: str
    path: tuple[str, ...]
    tree: ast.Module
    root: Scope = field(init=False)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    units: list[Scope] = field(default_factory=list)
    classes: list[Scope] = field(default_factory=list)
    assigns: list[Site[ast.Assign]] = field(default_factory=list)
    updates: list[Site[ast.AugAssign]] = field(default_factory=list)
    dicts: list[Site[ast.Dict]] = field(default_factory=list)
    texts: list[tuple[str, ast.Constant]] = field(default_factory=list)
    built_texts: list[ast.JoinedStr] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    imports: list[ast.ImportFrom] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    origins: dict[ast.AST, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = Scope("module", self.tree, self)
        self.units.append(self.root)

    @property
    def calls(self) -> list[Site[ast.Call]]:
        """Return every call of the file, unit by unit."""
        return [site for unit in self.units for site in unit.calls]
