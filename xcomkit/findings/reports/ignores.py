"""Findings that somebody has decided to live with: comments in the file, and a baseline."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.reports.fingerprints import fingerprints
from xcomkit.findings.text_file import read_document

MARK = "xcomkit"
MOST_CHARACTERS = 5000  # of one line
MOST_LINES = 100  # of one entry; nobody reads further to see what a comment is about
_IGNORE = re.compile(r"#\s*xcomkit:\s*ignore\b[ \t]*((?:XC\d{3}[ \t]*,?[ \t]*)*)(.*)")
# quotes open a text at the begin of a word only: the one of "don't" does not
_TOKENS = re.compile(
    r"""(?<!\w)[rbfut]{0,2}(?:'[^']*'|"(?:[^"\\]|\\.)*+")|(?<!\S)\#.*|\#\s*xcomkit:.*""",
    re.IGNORECASE,
)
_ID = re.compile(r"XC\d{3}")

XC054 = Rule(
    id="XC054",
    title="Every ignore comment names a finding of its line and a reason",
    severity="warn",
    why="An ignore without a reason, or one that nothing needs any more, hides the next mistake.",
    remedy="Write # xcomkit: ignore XC012 and the reason on the line, or remove the comment.",
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
    findings: Iterable[Finding], *, texts: Mapping[str, str], baseline: str = ""
) -> tuple[tuple[Finding, ...], tuple[Ignored, ...]]:
    """Return what counts, and what a comment or the baseline ignores.

    ``texts`` are the files by name, ``baseline`` is an earlier JSON report. A comment that ignores
    nothing, names no rule or gives no reason is a finding itself.

    Raises:
        InputError: the baseline cannot be read, or is no report.
    """
    counted, ignored = _by_comment(findings, texts)
    if baseline:
        counted, old = _by_baseline(counted, ignored, name=baseline)
        ignored += old
    return tuple(counted), tuple(ignored)


def _by_comment(
    findings: Iterable[Finding], texts: Mapping[str, str]
) -> tuple[list[Finding], list[Ignored]]:
    comments = [comment for name, text in texts.items() for comment in _comments(name, text)]
    by_line: defaultdict[tuple[str, int], list[_Comment]] = defaultdict(list)
    for one in comments:
        for line in one.covers:
            by_line[one.file, line].append(one)
    counted: list[Finding] = []
    ignored: list[Ignored] = []
    used: set[tuple[_Comment, str]] = set()
    for finding in findings:
        near = by_line[finding.file, finding.line]
        comment = next((c for c in near if finding.rule.id in c.ids and c.reason), None)
        if comment is None:
            counted.append(finding)
        else:
            used.add((comment, finding.rule.id))
            ignored.append(Ignored(finding, comment.reason))
    counted += [
        Finding(XC054, one.file, one.line, problem, "a rule id and a reason")
        for one in comments
        if (problem := _problem(one, unused=[i for i in one.ids if (one, i) not in used]))
    ]
    return counted, ignored


def _comments(name: str, text: str) -> Iterator[_Comment]:
    if MARK not in text:
        return
    lines = re.split(r"\r\n|\n|\r", text)
    for number, line in enumerate(lines, start=1):
        match = _IGNORE.search(_comment_of(line)) if MARK in line else None
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


def _comment_of(line: str) -> str:
    """Return the comment of a line, which is none within quotes."""
    tokens = (match[0] for match in _TOKENS.finditer(line[:MOST_CHARACTERS]))
    return next((one for one in tokens if one.startswith("#")), "")


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


def _problem(comment: _Comment, *, unused: Sequence[str]) -> str:
    if not comment.ids:
        return "the comment names no rule"
    if not comment.reason:
        return f"{', '.join(comment.ids)} is ignored without a reason, so it is not"
    return f"{', '.join(unused)} has nothing to say here" if unused else ""


def read_baseline(name: str) -> frozenset[str]:
    """Return the fingerprints of the findings of an earlier JSON report.

    Raises:
        InputError: it cannot be read, or is no report with fingerprints.
    """
    hint = f"write it anew with --format json > {name}"
    document = read_document(Path(name), name=name, hint=hint)
    try:
        found = [finding["fingerprint"] for finding in document["findings"]]
    except (KeyError, TypeError):
        found = [None]
    if not all(isinstance(one, str) for one in found):
        problem = f"{name} is no report of this version: its findings have no fingerprints."
        raise InputError(problem, hint=hint)
    return frozenset(found)


def _by_baseline(
    findings: Iterable[Finding], ignored: Iterable[Ignored], *, name: str
) -> tuple[list[Finding], list[Ignored]]:
    """Return what is new since the baseline, and what is not."""
    known = read_baseline(name)
    findings = tuple(findings)
    of = fingerprints((*findings, *(one.finding for one in ignored)))
    new = [one for one in findings if of[one] not in known]
    old = [one for one in findings if of[one] in known]
    return new, [Ignored(one, f"in {name}", by_baseline=True) for one in old]
