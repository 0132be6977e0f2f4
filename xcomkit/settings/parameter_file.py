"""A parameter file as a mapping; everything that is wrong with it is one line."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from xcomkit.findings.errors import SettingsError
from xcomkit.findings.text_file import write_text

_DEEPEST = 10  # no parameter is more than a list or a mapping of texts
_TAGS = (None, "!", "tag:yaml.org,2002:str")
_NO_NUMBERS = (".nan", ".NaN", ".NAN")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEAD = """\
# Saved from a notebook's form: xcomkit run -f parameters/{name}
# What is not here is at its default. Who signs in, and with what, never stands in such a file.
"""


def read_parameters(path: Path) -> dict[str, Any]:
    """Return a parameter file as a mapping.

    Raises:
        SettingsError: when there is no such file, it is not a flat YAML mapping, or a value is
            none of text, number, list and mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _reject_odd(text)
        loaded = yaml.safe_load(text)
        repr(loaded)  # a number that Python does not write out cannot be displayed either
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SettingsError(f"{path}: {reason}.", hint="pass a file of parameters/.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise SettingsError(f"{path}{where}: {problem}.", hint="fix the YAML.") from None
    except ValueError as error:  # a date or number that YAML recognises and Python rejects
        raise SettingsError(f"{path}: {error}.", hint="quote that value.") from None
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        raise SettingsError(f"{path}: not a mapping of names.", hint="write name: value lines.")
    root: Any = yaml.compose(text)
    names = [key.value for key, _ in root.value]
    if double := next((name for name in names if names.count(name) > 1), ""):
        raise SettingsError(f"{path}: duplicate key {double}.", hint="keep one of the lines.")
    return loaded


def _reject_odd(text: str) -> None:
    """Reject at its place what no parameter can be, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        problem = ""
        if depth > _DEEPEST:
            problem = "nested too deeply"
        elif getattr(event, "anchor", None):
            problem = "no anchors and aliases, write the value out"
        elif getattr(event, "tag", None) not in _TAGS:
            problem = "no tags, write the value itself"
        elif isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            problem = "a number that is none" if event.value in _NO_NUMBERS else ""
        if problem:
            mark: Any = event.start_mark  # that of the parser in Python
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def write_parameters(values: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Write ``<folder>/<name>.yaml``, a new file; one that is there is left to its editor.

    Raises:
        SettingsError: the name is no file name, or such a file is there or cannot be written.
    """
    stem = name.strip().removesuffix(".yaml")
    if not _NAME.fullmatch(stem):
        raise SettingsError(
            f"file name: {name[:80]!r} is invalid: must be 1 to 64 letters, digits and . _ -",
            hint="give a name without a folder.",
        )
    path = folder / f"{stem}.yaml"
    if os.path.lexists(path):
        raise SettingsError(
            f"{path.name}: there is such a file, and nothing was written.",
            hint="give another name, or change that file in an editor.",
        )
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100_000)
    try:
        write_text(path, _HEAD.format(name=path.name) + text)
    except OSError as error:
        raise SettingsError(f"{path.name}: {error.strerror}.", hint="give another name.") from None
    return path
