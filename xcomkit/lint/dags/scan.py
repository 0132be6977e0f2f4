"""The registry of rules over Dag files, and the functions that run them all.

A new rule is a ``Rule``, a function from a file and the scan to findings, and a line below.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text import plain
from xcomkit.lint.dags.callbacks import XC030, XC031, XC095, find_callbacks, find_triggers
from xcomkit.lint.dags.collecting import index
from xcomkit.lint.dags.deletions import XC096, find_deletions
from xcomkit.lint.dags.environment import XC039, find_settings
from xcomkit.lint.dags.leaving import XC097, XC098, find_leaving
from xcomkit.lint.dags.parse_time import XC032, XC033, find_parse_time
from xcomkit.lint.dags.pushed import XC036, XC037, XC038, XC099, find_pushed
from xcomkit.lint.dags.reading import TOO_DEEP, Unreadable, list_files, read_tree
from xcomkit.lint.dags.references import XC034, XC035, find_references
from xcomkit.lint.dags.resolving import Project
from xcomkit.lint.dags.scopes import Module

MOST_FINDINGS = 100  # per rule and file; a file with more has one cause

XC040 = Rule(
    id="XC040",
    title="Every Python file of the folder can be read",
    severity="warn",
    why="Nothing is known of a file that cannot be read.",
    remedy="Fix the file, or name it in .airflowignore; where it is written for a newer Python, run"
    " xcomkit with the Python that the agents run.",
    source="Python, ast; Airflow, Dag file processing",
)
RULES: tuple[Rule, ...] = (
    XC030, XC031, XC032, XC033, XC034, XC035, XC036, XC037, XC038, XC039, XC040,
    XC095, XC096, XC097, XC098, XC099,
)  # fmt: skip
_FINDERS: tuple[Callable[[Module, Project], Iterator[Finding]], ...] = (
    find_callbacks,
    find_triggers,
    find_parse_time,
    find_references,
    find_deletions,
    find_leaving,
    find_pushed,
    find_settings,
)


def scan(path: Path) -> tuple[Finding, ...]:
    """Return the findings over a Dag file, or over all below a folder, by file, line and rule.

    Nothing is imported or executed. Below a folder, a file that cannot be read is a finding.

    Raises:
        InputError: the path cannot be read, or is one file that is no Python.
    """
    modules: list[Module] = []
    unread: dict[Module, Finding] = {}
    ignored: set[Module] = set()
    for file, problem, is_ignored in list_files(path):
        try:
            if problem is not None:
                raise problem
            module = index(str(file), _import_path(file), read_tree(file))
        except (Unreadable, RecursionError) as raised:
            error = raised if isinstance(raised, Unreadable) else Unreadable(TOO_DEEP)
            if file == path and raised is error and not error.python:
                place = f"{plain(str(path))}:{error.line}:{error.column}"
                hint = "name a Dag folder, or a file that the agents' Python reads."
                raise InputError(f"{place}: {error.problem}.", hint=hint) from None
            module = Module(str(file), _import_path(file), ast.Module([], []))
            unread[module] = _unread(str(file), error)
        modules.append(module)
        if is_ignored:
            ignored.add(module)
    project = Project(modules)
    judged = _judged(project, ignored)
    return _findings(project, judged, [one for module, one in unread.items() if module in judged])


def _judged(project: Project, ignored: set[Module]) -> dict[Module, None]:
    """Return the files that run: those that Airflow loads, and what they import."""
    found: dict[Module, None] = {}
    todo = [one for one in reversed(project.modules) if one not in ignored]
    while todo:
        module = todo.pop()
        if module not in found:
            found[module] = None
            todo += project.imported_by(module) & ignored
    return found


def _findings(
    project: Project, modules: Iterable[Module], unread: list[Finding]
) -> tuple[Finding, ...]:
    found = {(one.rule.id, one.file, one.line): one for one in unread}
    counts: Counter[tuple[str, str]] = Counter()
    for module in modules:
        for find in _FINDERS:
            try:
                for one in find(module, project):
                    place, key = (one.rule.id, one.file, one.line), (one.file, one.rule.id)
                    if place not in found and counts[key] < MOST_FINDINGS:
                        counts[key] += 1
                        found[place] = one
            except RecursionError:
                one = _unread(module.file, Unreadable(TOO_DEEP))
                found[one.rule.id, one.file, one.line] = one
    by_file = {module.file: module for module in project.modules}
    return tuple(
        replace(one, subject=_subject(one, by_file[one.file]))
        for one in sorted(found.values(), key=lambda one: (one.file, one.line, one.rule.id))
    )


def _subject(finding: Finding, module: Module) -> str:
    """Return the function or class that a finding is in, and what it objects to there."""
    around = [
        scope.name
        for node, scope in module.scopes.items()
        if scope.kind in ("function", "class")
        and getattr(node, "lineno", 0) <= finding.line <= (getattr(node, "end_lineno", 0) or 0)
    ]
    return " ".join((*around, finding.observed.partition(",")[0]))


def _unread(file: str, error: Unreadable) -> Finding:
    observed, advice = f"{error.problem}, in column {error.column}", XC040.remedy
    if error.python:
        observed = f"Python {error.python} may read it: {observed}"
        advice = f"Run xcomkit with Python {error.python} or later, as the agents that run it."
    return Finding(
        XC040, file, error.line, observed, "readable Python", is_unknown=True, advice=advice
    )


def _import_path(file: Path) -> tuple[str, ...]:
    """Return the parts of the longest name that a file may be imported by."""
    parts = file.absolute().with_suffix("").parts[1:]
    return parts[:-1] if parts and parts[-1] == "__init__" else parts
