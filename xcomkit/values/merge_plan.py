"""Walks the user's file and the fragment together: edits, what they must lead to, conflicts.

Apart from ``merge``, which proves that nothing else was touched, and from ``merge_rules``, which
say what counts as the same, as unset, and as the runbook's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.values import emit, sensitive
from xcomkit.values.edits import (
    Edit,
    block_header,
    content_end,
    has_comment,
    indentation,
    line_after_key,
    line_below,
    root_below,
    scalar_end,
)
from xcomkit.values.merge_rules import (
    canonical,
    displayed,
    is_by_name,
    is_owned,
    is_placeholder,
    is_same,
    is_unset,
    label,
)
from xcomkit.values.names import CHART_FIELDS, COMPRESSION, PATH, STATE_COMPRESSION, STATE_PATH
from xcomkit.values.parts import find_node
from xcomkit.values.tree import Node
from xcomkit.values.values import Key, Values

Pair = tuple[Node, Node]
_CLOSED = "must stand in lines of its own, without brackets, anchor or tag around it"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A value of the user's that differs from what the fragment asks for; secrets are not shown.

    ``replaced`` is true for what the runbook owns (backend class, path, threshold, compression,
    connection, identity annotation and label); everything else is kept as the user wrote it.
    """

    path: str
    line: int
    before: str
    after: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One value the merged data must hold, by its place in the data; ``appended`` to a list."""

    place: Key
    value: Any
    appended: bool = False


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where the walk is: as people say it (entries by name), and in the data (by index)."""

    path: Key = ()
    place: Key = ()

    def at(self, name: str, place: str | int) -> "_Spot":
        return _Spot((*self.path, name), (*self.place, place))


def _as_written(fragment: Mapping[str, Any], values: Values, below: Key) -> Mapping[str, Any]:
    """Return the fragment with the chart's fields as variables where the file has them so.

    Both together would be one setting in two places, of which the chart's would be ours.
    """
    entries = values.get(*below, "commonEnv")
    written = {e.get("name") for e in entries or () if isinstance(e, Mapping)}
    moved = {
        field: variable
        for field, variable in CHART_FIELDS.items()
        if field in fragment and variable in written and values.get(*below, field) in (None, "")
    }
    if not moved:
        return fragment
    own = [{"name": variable, "value": fragment[field]} for field, variable in moved.items()]
    rest = {key: value for key, value in fragment.items() if key not in moved}
    return {**rest, "commonEnv": [*rest.get("commonEnv", ()), *own]}


class MergePlan:
    """The edits, changes and conflicts of one pass over the values below a key of a file."""

    def __init__(self, values: Values, fragment: Mapping[str, Any], *, below: Key = ()) -> None:
        self.below = below
        self.edits: list[Edit] = []
        self.changes: list[Change] = []
        self.conflicts: list[Conflict] = []
        self.rewritten: set[int] = set()
        self._values = values
        self._text = values.text
        top, wanted = find_node(values, below) or values.root, _as_written(fragment, values, below)
        self._into_mapping(top, wanted, spot=_Spot(place=below))

    def _into_mapping(self, node: Node, wanted: Mapping[str, Any], *, spot: _Spot) -> None:
        for key, value in wanted.items():
            inner = spot.at(key, key)
            pair = self._find(node, key, path=inner.path)
            if pair is not None:
                self._into_value(pair, value, spot=inner)
                continue
            self._refuse_closed(node, inner)
            self.changes.append(Change(inner.place, value))
            lines = emit.pair(key, value, indent=indentation(self._text, node))
            self._below(node, lines, depth=len(spot.path))

    def _find(self, node: Node, key: str, *, path: Key) -> Pair | None:
        """Return a key's pair; ``<<`` is refused, as what it brings in is of other places too."""
        for pair in reversed(node.pairs):
            if pair[0].is_merge:
                problem = "cannot be looked for behind <<; write out what it brings in"
                raise self._refuse(pair[0], path=path, problem=problem)
            if pair[0].value == key:
                return pair
        return None

    def _into_value(self, pair: Pair, wanted: Any, *, spot: _Spot) -> None:
        held = pair[1].target or pair[1]
        if wanted is None or (isinstance(wanted, (dict, list)) and not wanted and is_unset(held)):
            # nothing asks for nothing but that the key is there
            if not is_unset(held):
                self._keep(held, wanted, spot=spot)
        elif not isinstance(wanted, (dict, list)):
            self._into_scalar(pair, held, wanted, spot=spot)
        elif is_unset(held):
            self._fill(pair, wanted, spot=spot)
        elif held.kind != (kind := "list" if isinstance(wanted, list) else "mapping"):
            problem = f"must be a {kind} written out here"
            raise self._refuse(pair[1], path=spot.path, problem=problem)
        elif spot.path[-1] == "valueFrom" or (isinstance(wanted, list) and not is_by_name(wanted)):
            # the keys of a reference exclude each other, and entries without names have no place
            self._compare(held, wanted, spot=spot)
        elif isinstance(wanted, list):
            self._into_list(held, wanted, spot=spot)
        else:
            self._into_mapping(held, wanted, spot=spot)

    def _into_list(self, node: Node, wanted: Sequence[Mapping[str, Any]], *, spot: _Spot) -> None:
        """Merge entries by name; worker groups are the user's and are never added."""
        data = self._values.get(*spot.place)
        present = {
            str(entry["name"]): index
            for index, entry in enumerate(data)
            if isinstance(entry, dict) and "name" in entry
        }
        if not wanted and not is_by_name(data):
            self._keep(node, wanted, spot=spot)
        names = {entry["name"] for entry in wanted}
        entries = list(wanted)
        for path, codec in ((PATH, COMPRESSION), (STATE_PATH, STATE_COMPRESSION)):
            if path in names and codec in present and codec not in names:
                entries.append({"name": codec, "value": ""})  # the runbook wants none
        for entry in entries:
            name = entry["name"]
            if name in present:
                item = node.items[present[name]]
                inner = spot.at(name, present[name])
                self._into_entry(item.target or item, entry, spot=inner)
            elif spot.path == ("workers",):
                self._note(spot.path, node, before=", ".join(present), after=name)
            else:
                self._refuse_closed(node, spot)
                self.changes.append(Change(spot.place, entry, appended=True))
                lines = emit.block([entry], indent=indentation(self._text, node))
                self._below(node, lines, depth=len(spot.path))

    def _into_entry(self, node: Node, entry: Mapping[str, Any], *, spot: _Spot) -> None:
        held = self._values.get(*spot.place)
        if spot.path[-2] == "volumes":  # kinds of volumes exclude each other
            self._compare(node, entry, spot=spot)
            return
        for one, other in (("value", "valueFrom"), ("valueFrom", "value")):
            if one in entry and other in held and one not in held:
                # Kubernetes takes one of the two
                path, before = (*spot.path, "value"), other
                if other == "value":
                    before = displayed(path, held[other])
                after = displayed(path, entry[one]) if one == "value" else one
                self._note(spot.path, node, before=before, after=after)
                entry = {key: value for key, value in entry.items() if key != one}
        self._into_mapping(node, entry, spot=spot)

    def _compare(self, node: Node, wanted: Any, *, spot: _Spot) -> None:
        """Keep what cannot be merged piece by piece, and say so where it differs."""
        if canonical(self._values.get(*spot.place)) != canonical(wanted):
            self._keep(node, wanted, spot=spot)

    def _keep(self, node: Node, wanted: Any, *, spot: _Spot) -> None:
        before = displayed(spot.path, self._values.get(*spot.place))
        self._note(spot.path, node, before=before, after=displayed(spot.path, wanted))

    def _into_scalar(self, pair: Pair, held: Node, wanted: Any, *, spot: _Spot) -> None:
        if held.kind != "scalar" and not is_unset(held):
            kind = "text" if isinstance(wanted, str) else "single value"
            raise self._refuse(pair[1], path=spot.path, problem=f"must be a {kind}")
        if held.kind == "scalar" and is_same(held.value, wanted):
            return
        if not is_unset(held):
            replaced = is_owned(spot.path) and not is_placeholder(wanted)
            before, after = (displayed(spot.path, value) for value in (held.value, wanted))
            if before == after:  # both are hidden
                after += sensitive.differing(str(held.value), str(wanted))
            self._note(spot.path, pair[1], before=before, after=after, replaced=replaced)
            if not replaced:
                return
        self.changes.append(Change(spot.place, wanted))
        self._rewrite(pair, wanted, spot=spot)

    def _rewrite(self, pair: Pair, wanted: Any, *, spot: _Spot) -> None:
        key, node = pair
        start, end = node.start, scalar_end(self._text, node)
        gap = " " if self._text[start - 1 : start] == ":" else ""
        if start == end and ":" not in self._text[key.end : start]:
            raise self._refuse(key, path=spot.path, problem="must be a key with a colon behind it")
        self._refuse_comment(node, spot)
        style = node.style if node.style in ("'", '"') else ""
        if not style and (node.flow or spot.path[-1] == "value"):
            style = "'" if '"' in str(wanted) else '"'
        text = emit.quote(wanted, style=style)
        comment = block_header(self._text, node)[1] if node.style in ("|", ">") else ""
        self.edits.append(Edit(start, end, gap + text + comment))
        self._touch(start, end)

    def _fill(self, pair: Pair, wanted: Any, *, spot: _Spot) -> None:
        """Put a block where an empty value stood: ``~``, ``{}``, ``[]`` or nothing."""
        key, node = pair
        self.changes.append(Change(spot.place, wanted))
        self._refuse_comment(node, spot)
        if key.flow:
            raise self._refuse(node, path=spot.path, problem=_CLOSED)
        end = scalar_end(self._text, node)
        self._touch(node.start, end)
        self.edits.append(line_after_key(self._text, node))
        below = line_below(self._text, end)
        lines = tuple(emit.block(wanted, indent=key.column + 1))
        self.edits.append(Edit(below, below, lines=lines, depth=len(spot.path)))

    def _below(self, node: Node, lines: Sequence[str], *, depth: int) -> None:
        if node.pairs or node.items:
            place = line_below(self._text, content_end(self._text, node))
        else:
            place = root_below(self._text)
        self.edits.append(Edit(place, place, lines=tuple(lines), depth=depth))

    def _touch(self, start: int, end: int) -> None:
        line = self._line(start)
        self.rewritten.update(range(line, line + self._text.count("\n", start, end) + 1))

    def _line(self, offset: int) -> int:
        return self._text.count("\n", 0, offset) + 1

    def _note(
        self, path: Key, node: Node, *, before: str, after: str, replaced: bool = False
    ) -> None:
        line = self._line(node.start)
        self.conflicts.append(Conflict(label(path), line, before, after, replaced))

    def _refuse_closed(self, node: Node, spot: _Spot) -> None:
        """Refuse to add to brackets, and behind an anchor, whose aliases would change as well."""
        if node.flow or self._text[node.start : node.start + 1] in ("&", "!"):
            raise self._refuse(node, path=spot.path, problem=_CLOSED)

    def _refuse_comment(self, node: Node, spot: _Spot) -> None:
        if has_comment(self._text, node):
            problem = "must be unset; a comment would be lost with the value"
            raise self._refuse(node, path=spot.path, problem=problem)

    def _refuse(self, node: Node, *, path: Key, problem: str) -> InputError:
        return InputError(
            f"{self._values.name}:{node.line}:{node.column}: {label(path)} {problem}.",
            hint="write it as in the file downloaded from the Astro UI.",
        )
