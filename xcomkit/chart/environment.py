"""What a worker, the Dag processor and the triggerer will see once a values file is installed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from xcomkit.chart.names import CHART_FIELDS
from xcomkit.chart.values import Key, Values

DAG_PROCESSOR = "dagProcessor"
TRIGGERER = "triggerer"
# the one group of the downloaded file; helm falls back to it when the key is left out
DEFAULT_WORKER = "default-worker"

_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_][\w.-]*)\))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as written for a component.

    ``value`` is ``None`` when the file does not tell it: ``problem`` says why Kubernetes would
    refuse it, and an empty ``problem`` means that it comes from elsewhere (``valueFrom``).
    """

    name: str
    value: str | None = field(repr=False)
    line: int
    source: str
    problem: str = ""
    file: str = ""
    index: int = -1  # in its list; tells twins on one line apart


def worker_groups(values: Values) -> tuple[tuple[int, str], ...]:
    """Return index and name of each worker group; a group without a name is called ``#1``."""
    groups = values.get("workers")
    if not isinstance(groups, list) or not groups:
        return ((-1, DEFAULT_WORKER),)
    return tuple(
        (index, _text(values.get("workers", index, "name")) or f"#{index + 1}")
        for index in range(len(groups))
    )


def list_variables(values: Values) -> dict[str, tuple[Variable, ...]]:
    """Return all variables of each component in the order in which they are written."""
    shared = (*_chart_fields(values), *_entries(values, path=("commonEnv",), source="commonEnv"))
    components: dict[str, tuple[Key, str]] = {
        f"worker:{name}": (("workers", index, "env"), f"workers[{name}].env")
        for index, name in worker_groups(values)
    }
    components |= {name: ((name, "env"), f"{name}.env") for name in (DAG_PROCESSOR, TRIGGERER)}
    return {
        component: (*shared, *_entries(values, path=path, source=source))
        for component, (path, source) in components.items()
    }


def effective_environment(values: Values) -> dict[str, dict[str, str]]:
    """Return the known variables of ``worker:<name>``, ``dagProcessor`` and ``triggerer``.

    The component's own value stands over commonEnv, and a later entry over an earlier one, as in
    Kubernetes; no document tells which of the two the chart writes last, so a name set in both is
    a finding of its own. ``$(NAME)`` is replaced as Kubernetes does (Tasks: Define Dependent
    Environment Variables); names whose value the file does not tell are left out.
    """
    return {
        component: _expanded({v.name: v.value for v in variables})
        for component, variables in list_variables(values).items()
    }


def _expanded(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return the values with references to earlier variables filled in."""
    known: dict[str, str] = {}

    def fill(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else known.get(match[2], match[0])

    for name, value in variables.items():
        if value is not None:
            known[name] = _REFERENCE.sub(fill, value)
    return known


def _chart_fields(values: Values) -> Iterator[Variable]:
    """Yield what the chart makes of its own fields."""
    for key, name in CHART_FIELDS.items():
        found = values.get(key)
        if found is None or found == "":
            continue
        problem = "" if isinstance(found, str) else f"{key} is no text"
        value = found if isinstance(found, str) else None
        file, line = values.place(key)
        yield Variable(name, value, line, key, problem, file)


def _entries(values: Values, *, path: Key, source: str) -> Iterator[Variable]:
    """Yield the entries of a list of ``{name, value}``."""
    found = values.get(*path)
    if found is None or found in ({}, ""):
        return
    if not isinstance(found, list):
        file, line = values.place(*path)
        yield Variable(source, None, line, source, "must be a list of name and value", file)
        return
    for index, entry in enumerate(found):
        file, line = values.place(*path, index)
        yield replace(_entry(entry, line=line, source=source), index=index, file=file)


def _entry(entry: Any, *, line: int, source: str) -> Variable:
    if not isinstance(entry, dict) or not _text(entry.get("name")):
        return Variable("(no name)", None, line, source, "needs a name that is a text")
    name = _text(entry["name"])
    if entry.get("valueFrom") is not None and entry.get("value") is None:
        return Variable(name, None, line, source)
    value = entry.get("value", "")
    if isinstance(value, str):
        return Variable(name, value, line, source)
    kind = {bool: "a boolean", int: "a number", float: "a number"}.get(type(value), "no text")
    return Variable(name, None, line, source, f"the value is {kind}; put it in quotes")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
