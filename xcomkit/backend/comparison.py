"""Compare values and their types in canonical form, without Airflow."""

from typing import Any


def difference(pushed: list[Any], pulled: list[Any], *, at: str = "value") -> str:
    """Return where two canonical values first differ, in words, ``""`` when they do not."""
    if pushed[0] != pulled[0]:
        return f"{at} was {pushed[0]} and came back as {pulled[0]}"
    before, after = pushed[1], pulled[1]
    if not isinstance(before, list) or not pushed[0].startswith("builtins."):
        return "" if before == after else f"{at} came back as another {pushed[0]}"
    if len(before) != len(after):
        return f"{at} had {len(before)} entries and came back with {len(after)}"
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        pairs = zip(one, other, strict=True) if pushed[0] == "builtins.dict" else ((one, other),)
        for left, right in pairs:
            if found := difference(left, right, at=f"{at}[{number}]"):
                return found
    return ""
