"""Writes settings into a parameter file; every line a person wrote there stays, but for its value.

What is written is read back and judged before it takes the file's place.
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from xcomkit.errors import SettingsError
from xcomkit.form.fields import ONE_RUN_ONLY, defaults_on
from xcomkit.parameter_file import read_parameters
from xcomkit.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ALWAYS = ("cloud", "bucket")
_HEAD = """\
# Saved from a notebook's form: xcomkit run -f parameters/{name}
# What is not here is at its default. Who signs in, and with what, never stands in such a file.
"""


def save_parameters(settings: Settings, folder: Path, name: str, *, replace: bool = False) -> Path:
    """Write ``<folder>/<name>.yaml``: cloud, bucket and what differs from the defaults.

    In a file that is there already only values change and missing names are added below. What
    belongs to one run is not written, and emptied where the file had it: the next one is another.

    Raises:
        SettingsError: a refused name, a file that nobody agreed to change or that cannot be.
    """
    settings = settings.model_copy(update=dict.fromkeys(ONE_RUN_ONLY, ""))
    stem = name.strip().removesuffix(".yaml")
    if not _NAME.fullmatch(stem):
        raise SettingsError(
            f"file name: {name[:80]!r} is refused: accepted are 1 to 64 letters, digits and . _ -",
            hint="give a name without a folder.",
        )
    path = folder / f"{stem}.yaml"
    is_there = os.path.lexists(path)
    if is_there and not replace:
        raise SettingsError(
            f"{path.name}: there is such a file, and nothing was written.",
            hint="give another name, or agree to changing the file.",
        )
    text = _edited(settings, path) if is_there else _new(settings, path.name)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _put(settings, path, text)
    except OSError as error:
        raise SettingsError(f"{path.name}: {error.strerror}.", hint="give another name.") from None
    return path


def _written(settings: Settings) -> dict[str, Any]:
    """Return what a new file holds."""
    values, defaults = settings.to_parameters(), defaults_on(settings.cloud)
    return {
        name: value for name, value in values.items() if name in _ALWAYS or value != defaults[name]
    }


def _new(settings: Settings, name: str) -> str:
    lines = (f"{name}: {_dump(value)}\n" for name, value in _written(settings).items())
    return f"{_HEAD.format(name=name)}{''.join(lines)}"


def _dump(value: object) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=100_000, sort_keys=False
    )
    text = text.removesuffix("\n").removesuffix("\n...")
    return json.dumps(value) if "\n" in text else text


def _edited(settings: Settings, path: Path) -> str:
    """Return the file's text with the values of the settings, all else to the letter."""
    found = read_parameters(path)
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    new = settings.to_parameters()
    root = yaml.compose(text)
    pieces: list[tuple[int, int, str]] = []
    for key, node in root.value if root else ():
        name = key.value
        if name not in new or _means_the_same(settings, name, found[name]):
            continue
        start, end = node.start_mark.index, node.end_mark.index
        if "\n" in text[start:end]:
            raise _cannot(path, name)
        pieces.append((start, end, _dump(new[name]) if start < end else f" {_dump(new[name])}"))
    for start, end, piece in reversed(pieces):
        text = text[:start] + piece + text[end:]
    line_end = "\r\n" if "\r\n" in text else "\n"
    missing = {n: v for n, v in _written(settings).items() if n not in found}
    if missing and not text.endswith("\n"):
        text += line_end
    return text + "".join(f"{name}: {_dump(value)}{line_end}" for name, value in missing.items())


def _means_the_same(settings: Settings, name: str, found: object) -> bool:
    """Tell whether the file's own wording of a value, such as ``a, b``, is the setting already."""
    try:
        return Settings.from_mapping({**settings.to_parameters(), name: found}) == settings
    except SettingsError:
        return False


def _put(settings: Settings, path: Path, text: str) -> None:
    """Write beside the file, read that back, and put it in the file's place."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".yaml")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            file.write(text)
        try:
            read = read_parameters(Path(beside))
        except SettingsError:
            raise _cannot(path, "a line") from None
        if Settings.from_mapping(read, source=path.name) != settings:
            raise _cannot(path, "a value")
        if path.exists():
            shutil.copymode(path, beside)
        else:
            Path(beside).chmod(0o644)
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)


def _cannot(path: Path, what: str) -> SettingsError:
    return SettingsError(
        f"{path.name}: {what} is written in a way that is not changed without its comments.",
        hint="give another name; nothing was written.",
    )
