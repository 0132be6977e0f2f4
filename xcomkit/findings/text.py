"""Makes texts of somebody else's fit for a terminal and a log."""

from collections.abc import Sequence


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
