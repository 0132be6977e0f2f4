"""A lint report as SARIF 2.1.0, which code hosts show beside the lines of a pull request.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from xcomkit.findings.model import Finding, Rule, Severity
from xcomkit.findings.reports.fingerprints import fingerprints
from xcomkit.findings.reports.report import Report

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: dict[Severity, str] = {"fail": "error", "warn": "warning", "info": "note"}


def to_sarif(report: Report) -> str:
    """Return the report as one SARIF run; what is ignored is there as suppressed."""
    index = {rule.id: place for place, rule in enumerate(report.rules)}
    known = fingerprints((*report.findings, *(i.finding for i in report.ignored)))
    results = [_result(one, index=index, fingerprint=known[one]) for one in report.findings]
    results += [
        {
            **_result(i.finding, index=index, fingerprint=known[i.finding]),
            "suppressions": [
                {"kind": "external" if i.by_baseline else "inSource", "justification": i.reason}
            ],
        }
        for i in report.ignored
    ]
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "xcomkit",
                        "semanticVersion": _version(),
                        "rules": [_rule(rule) for rule in report.rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("xcomkit")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0.0.0"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"If not: {rule.why}"},
        "help": {"text": f"{rule.remedy} Source: {rule.source}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _uri(finding: Finding) -> str:
    path = PurePath(finding.file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _result(finding: Finding, *, index: dict[str, int], fingerprint: str) -> dict[str, Any]:
    rule = finding.rule
    said = f"{finding.observed}. Expected: {finding.expected}. {finding.remedy}"
    return {
        "ruleId": rule.id,
        **({"ruleIndex": index[rule.id]} if rule.id in index else {}),
        "level": _LEVELS[finding.severity],
        "message": {"text": said},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding)},
                    "region": {"startLine": finding.line},
                }
            }
        ],
        "partialFingerprints": {"xcomkit/v2": fingerprint},
    }
