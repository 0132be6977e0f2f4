"""A lint report as JSON, schema 1."""

import json
from typing import Any

from xcomkit.findings.model import Finding
from xcomkit.findings.reports.fingerprints import fingerprints
from xcomkit.findings.reports.report import SEVERITIES, Report


def to_json(report: Report) -> str:
    """Return the report as JSON; secrets of the environment are masked."""
    known = fingerprints((*report.findings, *(i.finding for i in report.ignored)))
    environment = report.read_environment()
    document = {
        "schema": 1,
        "inputs": [{"file": i.file, "kind": i.kind} for i in report.inputs],
        "summary": {severity: report.count(severity) for severity in SEVERITIES},
        "deployments": [
            {"name": one.name} | {severity: one.count(severity) for severity in SEVERITIES}
            for one in report.deployments
        ],
        "findings": [_finding(one, known[one]) for one in report.findings],
        "ignored": [
            {**_finding(i.finding, known[i.finding]), "reason": i.reason} for i in report.ignored
        ],
        "environment": {
            component: {name: known.value for name, known in variables.items()}
            for component, variables in environment.items()
        },
        "origins": {
            component: {name: known.where for name, known in variables.items()}
            for component, variables in environment.items()
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding, fingerprint: str) -> dict[str, Any]:
    rule = finding.rule
    return {
        "id": rule.id,
        "severity": finding.severity,
        "is_unknown": finding.is_unknown,
        "title": rule.title,
        "where": finding.where,
        "observed": finding.observed,
        "expected": finding.expected,
        "why": rule.why,
        "remedy": finding.remedy,
        "fix": finding.fix,
        "doc": rule.source,
        "fingerprint": fingerprint,
    }
