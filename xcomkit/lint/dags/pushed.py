"""XC036, XC037 and XC038: values that tasks push and Airflow refuses, rounds or guards.

Only what can be known without knowing the values: literals, and calls of names that are known.
"""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import (
    argument,
    decorator_role,
    is_airflow,
    is_airflow_class,
    is_kind_of,
    role,
)
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import FUNCTIONS, Module, Scope

XC036 = Rule(
    id="XC036",
    title="Airflow can write the values that tasks push",
    severity="fail",
    why="the encoder raises TypeError after the work is done, so the task fails at its end.",
    remedy="push text, numbers, lists and dicts: str(path), base64 text for bytes, list(...) for"
    " generators and arrays; write files to an ObjectStoragePath and push its path; or set"
    " do_xcom_push=False where nobody reads the value.",
    source="measured with task-sdk: bytes, Path, generator, ndarray; Airflow, XComs",
)
XC037 = Rule(
    id="XC037",
    title="Values come back as they were pushed",
    severity="warn",
    why="a Decimal is written as a float, so digits are lost without an error.",
    remedy="push str(value), and make a Decimal of it where it is read.",
    source="measured with task-sdk: 12345678901234567.89 comes back as another number",
)
XC038 = Rule(
    id="XC038",
    title="Classes whose instances are pushed are allowed to be read back",
    severity="info",
    why="the push succeeds, and the task that pulls raises ImportError unless the class is on the"
    " list of every agent.",
    remedy="set AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES in commonEnv to the class path, or"
    " push asdict(value) or value.model_dump().",
    source="measured with task-sdk; Airflow, core allowed_deserialization_classes",
)
_EXPECTED = {
    "XC036": "a value that Airflow can write",
    "XC037": "a value that comes back as it was",
    "XC038": "the class path in [core] allowed_deserialization_classes",
}
_MADE_BY = {
    **dict.fromkeys(("builtins.bytes", "base64.b64encode"), (XC036, "bytes")),
    **dict.fromkeys((f"pathlib.{n}" for n in ("Path", "PurePath", "PosixPath")), (XC036, "a Path")),
    "numpy.array": (XC036, "an ndarray"),
    "decimal.Decimal": (XC037, "a Decimal"),
}
_GUARDED = frozenset(
    {"dataclasses.dataclass", "pydantic.dataclasses.dataclass", "pydantic.BaseModel", "attr.s",
     "attr.define", "attrs.define", "attrs.frozen"}
)  # fmt: skip
_NO_RETURN = frozenset({"bash", "kubernetes_cmd", "stub", "sensor"})  # what returns is no XCom

Pushed = tuple[ast.expr, Scope, str]
"""A value that is pushed, where it stands, and by what words."""


def find_pushed(module: Module, project: Project) -> Iterator[Finding]:
    """Yield what can be known of the values that the tasks of a file push."""
    seen: set[ast.AST] = set()
    for unit, how in _pushers(module, project):
        body = [unit.node.body] if isinstance(unit.node, ast.Lambda) else []
        for result in (*body, *(one.value for one in unit.returns)):
            if result is not None:
                yield from _judged((result, unit, how), project, seen)
    for site in module.calls:
        if isinstance(site.node, ast.Call):
            for value, how in _handed(site.node, site.scope):
                yield from _judged((value, site.scope, how), project, seen)


def _judged(pushed: Pushed, project: Project, seen: set[ast.AST]) -> Iterator[Finding]:
    """Yield what becomes of a value and of what it holds, each once however many push it."""
    expression, scope, how = pushed
    todo = [(expression, scope)]
    while todo:
        node, here = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        for rule, what in _verdicts(node, here, project):
            observed, file = f"{what}, {how}", here.module.file
            yield Finding(rule, file, node.lineno, observed, _EXPECTED[rule.id])
        todo += reversed(_parts(node, here))


def _verdicts(node: ast.expr, scope: Scope, project: Project) -> Iterator[tuple[Rule, str]]:
    match node:
        case ast.Constant(value=bytes()):
            yield XC036, "bytes"
        case ast.GeneratorExp():
            yield XC036, "a generator"
        case ast.Call(func=func):
            if (name := origin(func, scope)) in _MADE_BY:
                yield _MADE_BY[name]
            for owner in project.classes(func, scope) if isinstance(func, ast.Name) else ():
                if isinstance(owner.node, ast.ClassDef):
                    marks = (*owner.node.bases, *owner.node.decorator_list)
                    names = {origin(one, owner.parent or owner).replace("()", "") for one in marks}
                    if names & _GUARDED:
                        path = ".".join((*owner.module.path[-1:], owner.name))
                        yield XC038, f"an instance of {path}"


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
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.DictComp(value=part):
            return [(part, inner)]
        case ast.IfExp(body=left, orelse=right):
            return [(left, scope), (right, scope)]
        case ast.Name(id=name):
            found = scope.find(name)
            if found is not None and len(found[1]) == 1 and found[1][0].kind == "value":
                value, there = found[1][0].value, found[1][0].scope
                return [] if value is None else [(value, there)]
    return []


def _handed(call: ast.Call, scope: Scope) -> Iterator[tuple[ast.expr, str]]:
    """Yield the values that a call itself pushes."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("xcom_push", "axcom_push"):
        value = argument(call, "value", place=1)
        if value is not None:
            yield value, "given to xcom_push"
    elif is_airflow_class(origin(call.func, scope), "PokeReturnValue"):
        value = argument(call, "xcom_value", place=1)
        if value is not None:
            yield value, "given as xcom_value"


def _pushers(module: Module, project: Project) -> Iterator[tuple[Scope, str]]:
    """Yield the functions whose return values are pushed, and by what words."""
    silent = _silent(module, project)
    if module in silent:
        return
    for unit in module.units:
        if unit not in silent and role(unit) == "task":
            yield from _decorated(unit)
    for owner in module.classes:
        if owner not in silent and is_kind_of(owner, project, "Operator", "Sensor"):
            yield from _executed(owner)
    for site in module.calls:
        if isinstance(site.node, ast.Call) and _pushes(site.node.keywords):
            yield from _called(site.node, site.scope, project)


def _executed(owner: Scope) -> Iterator[tuple[Scope, str]]:
    """Yield the methods of an operator whose return values are pushed."""
    if not _mentions(owner):
        for name in ("execute", "execute_complete"):
            for binding in owner.names.get(name, ()):
                if binding.kind == "definition":
                    yield binding.scope, f"returned by {name} of {owner.name}"


def _decorated(unit: Scope) -> Iterator[tuple[Scope, str]]:
    """Yield a function that decorators made into a task which pushes what it returns."""
    if not isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    for decorator in unit.node.decorator_list:
        name = origin(decorator, unit.parent or unit).replace("()", "")
        last = name.rpartition(".")[2]
        if decorator_role(name) != "task":
            continue
        keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
        if last in _NO_RETURN or not _pushes(keywords):
            return
    yield unit, f"returned by the task {unit.name}"


def _called(call: ast.Call, scope: Scope, project: Project) -> Iterator[tuple[Scope, str]]:
    """Yield the functions that a call makes into tasks: ``python_callable``, ``task(f)``."""
    name = origin(call.func, scope)
    last = name.replace("()", "").rpartition(".")[2] or getattr(call.func, "attr", "")
    value = argument(call, "python_callable")
    if value is not None and not last.endswith("Sensor"):
        for unit in project.callables(value, scope):
            yield unit, f"returned by {unit.name} (python_callable)"
    elif (
        decorator_role(name) == "task"
        and is_airflow(name)
        and last not in _NO_RETURN
        and len(call.args) == 1
        and isinstance(call.args[0], (ast.Name, ast.Attribute, ast.Lambda))
    ):
        for unit in project.callables(call.args[0], scope):
            if isinstance(unit.node, FUNCTIONS) and role(unit) == "plain":
                yield unit, f"returned by the task {unit.name}"


def _silent(module: Module, project: Project) -> set[Module | Scope]:
    """Return what pushes nothing by a switch that stands elsewhere: defaults, override, calls."""
    silent: set[Module | Scope] = set()
    for site in module.dicts:
        if isinstance(site.node, ast.Dict):
            for key, value in zip(site.node.keys, site.node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "do_xcom_push" and _off(value):
                    silent.add(module)
    for site in module.calls:
        call = site.node
        if not isinstance(call, ast.Call) or _pushes(call.keywords):
            continue
        if origin(call.func, site.scope) == "builtins.dict":
            silent.add(module)
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "override":
            silent.update(project.callables(call.func.value, site.scope))
        else:
            silent.update(project.classes(call.func, site.scope))
    return silent


def _mentions(owner: Scope) -> bool:
    """Tell whether an operator deals with the switch itself."""
    if "do_xcom_push" in owner.names:
        return True
    return isinstance(owner.node, ast.ClassDef) and any(
        (isinstance(node, ast.keyword) and node.arg == "do_xcom_push")
        or (isinstance(node, ast.Constant) and node.value == "do_xcom_push")
        or (isinstance(node, ast.Attribute) and node.attr == "do_xcom_push")
        for node in ast.walk(owner.node)
    )


def _pushes(keywords: list[ast.keyword]) -> bool:
    """Tell whether a call leaves the switch on; one that is computed counts as off."""
    return not any(one.arg == "do_xcom_push" and _off(one.value) for one in keywords)


def _off(value: ast.expr) -> bool:
    return not (isinstance(value, ast.Constant) and value.value is True)
