"""What a finding is known by when the file around it was edited."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath

from xcomkit.findings.model import Finding

_LINES = re.compile(r"\blines? (\d[\d, ]*)(?: and (\d+) more)?")
_PLACE = re.compile(r"(?<=\w):\d+\b")


def fingerprints(findings: Iterable[Finding]) -> dict[Finding, str]:
    """Return a name for each finding, made of rule, file and subject.

    What has no subject is known by what was observed, without the lines it names. Several of one
    name are counted in the order of the file, and so are the lines that one finding is about.
    """
    import hashlib  # what writes no fingerprints does without it

    counts: Counter[tuple[str, ...]] = Counter()
    found: dict[Finding, str] = {}
    for one in sorted(set(findings), key=lambda f: (f.file, f.line, f.rule.id, f.observed)):
        lines = (len(m[1].split(",")) + int(m[2] or 0) for m in _LINES.finditer(one.observed))
        subject = one.subject or _PLACE.sub("", _LINES.sub("", one.observed))
        key = (one.rule.id, PurePath(one.file).as_posix(), subject, *map(str, lines))
        counts[key] += 1
        text = "\0".join((*key, f"#{counts[key]}"))
        found[one] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return found
