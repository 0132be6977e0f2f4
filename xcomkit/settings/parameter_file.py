"""A parameter file as a mapping; everything that is wrong with it is one line."""

from pathlib import Path
from typing import Any

import yaml

from xcomkit.findings.errors import SettingsError

_DEEPEST = 10  # no parameter is more than a list or a mapping of texts
_TAGS = (None, "!", "tag:yaml.org,2002:str")
_NO_NUMBERS = (".nan", ".NaN", ".NAN")


def read_parameters(path: Path) -> dict[str, Any]:
    """Return a parameter file as a mapping.

    Raises:
        SettingsError: when there is no such file, it is not a flat YAML mapping, or a value is
            none of text, number, list and mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_odd(text)
        loaded = yaml.safe_load(text)
        repr(loaded)  # a number that Python does not write out cannot be told either
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SettingsError(f"{path}: {reason}.", hint="pass a file of parameters/.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise SettingsError(f"{path}{where}: {problem}.", hint="mend the YAML.") from None
    except ValueError as error:  # a date or number that YAML recognises and Python refuses
        raise SettingsError(f"{path}: {error}.", hint="quote that value.") from None
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        raise SettingsError(f"{path}: not a mapping of names.", hint="write name: value lines.")
    root = yaml.compose(text)
    names = [key.value for key, _ in root.value] if root else []
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SettingsError(f"{path}: {twice} stands there twice.", hint="keep one of the lines.")
    return loaded


def _refuse_odd(text: str) -> None:
    """Refuse at its place what no parameter can be, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if problem := "nested too deeply" if depth > _DEEPEST else _oddity(event):
            mark: Any = event.start_mark  # that of the parser in Python
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _oddity(event: yaml.Event) -> str:
    """Return what is wrong with a value by itself, empty where nothing is."""
    if getattr(event, "anchor", None):
        return "no anchors and aliases, write the value out"
    if getattr(event, "tag", None) not in _TAGS:
        return "no tags, write the value itself"
    if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value in _NO_NUMBERS:
        return "a number that is none"
    return ""
