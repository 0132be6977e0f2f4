"""The tree of a YAML document with the place of every node, built from its event stream.

Walking events instead of loading keeps every offset, sees duplicate keys, and needs no recursion,
so that a hostile file ends in one sentence instead of a crash.
"""

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import yaml

from xcomkit.findings.errors import InputError
from xcomkit.values.scalars import key_text, resolve

MAX_DEPTH = 60

# libyaml where the wheel has it: a 1,000-line file in a tenth of the time
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
# JSON's escape, which the Go parser does not know
_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")


@dataclass(frozen=True, slots=True)
class Node:
    """One value in the text: offsets of its first and past-last character, line and column.

    Lines and columns count from 1. ``flow`` is true inside brackets or braces; ``target`` is what
    an alias points to, ``tag`` what is written before a value, such as ``!reset``. A key is the
    text that helm makes of it.
    """

    kind: Literal["scalar", "list", "mapping", "alias"]
    start: int
    end: int
    line: int
    column: int
    value: Any = None
    style: str = ""
    tag: str = ""
    anchor: str = ""
    flow: bool = False
    items: tuple["Node", ...] = ()
    pairs: tuple[tuple["Node", "Node"], ...] = ()
    target: "Node | None" = None

    @property
    def is_merge(self) -> bool:
        """Tell whether this is the key ``<<``, which brings in other mappings."""
        return self.value == "<<" and (self.tag == _MERGE or not (self.style or self.tag))

    @property
    def merged(self) -> tuple["Node", ...]:
        """Return what this value of a ``<<`` brings in, the mapping that wins last."""
        sources = reversed(self.items) if self.kind == "list" else (self,)
        return tuple(source.target or source for source in sources)

    def pair(self, key: str) -> tuple["Node", "Node"] | None:
        """Return the last pair of this mapping under a key: duplicates keep the last."""
        return next((pair for pair in reversed(self.pairs) if pair[0].value == key), None)


def compose(text: str, *, name: str) -> Node:
    """Return the root mapping of a document; offsets count a leading BOM.

    Raises:
        InputError: when the text is not one YAML mapping, in one line with its place.
    """
    first, *others = _roots(text, name=name) or (None,)
    for root in others:
        if root is not None and not _is_empty(root):
            problem = "a second document: Helm 3 ignores it, Helm 4 merges it over the first"
            raise invalid(name, problem, line=root.line, column=root.column)
    return (
        Node("mapping", len(text), len(text), 1, 1) if first is None or _is_empty(first) else first
    )


def compose_all(text: str, *, name: str) -> tuple[Node, ...]:
    """Return the root mappings of all documents, the empty ones left out.

    Raises:
        InputError: when a document is no mapping or no YAML, in one line with its place.
    """
    return tuple(root for root in _roots(text, name=name) if not _is_empty(root))


def _roots(text: str, *, name: str) -> tuple[Node, ...]:
    shift = 1 if text.startswith("\ufeff") else 0
    try:
        return _Composer(text[shift:], name=name, shift=shift).compose()
    except yaml.YAMLError as error:
        raise _yaml_refusal(name, text[shift:], error) from None
    except UnicodeEncodeError as error:
        line, column = _place(text, error.start)
        raise invalid(name, "a character that is no text", line=line, column=column) from None


def _is_empty(root: Node) -> bool:
    return root.kind == "scalar" and root.value is None


def invalid(
    name: str, problem: str, *, line: int = 1, column: int = 1, hint: str = "fix the file there."
) -> InputError:
    """Return the error for a place in a file, in one line."""
    return InputError(f"{name}:{line}:{column}: {problem}.", hint=hint)


def _place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _yaml_refusal(name: str, text: str, error: yaml.YAMLError) -> InputError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    if mark is not None:
        return invalid(name, str(problem), line=mark.line + 1, column=mark.column + 1)
    bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
    line, column = _place(text, bad.start()) if bad else (1, 1)
    return invalid(name, str(problem), line=line, column=column)


class _Composer:
    """Builds the tree of one document from its events, without recursion."""

    def __init__(self, text: str, *, name: str, shift: int) -> None:
        self._text = text
        self._name = name
        self._shift = shift
        self._anchors: dict[str, Node | int] = {}  # of one that is still open, where it begins
        self._open: list[tuple[Node, list[Node]]] = []
        self._roots: list[Node] = []

    def compose(self) -> tuple[Node, ...]:
        """Return the root of every document: a mapping, or nothing."""
        for event in yaml.parse(self._text, Loader=_LOADER):
            self._take(event)
        for root in self._roots:
            if root.kind != "mapping" and not _is_empty(root):
                raise self._invalid(root, "not a mapping of keys")
        return tuple(self._roots)

    def _take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._add(self._scalar(event))
            case yaml.DocumentStartEvent():
                self._anchors.clear()
                if event.version or event.tags:
                    problem = "%YAML and %TAG are refused by Helm 3 or Helm 4; remove the line"
                    raise self._invalid(self._node(event), problem)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(self._open) >= MAX_DEPTH:
                    raise self._invalid(self._node(event), f"nested deeper than {MAX_DEPTH} levels")
                node = self._node(event)
                if node.anchor:
                    self._anchors[node.anchor] = node.start
                self._open.append((node, []))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._add(self._alias(event))
            case _:
                return

    def _close(self, event: Any) -> None:
        node, children = self._open.pop()
        whole = partial(  # replace() takes twice the time
            Node, node.kind, node.start, event.end_mark.index + self._shift, node.line, node.column,
            tag=node.tag, anchor=node.anchor, flow=node.flow,
        )  # fmt: skip
        if node.kind == "list":
            self._add(whole(items=tuple(children)))
            return
        pairs = tuple(zip(children[::2], children[1::2], strict=True))
        for key, value in pairs:
            if key.kind != "scalar":
                problem = "a key that is no text; is this a template without quotes?"
                raise self._invalid(key, problem)
            if key.is_merge and any(one.kind != "mapping" for one in value.merged):
                raise self._invalid(value, "<< must bring in mappings")
        self._add(whole(pairs=pairs))

    def _alias(self, event: Any) -> Node:
        node, target = self._node(event), self._anchors.get(str(event.anchor))
        if not isinstance(target, Node):
            raise self._invalid(node, "an alias without an anchor before it")
        return replace(node, anchor="", target=target)

    def _scalar(self, event: Any) -> Node:
        """Return a scalar as helm reads it; a key becomes a text."""
        holder, children = self._open[-1] if self._open else (None, [])
        is_key = holder is not None and holder.kind == "mapping" and len(children) % 2 == 0
        try:
            value = self._value(event, is_key=is_key)
        except ValueError as error:
            raise self._invalid(self._node(event), str(error)) from None
        return self._node(event, value=value, style=event.style or "")

    def _value(self, event: Any, *, is_key: bool) -> Any:
        """Return what helm makes of a scalar; a ``ValueError`` says what it refuses."""
        start, end = event.start_mark.index, event.end_mark.index
        if event.style == '"' and _SLASH.search(self._text, start, end):
            raise ValueError("helm does not know the escape \\/; write / alone")
        value = resolve(event.value, tag=event.tag, is_plain=event.implicit[0])
        return key_text(value) if is_key else value

    def _add(self, node: Node) -> None:
        # of two anchors of one name, the one that begins last counts, also inside the other
        if node.anchor and (node.kind == "scalar" or self._anchors.get(node.anchor) == node.start):
            self._anchors[node.anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        else:
            self._roots.append(node)

    def _node(self, event: Any, *, value: Any = None, style: str = "") -> Node:
        kind: Literal["scalar", "list", "mapping", "alias"] = "alias"
        if isinstance(event, yaml.ScalarEvent):
            kind = "scalar"
        elif isinstance(event, yaml.SequenceStartEvent):
            kind = "list"
        elif isinstance(event, yaml.MappingStartEvent):
            kind = "mapping"
        start, end = event.start_mark, event.end_mark
        return Node(
            kind,
            start.index + self._shift,
            end.index + self._shift,
            start.line + 1,
            start.column + 1,
            value,
            style,
            tag=getattr(event, "tag", None) or "",
            anchor=getattr(event, "anchor", None) or "",
            flow=bool(getattr(event, "flow_style", False))
            or (bool(self._open) and self._open[-1][0].flow),
        )

    def _invalid(self, node: Node, problem: str) -> InputError:
        return invalid(self._name, problem, line=node.line, column=node.column)
