"""Findings that somebody has decided to live with: comments in the file, and a baseline."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text_file import read_document

MARK = "xcomkit"
MOST_LINES = 100  # of one entry; nobody reads further to see what a comment is about
_IGNORE = re.compile(r"#\s*xcomkit:\s*ignore\b[ \t]*((?:XC\d{3}[ \t]*,?[ \t]*)*)(.*)")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\\\]|\\\\.)*+\"")
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
        counted, old = _by_baseline(counted, read_baseline(baseline), name=baseline)
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


def _problem(comment: _Comment, *, unused: Sequence[str]) -> str:
    if not comment.ids:
        return "the comment names no rule"
    if not comment.reason:
        return f"{', '.join(comment.ids)} is ignored without a reason, so it is not"
    return f"{', '.join(unused)} has nothing to say here" if unused else ""


def read_baseline(name: str) -> Counter[tuple[str, str, str]]:
    """Return the findings of an earlier JSON report, without their lines.

    Raises:
        InputError: it cannot be read, or is no report of schema 1.
    """
    hint = "write it with --format json."
    document = read_document(Path(name), name=name, hint=hint)
    try:
        return Counter(
            (f["id"], re.sub(r"(?::\d+)+$", "", f["where"]), _without_numbers(f["observed"]))
            for f in document["findings"]
        )
    except (KeyError, TypeError):
        raise InputError(f"{name} is no lint report.", hint=hint) from None


def _by_baseline(
    findings: Iterable[Finding], known: Counter[tuple[str, str, str]], *, name: str
) -> tuple[list[Finding], list[Ignored]]:
    """Return what is new since the baseline, and what is not; each entry counts once."""
    counted: list[Finding] = []
    ignored: list[Ignored] = []
    for finding in findings:
        key = (finding.rule.id, finding.file, _without_numbers(finding.observed))
        if known[key] > 0:
            known[key] -= 1
            ignored.append(Ignored(finding, f"in {name}", by_baseline=True))
        else:
            counted.append(finding)
    return counted, ignored


def _without_numbers(observed: str) -> str:
    """Return what was observed with the number of lines it names: the lines themselves move."""
    return re.sub(
        r"\blines? (\d[\d, ]*)(?: and (\d+) more)?",
        lambda match: f"{len(match[1].split(',')) + int(match[2] or 0)} lines",
        observed,
    )
