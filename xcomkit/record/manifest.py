"""The manifest of a run directory: a sha256 per file, and the check that none has changed.

The format is that of ``sha256sum``, so ``sha256sum -c manifest.sha256`` works as well.
"""

import hashlib
import os
import stat
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import write_text

NAME = "manifest.sha256"
SIGNATURE = "manifest.sha256.sig"
_ALWAYS = ("record.html", "record.json")


def write_manifest(directory: Path) -> Path:
    """Write the manifest of every file below the directory, and return its path."""
    files, _ = _entries(directory)
    lines = [f"{_digest(directory / name)}  {name}" for name in files]
    path = directory / NAME
    write_text(path, "\n".join(lines) + "\n")
    return path


def find_differences(directory: Path) -> tuple[str, ...]:
    """Return a sentence per file that was changed, removed or added since the manifest.

    What is no file of its own, such as a link to a folder elsewhere, was added in any case.

    Raises:
        InputError: there is no manifest, or it is not one of a record.
    """
    recorded = _read(directory)
    files, others = _entries(directory)
    found = [f"{name} is a link, or no file" for name in others]
    found += [f"{name} was removed" for name in recorded if name not in (*files, *others)]
    for name in files:
        if name not in recorded:
            found.append(f"{name} was added")
            continue
        try:
            if _digest(directory / name) != recorded[name]:
                found.append(f"{name} was changed")
        except OSError as error:
            found.append(f"{name} cannot be read: {error.strerror}")
    return tuple(sorted(found))


def _read(directory: Path) -> dict[str, str]:
    """Return the digest per file that the manifest names."""
    try:
        lines = (directory / NAME).read_text(encoding="utf-8").splitlines()
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
    if missing := [name for name in _ALWAYS if name not in recorded]:
        raise InputError(f"{NAME} names no {missing[0]}.", hint="use the original.")
    return recorded


def _entries(directory: Path) -> tuple[list[str], list[str]]:
    """Return the names of the files below the directory, and of what is neither file nor folder.

    Left out are the manifest and its signature, which no manifest can hold.
    """
    files: list[str] = []
    others: list[str] = []
    for folder, folders, names in os.walk(directory):
        for path in (Path(folder, name) for name in (*folders, *names)):
            mode = path.lstat().st_mode
            name = path.relative_to(directory).as_posix()
            if name in (NAME, SIGNATURE) or stat.S_ISDIR(mode):
                continue
            (files if stat.S_ISREG(mode) else others).append(name)
    return sorted(files), sorted(others)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
