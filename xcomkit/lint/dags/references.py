"""XC034 and XC035: values of other runs, and code that handles what the backend keeps to itself."""

import ast
import re
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import (
    argument,
    decorator_role,
    is_airflow,
    is_dag_class,
    is_xcom_class,
    text_of,
)
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Module, Scope
from xcomkit.lint.dags.templates import pulls_in

XC034 = Rule(
    id="XC034",
    title="Tasks pull values of their own Dag run only",
    severity="warn",
    why="the bucket's lifecycle deletes objects by age and the database keeps the reference: the"
    " stock backend then hands the task the path instead of the value, without any error.",
    remedy="give the value along as conf of TriggerDagRunOperator, or write it where you choose"
    " (an ObjectStoragePath, an Asset) and read that; or keep objects longer than the"
    " oldest run that is read, use a backend that raises on a missing object, and accept XC034.",
    source="measured with common.io: object missing, path string returned; Airflow, XComs",
)
XC035 = Rule(
    id="XC035",
    title="Only the backend handles XCom references",
    severity="warn",
    why="key layout and private functions change between releases, a lifecycle deletes the object,"
    " and rows of the metadata database, which agents cannot see, hold references, not values.",
    remedy="pull with ti.xcom_pull(...) or take the task as an argument; for a place that others"
    " may rely on write to an ObjectStoragePath of your own and push its path.",
    source="common.io provider, xcom backend (private names, key layouts), read and measured",
)
_PULLS = frozenset({"xcom_pull", "axcom_pull"})
_READS = frozenset({"get_one", "aget_one", "get_all", "aget_all"})
_OWN = re.compile(r"(^|\.)(dag|self|ti|task_instance|task|dag_run|run)(\.dag)?\.dag_id$")
_OWN_TEMPLATE = re.compile(r"\{\{.{0,80}\b(dag|ti|task|run)\b.{0,80}\}\}")
_BACKEND = "airflow.providers.common.io.xcom.backend"
_PRIVATE = frozenset({"_get_full_path", "_write_large_value", "_get_base_path", "_get_compression",
                      "_get_threshold", "_get_compression_suffix", "_get_xcom_db_ref",
                      "_set_xcom_in_db"})  # fmt: skip
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SCHEME = re.compile(r"^(s3|s3a|s3n|gs|gcs|abfs|abfss|adl)://")
_REFERENCE = re.compile(rf"/((ti|write)-)?{_UUID}(\.(zip|gz|bz2|lzma|xz))?$")
_RUN = re.compile(r"(^|/)(manual|scheduled|backfill|asset_triggered|dataset_triggered)__")
_XCOM = re.compile(r"(^|[/_.-])xcoms?([/_.-]|$)", re.IGNORECASE)
_RUN_NAMES = frozenset({"run_id", "dag_run_id"})


def find_references(module: Module, project: Project) -> Iterator[Finding]:
    """Yield pulls from other runs, and references that are made, read or taken apart."""
    del project  # what a pull names stands in its own file
    own = _own_ids(module)
    for call, scope, line in _pulls(module):
        prior = _prior(call)
        dag, is_unknown = _foreign(call, scope, own=own)
        observed = " and ".join(one for one in (prior, dag) if one)
        if observed:
            yield Finding(
                XC034,
                module.file,
                line,
                f"{_verb(call)} with {observed}",
                "values of the own run",
                is_unknown=is_unknown and not prior,
            )
    if not _is_backend(module):
        for line, observed in (*_private_names(module), *_rows(module), *_literals(module)):
            yield Finding(XC035, module.file, line, observed, "references left to the backend")


def _own_ids(module: Module) -> set[str] | None:
    """Return the ids of the Dags of a file, or ``None`` when one is not told or there is none."""
    ids: set[str] = set()
    for site in module.calls:
        if isinstance(site.node, ast.Call) and is_dag_class(origin(site.node.func, site.scope)):
            text = text_of(argument(site.node, "dag_id", place=0), site.scope)
            if text is None:
                return None
            ids.add(text)
    for unit in module.units:
        if not isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in unit.node.decorator_list:
            outer = unit.parent or unit
            name = origin(decorator, outer).replace("()", "")
            if name.endswith(".dag") and decorator_role(name) == "dag":
                given = None
                if isinstance(decorator, ast.Call):
                    given = argument(decorator, "dag_id", place=0)
                text = unit.name if given is None else text_of(given, outer)
                if text is None:
                    return None
                ids.add(text)
    return ids or None


def _pulls(module: Module) -> Iterator[tuple[ast.Call, Scope, int]]:
    """Yield the calls that pull, in code and in templates, with the line they stand on."""
    for site in module.calls:
        call = site.node
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            reads = call.func.attr in _READS and is_xcom_class(origin(call.func.value, site.scope))
            if reads or call.func.attr in _PULLS:
                yield call, site.scope, call.lineno
    for site in module.texts:
        if isinstance(site.node, ast.Constant) and isinstance(site.node.value, str):
            for call, shift in pulls_in(site.node.value):
                inside = site.node.lineno < (site.node.end_lineno or site.node.lineno)
                yield call, module.root, site.node.lineno + (shift if inside else 0)


def _verb(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else "xcom_pull"


def _prior(call: ast.Call) -> str:
    """Return how a pull reaches back to other runs, or nothing."""
    run_id = argument(call, "run_id", place=None)
    if isinstance(run_id, ast.Constant) and isinstance(run_id.value, str):
        return f"run_id={run_id.value[:80]!r}"
    value = argument(call, "include_prior_dates", place=None if _verb(call) in _READS else 3)
    reaches = isinstance(value, ast.Constant) and value.value is True
    return "include_prior_dates=True" if reaches else ""


def _foreign(call: ast.Call, scope: Scope, *, own: set[str] | None) -> tuple[str, bool]:
    """Return how a pull names another Dag, or nothing, and whether that is only possible."""
    dag_id = argument(call, "dag_id", place=None if _verb(call) in _READS else 1)
    if dag_id is None or (isinstance(dag_id, ast.Constant) and dag_id.value is None):
        return "", False
    text = text_of(dag_id, scope)
    if text is not None:
        is_own = text in (own or ()) or _OWN_TEMPLATE.search(text[:200])
        return "" if is_own else f"dag_id={text[:80]!r}", False
    written = " ".join(ast.unparse(dag_id).split())
    if own is not None or _OWN.search(written):
        return "", False
    return f"dag_id={written[:60]}, which may be another Dag", True


def _is_backend(module: Module) -> bool:
    """Tell whether a file defines an XCom backend, whose business references are."""
    return any(
        origin(base, owner.parent).rpartition(".")[2] in ("BaseXCom", "XComObjectStorageBackend")
        for owner in module.classes
        if isinstance(owner.node, ast.ClassDef) and owner.parent is not None
        for base in owner.node.bases
    )


def _private_names(module: Module) -> Iterator[tuple[int, str]]:
    for site in module.attributes:
        node = site.node
        if isinstance(node, ast.Attribute) and node.attr in _PRIVATE:
            base = origin(node.value, site.scope).replace("()", "")
            if base.startswith(_BACKEND) or is_xcom_class(base) or (
                is_airflow(base) and base.endswith("XComObjectStorageBackend")
            ):  # fmt: skip
                yield node.lineno, f"{base.rpartition('.')[2]}.{node.attr} is private"
    for node in module.imports:
        if node.module == _BACKEND:
            for name in sorted(one.name for one in node.names if one.name in _PRIVATE):
                yield node.lineno, f"{name} is private"


def _rows(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the queries whose rows hold references instead of values."""
    for site in module.calls:
        call = site.node
        if not isinstance(call, ast.Call):
            continue
        name = origin(call.func, site.scope)
        verb = name.rpartition(".")[2] or getattr(call.func, "attr", "")
        if verb == "get_many" and is_xcom_class(name.rpartition(".")[0]):
            yield call.lineno, "get_many reads rows of the metadata database"
        elif verb in ("query", "select"):
            for one in call.args:
                told = origin(one, site.scope)
                if is_xcom_class(told) or is_xcom_class(told.rpartition(".")[0]):
                    yield call.lineno, f"{verb} reads rows of the metadata database"
                    break


def _literals(module: Module) -> Iterator[tuple[int, str]]:
    for site in module.texts:
        node = site.node
        if isinstance(node, ast.JoinedStr):
            if _is_built(node):
                yield node.lineno, f"{_shown(ast.unparse(node))} builds a reference"
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and len(node.value) < 2000
            and _SCHEME.match(node.value)
            and (_REFERENCE.search(node.value) or _RUN.search(node.value))
            and _XCOM.search(node.value)
        ):
            yield node.lineno, f"{_shown(node.value)} looks like a reference"


def _shown(reference: str) -> str:
    """Return the begin of a reference in one line, without what may be a secret before the @."""
    return re.sub(r"//[^/@]{1,200}@", "//...@", " ".join(reference.split()))[:100]


def _is_built(node: ast.JoinedStr) -> bool:
    """Tell whether an f-string puts a key of XCom together: scheme, "xcom", and a run."""
    if not node.values or not isinstance(node.values[0], ast.Constant):
        return False
    fixed = "/".join(str(one.value) for one in node.values if isinstance(one, ast.Constant))
    if not _SCHEME.match(fixed) or not _XCOM.search(fixed.partition("://")[2].partition("/")[2]):
        return False
    return any(
        getattr(inner, "id", getattr(inner, "attr", getattr(inner, "value", ""))) in _RUN_NAMES
        for one in node.values
        if isinstance(one, ast.FormattedValue)
        for inner in ast.walk(one.value)
        if isinstance(inner, (ast.Name, ast.Attribute))
        or (isinstance(inner, ast.Constant) and isinstance(inner.value, str))
    )
