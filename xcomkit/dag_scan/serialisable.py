"""What is literally visible of a pushed value, and what Airflow's encoder does to it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from xcomkit.dag_scan.airflow_names import role
from xcomkit.dag_scan.reading import Unreadable, parse
from xcomkit.dag_scan.resolving import Project, origin
from xcomkit.dag_scan.scopes import Scope

Fate = Literal["refused", "changed", "guarded"]
_TIMES = "datetime.time"
REFUSED = {
    **{f"builtins.{name}": name for name in (
        "bytes", "bytearray", "memoryview", "complex", "object", "open", "map", "filter", "zip",
        "enumerate", "reversed", "range", "iter", "slice")},
    **{f"pathlib.{name}": f"a {name}" for name in (
        "Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")},
    **{f"numpy.{name}": "an ndarray" for name in (
        "array", "ndarray", "asarray", "zeros", "ones", "empty", "full", "arange", "linspace",
        "eye", "concatenate", "stack", "vstack", "hstack")},
    **{f"pandas.{name}": f"a pandas {name}" for name in ("Series", "Index", "Timestamp")},
    **{f"threading.{name}": f"a {name}" for name in (
        "Lock", "RLock", "Event", "Condition", "Semaphore", "Thread")},
    **{f"ipaddress.{name}": "an IP address" for name in (
        "ip_address", "ip_network", "IPv4Address", "IPv6Address")},
    **dict.fromkeys(("base64.b64encode", "base64.b64decode", "pickle.dumps", "gzip.compress",
                     "zlib.compress", "os.urandom", "builtins.str.encode"), "bytes"),
    _TIMES: "a datetime.time", "re.compile": "a compiled pattern",
    "collections.deque": "a deque", "fractions.Fraction": "a Fraction",
    "types.SimpleNamespace": "a SimpleNamespace", "io.BytesIO": "an open file",
    "io.StringIO": "an open file",
}  # fmt: skip
"""Dotted names of callables to what they return; measured to be refused by the encoder."""
ANNOTATED = frozenset(REFUSED) - {"builtins.open", "builtins.object", "re.compile"} | {
    "re.Pattern", "numpy.typing.NDArray"}  # fmt: skip
_UNPACKED = frozenset({"builtins.list", "builtins.dict", "builtins.tuple", "builtins.set",
                       "typing.List", "typing.Dict", "typing.Tuple", "typing.Optional",
                       "typing.Union", "typing.Annotated"})  # fmt: skip
_DATACLASSES = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass", "attr.s",
                          "attr.define", "attrs.define", "attrs.frozen", "attr.attrs"})  # fmt: skip
_ENUMS = frozenset({"enum.Enum", "enum.Flag"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a part of a pushed value: refused, changed, or read back on a list only."""

    node: ast.expr
    fate: Fate
    what: str


class Judge:
    """Looks at expressions, each once, however many tasks push it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._seen: set[ast.AST] = set()

    def value(self, expression: ast.expr, scope: Scope) -> Iterator[Verdict]:
        """Yield what can be told of a value and of what it holds."""
        todo = [(expression, scope)]
        while todo:
            node, here = todo.pop()
            if node in self._seen:
                continue
            self._seen.add(node)
            verdict = self._own(node, here)
            if verdict:
                yield verdict
            yield from _keys(node, here)
            todo += reversed(_parts(node, here))

    def _own(self, node: ast.expr, scope: Scope) -> Verdict | None:
        what = ""
        match node:
            case ast.Constant(value=value) if isinstance(value, (bytes, complex)) or value is ...:
                what = type(value).__name__
            case ast.Lambda():
                what = "a lambda"
            case ast.GeneratorExp():
                what = "a generator"
            case ast.BinOp(left=left, right=right) if _is_complex(left) or _is_complex(right):
                what = "a complex number"
            case ast.Attribute(value=value):
                for owner in self._project.classes(value, scope):
                    if _bases(owner) & _ENUMS and node.attr in owner.names:
                        what = f"a member of the Enum {owner.name}"
            case ast.Name():
                what = self._definition(node, scope)
            case ast.Call():
                return self._call(node, scope)
        return Verdict(node, "refused", what) if what else None

    def _definition(self, node: ast.Name, scope: Scope) -> str:
        found = scope.find(node.id)
        if found is None or any(one.kind != "definition" for one in found[1]):
            return ""
        owner = found[1][0].scope
        if owner.kind == "function" and role(owner) != "plain":
            return ""  # whatever a decorator made of it
        return f"the {owner.kind} {owner.name}"

    def _call(self, call: ast.Call, scope: Scope) -> Verdict | None:
        name = origin(call.func, scope)
        if name in REFUSED:
            return Verdict(call, "refused", REFUSED[name])
        if isinstance(call.func, ast.Attribute):
            if call.func.attr == "read_bytes" and not call.args:
                return Verdict(call, "refused", "bytes")
            if call.func.attr == "encode" and _is_text(call.func.value, scope):
                return Verdict(call, "refused", "bytes")
            if call.func.attr in ("keys", "values", "items") and _is_dict(call.func.value, scope):
                return Verdict(call, "refused", f"the {call.func.attr} of a dict")
        if isinstance(call.func, ast.Name):
            return self._instance(call, call.func, scope)
        return None

    def _instance(self, call: ast.Call, func: ast.Name, scope: Scope) -> Verdict | None:
        found = scope.find(func.id)
        if found is None or len(found[1]) != 1:
            return None
        value = found[1][0].value
        if isinstance(value, ast.Call) and origin(value.func, found[1][0].scope) in (
            "collections.namedtuple",
            "typing.NamedTuple",
        ):
            return Verdict(call, "changed", f"the namedtuple {func.id} becomes a tuple")
        for owner in self._project.classes(func, scope):
            if not isinstance(owner.node, ast.ClassDef):
                continue
            bases = _bases(owner)
            decorators = {
                origin(one, owner.parent or owner).replace("()", "")
                for one in owner.node.decorator_list
            }
            if "typing.NamedTuple" in bases:
                return Verdict(call, "changed", f"the namedtuple {owner.name} becomes a tuple")
            if decorators & _DATACLASSES or "pydantic.BaseModel" in bases:
                path = ".".join((*owner.module.path[-1:], owner.name))
                return Verdict(call, "guarded", f"an instance of {path}")
            if not owner.node.bases and not decorators and "serialize" not in owner.names:
                return Verdict(call, "refused", f"an instance of the class {owner.name}")
        return None


def annotation(expression: ast.expr | None, scope: Scope) -> str:
    """Return what a return annotation promises that the encoder refuses, or nothing."""
    todo = [expression]
    for _ in range(50):  # deeper than any annotation for people
        node = todo.pop() if todo else None
        match node:
            case ast.Constant(value=str() as text):
                try:
                    todo += [
                        one.value for one in parse(text.strip()).body if isinstance(one, ast.Expr)
                    ]
                except Unreadable:
                    continue
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                todo += [left, right]
            case ast.Subscript(value=value, slice=inner):
                if origin(value, scope) in _UNPACKED:
                    todo += inner.elts if isinstance(inner, ast.Tuple) else [inner]
                else:
                    todo.append(value)
            case ast.Name() | ast.Attribute():
                if origin(node, scope) in ANNOTATED:
                    return ast.unparse(node)
    return ""


def _parts(node: ast.expr, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """Return the expressions whose values are the value of this one, or lie in it."""
    inner = scope.module.scopes.get(node, scope)
    match node:
        case (
            ast.Dict(values=parts)
            | ast.BoolOp(values=parts)
            | ast.List(elts=parts)
            | ast.Tuple(elts=parts)
            | ast.Set(elts=parts)
        ):
            return [(one, scope) for one in parts]  # what is unpacked is judged no further
        case (
            ast.ListComp(elt=part)
            | ast.SetComp(elt=part)
            | ast.DictComp(value=part)
            | ast.NamedExpr(value=part)
        ):
            return [(part, inner)]
        case ast.IfExp(body=left, orelse=right):
            return [(left, scope), (right, scope)]
        case ast.Name(id=name):
            return _assigned(name, scope)
        case _:
            return []


def _assigned(name: str, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """Return what a name is assigned when that is once only; ``with`` gives something else."""
    found = scope.find(name)
    if found is None or len(found[1]) != 1 or found[1][0].kind != "value":
        return []
    value, there = found[1][0].value, found[1][0].scope
    return [] if value is None or value in there.module.entered else [(value, there)]


def _keys(node: ast.expr, scope: Scope) -> Iterator[Verdict]:
    """Yield the keys of a dict that become text."""
    if isinstance(node, ast.Dict):
        for key in node.keys:
            if isinstance(key, ast.Constant) and not isinstance(key.value, (str, bytes)):
                told = f"the key {key.value!r} becomes {str(key.value)!r}"
                yield Verdict(key, "changed", told)
                return
            if isinstance(key, ast.Tuple):
                yield Verdict(key, "changed", "a tuple as key becomes its text")
                return
    if isinstance(node, ast.DictComp) and isinstance(node.key, ast.Name):
        first = node.generators[0]
        target = first.target
        made_by = origin(first.iter, scope)
        if made_by == "builtins.enumerate()" and isinstance(target, ast.Tuple):
            target = target.elts[0]
        elif made_by != "builtins.range()":
            return
        if isinstance(target, ast.Name) and target.id == node.key.id:
            yield Verdict(node.key, "changed", "keys that are numbers become text")


def _bases(owner: Scope) -> set[str]:
    if not isinstance(owner.node, ast.ClassDef):
        return set()
    return {origin(base, owner.parent or owner) for base in owner.node.bases}


def _is_complex(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, complex)


def _is_text(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return origin(node, scope) in ("json.dumps()", "builtins.str()", "builtins.repr()")


def _is_dict(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, ast.Name):
        found = scope.find(node.id)
        if found and len(found[1]) == 1 and found[1][0].kind == "value" and found[1][0].value:
            return isinstance(found[1][0].value, (ast.Dict, ast.DictComp))
    return isinstance(node, (ast.Dict, ast.DictComp)) or origin(node, scope) == "builtins.dict()"
