"""A parameter file as a mapping; everything that is wrong with it is one line."""

from pathlib import Path
from typing import Any

import yaml

from xcomkit.errors import SettingsError


def read_parameters(path: Path) -> dict[str, Any]:
    """Return a parameter file as a mapping.

    Raises:
        SettingsError: when there is no such file or it is not a flat YAML mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loaded = yaml.safe_load(text)
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
