"""What documents of the clouds mean, whoever reads them: steps and lint, without any SDK."""

from typing import Any


def items(value: object) -> list[Any]:
    """Return a list as it is and one value as a list of one, as IAM and S3 read their elements."""
    return [] if value is None else value if isinstance(value, list) else [value]
