"""The manifest of a run directory: a sha256 per file, and the check that none has changed.

The format is that of ``sha256sum``, so ``sha256sum -c manifest.sha256`` works as well.
"""

import hashlib
from pathlib import Path

from xcomkit import evidence
from xcomkit.errors import InputError

NAME = "manifest.sha256"
SIGNATURE = "manifest.sha256.sig"


def write_manifest(directory: Path) -> Path:
    """Write the manifest of every file below the directory, and return its path."""
    lines = [f"{_digest(path)}  {_name(path, directory)}" for path in _files(directory)]
    path = directory / NAME
    evidence.write_text(path, "\n".join(lines) + "\n")
    return path


def find_differences(directory: Path) -> tuple[str, ...]:
    """Return a sentence per file that was changed, removed or added since the manifest.

    Raises:
        InputError: there is no manifest, or it is not one.
    """
    path = directory / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"{directory.name} has no readable {NAME}.",
            hint="name the directory of a finished run.",
        ) from None
    recorded = {}
    for number, line in enumerate(lines, start=1):
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64:
            raise InputError(f"{NAME}:{number}: not a line of sha256sum.", hint="use the original.")
        recorded[name] = digest
    found = {_name(file, directory): file for file in _files(directory)}
    removed = [f"{name} was removed" for name in recorded if name not in found]
    added = [f"{name} was added" for name in found if name not in recorded]
    changed = [
        f"{name} was changed"
        for name, file in found.items()
        if name in recorded and _digest(file) != recorded[name]
    ]
    return tuple(sorted((*removed, *added, *changed)))


def _files(directory: Path) -> list[Path]:
    """Return all files but the manifest and its signature, which no manifest can hold."""
    own = (directory / NAME, directory / SIGNATURE)
    return sorted(p for p in directory.rglob("*") if p.is_file() and p not in own)


def _name(path: Path, directory: Path) -> str:
    return path.relative_to(directory).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
