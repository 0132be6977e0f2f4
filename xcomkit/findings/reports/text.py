"""A lint report for people: aligned, folded to the width, coloured only on a terminal."""

import textwrap
from collections import Counter

from xcomkit.findings.model import Finding, Severity
from xcomkit.findings.reports.report import SEVERITIES, Deployment, Report
from xcomkit.findings.text import number_of, plain

MOST_LISTED = 20  # per rule; a file with more has one cause
_MARKS: dict[Severity, str] = {"fail": "✖ fail", "warn": "! warn", "info": "i info"}
_COLOURS: dict[Severity, str] = {"fail": "31", "warn": "33", "info": "36"}
_INDENT = " " * 14


def to_text(report: Report, *, width: int, colour: bool) -> str:
    """Return the report in lines of at most ``width`` characters, fixes and names excepted."""
    parts = [_input_lines(report)]
    listed: Counter[str] = Counter()
    for finding in report.findings:
        listed[finding.rule.id] += 1
        if listed[finding.rule.id] <= MOST_LISTED:
            parts.append(to_lines(finding, width=width, colour=colour))
    parts += [
        f"\nand {number - MOST_LISTED} more of {rule}; --format json has them all"
        for rule, number in sorted(listed.items())
        if number > MOST_LISTED
    ]
    ignored = [
        plain(f"ignored {i.finding.rule.id} {i.finding.where}: {i.reason[:200]}")
        for i in report.ignored
    ]
    parts += ["", *ignored] if ignored else []
    if len(report.deployments) > 1:
        parts += ["", *(_deployment(one) for one in report.deployments)]
    return "\n".join([*parts, _summary(report)]) + "\n"


def _input_lines(report: Report) -> str:
    return "\n".join(plain(f"{i.file}: {i.kind}") for i in report.inputs)


def to_lines(finding: Finding, *, width: int, colour: bool) -> str:
    """Return one finding as lines for a terminal, after an empty one."""
    rule = finding.rule
    mark = "? warn" if finding.is_unknown else _MARKS[finding.severity]
    if colour:
        mark = f"\033[{_COLOURS[finding.severity]}m{mark}\033[0m"
    lines = [f"{mark}  {rule.id} {plain(finding.where)}", _folded("rule", rule.title, width)]
    lines.append(_folded("observed", finding.observed, width))
    lines.append(_folded("expected", finding.expected, width))
    lines.append(_folded("why", rule.why, width))
    lines.append(_folded("do", finding.remedy, width))
    if finding.fix:
        lines.append(_INDENT + "paste:")
        lines += [f"{_INDENT}  {line}" for line in map(plain, finding.fix.rstrip("\n").split("\n"))]
    return "\n".join(["", *lines])


def _folded(label: str, text: str, width: int) -> str:
    head = f"    {label:<10}"
    return textwrap.fill(
        plain(text),
        max(width, 60),
        initial_indent=head,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _deployment(one: Deployment) -> str:
    counts = ", ".join(f"{one.count(severity)} {severity}" for severity in SEVERITIES)
    return plain(f"{'✖' if one.count('fail') else '✔'} {one.name}: {counts}")


def _summary(report: Report) -> str:
    counts = ", ".join(f"{report.count(severity)} {severity}" for severity in SEVERITIES)
    unknown = sum(finding.is_unknown for finding in report.findings)
    counts += f" ({unknown} of them cannot be seen in the files)" if unknown else ""
    ignored = f", {len(report.ignored)} ignored" if report.ignored else ""
    asked = f"{len(report.rules)} rules"
    if report.files_read:
        asked += f" in {number_of(report.files_read, 'file')}"
    verdict = "✖ something failed" if report.exit_code else "✔ nothing failed"
    return f"\n{verdict}: {counts}{ignored} of {asked}"
