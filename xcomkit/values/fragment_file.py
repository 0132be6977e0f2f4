"""Reads a fragment, a part of values.yaml somebody wants merged, and refuses what has no meaning.

The fragment decides what is written, so it is held to more than the user's own file: no duplicate
key, no two entries of one name, and variables as Kubernetes takes them.
"""

from collections.abc import Iterator
from typing import Any

from xcomkit.values.merge_rules import is_by_name, label
from xcomkit.values.tree import invalid
from xcomkit.values.values import Key, read_values


def read_fragment(text: str, *, name: str) -> dict[str, Any]:
    """Return the fragment in a text as plain data.

    Raises:
        InputError: when it holds what no values file could.
    """
    values = read_values(text, name=name)
    for duplicate in values.duplicates:
        first, *_, last = duplicate.lines
        problem = f"duplicate key {label(duplicate.path)}, first in line {first}"
        raise invalid(name, problem, line=last)
    for path, problem in _list_problems(values.data, path=()):
        raise invalid(name, problem, line=values.line(*path))
    return values.data


def _list_problems(data: Any, *, path: Key) -> Iterator[tuple[Key, str]]:
    """Yield what no values file could hold, with its path."""
    match data:
        case dict():
            for key, value in data.items():
                is_list = value is None or isinstance(value, list)
                if path == () and key in ("commonEnv", "workers") and not is_list:
                    yield (key,), f"{key} must be a list of entries with names"
                yield from _list_problems(value, path=(*path, key))
        case list():
            yield from _list_bad_entries(data, path=path)
            for index, item in enumerate(data):
                yield from _list_problems(item, path=(*path, index))


def _list_bad_entries(entries: list[Any], *, path: Key) -> Iterator[tuple[Key, str]]:
    """Yield entries of a list without a name or with one that is taken, and bad variables."""
    is_variables = path == ("commonEnv",) or path[-1] == "env"
    names: set[str] = set()
    for index, entry in enumerate(entries):
        place = (*path, index)
        is_named = is_by_name([entry]) and bool(entry["name"])
        if (is_variables or path == ("workers",)) and not is_named:
            yield place, f"an entry of {label(path)} needs a name that is a text"
            continue
        if not is_by_name(entries):
            continue
        name = label((*path, entry["name"]))
        if entry["name"] in names:
            yield place, f"duplicate entry {name}"
        names.add(entry["name"])
        if is_variables and not isinstance(entry.get("value", ""), str):
            yield place, f"the value of {name} must be a text; put it in quotes"
        if is_variables and {"value", "valueFrom"} <= set(entry):
            yield place, f"{name} has value and valueFrom; Kubernetes takes one"
