"""Writes settings into a new parameter file; one that is there is left to its editor."""

import os
import re
from pathlib import Path

import yaml

from xcomkit.findings.errors import SettingsError
from xcomkit.findings.text_file import write_text
from xcomkit.settings.settings import Settings

ONE_RUN_ONLY = ("confirm_delete", "run_dir")
"""Settings that belong to one run: a saved name would delete again next time."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ALWAYS = ("cloud", "bucket")
_HEAD = """\
# Saved from a notebook's form: xcomkit run -f parameters/{name}
# What is not here is at its default. Who signs in, and with what, never stands in such a file.
"""


def save_parameters(settings: Settings, folder: Path, name: str) -> Path:
    """Write ``<folder>/<name>.yaml``: cloud, bucket and what differs from the defaults.

    Raises:
        SettingsError: a refused name, or a file that is there or cannot be written.
    """
    stem = name.strip().removesuffix(".yaml")
    if not _NAME.fullmatch(stem):
        raise SettingsError(
            f"file name: {name[:80]!r} is refused: accepted are 1 to 64 letters, digits and . _ -",
            hint="give a name without a folder.",
        )
    path = folder / f"{stem}.yaml"
    if os.path.lexists(path):
        raise SettingsError(
            f"{path.name}: there is such a file, and nothing was written.",
            hint="give another name, or change that file in an editor.",
        )
    defaults = Settings(cloud=settings.cloud).to_parameters()
    written = {
        name: value
        for name, value in settings.to_parameters().items()
        if name in _ALWAYS or (value != defaults[name] and name not in ONE_RUN_ONLY)
    }
    text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=100_000)
    try:
        write_text(path, _HEAD.format(name=path.name) + text)
    except OSError as error:
        raise SettingsError(f"{path.name}: {error.strerror}.", hint="give another name.") from None
    return path
