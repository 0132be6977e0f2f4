"""Changes to a text by offset, so that every character nobody asked about stays as it is."""

from dataclasses import dataclass

from xcomkit.chart.tree import Node


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
    """Return the text with all edits made; new lines end as those of the file do."""
    newline = "\r\n" if "\r\n" in text else "\n"
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
    if node.style in ("|", ">") and "+" in text[node.start : node.start + 3]:
        return node.end
    return node.start + len(text[node.start : node.end].rstrip())


def line_below(text: str, offset: int) -> int:
    """Return the offset at which the line after this place begins."""
    if offset and text[offset - 1] == "\n":
        return offset
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def line_after_key(text: str, node: Node) -> Edit:
    """Return the edit that removes an empty value, so that lines below can take its place."""
    start, end = node.start, node.end
    rest = text[end : line_below(text, end)]
    if not rest.strip():
        start -= len(text[:start]) - len(text[:start].rstrip(" "))
    return Edit(start, end)
