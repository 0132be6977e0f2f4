"""XC036 to XC038 and XC099: values that tasks push and Airflow refuses, rounds or guards.

Only what can be known without knowing the values: literals, and calls of names that are known.
"""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import (
    argument,
    decorator_role,
    decorators,
    is_airflow,
    is_airflow_class,
    named_values,
    role,
)
from xcomkit.lint.dags.building import is_dag_file
from xcomkit.lint.dags.decimals import DECIMAL, bound_values, is_decimal, is_followed, put_in
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Module, Scope

XC036 = Rule(
    id="XC036",
    title="Airflow can write the values that tasks push",
    severity="fail",
    why="The encoder raises TypeError after the work is done, so the task fails at its end.",
    remedy="Push text, numbers, lists and dicts: str(path), base64 text for bytes, list(...) for"
    " generators and arrays; write files to an ObjectStoragePath and push its path; or set"
    " do_xcom_push=False where nobody reads the value.",
    source="measured with task-sdk: bytes, Path, generator, map, range, ndarray, file, plain class;"
    " Airflow, XComs",
)
XC037 = Rule(
    id="XC037",
    title="Values come back as they were pushed",
    severity="warn",
    why="A Decimal is written as a float, so digits are lost without an error.",
    remedy="Push str(value), and make a Decimal of it where it is read.",
    source="measured with task-sdk: 12345678901234567.89 comes back as another number",
)
XC038 = Rule(
    id="XC038",
    title="Classes whose instances are pushed are allowed to be read back",
    severity="info",
    why="The push succeeds, and the task that pulls raises ImportError unless the class is on the"
    " list of every agent.",
    remedy="Set AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES in commonEnv to the class path, or"
    " push asdict(value) or value.model_dump().",
    source="measured with task-sdk; Airflow, core allowed_deserialization_classes",
)
XC099 = Rule(
    id="XC099",
    title="Classes whose instances are pushed are defined outside of Dag files",
    severity="warn",
    why="Airflow loads a Dag file as unusual_prefix_<hash>_<file>, and the push stores that: the"
    " class is on no list of allowed ones, and the task that pulls raises ImportError.",
    remedy="Push value.model_dump() or asdict(value); or move the class to a module that Dag files"
    " import, where XC038 applies.",
    source="Airflow, Dag file processing; apache/airflow PR 67930",
)
_EXPECTED = {
    XC036: "a value that Airflow can write",
    XC037: "a value that comes back as it was",
    XC038: "the class path in [core] allowed_deserialization_classes",
    XC099: "a class that every task can import by its name",
}
_MADE_BY = {
    **dict.fromkeys(("builtins.bytes", "base64.b64encode"), (XC036, "bytes")),
    **dict.fromkeys((f"pathlib.{n}" for n in ("Path", "PurePath", "PosixPath")), (XC036, "a Path")),
    **{
        f"pathlib.Path{n}": (XC036, "a Path")
        for n in (".cwd", ".home", "().resolve", "().absolute", "().joinpath", "().with_suffix")
    },
    **{
        f"builtins.{n}": (XC036, f"a {n} object")
        for n in ("map", "filter", "zip", "range", "bytearray", "enumerate", "reversed")
    },
    "numpy.array": (XC036, "an ndarray"),
    DECIMAL: (XC037, "a Decimal"),
    "builtins.open": (XC036, "an open file"),
}
_GUARDED = frozenset(
    {"dataclasses.dataclass", "pydantic.dataclasses.dataclass", "pydantic.BaseModel",
     "pydantic.main.BaseModel", "pydantic.RootModel", "sqlmodel.SQLModel", "attr.s", "attr.attrs",
     "attr.dataclass", "attr.define", "attr.frozen", "attrs.define", "attrs.frozen"}
)  # fmt: skip
_MAKERS = frozenset({"model_validate", "model_validate_json", "model_construct", "parse_obj"})
_PLAIN_ENUMS = frozenset({"enum.Enum", "enum.Flag"})
_MIXINS = frozenset(
    {"builtins.str", "builtins.int", "builtins.float", "enum.StrEnum", "enum.IntEnum"}
)
_NO_RETURN = frozenset({"bash", "kubernetes_cmd", "stub", "sensor"})  # what returns is no XCom


def find_pushed(module: Module, project: Project) -> Iterator[Finding]:
    """Yield what can be known of the values that tasks push, each once however many push it."""
    seen: set[ast.expr] = set()
    said: set[tuple[str, Rule]] = set()
    pushers = [*_pushers(module, project)]
    for pushed, scope, how in _pushed(module, pushers):
        todo = [(pushed, scope)]
        while todo:
            node, here = todo.pop()
            if node in seen:
                continue
            seen.add(node)
            for rule, what in _verdicts(node, here, project):
                said.add((how, rule))
                observed, file = f"{what}, {how}", here.module.file
                yield Finding(rule, file, node.lineno, observed, _EXPECTED[rule])
            todo += reversed(_parts(node, here, project))
    for unit, how in pushers:
        for line, rule, what in _named(getattr(unit.node, "returns", None), unit.around, project):
            if (how, rule) not in said:
                observed = f"{what} by the annotation, {how}"
                yield Finding(rule, unit.module.file, line, observed, _EXPECTED[rule])
    yield from _answered(module, project)


def _answered(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the classes of which a model is to answer with an instance, which is pushed."""
    for site in module.calls:
        asked = argument(site.node, "output_type")
        if is_airflow(origin(site.node.func, site.scope)):
            for line, rule, what in _named(asked, site.scope, project):
                yield Finding(rule, module.file, line, f"{what}, as output_type", _EXPECTED[rule])


def _verdicts(node: ast.expr, scope: Scope, project: Project) -> Iterator[tuple[Rule, str]]:
    match node:
        case ast.Constant(value=bytes()):
            yield XC036, "bytes"
        case ast.GeneratorExp():
            yield XC036, "a generator"
        case ast.Lambda():
            yield XC036, "a function"
        case ast.Attribute(value=value) if isinstance(value, (ast.Name, ast.Attribute)):
            for owner in project.classes(value, scope):
                if _is_plain_enum(owner, project):
                    yield XC036, f"a member of the Enum {owner.name}"
        case ast.Call(func=func):
            yield from _verdicts_on_call(func, scope, project)
    if is_decimal(node, scope):
        yield XC037, "a Decimal"


def _verdicts_on_call(func: ast.expr, scope: Scope, project: Project) -> Iterator[tuple[Rule, str]]:
    if (name := origin(func, scope)) in _MADE_BY:
        yield _MADE_BY[name]
    for owner in _made_classes(func, scope, project):
        yield from _verdict_on_class(owner, project)
    for owner in project.classes(func, scope) if _is_class_name(func, scope) else ():
        if _is_plain(owner, project):
            yield XC036, f"an instance of {owner.name}, a class without serialize()"


def _made_classes(func: ast.expr, scope: Scope, project: Project) -> tuple[Scope, ...]:
    """Return the classes of the scan of which a call makes an instance."""
    match func:
        case ast.Attribute(value=value, attr=attr) if attr in _MAKERS:
            return project.classes(value, scope)
        case ast.Attribute():
            return project.named(origin(func, scope))
        case ast.Name():
            return project.classes(func, scope)
    return ()


def _is_class_name(func: ast.expr, scope: Scope) -> bool:
    """Tell whether a name is bound once, by a class statement or an import."""
    bound = scope.find(func.id) if isinstance(func, ast.Name) else []
    return len(bound) == 1 and bound[0].kind in ("definition", "import")


def _is_plain(owner: Scope, project: Project) -> bool:
    """Tell whether Airflow surely has no way to write the instances of a class."""
    return all(
        isinstance(one.node, ast.ClassDef)
        and not (one.node.decorator_list or one.node.keywords)
        and not {"serialize", "__getattr__", "__new__"} & set(one.names)
        and all(
            origin(base, one.around) == "builtins.object" or project.classes(base, one.around)
            for base in one.node.bases
        )
        for one in project.lineage(owner)
    )


def _verdict_on_class(owner: Scope, project: Project) -> Iterator[tuple[Rule, str]]:
    marks = {name for one in project.lineage(owner) for _, name in decorators(one)}
    if _GUARDED & (marks | project.bases(owner)):
        is_importable = owner.around.kind == "module" and not is_dag_file(owner.module, project)
        path = ".".join((*owner.module.path[-1:], owner.name))
        yield (XC038 if is_importable else XC099), f"an instance of {path}"
    elif _is_plain_enum(owner, project):
        yield XC036, f"a member of the Enum {owner.name}"


def _is_plain_enum(owner: Scope, project: Project) -> bool:
    """Tell whether the members of a class are no texts or numbers as well."""
    bases = project.bases(owner)
    return bool(_PLAIN_ENUMS & bases) and not _MIXINS & bases


def _named(
    expression: ast.expr | None, scope: Scope, project: Project
) -> Iterator[tuple[int, Rule, str]]:
    """Yield what an annotation, or a type that is asked for, says of the values that are pushed."""
    for node in ast.walk(expression) if expression is not None else ():
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = origin(node, scope)
            if name in _MADE_BY:
                yield node.lineno, *_MADE_BY[name]
            for owner in project.classes(node, scope):
                for rule, what in _verdict_on_class(owner, project):
                    yield node.lineno, rule, what


def _parts(node: ast.expr, scope: Scope, project: Project) -> list[tuple[ast.expr, Scope]]:
    """Return the expressions whose values are the value of this one, or lie in it."""
    parts: list[ast.expr] = []
    match node:
        case (
            ast.Dict(values=parts)
            | ast.BoolOp(values=parts)
            | ast.List(elts=parts)
            | ast.Tuple(elts=parts)
            | ast.Set(elts=parts)
        ):
            pass  # what is unpacked is judged no further
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.DictComp(value=part):
            parts, scope = [part], scope.module.scopes[node]
        case ast.IfExp(body=left, orelse=right):
            parts = [left, right]
        case ast.BinOp(left=left, op=ast.Div()):  # of a path and a name
            parts = [left]
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            parts = [one.value for one in keywords]
        case ast.Name(id=name):
            put = put_in(scope.module).get((scope.unit, name), ())
            return [*bound_values(node, scope), *put]
        case ast.Call(func=func):
            called = [one for one in project.callables(func, scope) if is_followed(one)]
            return [(result, unit) for unit in called for result in unit.results]
    return [(one, scope) for one in parts]


def _pushed(
    module: Module, pushers: list[tuple[Scope, str]]
) -> Iterator[tuple[ast.expr, Scope, str]]:
    """Yield the values that the tasks of a file return or push, where, and by what words."""
    for unit, how in pushers:
        yield from ((result, unit, how) for result in unit.results)
    for site in module.calls:
        call, value = site.node, None
        how = "given to xcom_push"
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("xcom_push", "axcom_push"):
            value = argument(call, "value", place=1)
        elif is_airflow_class(origin(call.func, site.scope), "PokeReturnValue"):
            value, how = argument(call, "xcom_value", place=1), "given as xcom_value"
        if value is not None:
            yield value, site.scope, how


def _pushers(module: Module, project: Project) -> Iterator[tuple[Scope, str]]:
    """Yield the functions whose return values are pushed, and by what words."""
    silent = _silent(module, project)
    if module in silent:
        return
    for unit in module.units:
        if unit not in silent and role(unit) == "task" and _is_pushing_task(unit):
            yield unit, f"returned by the task {unit.name}"
    for owner in module.classes:
        if owner not in silent and project.is_kind_of(owner, "Operator", "Sensor"):
            yield from _executed(owner)
    for site in module.calls:
        if _pushes(site.node):
            yield from _made_tasks(site.node, site.scope, project)


def _is_pushing_task(unit: Scope) -> bool:
    """Tell whether the decorators that made a function into a task let it push what it returns."""
    return all(
        name.rpartition(".")[2] not in _NO_RETURN and _pushes(decorator)
        for decorator, name in decorators(unit)
        if decorator_role(name) == "task"
    )


def _executed(owner: Scope) -> Iterator[tuple[Scope, str]]:
    """Yield the methods of an operator whose return values are pushed."""
    if "do_xcom_push" not in ast.unparse(owner.node):  # it may deal with the switch itself
        for name in ("execute", "execute_complete"):
            for binding in owner.names.get(name, ()):
                if binding.kind == "definition":
                    yield binding.scope, f"returned by {name} of {owner.name}"


def _made_tasks(call: ast.Call, scope: Scope, project: Project) -> Iterator[tuple[Scope, str]]:
    """Yield the functions that a call makes into tasks: ``python_callable``, ``task(f)``."""
    name = origin(call.func, scope).replace("()", "")
    last = name.rpartition(".")[2] or getattr(call.func, "attr", "")
    value = argument(call, "python_callable")
    if value is not None and not last.endswith("Sensor"):
        for unit in project.callables(value, scope):
            yield unit, f"returned by {unit.name} (python_callable)"
    elif decorator_role(name) == "task" and last not in _NO_RETURN and len(call.args) == 1:
        for unit in project.callables(call.args[0], scope):
            if role(unit) == "plain":
                yield unit, f"returned by the task {unit.name}"


def _silent(module: Module, project: Project) -> set[Module | Scope]:
    """Return what pushes nothing by a switch that stands elsewhere: defaults, override, calls."""
    silent: set[Module | Scope] = set()
    for one in named_values(module):
        is_switch = one.is_mapping and getattr(one.key, "value", "") == "do_xcom_push"
        if is_switch and _is_off(one.value):
            silent.add(module)
    for site in module.calls:
        call = site.node
        if _pushes(call):
            continue
        if isinstance(call.func, ast.Attribute) and call.func.attr == "override":
            silent.update(project.callables(call.func.value, site.scope))
        else:
            silent.update(project.classes(call.func, site.scope))
    return silent


def _pushes(call: ast.expr) -> bool:
    """Tell whether a call leaves the switch on; one that is computed counts as off."""
    keywords = call.keywords if isinstance(call, ast.Call) else []
    return not any(one.arg == "do_xcom_push" and _is_off(one.value) for one in keywords)


def _is_off(value: ast.expr) -> bool:
    return not (isinstance(value, ast.Constant) and value.value is True)
