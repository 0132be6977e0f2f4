"""What a worker, the Dag processor and the triggerer will see once a values file is installed."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.values.names import CHART_FIELDS, is_reference
from xcomkit.values.values import Key, Values

DAG_PROCESSOR = "dagProcessor"
TRIGGERER = "triggerer"
MOST_GROUPS = 300
MOST_VARIABLES = 100_000  # over all components
# the one group of the downloaded file; helm falls back to it when the key is left out
DEFAULT_WORKER = "default-worker"
DEFAULT_QUEUE = "default"  # operators.default_queue of Airflow

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
    is_commented: bool = False  # some readers take the comment behind it for part of the value
    is_literal: bool = False  # $(NAME) in it is text: Kubernetes fills in env, not envFrom
    scalar: float | bool | None = field(default=None, repr=False)  # what should have been a text
    index: int = -1  # in its list; tells twins on one line apart
    is_hidden: bool = False  # it stands in a Kubernetes Secret


def worker_groups(values: Values) -> tuple[tuple[int, str], ...]:
    """Return index and name of each worker group; a group without a name is called ``#1``.

    The chart's own group is there while nothing is said of groups; ``[]`` and ``~`` take it away.
    """
    groups = values.get("workers")
    if not groups and "workers" in values.data:
        return ()
    if not isinstance(groups, list):
        return ((-1, DEFAULT_WORKER),)
    return tuple(
        (index, _text(values.get("workers", index, "name")) or f"#{index + 1}")
        for index in range(len(groups))
    )


def list_images(values: Values) -> Iterator[tuple[str, str, Key]]:
    """Yield component, image and place of each image that the file names."""
    paths: list[tuple[str, Key]] = [
        (f"worker:{name}", ("workers", index, "image")) for index, name in worker_groups(values)
    ]
    paths += [(name, (name, "image")) for name in (DAG_PROCESSOR, TRIGGERER)]
    for component, path in paths:
        own = values.get(*path)
        image = own or values.get("image")
        if isinstance(image, str):
            yield component, image, path if own else ("image",)


def list_variables(values: Values) -> dict[str, tuple[Variable, ...]]:
    """Return all variables of each component in the order in which they are written."""
    shared = (
        *_chart_fields(values),
        *read_entries(values, path=("commonEnv",), source="commonEnv"),
    )
    groups = worker_groups(values)
    if len(groups) > MOST_GROUPS or len(groups) * len(shared) > MOST_VARIABLES:
        file, line = values.place("workers")
        problem = "more worker groups and variables than any cluster runs"
        raise InputError(f"{file}:{line}:1: {problem}.", hint="give the agents' own file.")
    components: dict[str, tuple[Key, str]] = {
        f"worker:{name}": (("workers", index, "env"), f"workers[{name[:63]}].env")
        for index, name in groups
    }
    components |= {name: ((name, "env"), f"{name}.env") for name in (DAG_PROCESSOR, TRIGGERER)}
    return {
        component: (*shared, *read_entries(values, path=path, source=source))
        for component, (path, source) in components.items()
    }


def list_repeated(values: Values) -> list[tuple[str, str, list[int]]]:
    """Return the names that one list holds more than once: the list, the name, and its lines."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for variable in (v for variables in list_variables(values).values() for v in variables):
        found.setdefault((variable.source, variable.name), {})[variable.index] = variable.line
    return [(*key, [*lines.values()]) for key, lines in found.items() if len(lines) > 1]


def list_elsewhere(values: Values) -> dict[str, str]:
    """Return the components that are given variables by an ``envFrom``, with its words."""
    paths: dict[str, Key] = {f"worker:{name}": ("workers", n) for n, name in worker_groups(values)}
    paths |= {name: (name,) for name in (DAG_PROCESSOR, TRIGGERER)}
    is_common = any(values.get(key) for key in ("envFrom", "commonEnvFrom"))
    return {
        component: "envFrom"
        for component, path in paths.items()
        if is_common or values.get(*path, "envFrom")
    }


def expanded(variables: Iterable[Variable]) -> dict[str, str]:
    """Return what a component will know of the variables that are written for it.

    The component's own value stands over commonEnv, and a later entry over an earlier one, as in
    Kubernetes; no document tells which of the two the chart writes last, so a name set in both is
    a finding of its own. ``$(NAME)`` is replaced as Kubernetes does (Tasks: Define Dependent
    Environment Variables); names whose value the file does not tell, and what refers to them or
    into another list, are left out.
    """
    listed = tuple(variables)
    crossing = {id(variable) for variable, _ in list_crossing(listed)}
    known: dict[str, str] = {}
    unknown: set[str] = set()
    for variable in listed:
        value = variable.value
        if value is not None and is_reference(value):
            value = None
        names = [] if value is None or variable.is_literal else _REFERENCE.findall(value)
        if value is None or id(variable) in crossing or any(name in unknown for _, name in names):
            unknown.add(variable.name)
            known.pop(variable.name, None)
            continue
        if names:
            value = _REFERENCE.sub(
                lambda match: "$" if match[1] == "$" else known.get(match[2], match[0]), value
            )
        unknown.discard(variable.name)
        known[variable.name] = value
    return known


def list_crossing(variables: Sequence[Variable]) -> tuple[tuple[Variable, Variable], ...]:
    """Return each variable that refers to one of another list, and that one.

    Kubernetes fills in what stands above it, and no document tells which list the chart writes
    first.
    """
    named: dict[str, list[Variable]] = {}
    for variable in variables:
        named.setdefault(variable.name, []).append(variable)
    return tuple(
        (variable, other)
        for variable in variables
        if "$(" in (variable.value or "") and not variable.is_literal
        for _, name in _REFERENCE.findall(variable.value or "")
        for other in named.get(name, ())
        if other.source != variable.source and not other.is_literal
    )


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


def read_entries(values: Values, *, path: Key, source: str) -> Iterator[Variable]:
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
        yield _entry(entry, partial(Variable, line=line, source=source, file=file, index=index))


def _entry(entry: Any, make: Callable[..., Variable]) -> Variable:
    if not isinstance(entry, dict) or not _text(entry.get("name")):
        return make("(no name)", None, problem="needs a name that is a text")
    name = _text(entry["name"])
    if entry.get("valueFrom") is not None:
        both = "has value and valueFrom; Kubernetes takes one of them"
        return make(name, None, problem=both if entry.get("value") else "")
    value = entry.get("value")
    if value is None or isinstance(value, str):  # null is "" to Kubernetes
        return make(name, value or "")
    kind = {bool: "a boolean", int: "a number", float: "a number"}.get(type(value), "no text")
    scalar = value if isinstance(value, (bool, int, float)) else None
    problem = f"the value is {kind}" + ("; put it in quotes" if scalar is not None else "")
    return make(name, None, problem=problem, scalar=scalar)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def worker_queues(values: Values) -> dict[str, tuple[str, ...]]:
    """Return the queues each worker group serves; one that names none serves Airflow's default."""
    return {
        name: _texts(values.get("workers", index, "queues")) if index >= 0 else (DEFAULT_QUEUE,)
        for index, name in worker_groups(values)
    }


def _texts(found: object) -> tuple[str, ...]:
    listed = found.split(",") if isinstance(found, str) else found
    names = [_text(name).strip() for name in listed] if isinstance(listed, list) else []
    return tuple(name for name in names if name) or (DEFAULT_QUEUE,)
