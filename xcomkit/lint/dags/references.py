"""XC034 and XC035: values of other runs, and code that handles what the backend keeps to itself."""

import ast
import re
from collections.abc import Iterator
from itertools import islice

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import (
    DAG_CLASSES,
    argument,
    decorator_role,
    decorators,
    is_airflow_class,
    is_xcom_class,
    text_of,
)
from xcomkit.lint.dags.deletions import asks_for_xcoms, deleted_queries
from xcomkit.lint.dags.reading import Unreadable, parse
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Module, Scope

XC034 = Rule(
    id="XC034",
    title="Tasks pull values of their own Dag run only",
    severity="warn",
    why="The bucket's lifecycle deletes objects by age and the database keeps the reference: the"
    " stock backend then hands the task the path instead of the value, without any error.",
    remedy="Give the value along as conf of TriggerDagRunOperator, or write it where you choose"
    " (an ObjectStoragePath, an Asset) and read that; or keep objects longer than the"
    " oldest run that is read, use a backend that raises on a missing object, and accept XC034.",
    source="measured with common.io: object missing, path string returned; Airflow, XComs",
)
XC035 = Rule(
    id="XC035",
    title="Only the backend handles XCom references",
    severity="warn",
    why="Key layout and private functions change between releases, a lifecycle deletes the object,"
    " and rows of the metadata database, which agents cannot see, hold references, not values.",
    remedy="Pull with ti.xcom_pull(...) or take the task as an argument; for a place that others"
    " may rely on write to an ObjectStoragePath of your own and push its path.",
    source="common.io provider, xcom backend (private names, key layouts), read and measured",
)
_PULLS = frozenset({"xcom_pull", "axcom_pull"})
_READS = frozenset({"get_one", "aget_one", "get_all", "aget_all"})
_OWN = re.compile(
    r"(^|\.|\['|\.get\(')(dag|self|ti|task_instance|task|dag_run|run)('\]|'\))?(\.dag)?\.dag_id$"
)
_OWN_TEMPLATE = re.compile(r"\{\{.{0,80}\b(dag|ti|task|run)\b.{0,80}\}\}")
_BACKEND = "airflow.providers.common.io.xcom.backend"
_PRIVATE = frozenset({"_get_full_path", "_write_large_value", "_get_base_path", "_get_compression",
                      "_get_threshold", "_get_compression_suffix", "_get_xcom_db_ref",
                      "_set_xcom_in_db"})  # fmt: skip
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SCHEMES = "(s3|s3a|s3n|gs|gcs|abfs|abfss|adl)://"
_SCHEME = re.compile(_SCHEMES)
_REFERENCE = re.compile(rf"/((ti|write)-)?{_UUID}(\.(zip|gz|bz2|lzma|xz))?$")
_RUN = re.compile(r"(^|/)(manual|scheduled|backfill|asset_triggered|dataset_triggered)__")
_XCOM = re.compile(r"(^|[/_.-])xcoms?([/_.-]|$)", re.IGNORECASE)
# an f-string with "xcom" behind the bucket, and a run behind that
_BUILT = re.compile(
    rf"f.{_SCHEMES}[^/]*/(.*[/_.-])?xcoms?[/_.-].*\{{[^}}]*\b(dag_)?run_id\b", re.IGNORECASE
)
MOST_CHARACTERS = 2000  # of one text, or call in it
_PULL = re.compile(r"xcom_pull\(")
MOST_BRACKETS = 20  # of one call
MOST_CALLS = 50  # of one template


def find_references(module: Module, project: Project) -> Iterator[Finding]:
    """Yield pulls from other runs, and references that are made, read or taken apart."""
    own = _own_ids(module)
    for call, scope, line in _pulls(module):
        prior = _prior(call)
        dag, is_unknown = _foreign(call, scope, own=own)
        if prior or dag:
            yield Finding(
                XC034,
                module.file,
                line,
                f"{_verb(call)} with {' and '.join(filter(None, (prior, dag)))}",
                "values of the own run",
                is_unknown=is_unknown and not prior,
            )
    # what defines a backend has references as its business
    backends = ("BaseXCom", "XComObjectStorageBackend")
    if not any(project.is_kind_of(owner, *backends) for owner in module.classes):
        for line, observed in (
            *_private_names(module),
            *_rows(module, project),
            *_literals(module),
        ):
            yield Finding(XC035, module.file, line, observed, "references left to the backend")


def _own_ids(module: Module) -> set[str] | None:
    """Return the ids of the Dags of a file, or ``None`` when one is computed or there is none."""
    ids: set[str | None] = set()
    for site in module.calls:
        if is_airflow_class(origin(site.node.func, site.scope), *DAG_CLASSES):
            ids.add(text_of(argument(site.node, "dag_id", place=0), site.scope))
    for unit in module.units:
        for decorator, name in decorators(unit):
            if name.endswith(".dag") and decorator_role(name) == "dag":
                given = None
                if isinstance(decorator, ast.Call):
                    given = argument(decorator, "dag_id", place=0)
                ids.add(text_of(given, unit.around) if given else unit.name)
    return {one for one in ids if one is not None} if ids and None not in ids else None


def _pulls(module: Module) -> Iterator[tuple[ast.Call, Scope, int]]:
    """Yield the calls that pull, in code and in templates, with the line they stand on."""
    for site in module.calls:
        match site.node.func:
            case ast.Attribute(value=value, attr=verb) if verb in _PULLS | _READS:
                if verb in _PULLS or is_xcom_class(origin(value, site.scope)):
                    yield site.node, site.scope, site.node.lineno
    for text, node in module.texts:
        for call, shift in pulls_in(text):
            inside = node.lineno < (node.end_lineno or node.lineno)
            yield call, module.root, node.lineno + (shift if inside else 0)


def is_pulling(value: object) -> bool:
    """Tell whether a value is a template that pulls when it is rendered."""
    return isinstance(value, str) and "xcom_pull(" in value and ("{{" in value or "{%" in value)


def pulls_in(text: str) -> Iterator[tuple[ast.Call, int]]:
    """Yield the calls of ``xcom_pull`` in a template, and how many lines below its begin.

    What is no Python, because it uses Jinja's own syntax, is left out.
    """
    if "{{" in text or "{%" in text:
        for match in islice(_PULL.finditer(text), MOST_CALLS):
            call = _parse_call(text[match.start() : match.start() + MOST_CHARACTERS])
            if call is not None:
                yield call, text.count("\n", 0, match.start())


def _parse_call(text: str) -> ast.Call | None:
    """Return the call a text begins with, up to the first bracket that makes it Python."""
    for bracket in islice(re.finditer(r"\)", text), MOST_BRACKETS):
        try:
            statement = parse(text[: bracket.end()].encode("utf-8", "replace")).body[0]
        except Unreadable:
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return statement.value
    return None


def _verb(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else "xcom_pull"


def _prior(call: ast.Call) -> str:
    """Return how a pull reaches back to other runs, or nothing."""
    run_id = argument(call, "run_id")
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


def _private_names(module: Module) -> Iterator[tuple[int, str]]:
    for site in (site for unit in module.units for site in unit.attributes):
        name = site.node.attr
        if name in _PRIVATE:
            base = origin(site.node.value, site.scope).replace("()", "")
            is_class = is_airflow_class(base, "XComObjectStorageBackend") or is_xcom_class(base)
            if base.startswith(_BACKEND) or is_class:
                yield site.node.lineno, f"{base.rpartition('.')[2]}.{name} is private"
    for node in module.imports:
        if node.module == _BACKEND:
            for name in sorted(one.name for one in node.names if one.name in _PRIVATE):
                yield node.lineno, f"{name} is private"


def _rows(module: Module, project: Project) -> Iterator[tuple[int, str]]:
    """Yield the queries whose rows hold references, not values, but for those that XC096 has."""
    deleted = {query for _, query, _ in deleted_queries(module, project)}
    for site in module.calls:
        call = site.node
        verb = getattr(call.func, "attr", getattr(call.func, "id", ""))
        is_query = verb in ("query", "select", "get_many") and call not in deleted
        if is_query and asks_for_xcoms(call, site.scope, project):
            yield call.lineno, f"{verb} reads rows of the metadata database"


def _literals(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the keys of XCom that are written out, or built in an f-string from a run."""
    for text, node in module.texts:
        is_key = len(text) < MOST_CHARACTERS and _SCHEME.match(text) and _XCOM.search(text)
        if is_key and (_REFERENCE.search(text) or _RUN.search(text)):
            yield node.lineno, f"{_displayed(text)} looks like a reference"
    for built in module.built_texts:
        text = ast.unparse(built)[:MOST_CHARACTERS]
        if _BUILT.match(text):
            yield built.lineno, f"{_displayed(text)} builds a reference"


def _displayed(reference: str) -> str:
    """Return the begin of a reference in one line, without what may be a secret before the @."""
    return re.sub(r"//[^/@]{1,200}@", "//...@", " ".join(reference.split()))[:100]
