"""Merges the fragment into the user's values file without touching what it is not about.

The file is edited by position instead of being dumped anew: comments, order, quoting, anchors,
line ends and unknown keys stay byte for byte. The result is read back and compared before it is
handed out; a shape that cannot be edited safely is refused in one sentence.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xcomkit.chart import emit, sensitive
from xcomkit.chart.edits import Edit, apply, content_end, line_after_key, line_below
from xcomkit.chart.names import (
    COMPRESSION,
    CONNECTION_PREFIX,
    PATH,
    XCOM_SETTINGS,
    find_placeholder,
)
from xcomkit.chart.tree import Node
from xcomkit.chart.values import Key, Values, read_values
from xcomkit.errors import InputError

Pair = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A value of the user's that differs from what the runbook needs; secrets are not shown.

    ``replaced`` is true for what the runbook owns (backend class, path, threshold, compression,
    connection, identity annotation and label); everything else is kept as the user wrote it.
    """

    path: str
    line: int
    before: str
    after: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged text, what differed, a unified diff without secrets, and the lines rewritten."""

    text: str = field(repr=False)
    conflicts: tuple[Conflict, ...]
    diff: str
    rewritten: frozenset[int]


def merge(original: str, fragment: Mapping[str, Any], *, name: str) -> Merged:
    """Return the fragment merged into the text of a values file; merging again changes nothing.

    Raises:
        InputError: when the text is no values file, or shaped so that an edit would be a guess.
    """
    before = read_values(original, name=name)
    plan = _Merger(before)
    plan.into_mapping(before.root, fragment, path=())
    text = apply(original, plan.edits)
    after = _verified(text, before=before, fragment=fragment)
    return Merged(text, tuple(plan.conflicts), _diff(before, after), frozenset(plan.rewritten))


def _verified(text: str, *, before: Values, fragment: Mapping[str, Any]) -> Values:
    """Return the result read back, after checking that it says what it should and no more."""
    try:
        after = read_values(text, name=before.name)
        again = _Merger(after)
        again.into_mapping(after.root, fragment, path=())
    except InputError as error:
        raise _unsafe(before.name, str(error.args[0]).rstrip(".")) from None
    if again.edits:
        raise _unsafe(before.name, "a second merge would change it again")
    # a line end the file lacked belongs to what was added, not to a block text that stood last
    ended = before.text if before.text.endswith("\n") else before.text + "\n"
    whole = read_values(ended, name=before.name) if text.endswith("\n") else before
    if _foreign(after.data, fragment) != _foreign(whole.data, fragment):
        raise _unsafe(before.name, "an anchor would carry the change elsewhere")
    return after


def _unsafe(name: str, reason: str) -> InputError:
    return InputError(
        f"{name}: cannot be merged without touching other lines ({reason}).",
        hint="write the XCom settings out by hand, as in the fragment shown, and lint the file.",
    )


def _foreign(data: Any, fragment: Any) -> Any:
    """Return the data without everything the fragment speaks of."""
    if isinstance(data, dict) and isinstance(fragment, Mapping):
        rest = {
            key: _foreign(value, fragment[key]) if key in fragment else value
            for key, value in data.items()
        }
        return {key: value for key, value in rest.items() if value or key not in fragment}
    if isinstance(data, list) and isinstance(fragment, Sequence):
        names = {entry["name"] for entry in fragment} | {COMPRESSION}
        return [e for e in data if not (isinstance(e, dict) and e.get("name") in names)]
    return None


def _diff(before: Values, after: Values) -> str:
    """Return the unified diff of both texts with their secrets masked."""
    old, new = (sensitive.masked(values).split("\n") for values in (before, after))
    lines = difflib.unified_diff(
        old, new, fromfile=before.name, tofile=f"{before.name} (merged)", lineterm=""
    )
    return "\n".join(lines)


class _Merger:
    """Collects the edits and conflicts of one pass over the tree."""

    def __init__(self, values: Values) -> None:
        self.edits: list[Edit] = []
        self.conflicts: list[Conflict] = []
        self.rewritten: set[int] = set()
        self._name = values.name
        self._text = values.text

    def into_mapping(self, node: Node, wanted: Mapping[str, Any], *, path: Key) -> None:
        """Plan what makes a mapping of the file hold the wanted keys."""
        for key, value in wanted.items():
            pair = node.pair(key)
            if pair is not None:
                self._into_value(pair, value, path=(*path, key))
            elif node.flow:
                self._into_brackets(node, f"{emit.flow(key)}: {emit.flow(value)}")
            else:
                lines = emit.pair(key, value, indent=node.column - 1)
                self._below(node, lines, depth=len(path))

    def _into_value(self, pair: Pair, wanted: Any, *, path: Key) -> None:
        node = pair[1]
        if not isinstance(wanted, (dict, list)):
            self._into_scalar(node, wanted, path=path)
        elif _is_unset(node):
            self._fill(pair, wanted, path=path)
        elif isinstance(wanted, dict) and node.kind == "mapping":
            self.into_mapping(node, wanted, path=path)
        elif isinstance(wanted, list) and node.kind == "list":
            self._into_list(node, wanted, path=path)
        else:
            kind = "list" if isinstance(wanted, list) else "mapping"
            raise self._refuse(node, path=path, problem=f"must be a {kind} written out here")

    def _into_list(self, node: Node, wanted: Sequence[Mapping[str, Any]], *, path: Key) -> None:
        """Merge entries by name; worker groups are the user's and are never added."""
        present: dict[str, Node] = {}
        for item in node.items:
            pair = item.pair("name")
            if pair is not None:
                present[str(pair[1].value)] = item
        for entry in _with_compression_off(wanted, present=present):
            name = entry["name"]
            if name in present:
                self._into_entry(present[name], entry, path=(*path, name))
            elif path == ("workers",):
                self._note(path, node.line, before=", ".join(present), after=name, replaced=False)
            elif node.flow:
                self._into_brackets(node, emit.flow(entry))
            else:
                lines = emit.block([entry], indent=node.column - 1)
                self._below(node, lines, depth=len(path))

    def _into_entry(self, node: Node, entry: Mapping[str, Any], *, path: Key) -> None:
        source = node.pair("valueFrom")
        if source is not None and node.pair("value") is None:
            after = sensitive.show(str(path[-1]), str(entry.get("value", "")))
            self._note(path, node.line, before="valueFrom", after=after, replaced=False)
            return
        self.into_mapping(node, entry, path=path)

    def _into_scalar(self, node: Node, wanted: str, *, path: Key) -> None:
        held = node if node.target is None else node.target
        if held.kind != "scalar":
            raise self._refuse(node, path=path, problem="must be a text")
        if _is_same(held.value, wanted):
            return
        if not _is_open(held):
            label = str(path[1]) if path[0] == "commonEnv" else str(path[-1])
            before, after = (sensitive.show(label, _shown(v)) for v in (held.value, wanted))
            self._note(path, node.line, before=before, after=after, replaced=_is_owned(path))
            if not _is_owned(path):
                return
        self._rewrite(node, wanted, path=path)

    def _rewrite(self, node: Node, wanted: str, *, path: Key) -> None:
        end = content_end(self._text, node)
        properties = re.match(r"(?:[&!]\S*\s+)*", self._text[node.start : end])
        kept = properties[0] if properties and node.anchor else ""
        style = node.style if node.style in ("'", '"') else ""
        if not style and (node.flow or path[0] == "commonEnv"):
            style = "'" if '"' in wanted else '"'
        text = kept + emit.quote(wanted, style=style)
        gap = " " if self._text[node.start - 1 : node.start] == ":" else ""
        self.edits.append(Edit(node.start, end, gap + text))
        lines = self._text.count("\n", node.start, end) + 1
        self.rewritten.update(range(node.line, node.line + lines))

    def _fill(self, pair: Pair, wanted: Any, *, path: Key) -> None:
        """Put a block where an empty value stood: ``~``, ``{}``, ``[]`` or nothing."""
        key, node = pair
        lines = self._text.count("\n", node.start, node.end) + 1
        self.rewritten.update(range(node.line, node.line + lines))
        if key.flow:
            self.edits.append(Edit(node.start, node.end, emit.flow(wanted)))
            return
        self.edits.append(line_after_key(self._text, node))
        below = line_below(self._text, node.end)
        lines_in = tuple(emit.block(wanted, indent=key.column + 1))
        self.edits.append(Edit(below, below, lines=lines_in, depth=len(path)))

    def _into_brackets(self, node: Node, text: str) -> None:
        comma = ", " if node.items or node.pairs else ""
        self.edits.append(Edit(node.end - 1, node.end - 1, comma + text))
        last = self._text.count("\n", node.start, node.end)
        self.rewritten.add(node.line + last)

    def _below(self, node: Node, lines: Sequence[str], *, depth: int) -> None:
        end = content_end(self._text, node)
        place = line_below(self._text, end)
        self.edits.append(Edit(place, place, lines=tuple(lines), depth=depth))

    def _note(self, path: Key, line: int, *, before: str, after: str, replaced: bool) -> None:
        label = ".".join(str(part) for part in path)
        self.conflicts.append(Conflict(label, line, before, after, replaced))

    def _refuse(self, node: Node, *, path: Key, problem: str) -> InputError:
        label = ".".join(str(part) for part in path)
        return InputError(
            f"{self._name}:{node.line}:{node.column}: {label} {problem}.",
            hint="write it as in the file downloaded from the Astro UI.",
        )


def _with_compression_off(
    wanted: Sequence[Mapping[str, Any]], *, present: Mapping[str, Node]
) -> list[Mapping[str, Any]]:
    """Return the entries, with compression emptied where the runbook wants none."""
    names = {entry["name"] for entry in wanted}
    if PATH in names and COMPRESSION not in names and COMPRESSION in present:
        return [*wanted, {"name": COMPRESSION, "value": ""}]
    return list(wanted)


def _is_unset(node: Node) -> bool:
    """Tell whether a value is nothing, an empty container or a placeholder."""
    return _is_open(node) or (
        node.kind in ("list", "mapping") and not node.items and not node.pairs
    )


def _is_open(node: Node) -> bool:
    """Tell whether a scalar waits to be filled in."""
    if node.kind != "scalar" or node.value in (None, ""):
        return node.kind == "scalar"
    return isinstance(node.value, str) and bool(find_placeholder(node.value))


def _is_owned(path: Key) -> bool:
    match path:
        case ("xcomBackend",) | ("serviceAccount", "annotations", _) | ("labels", _):
            return True
        case ("commonEnv", str() as name, "value"):
            return name in XCOM_SETTINGS or name.startswith(CONNECTION_PREFIX)
        case _:
            return False


def _is_same(held: Any, wanted: str) -> bool:
    """Tell whether two values mean the same: equal texts, or equal JSON documents."""
    if not isinstance(held, str):
        return False
    if held == wanted:
        return True
    try:
        return wanted.startswith("{") and bool(json.loads(held) == json.loads(wanted))
    except (ValueError, RecursionError):
        return False


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
