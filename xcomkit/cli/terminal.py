"""What a command says, and how it reads the words it is given."""

import sys
from pathlib import Path

from xcomkit.findings.errors import SettingsError


def say(text: str) -> None:
    """Write a line to the output at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line beside the output: progress, and what stands in the way."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def read_pair(text: str) -> tuple[str, str]:
    """Return name and value of a ``-p name=value``.

    Raises:
        SettingsError: it has no value.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise SettingsError(f"-p {text}: no value.", hint="write -p name=value.")
    return name, value


def relative(path: Path) -> Path:
    """Return a path as seen from the working directory, where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
