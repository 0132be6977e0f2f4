"""Dag files from disk: which there are below a folder, and their syntax trees, or why not."""

import ast
import io
import stat
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

MAX_BYTES = 2_000_000
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages"})
TOO_DEEP = "nested too deeply"
SLOW_CODECS = frozenset({"idna", "punycode"})  # quadratic in the size of the file


class Unreadable(Exception):  # noqa: N818 - a result as often as an error
    """Why a file or folder cannot be scanned, and where."""

    def __init__(self, problem: str, line: int = 1, column: int = 1) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


def list_files(folder: Path) -> Iterator[tuple[Path, Unreadable | None]]:
    """Yield the Python files below a folder in order, and the folders that cannot be listed.

    What is no folder is yielded as it is. Links are followed, each folder is entered once; hidden
    folders and virtual environments are left out, as are files that are no regular ones: reading a
    pipe would never end.
    """
    entered: set[tuple[int, int]] = set()
    pending = [folder]
    if not folder.is_dir():
        yield pending.pop(), None
    while pending:
        here = pending.pop()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            names = sorted(one.name for one in here.iterdir())
        except OSError as error:
            yield here, Unreadable(_reason(error))
            continue
        if here != folder and "pyvenv.cfg" in names:
            continue
        folders: list[Path] = []
        for name in names:
            path = here / name
            if name.endswith(".py") and path.is_file():
                yield path, None
            elif name not in SKIPPED_FOLDERS and not name.startswith(".") and path.is_dir():
                folders.append(path)
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
        problem = " ".join(str(error.msg).split())
        raise Unreadable(problem, max(error.lineno or 1, 1), max(error.offset or 1, 1)) from None
    except (LookupError, ValueError) as error:
        raise Unreadable(" ".join(str(error).split())) from None
    except (RecursionError, MemoryError):
        raise Unreadable(TOO_DEEP) from None


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or "cannot be read"
