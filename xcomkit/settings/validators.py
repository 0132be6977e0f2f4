"""What no parameter may hold, and how texts from notebooks and command lines are taken apart."""

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from xcomkit.findings.redaction import SHAPES

SECRET = re.compile(
    "|".join(pattern for _, pattern in SHAPES) + r"|-----BEGIN|\bAccountKey=|://[^/@\s:]+:[^/@\s]+@"
)
SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|secret|access_?key|account_key|api_?key|sas)$|(?:^|_)token$"
)
BESIDE_ADDRESS = re.compile(r"[@?#]")  # a password, a token or a signature may stand there
ADDRESS_ALONE = "must be a URL without user, password, query and fragment"
PLACEHOLDER = re.compile(r"<[^<>\s][^<>]*>|\bREPLACE[_-]ME\b|\bCHANGE[_-]?ME\b", re.IGNORECASE)
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 80
_NO_SECRETS = "parameters never hold secrets; sign in with your cloud's own chain."


def parameter(default: object, steps: str, text: str, **limits: Any) -> Any:
    """Declare a parameter.

    Args:
        default: its value where nobody names one.
        steps: numbers of the steps whose notebooks take it, empty for all.
        text: what it is; one that begins with clouds (``AWS, GCP:``) is shown on those alone.
        limits: further arguments of pydantic's ``Field``.
    """
    extra: dict[str, Any] = {"steps": steps.split()}
    return Field(default, description=text, json_schema_extra=extra, **limits)


def split(value: object, *, at: str = ",") -> object:
    """Turn ``"a, b"`` into its parts, and a lone number into one; lists and tuples stay."""
    if isinstance(value, int) and not isinstance(value, bool):  # papermill -p makes numbers
        return (value,)
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(at) if part.strip())
    return value


def split_tags(value: object) -> object:
    """Turn ``"team=data, env=prod"`` into a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError("must be name=value, name=value")
    return {name.strip(): text.strip() for name, _, text in pairs}


def whole_number(value: object, info: ValidationInfo) -> object:
    """Reject numbers with a unit: Airflow reads such a size as none and fails in every task."""
    if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch(r"-?\d+", value)):
        unit = unit_of(info.field_name or "")
        example = " (1 MB is 1000000)" if unit == "bytes" else ""
        raise ValueError(f"must be a whole number{f' of {unit}' if unit else ''}{example}")
    return value


def unit_of(name: str) -> str:
    """Return the unit of a number, empty where it counts things."""
    if name in ("threshold", "payload_sizes"):
        return "bytes"
    units = {"_days": "days", "_timeout": "seconds"}
    return next((unit for end, unit in units.items() if name.endswith(end)), "")


def texts(value: object) -> list[str]:
    """Return every text inside a parameter's value."""
    if isinstance(value, dict):
        value = (*value, *value.values())
    if isinstance(value, list | tuple):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


def unknown_name(name: str, value: object, *, known: Iterable[str]) -> str:
    """Return the message about an unknown name, with the nearest known one; never its value."""
    if SECRET.search(name):
        return f"(hidden): {_NO_SECRETS}"
    if SECRET_NAME.search(name) or any(SECRET.search(text) for text in texts(value)):
        return f"{name}: {_NO_SECRETS}"
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name}: no such parameter" + (f"; did you mean {near[0]}?" if near else ".")


def hidden(reason: str) -> PydanticCustomError:
    """Return the error of a value that may be a secret, which ``in_lines`` then never repeats."""
    return PydanticCustomError("hidden", "{reason}", {"reason": reason})


def in_lines(error: ValidationError, values: Mapping[str, Any]) -> dict[str, str]:
    """Return each problem as ``field: value is invalid: what it must be``, under its field."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False):
        reason = one["msg"].removeprefix("Value error, ").rstrip(".")
        if not one["loc"]:  # a contradiction, which names its field itself
            found[reason.partition(":")[0]] = f"{reason}."
            continue
        name = str(one["loc"][0])
        value = values.get(name)
        is_hidden = one["type"] == "hidden" or any(SECRET.search(text) for text in texts(value))
        displayed = "(hidden)" if value and is_hidden else _BRIEF.repr(value)
        reason = re.sub(r"^Input should be a valid boolean.*", "must be true or false", reason)
        reason = re.sub(r"^Input should be ", "must be ", reason)
        found.setdefault(name, f"{name}: {displayed} is invalid: {reason}.")
    return found
