"""JUnit XML, for CI that shows tests only; of a lint report a test case per rule."""

import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.reports.report import Report

# what XML 1.0 cannot hold at all
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> str:
    """Return one test suite; a rule with failing findings is a failed case."""
    return document([suite([_case(rule, report) for rule in report.rules], name="xcomkit lint")])


def document(suites: Iterable[Element]) -> str:
    """Return suites as a whole file."""
    root = Element("testsuites")
    root.extend(suites)
    for element in root.iter():
        element.text = _UNSPEAKABLE.sub("\ufffd", element.text or "")
        for name, value in element.items():
            element.set(name, _UNSPEAKABLE.sub("\ufffd", value))
    indent(root, space="")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def suite(cases: Sequence[Element], **attributes: str) -> Element:
    """Return cases as a suite, counted."""
    failed, skipped = (
        sum(case.find(result) is not None for case in cases) for result in ("failure", "skipped")
    )
    made = Element("testsuite", attributes, tests=str(len(cases)), failures=str(failed), errors="0")
    if skipped:
        made.set("skipped", str(skipped))
    made.extend(cases)
    return made


def _case(rule: Rule, report: Report) -> Element:
    files = ", ".join(dict.fromkeys(i.file for i in report.inputs))[:200]
    case = Element("testcase", classname=files, name=f"{rule.id} {rule.title}")
    found = [finding for finding in report.findings if finding.rule.id == rule.id]
    if failing := [_line(finding) for finding in found if finding.severity == "fail"]:
        failure = SubElement(case, "failure", message=failing[0], type=rule.severity)
        failure.text = "\n".join(failing)
    if others := [f"{f.severity}: {_line(f)}" for f in found if f.severity != "fail"]:
        SubElement(case, "system-out").text = "\n".join(others)
    return case


def _line(finding: Finding) -> str:
    return f"{finding.where}: {finding.observed}; expected {finding.expected}; {finding.remedy}"
