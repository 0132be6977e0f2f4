# ruff: noqa: FBT001 - a visit takes what stands on the stack
"""The one pass over a syntax tree that collects everything the rules ask for, without recursion."""

import ast
from typing import Literal

from xcomkit.lint.dags.scopes import Binding, Function, Module, Scope, Site

MOST_STARS = 20  # star imports of one file
_LEAVES = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop, ast.alias)


def index(file: str, path: tuple[str, ...], tree: ast.Module) -> Module:
    """Return a file with its scopes; ``path`` are the parts of the name it is imported by."""
    module = Module(file, path, tree)
    _Collector(module).collect()
    return module


class _Collector:
    """The one pass; ``todo`` is a stack of nodes with their scope, so depth costs no recursion."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.todo: list[tuple[ast.AST, Scope, bool]] = []

    def collect(self) -> None:
        self.push(self.module.tree.body, self.module.root)
        while self.todo:
            node, scope, guarded = self.todo.pop()
            visit = _VISITS.get(type(node))
            if visit is None:
                self.children(node, scope, guarded=guarded)
            else:
                visit(self, node, scope, guarded)  # type: ignore[operator]

    def push(self, nodes: list[ast.stmt], scope: Scope, *, guarded: bool = False) -> None:
        self.todo += [(node, scope, guarded) for node in reversed(nodes)]

    def children(self, node: ast.AST, scope: Scope, *, guarded: bool) -> None:
        found = [
            (child, scope, guarded)
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, _LEAVES)
        ]
        found.reverse()
        self.todo += found

    def open(self, kind: Literal["class", "function", "comprehension"], node: ast.AST,
             scope: Scope) -> Scope:  # fmt: skip
        inner = Scope(kind, node, self.module, scope)
        self.module.scopes[node] = inner
        return inner

    def function(self, node: Function, scope: Scope, guarded: bool) -> None:
        inner = self.open("function", node, scope)
        self.module.units.append(inner)
        arguments = node.args
        if isinstance(node, ast.Lambda):
            scope.unit.lambdas.append(inner)
            self.todo.append((node.body, inner, False))
        else:
            scope.bind(node.name, Binding("definition", inner))
            self.push(node.body, inner)
            self.todo += [(one, scope, guarded) for one in reversed(node.decorator_list)]
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
                    arguments.vararg, arguments.kwarg):  # fmt: skip
            if one is not None:
                inner.bind(one.arg, Binding("other", inner))
        defaults = (*arguments.defaults, *arguments.kw_defaults)
        self.todo += [(one, scope, guarded) for one in defaults if one is not None]

    def class_(self, node: ast.ClassDef, scope: Scope, guarded: bool) -> None:
        inner = self.open("class", node, scope)
        self.module.classes.append(inner)
        scope.bind(node.name, Binding("definition", inner))
        self.push(node.body, inner, guarded=guarded)
        for one in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.todo.append((one, scope, guarded))

    def comprehension(self, node: ast.AST, scope: Scope, guarded: bool) -> None:
        self.children(node, self.open("comprehension", node, scope), guarded=guarded)

    def generator(self, node: ast.comprehension, scope: Scope, guarded: bool) -> None:
        self.target(node.target, scope, Binding("item", scope, node.iter))
        self.children(node, scope, guarded=guarded)

    def target(self, node: ast.expr, scope: Scope, binding: Binding) -> None:
        todo = [(node, binding)]
        while todo:
            node, binding = todo.pop()
            if isinstance(node, ast.Name):
                scope.bind(node.id, binding)
            elif isinstance(node, ast.Starred):
                todo.append((node.value, Binding("other", scope)))
            elif isinstance(node, (ast.Tuple, ast.List)):
                values: list[ast.expr] = []
                if binding.kind == "value" and isinstance(binding.value, (ast.Tuple, ast.List)):
                    values = binding.value.elts
                plain = len(values) == len(node.elts) and not any(
                    isinstance(one, ast.Starred) for one in (*values, *node.elts)
                )
                for place, one in enumerate(node.elts):
                    value = Binding("value", scope, values[place]) if plain else None
                    todo.append((one, value or Binding("other", scope)))

    def assign(self, node: ast.Assign, scope: Scope, guarded: bool) -> None:
        for target in node.targets:
            self.target(target, scope, Binding("value", scope, node.value))
        self.module.assigns.append(Site(node, scope))
        self.children(node, scope, guarded=guarded)

    def annotated(self, node: ast.AnnAssign, scope: Scope, guarded: bool) -> None:
        if node.value is not None:
            self.target(node.target, scope, Binding("value", scope, node.value))
            self.module.assigns.append(Site(node, scope))
            self.todo.append((node.value, scope, guarded))

    def augmented(self, node: ast.AugAssign, scope: Scope, guarded: bool) -> None:
        self.target(node.target, scope, Binding("other", scope))
        self.module.assigns.append(Site(node, scope))
        self.children(node, scope, guarded=guarded)

    def walrus(self, node: ast.NamedExpr, scope: Scope, guarded: bool) -> None:
        outer = scope
        while outer.kind == "comprehension" and outer.parent is not None:
            outer = outer.parent
        self.target(node.target, outer, Binding("value", scope, node.value))
        self.todo.append((node.value, scope, guarded))

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope, guarded: bool) -> None:
        self.target(node.target, scope, Binding("item", scope, node.iter))
        self.children(node, scope, guarded=guarded)

    def with_item(self, node: ast.withitem, scope: Scope, guarded: bool) -> None:
        if node.optional_vars is not None:
            self.target(node.optional_vars, scope, Binding("value", scope, node.context_expr))
        self.todo.append((node.context_expr, scope, guarded))

    def named(self, node: ast.AST, scope: Scope, guarded: bool) -> None:
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            scope.bind(name, Binding("other", scope))
        self.children(node, scope, guarded=guarded)

    def declared(self, node: ast.Global | ast.Nonlocal, scope: Scope, _: bool) -> None:
        if isinstance(node, ast.Global):
            scope.globals.update(node.names)

    def import_(self, node: ast.Import, scope: Scope, _: bool) -> None:
        for one in node.names:
            top = one.name.partition(".")[0]
            origin = one.name if one.asname else top
            scope.bind(one.asname or top, Binding("import", scope, origin=origin))

    def import_from(self, node: ast.ImportFrom, scope: Scope, _: bool) -> None:
        self.module.imports.append(node)
        parts = (node.module or "").split(".") if node.module else []
        if node.level:
            path, up = self.module.path, node.level - self.module.file.endswith("__init__.py")
            parts = [*path[: max(len(path) - up, 0)], *parts]
        for one in node.names:
            if one.name == "*":
                self.star(".".join(parts))
            else:
                origin = ".".join((*parts, one.name))
                scope.bind(one.asname or one.name, Binding("import", scope, origin=origin))

    def star(self, origin: str) -> None:
        """Remember where names may come from; Airflow first, as what is asked for is its."""
        stars = self.module.stars
        if origin not in stars and len(stars) < MOST_STARS:
            stars.append(origin)
            stars.sort(key=lambda one: not one.startswith("airflow"))

    def if_(self, node: ast.If, scope: Scope, guarded: bool) -> None:
        self.push(node.orelse, scope, guarded=guarded)
        self.push(node.body, scope, guarded=guarded or _is_guard(node.test))
        self.todo.append((node.test, scope, guarded))

    def return_(self, node: ast.Return, scope: Scope, guarded: bool) -> None:
        scope.unit.returns.append(node)
        self.children(node, scope, guarded=guarded)

    def call(self, node: ast.Call, scope: Scope, guarded: bool) -> None:
        site = Site(node, scope, guarded)
        self.module.calls.append(site)
        scope.unit.calls.append(site)
        self.children(node, scope, guarded=guarded)

    def attribute(self, node: ast.Attribute, scope: Scope, guarded: bool) -> None:
        site = Site(node, scope, guarded)
        self.module.attributes.append(site)
        scope.unit.attributes.append(site)
        self.todo.append((node.value, scope, guarded))

    def dict_(self, node: ast.Dict, scope: Scope, guarded: bool) -> None:
        self.module.dicts.append(Site(node, scope))
        self.children(node, scope, guarded=guarded)

    def expression(self, node: ast.Expr, scope: Scope, guarded: bool) -> None:
        if not isinstance(node.value, (ast.Constant, ast.JoinedStr)):  # a docstring is no code
            self.todo.append((node.value, scope, guarded))

    def text(self, node: ast.Constant | ast.JoinedStr, scope: Scope, guarded: bool) -> None:
        if isinstance(node, ast.JoinedStr):
            self.module.texts.append(Site(node, scope))
            self.todo += [
                (one, scope, guarded) for one in node.values if not isinstance(one, ast.Constant)
            ]
        elif isinstance(node.value, str):
            self.module.texts.append(Site(node, scope))

    def nothing(self, node: ast.AST, scope: Scope, _: bool) -> None:
        """Leave a leaf alone."""


def _is_guard(test: ast.expr) -> bool:
    """Tell whether a branch is for ``python dag.py`` or for type checkers only."""
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name):
        return test.left.id == "__name__"
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING"


_VISITS: dict[type[ast.AST], object] = {
    ast.FunctionDef: _Collector.function, ast.AsyncFunctionDef: _Collector.function,
    ast.Lambda: _Collector.function, ast.ClassDef: _Collector.class_,
    ast.ListComp: _Collector.comprehension, ast.SetComp: _Collector.comprehension,
    ast.DictComp: _Collector.comprehension, ast.GeneratorExp: _Collector.comprehension,
    ast.comprehension: _Collector.generator, ast.Assign: _Collector.assign,
    ast.AnnAssign: _Collector.annotated, ast.AugAssign: _Collector.augmented,
    ast.NamedExpr: _Collector.walrus, ast.For: _Collector.loop, ast.AsyncFor: _Collector.loop,
    ast.withitem: _Collector.with_item, ast.ExceptHandler: _Collector.named,
    ast.MatchAs: _Collector.named, ast.MatchStar: _Collector.named,
    ast.MatchMapping: _Collector.named, ast.Global: _Collector.declared,
    ast.Nonlocal: _Collector.declared, ast.Import: _Collector.import_,
    ast.ImportFrom: _Collector.import_from, ast.If: _Collector.if_, ast.Return: _Collector.return_,
    ast.Call: _Collector.call,
    ast.Attribute: _Collector.attribute, ast.Dict: _Collector.dict_,
    ast.Expr: _Collector.expression, ast.Constant: _Collector.text,
    ast.JoinedStr: _Collector.text, ast.Name: _Collector.nothing,
}  # fmt: skip
