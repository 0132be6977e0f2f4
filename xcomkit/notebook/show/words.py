"""Settings as words: the documents in which clouds keep them, read as a person would say them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAMES: Mapping[tuple[str, ...], str] = {
    ("SSEAlgorithm",): "Encryption",
    ("BucketKeyEnabled",): "Bucket key",
    ("KMSMasterKeyID",): "Key",
    ("ObjectOwnership",): "Ownership",
}
"""Names that say more than the document's own."""
_VALUES: Mapping[object, str] = {
    True: "yes", False: "no", None: "unset", "AES256": "AES-256", "Enabled": "enabled",
    "Disabled": "disabled", "Suspended": "suspended", "enforced": "enforced",
}  # fmt: skip
_HOLDERS = ("Rules", "Rule", "rule", "Statement", "ApplyServerSideEncryptionByDefault", "TagSet")
"""Members that only hold others, so that their names say nothing."""
_PARTS = 2  # names of a path that are said


def in_words(text: str) -> str:
    """Return a JSON document as ``Name: value; Name: value``, any other text as it is."""
    if text[:1] not in ("{", "["):
        return text
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if document in ({"Status": "Enabled"}, {"Status": "Suspended"}):
        document = {"Versioning": document["Status"]}
    return " | ".join("; ".join(_say(one, ())) for one in _items(document)) or text


def _items(document: Any) -> list[Any]:
    """Return the rules of a document one by one, or the document as a whole."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return [document]
    name = next((one for one in _HOLDERS if one in document), "")
    if not name:
        return [document]
    others = {member: value for member, value in document.items() if member != name}
    return [*_items(document[name]), *([others] if others else [])]


def _say(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield every value with the names that lead to it."""
    if isinstance(value, dict) and value.keys() == {"Key", "Value"}:
        yield f"{value['Key']}: {value['Value']}"
    elif isinstance(value, dict):
        for name, held in value.items():
            yield from _say(held, path if name in _HOLDERS else (*path, name))
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for one in value:
            yield from _say(one, path)
    else:
        values = value if isinstance(value, list) else [value]
        said = ", ".join(_one(one) for one in values)
        yield f"{_name(path)}: {said}" if path else said


def _one(value: Any) -> str:
    known = isinstance(value, bool | str) or value is None
    return _VALUES.get(value, str(value)) if known else str(value)


def _name(path: tuple[str, ...]) -> str:
    if path in _NAMES:
        return _NAMES[path]
    words = " ".join(map(_spaced, path[-_PARTS:]))
    return words[:1].upper() + words[1:]


def _spaced(name: str) -> str:
    """Return ``DaysAfterInitiation`` as ``days after initiation``; acronyms stay."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).split()
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
