"""What no parameter may hold, and how texts from notebooks and command lines are taken apart."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from xcomkit.findings.redaction import SHAPES

SECRET = re.compile(
    "|".join(pattern for _, pattern in SHAPES) + r"|-----BEGIN|\bAccountKey=|://[^/@\s:]+:[^/@\s]+@"
)
SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|secret|access_?key|account_key|api_?key|sas)$|(?:^|_)token$"
)
BESIDE_ADDRESS = re.compile(r"[@?#]")  # a password, a token or a signature may stand there
ADDRESS_ALONE = "accepted is a URL without user, password, query and fragment"
PLACEHOLDER = re.compile(r"<[^<>\s][^<>]*>|\bREPLACE[_-]ME\b|\bCHANGE[_-]?ME\b", re.IGNORECASE)


def split(value: object) -> object:
    """Turn ``"a, b"`` into its parts, and a lone number into one; lists and tuples stay."""
    if isinstance(value, int) and not isinstance(value, bool):  # papermill -p makes numbers
        return (value,)
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def split_accepted(value: object) -> object:
    """Turn ``"XC1: reason; XC2: reason"`` into its parts; a reason may hold commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    return value


def split_tags(value: object) -> object:
    """Turn ``"team=data, env=prod"`` into a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError("accepted is name=value, name=value")
    return {name.strip(): text.strip() for name, _, text in pairs}


def whole_number(value: object) -> object:
    """Refuse sizes with a unit: Airflow reads them as no number and fails in every task."""
    if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch(r"-?\d+", value)):
        raise ValueError("accepted is a whole number without a unit (1 MB is 1000000)")
    return value


def texts(value: object) -> list[str]:
    """Return every text inside a parameter's value."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for item in value.items() for part in item for text in texts(part)]
        case list() | tuple():
            return [text for item in value for text in texts(item)]
        case _:
            return []


def unknown_name(name: str, value: object, *, known: Iterable[str]) -> str:
    """Return the refusal of an unknown name, with the nearest known one; never its value."""
    if SECRET.search(name):
        return "(hidden): parameters never hold secrets; sign in with your cloud's own chain."
    if SECRET_NAME.search(name) or any(SECRET.search(text) for text in texts(value)):
        return f"{name}: parameters never hold secrets; sign in with your cloud's own chain."
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name}: no such parameter" + (f"; did you mean {near[0]}?" if near else ".")


def hidden(reason: str) -> PydanticCustomError:
    """Return the refusal of a value that may be a secret, which ``in_lines`` then never repeats."""
    return PydanticCustomError("hidden", "{reason}", {"reason": reason})


def in_lines(error: ValidationError, values: Mapping[str, Any]) -> dict[str, str]:
    """Return each refusal as ``field: value is refused: what is accepted``, under its field."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False):
        reason = one["msg"].removeprefix("Value error, ").rstrip(".")
        if not one["loc"]:  # a contradiction, which names its field itself
            found[reason.partition(":")[0]] = f"{reason}."
            continue
        name = str(one["loc"][0])
        value = values.get(name)
        is_hidden = one["type"] == "hidden" or any(SECRET.search(text) for text in texts(value))
        shown = "(hidden)" if value and is_hidden else repr(value)
        reason = re.sub(r"^Input should be a valid boolean.*", "accepted is true or false", reason)
        reason = re.sub(r"^Input should be ", "accepted is ", reason)
        found.setdefault(name, f"{name}: {shown[:80]} is refused: {reason}.")
    return found
