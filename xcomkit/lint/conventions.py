"""An organisation's own conventions: patterns for the settings that agents end up with.

A pattern is a text with ``*`` and ``?``, never a regular expression: whatever it is held against,
it takes no time.
"""

from collections.abc import Mapping
from pathlib import Path

from xcomkit.cloud_documents import items
from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import read_text
from xcomkit.values.values import read_values

Patterns = tuple[str, ...]
Conventions = Mapping[str, Mapping[str, Patterns]]
"""By setting, then by Deployment: the first pattern of a Deployment that fits counts."""

KEYS = ("bucket", "prefix", "forbidden_connection_ids", "compression")
_LONGEST = 256  # of a pattern; keys of S3 take 1024
_MOST = 500


def find_conventions(name: str, *, beside: str) -> str:
    """Return the file that was named, or the one beside a baseline, or ``""``."""
    usual = Path(beside).with_name("xcomkit.yaml") if beside else Path("xcomkit.yaml")
    return name or (str(usual) if usual.is_file() else "")


def read_conventions(name: str) -> Conventions:
    """Return the conventions of a file.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    values = read_values(read_text(Path(name), name=name), name=name)
    found: dict[str, Mapping[str, Patterns]] = {}
    for key, written in values.data.items():
        by_deployment = written if isinstance(written, dict) else {"*": written}
        found[key] = {known: tuple(items(one)) for known, one in by_deployment.items()}
        problem = ""
        if key not in KEYS:
            problem = f"{key[:40]!r} is none of {', '.join(KEYS)}"
        elif not all(one and all(map(_is_pattern, one)) for one in found[key].values()):
            problem = f"{key}: must be a text with * and ?, or a list of such texts"
        elif len(found[key]) > _MOST:
            problem = f"{key}: more than {_MOST} Deployments"
        if problem:
            hint = "see docs/lint.md, Conventions of your own."
            raise InputError(f"{name}:{values.line(key)}:1: {problem}.", hint=hint)
    return found


def _is_pattern(found: object) -> bool:
    return isinstance(found, str) and 0 < len(found) <= _LONGEST and "${" not in found
