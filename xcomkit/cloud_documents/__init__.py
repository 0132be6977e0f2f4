"""What documents of the clouds mean, whoever reads them: steps and lint, without any SDK."""

from typing import Any

Block = dict[str, Any]


def items(value: object) -> list[Any]:
    """Return a list as it is and one value as a list of one, as IAM and S3 read their elements."""
    return [] if value is None else value if isinstance(value, list) else [value]


def block(value: object) -> Block:
    """Return the value where it is a mapping, an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or the one text; everything else in it is left out."""
    return tuple(item for item in items(value) if isinstance(item, str))
