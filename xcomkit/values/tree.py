"""The tree of a YAML document with the place of every node, built from its event stream.

Walking events instead of loading keeps every offset, sees duplicate keys, and needs no recursion,
so that a hostile file ends in one sentence instead of a crash.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from xcomkit.findings.errors import InputError

MAX_DEPTH = 60

# libyaml where the wheel has it: a 1,000-line file in a tenth of the time
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Any = yaml.resolver.Resolver()
_NUMBERS = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"
# YAML 1.1 wants a dot in a float; the Go parser in helm reads 1e6 as a number all the same
_NUMBER = re.compile(r"[-+]?\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Node:
    """One value in the text: offsets of its first and past-last character, line and column.

    Lines and columns count from 1. ``flow`` is true inside brackets or braces; ``target`` is what
    an alias points to, ``tag`` what is written before a value, such as ``!reset``.
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
        return self.value == "<<" and not self.style

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
            problem = "a second document; helm reads the first only"
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
        return _Composer(name=name, shift=shift).compose(text[shift:])
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

    def __init__(self, *, name: str, shift: int) -> None:
        self._name = name
        self._shift = shift
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Node, list[Node]]] = []
        self._roots: list[Node] = []

    def compose(self, text: str) -> tuple[Node, ...]:
        """Return the root of every document: a mapping, or nothing."""
        for event in yaml.parse(text, Loader=_LOADER):
            self._take(event)
        for root in self._roots:
            if root.kind != "mapping" and not _is_empty(root):
                raise self._invalid(root, "not a mapping of keys")
        return tuple(self._roots)

    def _take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._anchors.clear()
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(self._open) >= MAX_DEPTH:
                    raise self._invalid(self._node(event), f"nested deeper than {MAX_DEPTH} levels")
                self._open.append((self._node(event), []))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case yaml.ScalarEvent():
                self._add(self._node(event, value=_scalar(event), style=event.style or ""))
            case yaml.AliasEvent():
                target = self._anchors.get(str(event.anchor))
                if target is None:
                    raise self._invalid(self._node(event), "an alias without an anchor before it")
                self._add(replace(self._node(event), anchor="", target=target))
            case _:
                return

    def _close(self, event: Any) -> None:
        node, children = self._open.pop()
        end = event.end_mark.index + self._shift
        if node.kind == "list":
            self._add(replace(node, end=end, items=tuple(children)))
            return
        pairs = tuple(zip(children[::2], children[1::2], strict=True))
        for key, _ in pairs:
            if key.kind != "scalar":
                problem = "a key that is no text; is this a template without quotes?"
                raise self._invalid(key, problem)
        self._add(replace(node, end=end, pairs=pairs))

    def _add(self, node: Node) -> None:
        if node.anchor:
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
            flow=bool(getattr(event, "flow_style", False)) or any(n.flow for n, _ in self._open),
        )

    def _invalid(self, node: Node, problem: str) -> InputError:
        return invalid(self._name, problem, line=node.line, column=node.column)


def _scalar(event: Any) -> Any:
    """Return the value helm's parser gives a scalar; only what is surely text stays a text."""
    text: str = event.value
    tag = event.tag
    if tag is None and not event.implicit[0]:
        return text
    if tag is None:
        tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
        if tag == _TAG + "str" and _NUMBER.fullmatch(text):
            tag = _TAG + "float"
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() in ("yes", "true", "on")
        case "int" if ":" not in text:
            return _number(text, construct=_NUMBERS.construct_yaml_int)
        case "float":
            return _number(text, construct=_NUMBERS.construct_yaml_float)
        case _:
            return text


def _number(text: str, *, construct: Callable[[yaml.ScalarNode], float]) -> float:
    """Return a number; beyond 100 digits, or cut short, only that it is one matters."""
    if len(text) > 100:
        return math.inf
    try:
        return construct(yaml.ScalarNode("", text))
    except (ValueError, IndexError):  # such as 0x_ or !!int x
        return math.nan
