"""Findings that somebody has decided to live with: comments in the file, and a baseline."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule

MARK = "xcomkit"
MOST_LINES = 100  # of one entry; nobody reads further to see what a comment is about
_IGNORE = re.compile(r"#\s*xcomkit:\s*ignore\b[ \t]*((?:XC\d{3}[ \t]*,?[ \t]*)*)(.*)")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\\\]|\\\\.)*+\"")
_ID = re.compile(r"XC\d{3}")

XC054 = Rule(
    id="XC054",
    title="Every ignore names a rule that objects there, and says why",
    severity="warn",
    why="an ignore without a reason, or one that nothing needs any more, hides the next mistake.",
    remedy="write # xcomkit: ignore XC012 and the reason on the line, or remove the comment.",
    source="own rule",
)
RULES: tuple[Rule, ...] = (XC054,)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A finding that does not count, with the reason somebody gave."""

    finding: Finding
    reason: str
    by_baseline: bool = False


@dataclass(frozen=True, slots=True)
class _Comment:
    file: str
    line: int
    covers: frozenset[int]
    ids: tuple[str, ...]
    reason: str


def sort_out(
    findings: Iterable[Finding], *, texts: Iterable[tuple[str, str]]
) -> tuple[tuple[Finding, ...], tuple[Ignored, ...]]:
    """Return what counts and what a comment on its line, or on the line above, ignores.

    ``texts`` are the files by name. A comment that ignores nothing, names no rule or gives no
    reason is a finding itself.
    """
    comments = [comment for name, text in texts for comment in _comments(name, text)]
    by_line: dict[tuple[str, int], list[_Comment]] = {}
    for one in comments:
        for line in one.covers:
            by_line.setdefault((one.file, line), []).append(one)
    counted: list[Finding] = []
    ignored: list[Ignored] = []
    used: dict[_Comment, set[str]] = {}
    for finding in findings:
        near = by_line.get((finding.file, finding.line), [])
        comment = next((c for c in near if finding.rule.id in c.ids and c.reason), None)
        if comment is None:
            counted.append(finding)
        else:
            used.setdefault(comment, set()).add(finding.rule.id)
            ignored.append(Ignored(finding, comment.reason))
    for one in comments:
        counted += _complaints(one, used=used.get(one, set()))
    return tuple(counted), tuple(ignored)


def _comments(name: str, text: str) -> Iterator[_Comment]:
    if MARK not in text:
        return
    lines = re.split(r"\r\n|\n|\r", text)
    for number, line in enumerate(lines, start=1):
        # what stands in quotes is no comment
        match = _IGNORE.search(_QUOTED.sub("", line)) if MARK in line else None
        if match is None:
            continue
        covers = {number}
        if line.lstrip().startswith("#"):  # alone on its line: it speaks of the next one
            below = number + 1
            while below <= len(lines) and lines[below - 1].lstrip().startswith("#"):
                below += 1
            covers.add(below)
        else:
            covers |= _entry_around(lines, number)
        ids = tuple(_ID.findall(match[1]))
        yield _Comment(name, number, frozenset(covers), ids, match[2].strip(" \t:-"))


def _entry_around(lines: Sequence[str], number: int) -> set[int]:
    """Return the lines of name and value, where the line is one of a list entry's."""
    start = number
    indent = _indent(lines[number - 1])
    if not lines[number - 1].lstrip().startswith("- "):
        while number - start < MOST_LINES and start > 1 and (
            not lines[start - 1].strip() or _indent(lines[start - 1]) >= indent
        ):  # fmt: skip
            start -= 1
        if not lines[start - 1].lstrip().startswith("- "):
            return set()
    found = {start}
    outer = _indent(lines[start - 1])
    for below in range(start + 1, min(start + MOST_LINES, len(lines)) + 1):
        text = lines[below - 1].lstrip()
        if text and (_indent(lines[below - 1]) <= outer or text.startswith("- ")):
            break  # the next entry, or one of a list inside this one
        if text.startswith(("value:", "valueFrom:", "name:")):
            found.add(below)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _complaints(comment: _Comment, *, used: set[str]) -> Iterator[Finding]:
    unused = [rule_id for rule_id in comment.ids if rule_id not in used]
    if not comment.ids:
        observed = "the comment names no rule"
    elif not comment.reason:
        observed = f"{', '.join(comment.ids)} is ignored without a reason, so it is not"
    elif unused:
        observed = f"{', '.join(unused)} has nothing to say here"
    else:
        return
    yield Finding(XC054, comment.file, comment.line, observed, "a rule id and a reason")


def read_baseline(text: str, *, name: str) -> Counter[tuple[str, str, str]]:
    """Return the findings of an earlier JSON report, without their lines.

    Raises:
        InputError: it is no report of schema 1.
    """
    try:
        document = json.loads(text)
        found = document["findings"] if document.get("schema") == 1 else None
        keys = [(f["id"], f["where"], f["observed"]) for f in found or ()]
    except json.JSONDecodeError as error:
        problem = f"{name}:{error.lineno}:{error.colno}: no JSON."
        raise InputError(problem, hint="write it with --format json.") from None
    except (TypeError, KeyError, AttributeError, RecursionError):
        found, keys = None, []
    if not isinstance(found, list) or not all(isinstance(p, str) for key in keys for p in key):
        raise InputError(f"{name}:1:1: no lint report.", hint="write it with --format json.")
    return Counter((rule, _without_line(where), _plain(seen)) for rule, where, seen in keys)


def take_out(
    findings: Sequence[Finding], *, baseline: Counter[tuple[str, str, str]], name: str
) -> tuple[tuple[Finding, ...], tuple[Ignored, ...]]:
    """Return what is new since the baseline, and what is not; each entry counts once."""
    left = Counter(baseline)
    counted: list[Finding] = []
    ignored: list[Ignored] = []
    for finding in findings:
        key = (finding.rule.id, finding.file, _plain(finding.observed))
        if left[key] > 0:
            left[key] -= 1
            ignored.append(Ignored(finding, f"in {name}", by_baseline=True))
        else:
            counted.append(finding)
    return tuple(counted), tuple(ignored)


def _without_line(where: str) -> str:
    return re.sub(r"(?::\d+)+$", "", where)


def _plain(observed: str) -> str:
    """Return what was observed with the number of lines it names: the lines themselves move."""
    return re.sub(
        r"\blines? (\d[\d, ]*)(?: and (\d+) more)?",
        lambda match: f"{len(match[1].split(',')) + int(match[2] or 0)} lines",
        observed,
    )
