"""What a command says, and how it reads the words it is given."""

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from xcomkit.findings.errors import SettingsError
from xcomkit.findings.text import plain, program


class Parser(argparse.ArgumentParser):
    """A parser whose help keeps the lines of a text: what is to be typed stands on its own."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"formatter_class": _HelpFormatter, **more})

    def error(self, message: str) -> NoReturn:
        """End in one line: what is wrong, what may have been meant, and what to type next."""
        own, known = self.words()
        wrong = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: ([^\s=]+)", message)
        near = difflib.get_close_matches(wrong[1] or wrong[2], known, n=1) if wrong else []
        said = message.partition(" (choose from")[0] if near else message
        meant = f" Did you mean {near[0]}?" if near else ""
        asked = own.replace("xcomkit", program(seen_from=Path.cwd()), 1)
        self.exit(2, plain(f"{own}: {said}.{meant} Next: {asked} --help") + "\n")

    def words(self) -> tuple[str, list[str]]:
        """Return the command that is asked for, and the commands and options that it knows."""
        own, known = self.prog, []
        for action in self._actions:
            known += [*action.option_strings, *map(str, action.choices or ())]
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no other name
                inner = [one.words() for one in action.choices.values()]
                known += [word for _, words in inner for word in words]
                own = inner[0][0] if len(inner) == 1 else own
        return own, known


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


def read_days(text: str) -> int:
    """Return the number of days that an option gives."""
    if not re.fullmatch(r"\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no number of days up to 99999")
    return int(text)
