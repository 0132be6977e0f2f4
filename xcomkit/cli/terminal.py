"""What a command says, and how it reads the words it is given."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from xcomkit.findings.errors import SettingsError


class Parser(argparse.ArgumentParser):
    """A parser whose help keeps the lines of a text: what is to be typed stands on its own."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"formatter_class": _HelpFormatter, **more})


class _HelpFormatter(argparse.HelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.split("\n")
        wrapped = (super(_HelpFormatter, self)._fill_text(one, width, indent) for one in lines)
        return "\n".join(
            one if one.startswith(" ") else next_ for one, next_ in zip(lines, wrapped, strict=True)
        )


class Version(argparse.Action):
    """Says the version, which is looked up only then, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        """Say it."""
        from importlib.metadata import version

        say(f"{parser.prog} {version('xcomkit')}")
        parser.exit()


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
