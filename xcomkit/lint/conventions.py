"""An organisation's own conventions: patterns for the settings that agents end up with.

A pattern is a text with ``*`` and ``?``, never a regular expression: whatever it is held against,
it takes no time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xcomkit.cloud_documents import items
from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import read_text
from xcomkit.values.values import read_values

FILE_NAME = "xcomkit.yaml"
_LONGEST = 256  # of a pattern; keys of S3 take 1024
_MOST = 500
_EXAMPLE = "see docs/lint.md, Conventions of your own."

Patterns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conventions:
    """What settings must look like, ``file`` says where that is written; empty asks for nothing.

    ``prefix`` is by Deployment, of which the first pattern that fits counts.
    """

    file: str = ""
    bucket: Patterns = ()
    prefix: Mapping[str, Patterns] = field(default_factory=dict)
    forbidden_connection_ids: Patterns = ()
    compression: Patterns = ()


NO_CONVENTIONS = Conventions()


def read_conventions(name: str, *, beside: str) -> Conventions:
    """Return the conventions of a file, or of the one beside a baseline where none is named.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    path = Path(name) if name else Path(beside).with_name(FILE_NAME) if beside else Path(FILE_NAME)
    if not name and not path.is_file():
        return NO_CONVENTIONS
    label = str(path)
    values = read_values(read_text(path, name=label), name=label)
    known = ("bucket", "prefix", "forbidden_connection_ids", "compression")
    for key, found in values.data.items():
        problem = "" if key in known else f"{key[:40]!r} is none of {', '.join(known)}"
        by_deployment = found if key == "prefix" and isinstance(found, dict) else {"*": found}
        lists = [items(one) for one in (by_deployment, *by_deployment.values())]
        if any(not _is_pattern(one) for group in lists[1:] for one in group) or not all(lists):
            problem = problem or f"{key}: must be a text with * and ?, or a list of such texts"
        if problem or len(lists) > _MOST:
            place = f"{label}:{values.line(key)}:1"
            raise InputError(f"{place}: {problem or 'too many Deployments'}.", hint=_EXAMPLE)
    prefix = values.data.get("prefix")
    return Conventions(
        file=label,
        bucket=_read(values.data.get("bucket")),
        prefix={
            name: _read(found)
            for name, found in (prefix if isinstance(prefix, dict) else {"*": prefix}).items()
            if found is not None
        },
        forbidden_connection_ids=_read(values.data.get("forbidden_connection_ids")),
        compression=_read(values.data.get("compression")),
    )


def _is_pattern(found: Any) -> bool:
    return isinstance(found, str) and 0 < len(found) <= _LONGEST and "${" not in found


def _read(found: Any) -> Patterns:
    return tuple(items(found))
