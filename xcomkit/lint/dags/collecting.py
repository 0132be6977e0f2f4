# ruff: noqa: N815 - the names of visits are those of the nodes
"""The one pass over a syntax tree that collects everything the rules ask for."""

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from xcomkit.lint.dags.scopes import Binding, Function, Module, Scope, Site

MOST_STARS = 20  # star imports of one file


def index(file: str, path: tuple[str, ...], tree: ast.Module) -> Module:
    """Return a file with its scopes; ``path`` are the parts of the name it is imported by.

    Raises:
        RecursionError: the file is nested deeper than any written by hand.
    """
    module = Module(file, path, tree)
    _Collector(module).visit_each(tree.body)
    return module


class _Collector(ast.NodeVisitor):
    """The visitor; what it meets belongs to ``scope``, and is guarded if no parser gets there."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.scope = module.root
        self.is_guarded = False

    def visit_each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    @contextmanager
    def _inside(self, scope: Scope, *, guarded: bool) -> Iterator[None]:
        before = self.scope, self.is_guarded
        self.scope, self.is_guarded = scope, guarded
        yield
        self.scope, self.is_guarded = before

    def _open(self, kind: Literal["class", "function", "comprehension"], node: ast.AST) -> Scope:
        inner = Scope(kind, node, self.module, self.scope)
        self.module.scopes[node] = inner
        return inner

    def _function(self, node: Function, body: Iterable[ast.AST]) -> Scope:
        inner = self._open("function", node)
        self.module.units.append(inner)
        arguments = node.args
        positional = (*arguments.posonlyargs, *arguments.args)
        for one in (*positional, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if one is not None:
                is_self = self.scope.kind == "class" and one in positional[:1]
                bound = Binding("self" if is_self else "parameter", inner, None, "", one.annotation)
                inner.bind(one.arg, bound)
        self.visit_each((*arguments.defaults, *arguments.kw_defaults))
        with self._inside(inner, guarded=False):
            self.visit_each(body)
        return inner

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_each(node.decorator_list)
        self.scope.bind(node.name, Binding("definition", self._function(node, node.body)))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        inner = self._function(node, [node.body])
        inner.results.append(node.body)
        self.scope.unit.lambdas.append(inner)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_each((*node.decorator_list, *node.bases, *node.keywords))
        inner = self._open("class", node)
        self.module.classes.append(inner)
        self.scope.bind(node.name, Binding("definition", inner))
        with self._inside(inner, guarded=self.is_guarded):
            self.visit_each(node.body)

    def visit_ListComp(self, node: ast.expr) -> None:
        with self._inside(self._open("comprehension", node), guarded=self.is_guarded):
            self.generic_visit(node)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def visit_For(self, node: ast.For | ast.AsyncFor | ast.comprehension) -> None:
        self._bind(node.target, Binding("item", self.scope, node.iter))
        self.generic_visit(node)

    visit_AsyncFor = visit_comprehension = visit_For

    def _bind(self, target: ast.expr, binding: Binding) -> None:
        """Bind the names of a target, each part of a tuple to its own part of the value."""
        match target:
            case ast.Name(id=name):
                self.scope.bind(name, binding)
            case ast.Starred(value=inner):
                self._bind(inner, Binding("other", self.scope))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                values = getattr(binding.value, "elts", []) if binding.kind == "value" else []
                is_known = len(values) == len(parts) and not any(
                    isinstance(one, ast.Starred) for one in (*values, *parts)
                )
                other = Binding("other", self.scope)
                for place, part in enumerate(parts):
                    own = Binding("value", self.scope, values[place]) if is_known else other
                    self._bind(part, own)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._bind(target, Binding("value", self.scope, node.value))
        self.module.assigns.append(Site(node, self.scope))
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, Binding("value", self.scope, node.value))
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):  # what it adds to is among its bindings as well
            name = ast.Name(node.target.id, ast.Load())
            added = ast.copy_location(ast.BinOp(name, node.op, node.value), node)
            self._bind(node.target, Binding("value", self.scope, added))
        self.module.updates.append(Site(node, self.scope))
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        outer = self.scope
        while outer.kind == "comprehension":
            outer = outer.around
        outer.bind(node.target.id, Binding("value", self.scope, node.value))
        self.visit(node.value)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._bind(node.optional_vars, Binding("value", self.scope, node.context_expr))
        self.visit(node.context_expr)

    def visit_ExceptHandler(self, node: ast.AST) -> None:
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            self.scope.bind(name, Binding("other", self.scope))
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = visit_ExceptHandler

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.globals.update(node.names)

    def visit_Import(self, node: ast.Import) -> None:
        for one in node.names:
            self.module.imported.add(one.name)
            top = one.name.partition(".")[0]
            origin = one.name if one.asname else top
            self.scope.bind(one.asname or top, Binding("import", self.scope, origin=origin))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.module.imports.append(node)
        parts = (node.module or "").split(".") if node.module else []
        if node.level:
            path, up = self.module.path, node.level - self.module.file.endswith("__init__.py")
            parts = [*path[: max(len(path) - up, 0)], *parts]
        self.module.imported.update(
            (".".join(parts), *(".".join((*parts, one.name)) for one in node.names))
        )
        for one in node.names:
            if one.name == "*":
                self._star(".".join(parts))
            else:
                origin = ".".join((*parts, one.name))
                name = one.asname or one.name
                self.scope.bind(name, Binding("import", self.scope, origin=origin))

    def _star(self, origin: str) -> None:
        """Remember where names may come from; Airflow first, as what is asked for is its."""
        stars = self.module.stars
        if origin not in stars and len(stars) < MOST_STARS:
            stars.append(origin)
            stars.sort(key=lambda one: not one.startswith("airflow"))

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        is_guard, is_negated = _guard(node.test)
        for nodes, is_branch in ((node.body, not is_negated), (node.orelse, is_negated)):
            with self._inside(self.scope, guarded=self.is_guarded or (is_guard and is_branch)):
                self.visit_each(nodes)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.scope.unit.results.append(node.value)
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        self.scope.unit.calls.append(Site(node, self.scope, self.is_guarded))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.scope.unit.attributes.append(Site(node, self.scope, self.is_guarded))
        self.visit(node.value)

    def visit_Dict(self, node: ast.Dict) -> None:
        self.module.dicts.append(Site(node, self.scope))
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, (ast.Constant, ast.JoinedStr)):  # a docstring is no code
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.module.texts.append((node.value, node))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self.module.built_texts.append(node)
        self.visit_each(one for one in node.values if not isinstance(one, ast.Constant))


def _guard(test: ast.expr) -> tuple[bool, bool]:
    """Tell whether a test is for ``python dag.py`` or type checkers only, and whether negated."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            is_guard, is_negated = _guard(operand)
            return is_guard, not is_negated
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            is_name = any(getattr(one, "id", "") == "__name__" for one in (left, right))
            return is_name, isinstance(operator, ast.NotEq)
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING", False
