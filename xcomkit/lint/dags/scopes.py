"""A Dag file as scopes: what each name is bound to, and what runs where.

A *unit* is what runs as one: the module, a function or a lambda; class bodies and comprehensions
run with the unit around them.
"""

import ast
from dataclasses import dataclass, field
from typing import Literal

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

MOST_BINDINGS = 50  # of one name; all of them are looked at whenever it is used


@dataclass(frozen=True, slots=True)
class Binding:
    """One way in which a name gets its value.

    ``value`` is what it is assigned, or for ``item`` what it iterates over; ``origin`` the dotted
    name of an import. ``other`` is everything a scan does not follow.
    """

    kind: Literal["import", "definition", "value", "item", "other"]
    scope: "Scope"
    value: ast.expr | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A node, the scope it stands in, and whether the parser of Dags never gets there."""

    node: ast.AST
    scope: "Scope"
    is_guarded: bool = False


@dataclass(eq=False, slots=True)
class Scope:
    """A namespace: module, class, function or comprehension."""

    kind: Literal["module", "class", "function", "comprehension"]
    node: ast.AST
    module: "Module"
    parent: "Scope | None" = None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    calls: list[Site] = field(default_factory=list)
    attributes: list[Site] = field(default_factory=list)
    returns: list[ast.Return] = field(default_factory=list)
    lambdas: list["Scope"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the name of what this is, as written."""
        return getattr(self.node, "name", "a lambda")

    @property
    def unit(self) -> "Scope":
        """Return what this runs with."""
        scope = self
        while scope.kind in ("class", "comprehension") and scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def parameters(self) -> tuple[ast.arg, ...]:
        """Return the positional parameters of a function."""
        if not isinstance(self.node, FUNCTIONS):
            return ()
        return (*self.node.args.posonlyargs, *self.node.args.args)

    def bind(self, name: str, binding: Binding) -> None:
        """Add a binding where Python would put it."""
        scope = self.module.root if name in self.globals else self
        bindings = scope.names.setdefault(name, [])
        if len(bindings) < MOST_BINDINGS:
            bindings.append(binding)

    def find(self, name: str) -> "tuple[Scope, list[Binding]] | None":
        """Return where a name is bound as seen from here; classes are seen from inside only."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope.kind != "class" or scope is self):
                return scope, scope.names[name]
            scope = scope.parent
        return None


@dataclass(eq=False, slots=True)
class Module:
    """A file: its scopes, and all nodes of the kinds that rules look at, in order."""

    file: str
    path: tuple[str, ...]
    tree: ast.Module
    root: Scope = field(init=False)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    units: list[Scope] = field(default_factory=list)
    classes: list[Scope] = field(default_factory=list)
    calls: list[Site] = field(default_factory=list)
    attributes: list[Site] = field(default_factory=list)
    assigns: list[Site] = field(default_factory=list)
    dicts: list[Site] = field(default_factory=list)
    texts: list[Site] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    imports: list[ast.ImportFrom] = field(default_factory=list)
    origins: dict[ast.AST, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = Scope("module", self.tree, self)
        self.units.append(self.root)
