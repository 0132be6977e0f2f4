"""What ``.airflowignore`` leaves out, read as Airflow reads it."""

import os
import re
from collections.abc import Callable
from pathlib import Path

IGNORE_FILE = ".airflowignore"
SYNTAX = "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX"

Judge = Callable[[Path, bool], bool | None]
"""Tells of a path, and whether it is a folder, if it is ignored; ``None`` where no pattern fits."""


class IgnoreRules:
    """The patterns that apply in a folder: those of its own file, and of the folders around it."""

    def __init__(self, top: Path, judges: tuple[Judge, ...] = ()) -> None:
        self._top, self._judges = top, judges

    def below(self, folder: Path) -> "IgnoreRules":
        """Return the rules with those of the file in a folder.

        Raises:
            OSError, ValueError: it cannot be read, or holds no patterns.
        """
        text = (folder / IGNORE_FILE).read_text(encoding="utf-8")
        lines = [re.sub(r"\s*#.*", "", line) for line in text.splitlines()]
        make = _regexps if os.environ.get(SYNTAX, "glob").lower() == "regexp" else _globs
        # regular expressions see the path below the Dag folder, globs that below the file
        base = self._top if make is _regexps else folder
        return IgnoreRules(self._top, (*self._judges, make([*filter(None, lines)], base)))

    def ignore(self, path: Path, *, is_folder: bool) -> bool:
        """Tell whether a path is ignored; the last pattern that fits decides."""
        verdicts = (judge(path, is_folder) for judge in reversed(self._judges))
        return next((one for one in verdicts if one is not None), False)


def _globs(lines: list[str], base: Path) -> Judge:
    from pathspec import GitIgnoreSpec

    patterns = [*zip(lines, GitIgnoreSpec.from_lines(lines).patterns, strict=True)]

    def judge(path: Path, is_folder: bool) -> bool | None:  # noqa: FBT001
        below, verdict = path.relative_to(base).as_posix(), None
        for line, pattern in patterns:  # one by one, as Airflow does; git is subtler
            if line.rstrip().endswith("/") and not is_folder:
                continue
            text = below if "/" in line.rstrip("/") else path.name
            if pattern.match_file(text + "/" * is_folder):
                verdict = pattern.include
        return verdict

    return judge


def _regexps(lines: list[str], base: Path) -> Judge:
    try:
        patterns = [re.compile(line) for line in lines]
    except re.error as error:
        raise ValueError(f"{IGNORE_FILE}: {error}") from None

    def judge(path: Path, _is_folder: bool) -> bool | None:  # noqa: FBT001
        return any(one.search(str(path.relative_to(base))) for one in patterns) or None

    return judge
