"""Makes a text of somebody else's fit for a terminal and a log."""


def plain(text: str) -> str:
    """Return a text on one line, in which nothing but letters reaches the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
