"""XC036, XC037 and XC038: values that tasks push and Airflow refuses, changes or guards."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from xcomkit.dag_scan.airflow_names import (
    argument,
    decorator_role,
    is_airflow,
    is_airflow_class,
    is_kind_of,
    role,
)
from xcomkit.dag_scan.resolving import Project, origin
from xcomkit.dag_scan.scopes import FUNCTIONS, Module, Scope
from xcomkit.dag_scan.serialisable import Fate, Judge, Verdict, annotation
from xcomkit.model import Finding, Rule

XC036 = Rule(
    id="XC036",
    title="Airflow can write the values that tasks push",
    severity="fail",
    why="the encoder raises TypeError after the work is done, so the task fails at its end.",
    remedy="push text, numbers, lists and dicts: str(path), base64 text for bytes, list(...) for"
    " iterators and arrays, .isoformat() for a time; write files to an ObjectStoragePath and push"
    " its path; or set do_xcom_push=False where nobody reads the value.",
    source="measured with task-sdk: bytes, Path, ndarray, Series, complex, time; Airflow, XComs",
)
XC037 = Rule(
    id="XC037",
    title="Values come back as the type that was pushed",
    severity="info",
    why="keys of dicts become text and namedtuples become tuples, so value[1] and value.name fail"
    " in the task that reads.",
    remedy="use text as keys (or convert them back), and a dict such as row._asdict().",
    source="measured with task-sdk: int dict keys become str, namedtuple becomes tuple",
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
_RULES: dict[Fate, Rule] = {"refused": XC036, "changed": XC037, "guarded": XC038}
_EXPECTED: dict[Fate, str] = {
    "refused": "a value that Airflow can write",
    "changed": "a value that comes back as it was",
    "guarded": "the class path in [core] allowed_deserialization_classes",
}
_NO_RETURN = frozenset({"bash", "kubernetes_cmd", "stub", "sensor"})  # what returns is no XCom


@dataclass(frozen=True, slots=True)
class _Pusher:
    """A function whose return value is pushed, and by what words."""

    unit: Scope
    told: str
    multiple: bool = False


def find_pushed(module: Module, project: Project) -> Iterator[Finding]:
    """Yield what can be told of the values that the tasks of a file push."""
    judge = Judge(project)
    for pusher in _pushers(module, project):
        found = False
        for result in _results(pusher.unit):
            for verdict in judge.value(result, pusher.unit):
                found = True
                yield _finding(verdict, pusher.told, pusher.unit, multiple=pusher.multiple)
        if not found:
            yield from _promised(pusher)
    for site in module.calls:
        call = site.node
        if isinstance(call, ast.Call):
            for value, told in _handed(call, site.scope):
                for verdict in judge.value(value, site.scope):
                    yield _finding(verdict, told, site.scope)


def _finding(verdict: Verdict, told: str, scope: Scope, *, multiple: bool = False) -> Finding:
    refused = multiple and verdict.fate == "changed" and "key" in verdict.what
    fate: Fate = "refused" if refused else verdict.fate
    more = ", and multiple_outputs refuses such keys" if refused else ""
    observed = f"{verdict.what}{more}, {told}"
    line = verdict.node.lineno
    return Finding(_RULES[fate], scope.module.file, line, observed, _EXPECTED[fate])


def _results(unit: Scope) -> Iterator[ast.expr]:
    if isinstance(unit.node, ast.Lambda):
        yield unit.node.body
    for one in unit.returns:
        if one.value is not None:
            yield one.value


def _promised(pusher: _Pusher) -> Iterator[Finding]:
    """Yield what the return annotation says."""
    node, unit = pusher.unit.node, pusher.unit
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    what = annotation(node.returns, unit.parent or unit)
    if what and node.returns is not None:
        observed = f"{what}, {pusher.told}"
        yield Finding(XC036, unit.module.file, node.returns.lineno, observed, _EXPECTED["refused"])


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


def _pushers(module: Module, project: Project) -> Iterator[_Pusher]:
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


def _executed(owner: Scope) -> Iterator[_Pusher]:
    """Yield the methods of an operator whose return values are pushed."""
    if not _mentions(owner):
        for name in ("execute", "execute_complete"):
            for binding in owner.names.get(name, ()):
                if binding.kind == "definition":
                    yield _Pusher(binding.scope, f"returned by {name} of {owner.name}")


def _decorated(unit: Scope) -> Iterator[_Pusher]:
    """Yield a function that decorators made into a task which pushes what it returns."""
    if not isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    multiple = False
    for decorator in unit.node.decorator_list:
        name = origin(decorator, unit.parent or unit).replace("()", "")
        last = name.rpartition(".")[2]
        if decorator_role(name) != "task":
            continue
        keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
        if last in _NO_RETURN or not _pushes(keywords):
            return
        multiple |= any(
            one.arg == "multiple_outputs"
            and isinstance(one.value, ast.Constant)
            and one.value.value is True
            for one in keywords
        )
    yield _Pusher(unit, f"returned by the task {unit.name}", multiple)


def _called(call: ast.Call, scope: Scope, project: Project) -> Iterator[_Pusher]:
    """Yield the functions that a call makes into tasks: ``python_callable``, ``task(f)``."""
    name = origin(call.func, scope)
    last = name.replace("()", "").rpartition(".")[2] or getattr(call.func, "attr", "")
    value = argument(call, "python_callable")
    if value is not None and not last.endswith("Sensor"):
        for unit in project.callables(value, scope):
            yield _Pusher(unit, f"returned by {unit.name} (python_callable)")
    elif (
        decorator_role(name) == "task"
        and is_airflow(name)
        and last not in _NO_RETURN
        and len(call.args) == 1
        and isinstance(call.args[0], (ast.Name, ast.Attribute, ast.Lambda))
    ):
        for unit in project.callables(call.args[0], scope):
            if isinstance(unit.node, FUNCTIONS) and role(unit) == "plain":
                yield _Pusher(unit, f"returned by the task {unit.name}")


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
