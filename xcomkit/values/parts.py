"""Values that stand inside another document: below a key of it, or as a text in it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xcomkit.values.names import CHART_KEYS
from xcomkit.values.tree import Node
from xcomkit.values.values import DuplicateKey, Key, Values, read_values

_SURE = frozenset(
    {"xcomBackend", "secretBackend", "resourceNamePrefix", "agentToken", "agentTokenSecretName",
     "agentTokenFile", "astroDeploymentAPIURL"}
)  # fmt: skip
# what a text must have before it is worth reading as values
_HINT = re.compile(rf"\b(?:commonEnv|dagProcessor|{'|'.join(_SURE)})\b")
_BARE = re.compile(r"(?m)((?:^|[:-])[ \t]+)(\{\{[^\n#]{0,300}\}\}[^\n#]{0,300}?)(?=[ \t]*$)")
_QUOTE = "'"
_MOST_PARTS = 300  # in one document


def is_of_agents(data: object) -> bool:
    """Tell whether a mapping has what only values of the agent chart have, whatever its name."""
    if not isinstance(data, dict):
        return False
    has_components = isinstance(data.get("workers"), list) and any(
        isinstance(data.get(key), dict) for key in ("dagProcessor", "triggerer", "sentinel")
    )
    return bool(_SURE & set(data)) or isinstance(data.get("commonEnv"), list) or has_components


_NO_SUBCHART = CHART_KEYS | {"labels", "annotations"}


def find_agents(data: object, path: Key = ()) -> Iterator[Key]:
    """Yield where values of the agent chart stand in plain data, the outermost only.

    Those of a subchart stand before those beside its key, which helm does not hand to it.
    """
    if not isinstance(data, dict):
        return
    if is_of_agents(data):
        subcharts = [k for k, v in data.items() if k not in CHART_KEYS and is_of_agents(v)]
        yield from ((*path, key) for key in subcharts)
        if not subcharts:
            yield path
        return
    for key, value in data.items():
        if isinstance(value, dict) and (path or key not in _NO_SUBCHART):
            yield from find_agents(value, (*path, key))


def find_stray(values: Values, path: Key) -> Iterator[str]:
    """Yield the agents' keys that stand beside a subchart's and do not say what it says itself."""
    for key, value in values.data.items() if path and is_of_agents(values.data) else ():
        if key in CHART_KEYS and value not in (None, values.get(*path, key)):
            yield key


def find_parts(values: Values) -> Iterator[Values]:
    """Yield the values of the agent chart anywhere in a document, also inside its texts."""
    stack: list[tuple[Key, Any]] = [((), values.data)]
    count = 0
    while stack and count < _MOST_PARTS:
        path, found = stack.pop()
        part = None
        if isinstance(found, str):
            part = inside(values, *path) if _HINT.search(found) and "\n" in found else None
        elif is_of_agents(found):
            part = below(values, *path)
        elif isinstance(found, dict | list):
            rows = list(found.items() if isinstance(found, dict) else enumerate(found))
            stack += [((*path, key), value) for key, value in reversed(rows)]
        if part is not None and is_of_agents(part.data):
            count += 1
            yield part
        elif part is not None:  # a manifest in a manifest
            yield from find_parts(part)


def below(values: Values, *path: str | int) -> Values:
    """Return what stands below a path as values of its own, with the lines of the whole file."""
    size = len(path)
    found = values.get(*path)
    data = found if isinstance(found, dict) else {}
    return Values(
        values.name,
        values.text,
        find_node(values, path) or Node("mapping", 0, 0, 1, 1),
        data,
        {(): values.line(*path)}
        | {
            one: line
            for one in _paths(data)
            if (line := values.lines.get((*path, *one))) is not None
        },
        tuple(
            DuplicateKey(one.path[size:], one.lines)
            for one in values.duplicates
            if one.path[:size] == path
        ),
    )


def _paths(found: dict[str, Any] | list[Any], path: Key = ()) -> Iterator[Key]:
    """Yield the path of everything below, so that a part costs what it holds, not its file."""
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _paths(value, (*path, key))


def inside(values: Values, *path: str | int, text: str | None = None) -> Values:
    """Return the values in a text, with the lines of the file around it.

    ``text`` is what the text there says once it is decoded.

    Raises:
        InputError: it is not one YAML mapping, in one line with its place in the file.
    """
    node = find_node(values, path)
    written = values.get(*path) if text is None else text
    line = values.line(*path)
    is_block = node is not None and node.style == "|" and node.line == line
    above = "\n" * (line if is_block else line - 1)
    found = read_values(above + quote_templates(str(written)), name=values.name)
    lines = {(): line} | (dict(found.lines) if is_block else dict.fromkeys(found.lines, line))
    return replace(found, text=values.text, lines=lines)


def quote_templates(text: str) -> str:
    """Return a text in which scalars that begin with ``{{`` stand in quotes, so that it is YAML."""
    return _BARE.sub(lambda m: f"{m[1]}'{m[2].replace(_QUOTE, _QUOTE * 2)}'", text)


def find_node(values: Values, path: Key) -> Node | None:
    """Return the node at a path; ``None`` where a merge key brought it in."""
    node = values.root
    for part in path:
        node = node.target or node
        if isinstance(part, int):
            found = node.items[part] if part < len(node.items) else None
        else:
            pair = node.pair(part)
            found = pair[1] if pair else None
        if found is None:
            return None
        node = found
    return node.target or node
