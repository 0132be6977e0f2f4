"""The parameter file that all notebooks of one JupyterLab use, so that a target is chosen once.

``xcomkit lab`` makes a private folder and names it in ``XCOMKIT_LAB``; a file in it holds the
choice. Each notebook has a kernel of its own, so a variable alone could not be changed for all.
"""

import os
from pathlib import Path

from xcomkit.findings.text_file import write_text

VARIABLE = "XCOMKIT_LAB"
_FILE = "target"


def is_shared() -> bool:
    """Tell whether this process belongs to a JupyterLab whose notebooks share a target."""
    return bool(os.environ.get(VARIABLE))


def read_choice() -> Path | None:
    """Return the parameter file that was chosen for all notebooks, if one was."""
    if not is_shared():
        return None
    try:
        text = Path(os.environ[VARIABLE], _FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return Path(text)


def choose(parameters: Path, *, folder: Path | None = None) -> None:
    """Make a parameter file the target of all notebooks of this JupyterLab, or of ``folder``'s."""
    home = folder or Path(os.environ[VARIABLE])
    write_text(home / _FILE, str(parameters.resolve()))
