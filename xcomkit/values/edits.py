"""Changes to a text by offset, so that every character nobody asked about stays as it is."""

import re
from dataclasses import dataclass

from xcomkit.values.tree import Node

_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*(?P<comment>[ \t]+#[^\r\n]*)?")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces ``start`` to ``end``; with ``lines`` whole lines go in before ``start``.

    ``depth`` orders insertions at one place: what belongs to an inner block comes first.
    """

    start: int
    end: int
    text: str = ""
    lines: tuple[str, ...] = ()
    depth: int = 0


def apply(text: str, edits: list[Edit]) -> str:
    """Return the text with all edits made; new lines end as most of the file do."""
    newline = "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, bool(e.lines), -e.depth)):
        pieces.append(text[position : edit.start])
        position = edit.end
        if edit.lines:
            last = next((piece for piece in reversed(pieces) if piece), "\n")
            pieces.append("" if last.endswith(("\n", "\ufeff")) else newline)
            pieces.append(newline.join(edit.lines) + newline)
        pieces.append(edit.text)
    return "".join([*pieces, text[position:]])


def content_end(text: str, node: Node) -> int:
    """Return where the last character of a node stands; YAML's own end includes comments."""
    if node.pairs and not node.flow:
        return content_end(text, node.pairs[-1][1])
    if node.items and not node.flow:
        return content_end(text, node.items[-1])
    end = scalar_end(text, node)
    if node.style not in ("|", ">"):
        return end
    is_kept = "+" in block_header(text, node)[0]
    # a line of spaces below a block text is part of it where it is longer than the indentation
    return node.end if is_kept or text[end : node.end].strip("\r\n") else end


def scalar_end(text: str, node: Node) -> int:
    """Return where the last visible character of a value stands."""
    return node.start + len(text[node.start : node.end].rstrip())


def block_header(text: str, node: Node) -> tuple[str, str]:
    """Return the ``|2-`` of a block text, and the comment behind it with the spaces before."""
    match = _BLOCK_HEADER.match(text, node.start)
    if match is None:
        return "", ""
    comment = match["comment"] or ""
    return match[0].removesuffix(comment), comment


def indentation(text: str, node: Node) -> int:
    """Return how many spaces stand before the keys or dashes of a block."""
    if not node.pairs and not node.items:
        return 0
    return node.start - (text.rfind("\n", 0, node.start) + 1 or int(text.startswith("\ufeff")))


def has_comment(text: str, node: Node) -> bool:
    """Tell whether a comment may stand inside an empty container."""
    return node.kind in ("list", "mapping") and "#" in text[node.start : node.end]


def root_below(text: str) -> int:
    """Return where the keys of a file go that has none: above the mark that ends its document."""
    mark = re.search(r"^\.\.\.\s", text, re.MULTILINE)
    return mark.start() if mark else len(text)


def line_below(text: str, offset: int) -> int:
    """Return the offset at which the line after this place begins."""
    if offset and text[offset - 1] == "\n":
        return offset
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def line_after_key(text: str, node: Node) -> Edit:
    """Return the edit that removes an empty value, so that lines below can take its place."""
    start, end = node.start, scalar_end(text, node)
    rest = text[end : line_below(text, end)]
    if not rest.strip():
        start -= len(text[:start]) - len(text[:start].rstrip(" "))
    comment = block_header(text, node)[1] if node.style in ("|", ">") else ""
    return Edit(start, end, comment)
