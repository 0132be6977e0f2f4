"""Makes texts fit for a terminal, a log and a table: bounded, printable, ready to be typed."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def plain(text: str) -> str:
    """Return a text on one line, in which nothing but letters reaches the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def listed(texts: Sequence[str], *, most: int, separator: str = ", ") -> str:
    """Return the first ``most`` texts, and how many more there are; each as ``plain`` makes it."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(map(plain, texts[:most])) + more


def shorten(key: str) -> str:
    """Return a key as one bounded line; control characters are escaped."""
    text = key if key.isprintable() else ascii(key)
    return text if len(text) <= 160 else f"{text[:80]}...{text[-77:]}"


def number_of(count: int, thing: str) -> str:
    """Return a count with its noun, as ``1 check`` and ``2 checks``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def begin(text: str, *, most: int) -> str:
    """Return a text of at most ``most`` characters; a longer one ends behind a word."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return f"{head.rpartition(' ')[0] or head[:-1]} …"


def program(*, seen_from: Path) -> str:
    """Return how to call this program there: by its name where a shell finds it, else by path."""
    own = Path(sys.executable).with_name("xcomkit")
    if shutil.which("xcomkit") or not own.is_file():
        return "xcomkit"
    return os.path.relpath(own, seen_from)


def recorded_program(*, seen_from: Path) -> str:
    """Return the same for a record; where it lies elsewhere on this machine is nobody's."""
    path = program(seen_from=seen_from)
    return "xcomkit" if path.startswith("..") else path
