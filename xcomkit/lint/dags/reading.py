"""Dag files from disk: which there are below a folder, and their syntax trees, or why not."""

import ast
import io
import re
import stat
import sys
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

from xcomkit.lint.dags.ignored import IGNORE_FILE, IgnoreRules

MAX_BYTES = 2_000_000
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages"})
MOST_CHARACTERS = 2000  # of one line
TOO_DEEP = "nested too deeply"
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
# what newer Pythons read: since when, the line it is on, and what an older one says of it
_NEWER = (
    ((3, 12), r"\s*type\s+\w+\s*(\[.*\])?\s*=", ""),
    ((3, 12), r"\s*(async\s+)?(def|class)\s+\w+\s*\[", ""),
    ((3, 12), r"", r"f-string(: (unmatched|expecting '}'|unterminated)| expression part cannot)"),
    ((3, 12), r".*\b[rR]?[fF][rR]?[\"'].*\{", r"unterminated string|unexpected character after"),
    ((3, 14), r"\s*except\b.*,", r"multiple exception types"),
    ((3, 14), r".*\b[rR]?[tT][rR]?[\"']", ""),
    ((3, 15), r"\s*lazy\s+(import|from)\b", ""),
    ((3, 15), r"", r".*unpacking cannot be used in"),
)
SLOW_CODECS = frozenset({"idna", "punycode"})  # quadratic in the size of the file


class Unreadable(Exception):  # noqa: N818 - a result as often as an error
    """Why a file or folder cannot be scanned, where, and which Python may read it."""

    def __init__(self, problem: str, line: int = 1, column: int = 1, python: str = "") -> None:
        super().__init__(problem)
        self.problem, self.line, self.column, self.python = problem, line, column, python


def list_files(folder: Path) -> Iterator[tuple[Path, Unreadable | None, bool]]:
    """Yield the Python files below a folder in order, and the folders that cannot be listed.

    With each comes whether ``.airflowignore`` leaves it out. What is no folder is yielded as it is.
    Links are followed, each folder is entered once; hidden folders and virtual environments are
    left out, as are files that are no regular ones: reading a pipe would never end.
    """
    entered: set[tuple[int, int]] = set()
    pending = [(folder, IgnoreRules(folder), False)]
    if not folder.is_dir():
        yield pending.pop()[0], None, False
    while pending:
        here, rules, is_ignored = pending.pop()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            names = sorted(one.name for one in here.iterdir())
            rules = rules.below(here) if IGNORE_FILE in names else rules
        except (OSError, ValueError) as error:
            yield here, Unreadable(_reason(error)), False
            continue
        if here != folder and "pyvenv.cfg" in names:
            continue
        folders = []
        for name in names:
            path = here / name
            if name.endswith(".py") and path.is_file():
                yield path, None, is_ignored or rules.ignore(path, is_folder=False)
            elif name not in SKIPPED_FOLDERS and not name.startswith(".") and path.is_dir():
                folders.append((path, rules, is_ignored or rules.ignore(path, is_folder=True)))
        pending += reversed(folders)


def read_tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file.

    Raises:
        Unreadable: it is no regular file, too big, or no Python.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("no regular file")
        with path.open("rb") as file:
            return parse(file.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        raise Unreadable(_reason(error)) from None


def parse(source: bytes) -> ast.Module:
    """Return the syntax tree of a source; the compiler's warnings about it are nobody's here.

    Raises:
        Unreadable: it is no Python, or larger or deeper than any written by hand.
    """
    if len(source) > MAX_BYTES:
        raise Unreadable(f"more than {MAX_BYTES:,} bytes")
    if b"\0" in source:
        raise Unreadable("a NUL byte", source.count(b"\n", 0, source.index(b"\0")) + 1)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        if encoding in SLOW_CODECS:
            raise Unreadable(f"the coding {encoding}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        problem = f"{' '.join(str(error.msg).split())} in Python {RUNNING}"
        place = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        raise Unreadable(problem, *place, _newer_python(error, source)) from None
    except (LookupError, ValueError) as error:
        raise Unreadable(" ".join(str(error).split())) from None
    except (RecursionError, MemoryError):
        raise Unreadable(TOO_DEEP) from None


def _newer_python(error: SyntaxError, source: bytes) -> str:
    """Return the oldest Python that may read what this one cannot, or nothing."""
    lines = source.decode("utf-8", "replace").splitlines()
    line = lines[(error.lineno or 1) - 1 :][:1] or [""]
    for version, written, said in _NEWER:
        is_newer = version > sys.version_info[:2]
        if is_newer and re.match(written, line[0][:MOST_CHARACTERS]) and re.match(said, error.msg):
            return ".".join(map(str, version))
    return ""


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or "cannot be read"
