"""What a merge goes by: the same or not, unset or not, whose value it is, what may be displayed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from xcomkit.values import sensitive
from xcomkit.values.names import (
    CONNECTION_PREFIX,
    STATE_BACKEND,
    STATE_COMPRESSION,
    STATE_THRESHOLD,
    XCOM_SETTINGS,
    find_placeholder,
)
from xcomkit.values.tree import Node
from xcomkit.values.values import Key


def label(path: Key) -> str:
    """Return a path on one line, whatever its keys hold."""
    parts = (str(part) for part in path)
    return ".".join(part if part.isprintable() else json.dumps(part)[1:-1] for part in parts)


def displayed(path: Key, value: Any) -> str:
    """Return a value as a conflict may show it: on one line, bounded, never a secret."""
    if _is_secret(tuple(str(part) for part in path), value):
        return "(hidden)"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(text[:120]) if isinstance(value, str) else text[:120]


def canonical(data: Any) -> str:
    """Return data as one text, equal only where the data are: true is not 1, order is free."""
    return json.dumps(data, sort_keys=True)


def is_unset(node: Node) -> bool:
    """Tell whether a value is nothing, an empty container or a placeholder."""
    if node.kind in ("list", "mapping"):
        return not node.items and not node.pairs
    return node.value in (None, "") or is_placeholder(node.value)


def _is_secret(names: tuple[str, ...], value: Any) -> bool:
    match value:
        case dict():
            own = (str(value["name"]),) if "name" in value else ()
            return any(_is_secret((*names, *own, str(k)), v) for k, v in value.items())
        case list() | tuple():
            return any(_is_secret(names, item) for item in value)
        case None | bool():
            return False
        case _ if names[-1] == "value" and set(names[-3:-1]) & {"commonEnv", "env"}:
            return not sensitive.is_shown(names[-2], str(value))  # its name says what it is
        case _:
            return not all(sensitive.is_shown(name, str(value)) for name in names)


def is_by_name(entries: Sequence[Any]) -> bool:
    """Tell whether a list is made of entries with names, by which lists are merged."""
    return all(isinstance(e, Mapping) and isinstance(e.get("name"), str) for e in entries)


def is_placeholder(value: Any) -> bool:
    """Tell whether a value waits to be filled in."""
    return isinstance(value, str) and bool(find_placeholder(value))


_OWNED = frozenset({*XCOM_SETTINGS, STATE_BACKEND, STATE_THRESHOLD, STATE_COMPRESSION})


def is_owned(path: Key) -> bool:
    """Tell whether a value is the runbook's, so that it replaces what the file says.

    A state store's path is not: with another one no state that is stored would be found.
    """
    match path:
        case (
            ("xcomBackend" | "stateStoreBackend",)
            | ("serviceAccount", "annotations", _)
            | ("labels", _)
        ):
            return True
        case ("commonEnv", str() as name, "value"):
            return name in _OWNED or name.startswith(CONNECTION_PREFIX)
        case _:
            return False


def is_same(held: Any, wanted: Any) -> bool:
    """Tell whether two values mean the same: equal and of one kind, or equal JSON documents."""
    if isinstance(held, bool) or isinstance(wanted, bool) or held is None:
        return held is wanted
    if held == wanted:
        return True
    try:
        both = isinstance(held, str) and isinstance(wanted, str) and wanted.startswith("{")
        return both and bool(json.loads(held) == json.loads(wanted))
    except (ValueError, RecursionError):
        return False
