"""Compare values and their types in canonical form, without Airflow."""

from collections.abc import Iterator
from typing import Any

NATIVE = frozenset(f"builtins.{n}" for n in ("dict", "list", "str", "int", "float", "bool"))


def types_of(pair: list[Any]) -> Iterator[str]:
    """Yield the types of a canonical value that JSON itself cannot tell apart."""
    name, body = pair
    if name not in NATIVE and name != "builtins.NoneType":
        yield name
    if name == "builtins.dict":
        body = [entry for _, entry in body]
    if isinstance(body, list) and name.startswith("builtins."):
        for entry in body:
            yield from types_of(entry)


def tags_of(document: object) -> Iterator[str]:
    """Yield every ``__classname__`` of a document."""
    if isinstance(document, dict):
        if isinstance(tag := document.get("__classname__"), str):
            yield tag
        document = list(document.values())
    if isinstance(document, list):
        for entry in document:
            yield from tags_of(entry)


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
