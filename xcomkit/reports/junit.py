"""A lint report as JUnit XML: a test case per rule, for CI that shows tests only."""

import re
from html import escape  # XML knows the same five; xml.sax would load all of urllib

from xcomkit.model import Finding, Rule
from xcomkit.reports.report import Report

# what XML 1.0 cannot hold at all
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> str:
    """Return one test suite; a rule with failing findings is a failed case."""
    cases = [_case(rule, report) for rule in report.rules]
    failed = sum("<failure" in case for case in cases)
    head = f'<testsuite name="xcomkit lint" tests="{len(cases)}" failures="{failed}" errors="0">'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", head, *cases]
    return "\n".join([*lines, "</testsuite>", "</testsuites>"]) + "\n"


def _case(rule: Rule, report: Report) -> str:
    found = [finding for finding in report.findings if finding.rule.id == rule.id]
    failing = [finding for finding in found if finding.severity == "fail"]
    others = [finding for finding in found if finding.severity != "fail"]
    name = _attribute(f"{rule.id} {rule.title}")
    classname = _attribute(", ".join(dict.fromkeys(i.file for i in report.inputs))[:200])
    inner = ""
    if failing:
        text = escape(_clean("\n".join(_line(finding) for finding in failing)))
        message = _attribute(_line(failing[0]))
        inner += f"<failure message={message} type={_attribute(rule.severity)}>{text}</failure>"
    if others:
        text = _clean("\n".join(f"{f.severity}: {_line(f)}" for f in others))
        inner += f"<system-out>{escape(text)}</system-out>"
    return f"<testcase classname={classname} name={name}>{inner}</testcase>"


def _line(finding: Finding) -> str:
    return f"{finding.where}: {finding.observed}; expected {finding.expected}; {finding.remedy}"


def _attribute(text: str) -> str:
    return f'"{escape(_clean(text))}"'


def _clean(text: str) -> str:
    return _UNSPEAKABLE.sub("\ufffd", text)
