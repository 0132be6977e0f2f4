"""JUnit XML, for CI that shows tests only; of a lint report a test case per rule."""

import re
from collections.abc import Iterable, Mapping
from html import escape  # XML knows the same five; xml.sax would load all of urllib

from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.reports.report import Report

# what XML 1.0 cannot hold at all
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> str:
    """Return one test suite; a rule with failing findings is a failed case."""
    cases = [_case(rule, report) for rule in report.rules]
    return document([suite(cases, {"name": "xcomkit lint"})])


def document(suites: Iterable[str]) -> str:
    """Return suites as a whole file."""
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return "\n".join([head, "<testsuites>", *suites, "</testsuites>"]) + "\n"


def suite(cases: Iterable[str], attributes: Mapping[str, str]) -> str:
    """Return cases as a suite, counted."""
    cases = list(cases)
    failed = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    counted = {"tests": str(len(cases)), "failures": str(failed), "errors": "0"}
    counted |= {"skipped": str(skipped)} if skipped else {}
    head = f"<testsuite{_attributes({**attributes, **counted})}>"
    return "\n".join([head, *cases, "</testsuite>"])


def case(inner: Iterable[str], attributes: Mapping[str, str]) -> str:
    """Return a test case."""
    return f"<testcase{_attributes(attributes)}>{''.join(inner)}</testcase>"


def element(tag: str, text: str, attributes: Mapping[str, str] | None = None) -> str:
    """Return an element that holds a text."""
    return f"<{tag}{_attributes(attributes or {})}>{escape(_clean(text))}</{tag}>"


def _case(rule: Rule, report: Report) -> str:
    found = [finding for finding in report.findings if finding.rule.id == rule.id]
    failing = [finding for finding in found if finding.severity == "fail"]
    others = [finding for finding in found if finding.severity != "fail"]
    inner = []
    if failing:
        text = "\n".join(_line(finding) for finding in failing)
        named = {"message": _line(failing[0]), "type": rule.severity}
        inner.append(element("failure", text, named))
    if others:
        text = "\n".join(f"{f.severity}: {_line(f)}" for f in others)
        inner.append(element("system-out", text))
    files = ", ".join(dict.fromkeys(i.file for i in report.inputs))[:200]
    return case(inner, {"classname": files, "name": f"{rule.id} {rule.title}"})


def _line(finding: Finding) -> str:
    return f"{finding.where}: {finding.observed}; expected {finding.expected}; {finding.remedy}"


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f' {name}="{escape(_clean(value))}"' for name, value in values.items())


def _clean(text: str) -> str:
    return _UNSPEAKABLE.sub("\ufffd", text)
