"""Texts of anybody, made inert: for HTML and for plain text."""

import re
from html import escape
from unicodedata import category

_WORD = 24
"""Letters after which a word may be broken: JupyterLab keeps few styles of ours, and a word such as
an ARN would push the columns after it, the remedy among them, out of sight."""

_FORMULA = re.compile(r"(\$|\\(?=[(\[]|begin|ref|eqref))")


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
