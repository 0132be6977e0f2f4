"""XC096: XComs that Dag code deletes in the metadata database, past the backend."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import is_xcom_class
from xcomkit.lint.dags.resolving import Project, origin
from xcomkit.lint.dags.scopes import Module, Scope

XC096 = Rule(
    id="XC096",
    title="Dag code deletes no XComs in the metadata database",
    severity="fail",
    why="Agents have no metadata database, so the call raises there. Where it does reach one, the"
    " objects of the deleted rows stay in the bucket, and nothing refers to them any more.",
    remedy="Remove it, and let the bucket's lifecycle delete what is old; a task that is cleared"
    " and runs again deletes its own values. For one value call XCom.delete(...) of"
    " airflow.sdk.execution_time.xcom, which deletes the object as well.",
    source="Airflow 3, XComs; measured: rows deleted without the backend leave their objects",
)
_QUERIES = frozenset({"query", "select", "get", "get_many"})
_SQL = re.compile(
    r"""\b(delete\s+from|truncate(\s+table)?)\s+["'`]?(\w+["'`]?\.["'`]?)?xcom(_v\d)?\b""",
    re.IGNORECASE,
)
_CLEAN = re.compile(r"\bairflow\s+db\s+clean\b")
_SOME_TABLES = re.compile(r"\s(-t|--tables)[\s=](?!.*\bxcom)", re.DOTALL)
_MOST_STEPS = 60  # of one chain of calls


def find_deletions(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the calls and texts of a file that delete XComs in the metadata database."""
    expected = "no deletion past the backend"
    for call, query, is_xcom in deleted_queries(module, project):
        text = f"delete of what {ast.unparse(query)[:60]} finds"
        text += "" if is_xcom else ", which may be XComs: the file names the class"
        yield Finding(XC096, module.file, call.lineno, text, expected, is_unknown=not is_xcom)
    for line, text in (*_calls(module, project), *_texts(module)):
        yield Finding(XC096, module.file, line, text, expected)


@lru_cache(maxsize=1)
def deleted_queries(
    module: Module, project: Project
) -> tuple[tuple[ast.Call, ast.Call, bool], ...]:
    """Return the calls that delete rows, with their query, and whether they are surely XComs."""
    found: list[tuple[ast.Call, ast.Call, bool]] = []
    mentioned = any(
        is_xcom_class(origin(value, site.scope))
        for site in module.dicts
        for value in site.node.values
    )
    for site in module.calls:
        match site.node:
            case ast.Call(func=ast.Attribute(attr="delete"), args=[row]):
                rows: ast.expr = row
            case ast.Call(func=ast.Attribute(value=rows, attr="delete"), args=[]):
                pass
            case _:
                continue
        for query, here in _queries(rows, site.scope, project):
            if asks_for_xcoms(query, here, project):
                found.append((site.node, query, True))
            elif mentioned and query.args and not any(origin(one, here) for one in query.args):
                found.append((site.node, query, False))
    return tuple(found)


def asks_for_xcoms(call: ast.Call, scope: Scope, project: Project) -> bool:
    """Tell whether a call is about the class of XComs, or about a column of it."""
    asked = [one for value in call.args for one in project.expressions(value, scope)]
    names = [origin(*one) for one in (*asked, (call.func, scope))]
    return any(is_xcom_class(one) or is_xcom_class(one.rpartition(".")[0]) for one in names)


def _queries(rows: ast.expr, scope: Scope, project: Project) -> Iterator[tuple[ast.Call, Scope]]:
    """Yield the queries that rows, or a chain of calls on a query, come from."""
    todo = [(rows, scope)]
    seen: set[ast.expr] = set()
    while todo and len(seen) < _MOST_STEPS:
        for part, here in project.expressions(*todo.pop()):
            if part in seen:
                continue
            seen.add(part)
            match part:
                case ast.Call(func=func, args=args):
                    if getattr(func, "attr", getattr(func, "id", "")) in _QUERIES:
                        yield part, here
                    todo += [(one, here) for one in (*args, func)]  # the chain first
                    for unit in project.callables(func, here):
                        todo += [(result, unit) for result in unit.results]
                case ast.Attribute(value=value) | ast.Subscript(value=value):
                    todo.append((value, here))


def _calls(module: Module, project: Project) -> Iterator[tuple[int, str]]:
    """Yield the calls that delete XComs by what they are named."""
    for site in module.calls:
        call, name = site.node, origin(site.node.func, site.scope)
        owner, _, verb = name.replace(".__table__", "").rpartition(".")
        verb = verb or getattr(call.func, "attr", "")
        is_orm = ".__table__." in name or any(one.arg == "session" for one in call.keywords)
        is_statement = name.startswith("sqlalchemy.") and asks_for_xcoms(call, site.scope, project)
        if (
            verb == "clear_xcom_data"
            or name == "airflow.utils.db_cleanup.run_cleanup"
            or (verb == "clear" and is_xcom_class(owner))
            or (verb == "delete" and (is_statement or (is_orm and is_xcom_class(owner))))
        ):
            yield call.lineno, f"{verb} deletes rows of the metadata database"


def _part(part: ast.expr, module: Module) -> str:
    """Return a part of an f-string as a text; the name of the table of a class of XComs is one."""
    if isinstance(part, ast.FormattedValue):
        owner, _, name = origin(part.value, module.root).rpartition(".")
        return "xcom" if name == "__tablename__" and is_xcom_class(owner) else "x"
    return str(getattr(part, "value", "x"))


def _texts(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the SQL and the commands that delete XComs."""
    texts = [(text, node.lineno) for text, node in module.texts]
    for built in module.built_texts:
        parts = [_part(one, module) for one in built.values]
        texts.append(("".join(parts), built.lineno))
    for words in (one for site in module.calls for one in site.node.args):
        if isinstance(words, (ast.List, ast.Tuple)):  # a command, word by word
            given = [str(getattr(one, "value", "x")) for one in words.elts]
            texts.append((" ".join(given), words.lineno))
    for text, line in texts:
        if _SQL.search(text):
            yield line, "SQL deletes rows of the table of XComs"
        elif _CLEAN.search(text) and not _SOME_TABLES.search(text):
            yield line, "airflow db clean deletes rows of the table of XComs"
