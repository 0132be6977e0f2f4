"""Texts of anybody, made inert: for HTML, for Markdown and for a picture."""

import re
from html import escape
from unicodedata import category

_WORD = 24
"""Letters after which a word may be broken: JupyterLab keeps few styles of ours, and a word such as
an ARN would push the columns after it, the remedy among them, out of sight."""

# Numbers where readers differ in what a backslash does: a pipe ends a cell before anything else is
# read, and a dollar begins a formula in what the page shows, unless it stands in an element alone.
_NUMBERED = {char: f"&#{ord(char)};" for char in "<>&|`\\"} | {"$": "<span>&#36;</span>"}
_MARKS = re.compile(r"[<>&|`\\$*_\[\]#~!{}@]|(?<=:)(?=//)|(?<=www)(?=\.)")
_FORMULA = re.compile(r"(\$|\\(?=[(\[]|begin|ref|eqref))")
_LIST = re.compile(r"^(\d*)(?=[-+=.)])")


def printable(text: str) -> str:
    """Return the text with what is neither printed nor blank as its number."""
    return "".join(
        c if c.isprintable() or c in "\n\t" or category(c) == "Zs" else ascii(c)[1:-1]
        for c in text.replace("\r\n", "\n")
    )


def to_html(text: str) -> str:
    """Return the text as HTML whose long words may be broken, and in which no formula begins."""
    parts = re.sub(rf"(\S{{{_WORD}}})(?=\S)", "\\1\0", printable(text)).split("\0")
    return _FORMULA.sub(r"<span>\1</span>", "<wbr>".join(map(escape, parts)))


def to_markdown(text: str) -> str:
    """Return the text as Markdown on one line, in which no mark means anything."""
    line = " ".join(printable(text).split())
    return _MARKS.sub(lambda found: _NUMBERED.get(found[0], f"\\{found[0]}"), line)


def to_paragraph(text: str) -> str:
    """Return the text as a paragraph of Markdown, also where it begins as a list does."""
    return _LIST.sub(r"\1\\", to_markdown(text))


def to_fence(text: str) -> str:
    """Return the text as a block of code that ends where the text does."""
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
