"""What helm makes of a scalar: Helm 3 and 4 read YAML with sigs.k8s.io/yaml, which is of YAML 1.1.

Measured with both helms in ``tests/values/test_real_helm.py``, which also names what differs.
"""

import math
import re
from types import NoneType
from typing import Any

_TAG = "tag:yaml.org,2002:"
_WORDS: dict[str, Any] = {
    form: value
    for value, words in (
        (None, "null"), (True, "y yes true on"), (False, "n no false off")
    )
    for word in words.split()
    for form in (word, word.capitalize(), word.upper())
}  # fmt: skip
_WORDS |= {"": None, "~": None, ".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan}
_WORDS |= {
    sign + word: -math.inf if sign == "-" else math.inf
    for sign in ("", "+", "-")
    for word in (".inf", ".Inf", ".INF")
}
_FIRST = frozenset(word[:1] for word in (*_WORDS, *"+-0123456789"))
_KINDS = {"null": (NoneType,), "bool": (bool,), "int": (int,), "float": (float, int)}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)"
    r"|(?P<d>0|[1-9][0-9]*))"
)
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}
_ENDS = {"": 2**64, "+": 2**63, "-": 2**63 + 1}
_LOOSE = re.compile(r"(?<![0-9])_|_(?![0-9])")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def resolve(text: str, *, tag: str | None, is_plain: bool) -> Any:
    """Return the value of a scalar; what is no word and no number stays a text.

    Raises:
        ValueError: the text is not what its tag says.
    """
    if tag is None:
        return _plain(text) if is_plain else text
    name = tag.removeprefix(_TAG)
    if name not in _KINDS:
        return text
    value = _plain(text)
    if type(value) not in _KINDS[name]:
        raise ValueError(f"{text[:40]!r} is no {name}, as its tag says")
    return float(value) if name == "float" else value


def key_text(value: Any) -> str:
    """Return the text that a key becomes.

    Raises:
        ValueError: the key is null, or a number beyond those of 64 bits.
    """
    if isinstance(value, str):
        return value
    if value is None or not -math.inf < value < 2**63:
        kind = "null" if value is None else "too large a number"
        raise ValueError(f"a key that is {kind}; put it in quotes")
    return format(value, "g") if isinstance(value, float) else str(value).lower()


def _plain(text: str) -> Any:
    if text[:1] not in _FIRST:  # most texts
        return text
    if text in _WORDS:
        return _WORDS[text]
    # behind a point at the beginning, _ counts between digits only
    is_number = text[0] in "+-0123456789" or (text[0] == "." and not _LOOSE.search(text))
    return _number(text, digits=text.replace("_", "")) if is_number else text


def _number(text: str, *, digits: str) -> Any:
    """Return a number of 64 bits, or the text where it is none."""
    match = _INTEGER.fullmatch(digits)
    if match and len(digits) <= 70:  # more digits are not of 64 bits
        base = str(match.lastgroup)
        number, sign = int(match[base], _BASES[base]), match["sign"]
        if number < _ENDS[sign]:
            return -number if sign == "-" else number
    is_finite = _FLOAT.fullmatch(digits) and math.isfinite(float(digits))
    return float(digits) if is_finite else text
