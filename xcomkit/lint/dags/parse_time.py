"""XC032 and XC033: what runs whenever the Dag processor parses a file."""

import ast
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.airflow_names import DAG_CLASSES, is_airflow_class, role
from xcomkit.lint.dags.resolving import Project, alternatives, origin
from xcomkit.lint.dags.running import Run, follow, xcom_uses
from xcomkit.lint.dags.scopes import Module, Scope

XC032 = Rule(
    id="XC032",
    title="No ObjectStoragePath is read or written while a Dag file is parsed",
    severity="warn",
    why="The Dag processor parses every file again and again: each time the requests are made and"
    " paid for, with its own identity, and a slow or refused one takes the Dag away.",
    remedy="Move the I/O into a @task; at the top of the file only construct the"
    " ObjectStoragePath. For one task per object let a @task return the list and .expand() it.",
    source="Airflow, best practices, top level Python code; Airflow, object storage",
)
XC033 = Rule(
    id="XC033",
    title="Dag files use no XCom while they are parsed",
    severity="fail",
    why="There is no task instance and no run while a file is parsed: the import fails, and the"
    " Dag is gone.",
    remedy="Pull inside a task, or hand over task.output or the result of a @task call.",
    source="Airflow, XComs; best practices, top level Python code",
)
IO_METHODS = frozenset({
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "iterdir", "glob",
    "rglob", "stat", "is_file", "is_dir", "mkdir", "unlink", "rmdir", "touch", "copy", "copy_into",
    "move", "move_into", "rename", "size", "ls", "walk", "info", "checksum", "replace", "samefile",
    "read_block", "sign", "find", "download", "upload", "cat", "get", "put", "pipe", "rm", "du",
})  # fmt: skip
# what gives a part of a path, or paths below it
_SAME_KIND = frozenset({"joinpath", "with_name", "with_suffix", "with_stem", "absolute", "resolve",
                        "with_segments", "iterdir", "glob", "rglob", "walk"})  # fmt: skip
FILESYSTEMS = frozenset({"fsspec.filesystem", "fsspec.url_to_fs", "fsspec.core.url_to_fs"})
OPENERS = frozenset({"fsspec.open", "fsspec.open_files", "fsspec.open_local"})


def find_parse_time(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the object storage I/O and the uses of XCom that run when a file is parsed."""
    roots = [Run(module.root, "which runs when the file is parsed")]
    roots += [
        Run(unit, "which builds the Dag when the file is parsed")
        for unit in module.units[1:]
        if role(unit) == "dag" or (role(unit) == "plain" and _builds_dag(unit))
    ]
    stores = _Stores()
    for run in follow(roots, project, is_handed_on=False):
        for site in run.unit.calls:
            text = "" if site.is_guarded else stores.io_of(site.node, site.scope)
            if text:
                expected = "I/O inside tasks only"
                yield run.finding(XC032, site.node.lineno, text, expected=expected)
        for line, text in xcom_uses(run.unit, project):
            yield run.finding(XC033, line, text, expected="XCom inside tasks only")


def _builds_dag(unit: Scope) -> bool:
    return any(
        is_airflow_class(origin(site.node.func, site.scope), *DAG_CLASSES) for site in unit.calls
    )


class _Stores:
    """Which expressions are paths or filesystems of object storage; each is judged once."""

    def __init__(self) -> None:
        self._known: dict[ast.AST, str] = {}

    def io_of(self, call: ast.Call, scope: Scope) -> str:
        """Return the I/O that a call does, as words, or nothing."""
        if origin(call.func, scope) in OPENERS:
            return origin(call.func, scope)
        if isinstance(call.func, ast.Attribute) and call.func.attr in IO_METHODS:
            kind = self.kind(call.func.value, scope)
            return f"{call.func.attr} of {kind}" if kind else ""
        return ""

    def kind(self, expression: ast.expr, scope: Scope) -> str:
        """Return what object storage thing an expression is, or nothing."""
        if expression not in self._known:
            self._known[expression] = ""  # what a cycle finds
            parts = (self._kind(one, here) for one, here in alternatives(expression, scope))
            self._known[expression] = next((kind for kind in parts if kind), "")
        return self._known[expression]

    def _kind(self, expression: ast.expr, scope: Scope) -> str:
        match expression:
            case ast.Call(func=func) if origin(func, scope) in FILESYSTEMS:
                return "a filesystem"
            case ast.Call(func=func) if is_airflow_class(origin(func, scope), "ObjectStoragePath"):
                return "an ObjectStoragePath"
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _SAME_KIND:
                return self.kind(value, scope)
            case ast.Attribute(value=value, attr="parent" | "fs" as name):
                kind = self.kind(value, scope)
                return "a filesystem" if kind and name == "fs" else kind
            case ast.Name(id=name):
                notes = [(one.annotation, one.scope.around) for one in scope.find(name)]
                names = [origin(note, outer) for note, outer in notes if note is not None]
                is_path = any(is_airflow_class(one, "ObjectStoragePath") for one in names)
                return "an ObjectStoragePath" if is_path else ""
        return ""
