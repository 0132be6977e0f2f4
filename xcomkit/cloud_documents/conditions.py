"""Evaluates the Condition block of IAM, bucket and trust policies, as pure functions.

The answer has three values: ``True`` met, ``False`` not met, ``None`` undecidable, because the
block uses something that is not evaluated here, or asks for a value nobody knows. Source: IAM User
Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple context keys or
values".
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

Context = Mapping[str, tuple[str, ...] | None]
"""Values per condition key in lower case, as condition keys ignore case.

``None`` is a value that nobody knows; a key that the request does not have is absent.
"""

Compare = Callable[[str, str], bool | None]


def evaluate(block: object, context: Context) -> bool | None:
    """Return whether a request with this context meets the block; no block is met."""
    if not block:
        return True
    if not isinstance(block, dict):
        return None
    return both(_evaluate_operator(name, keys, context) for name, keys in block.items())


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool | None:
    """Return whether a pattern with ``*`` and ``?`` covers the text; ``None`` for ``${...}``."""
    if "${" in pattern:
        return None
    return _compile(pattern, ignore_case=ignore_case).fullmatch(text) is not None


def any_matches(patterns: object, text: str, *, ignore_case: bool = False) -> bool | None:
    """Return whether one pattern, of one text or a list of texts, covers the text."""
    return either(matches(p, text, ignore_case=ignore_case) for p in to_texts(patterns))


def either(verdicts: Iterable[bool | None]) -> bool | None:
    """Return the three-valued or."""
    found = set(verdicts)
    return True if True in found else None if None in found else False


def both(verdicts: Iterable[bool | None]) -> bool | None:
    """Return the three-valued and."""
    found = set(verdicts)
    return False if False in found else None if None in found else True


def opposite(verdict: bool | None) -> bool | None:  # noqa: FBT001 - the subject
    """Return the three-valued not."""
    return None if verdict is None else not verdict


def to_texts(value: object) -> tuple[str, ...]:
    """Return a policy element, one value or a list of them, as texts (``true`` for a boolean)."""
    items = value if isinstance(value, list) else [value]
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in items)


@lru_cache(maxsize=4096)
def _compile(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Return a pattern whose pieces, once found, are never given back: no text takes long."""
    pieces = ["".join("." if c == "?" else re.escape(c) for c in p) for p in pattern.split("*")]
    first, *middle, last = pieces if len(pieces) > 1 else ("", pieces[0])
    source = first + "".join(f"(?>.*?{piece})" for piece in middle if piece)
    source += (".*" if len(pieces) > 1 else "") + last
    return re.compile(source, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _exactly(wanted: str, value: str) -> bool | None:
    return None if "${" in wanted else wanted == value


def _ignoring_case(wanted: str, value: str) -> bool | None:
    return None if "${" in wanted else wanted.casefold() == value.casefold()


def _arn_matches(wanted: str, value: str) -> bool | None:
    """Compare ARNs part by part: a wildcard never reaches over one of the first five colons."""
    patterns, parts = wanted.split(":", 5), value.split(":", 5)
    if len(patterns) != 6 or len(parts) != 6:
        return False
    return both(matches(p, part) for p, part in zip(patterns, parts, strict=True))


def _numeric(compare: Callable[[Any, Any], bool]) -> Compare:
    def judge(wanted: str, value: str) -> bool | None:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return None

    return judge


_OPERATORS: dict[str, Compare] = {
    "StringEquals": _exactly,
    "StringEqualsIgnoreCase": _ignoring_case,
    "StringLike": matches,
    "ArnEquals": _arn_matches,  # AWS evaluates ArnEquals and ArnLike alike
    "ArnLike": _arn_matches,
    "Bool": _ignoring_case,
    "NumericEquals": _numeric(operator.eq),
    "NumericLessThan": _numeric(operator.lt),
    "NumericLessThanEquals": _numeric(operator.le),
    "NumericGreaterThan": _numeric(operator.gt),
    "NumericGreaterThanEquals": _numeric(operator.ge),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}


def _evaluate_operator(name: str, keys: object, context: Context) -> bool | None:
    """Return whether every key below one operator meets it."""
    quantifier, _, rest = name.rpartition(":")
    base = rest.removesuffix("IfExists")
    compare = _OPERATORS.get(_NEGATED.get(base, base))
    if not isinstance(keys, dict) or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        return None
    if rest != "Null" and compare is None:
        return None
    is_met_if_absent = (
        rest != base or quantifier == "ForAllValues" or (not quantifier and base in _NEGATED)
    )

    def meets(key: str, wanted: tuple[str, ...]) -> bool | None:
        values = context.get(key, ())
        if values is None:
            return None
        if compare is None:
            return either(text == str(key not in context).lower() for text in wanted)
        if key not in context:
            return is_met_if_absent
        verdicts = [either(compare(item, value) for item in wanted) for value in values]
        if base in _NEGATED:
            verdicts = [opposite(verdict) for verdict in verdicts]
        return both(verdicts) if quantifier == "ForAllValues" else either(verdicts)

    return both(meets(key.lower(), to_texts(wanted)) for key, wanted in keys.items())
