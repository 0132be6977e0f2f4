"""A report as text, JSON, SARIF and JUnit."""

import json
import xml.etree.ElementTree as ET

import attr
import pytest
import sarif_om
from sarif_pydantic import Sarif

from xcomkit.findings.reports.junit import to_junit
from xcomkit.findings.reports.machine import to_json
from xcomkit.findings.reports.report import Report
from xcomkit.findings.reports.sarif import to_sarif
from xcomkit.findings.reports.text import to_text
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration

HUSH = "hush" + "hush"
TEXT = f"""xcomBackend: <backend>
agentToken: {HUSH}
commonEnv:
  - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH
    value: "s3://aws_default@$B/x"  # xcomkit: ignore XC023 shown as an example
  - name: GIT_PASSWORD
    value: {HUSH}
  - name: "<script>alert(1)</script>\\e[31m]]>"
    value: 1
"""


def judged(**more: str) -> Report:
    return judge([read_configuration(["my values.yaml"])], cloud=CloudFiles(), **more)


@pytest.fixture
def report(tmp_path, monkeypatch) -> Report:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my values.yaml").write_text(TEXT)
    return judged()


def test_no_format_holds_a_secret_or_a_control_character(report):
    texts = (to_text(report, width=80, colour=False), *(f(report) for f in (to_json, to_sarif)))
    for text in (*texts, to_junit(report)):
        assert HUSH not in text
        assert "\x1b" not in text


def test_json_has_the_keys_of_schema_1_and_says_what_components_see(report):
    document = json.loads(to_json(report))

    assert document["schema"] == 1
    finding = next(f for f in document["findings"] if f["id"] == "XC008")
    assert finding["where"] == "my values.yaml:1"
    assert finding["severity"] == "fail"
    keys = ("title", "observed", "expected", "remedy", "doc")
    assert all(isinstance(finding[key], str) and finding[key] for key in keys)
    assert document["environment"]["triggerer"]["GIT_PASSWORD"] == "***"
    assert document["origins"]["triggerer"]["GIT_PASSWORD"] == "my values.yaml:6 commonEnv"
    assert document["ignored"][0]["reason"] == "shown as an example"


# which of the standard's objects stands under which property; fingerprints are free
OBJECTS = {
    "runs": sarif_om.Run,
    "tool": sarif_om.Tool,
    "driver": sarif_om.ToolComponent,
    "rules": sarif_om.ReportingDescriptor,
    "defaultConfiguration": sarif_om.ReportingConfiguration,
    "shortDescription": sarif_om.MultiformatMessageString,
    "fullDescription": sarif_om.MultiformatMessageString,
    "help": sarif_om.MultiformatMessageString,
    "results": sarif_om.Result,
    "message": sarif_om.Message,
    "locations": sarif_om.Location,
    "physicalLocation": sarif_om.PhysicalLocation,
    "artifactLocation": sarif_om.ArtifactLocation,
    "region": sarif_om.Region,
    "suppressions": sarif_om.Suppression,
}


def unknown_names(found: object, kind: type) -> list[str]:
    """Return the properties that the standard does not give to an object of this kind."""
    if isinstance(found, list):
        return [name for item in found for name in unknown_names(item, kind)]
    if not isinstance(found, dict):
        return []
    known = {field.metadata["schema_property_name"] for field in attr.fields(kind)}
    below = [
        name
        for key, value in found.items()
        if key in OBJECTS
        for name in unknown_names(value, OBJECTS[key])
    ]
    return sorted(set(found) - known) + below


def test_sarif_has_the_names_and_types_of_the_standard_and_no_others(report):
    document = json.loads(to_sarif(report))

    assert unknown_names(document, sarif_om.SarifLog) == []
    Sarif.model_validate(document)


def test_sarif_names_rule_level_place_and_what_is_suppressed(report):
    (run,) = json.loads(to_sarif(report))["runs"]
    by_rule = {result["ruleId"]: result for result in reversed(run["results"])}

    place = by_rule["XC008"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20values.yaml"
    assert place["region"]["startLine"] == 1
    assert by_rule["XC008"]["level"] == "error"
    assert by_rule["XC023"]["suppressions"][0]["justification"] == "shown as an example"
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_fingerprint_stays_when_the_line_moves(report, tmp_path):
    def prints(of: Report) -> set[str]:
        results = json.loads(to_sarif(of))["runs"][0]["results"]
        return {r["partialFingerprints"]["xcomkit/v2"] for r in results if r["ruleId"] == "XC008"}

    before = prints(report)
    (tmp_path / "my values.yaml").write_text(f"# moved\n{TEXT}")

    assert prints(judged()) == before


def test_junit_has_a_case_per_rule_and_fails_where_the_report_does(report):
    suite = ET.fromstring(to_junit(report)).find("testsuite")
    cases = suite.findall("testcase")

    assert int(suite.get("tests")) == len(report.rules) == len(cases)
    failed = [case.get("name")[:5] for case in cases if case.find("failure") is not None]
    assert failed == sorted({f.rule.id for f in report.findings if f.severity == "fail"})
    assert int(suite.get("failures")) == len(failed)


def test_text_fits_the_width_and_is_coloured_only_when_asked(report):
    plain = to_text(report, width=80, colour=False)
    coloured = to_text(report, width=80, colour=True)

    # what is to be pasted stays whole, and so does a long name
    long = [line for line in plain.splitlines() if len(line) > 80 and line[:15].strip()]
    assert [line for line in long if max(map(len, line.split())) < 40] == []
    assert coloured.count("\x1b[31m✖ fail\x1b[0m") == report.count("fail")
    assert "ignored XC023 my values.yaml:4: shown as an example" in plain


def test_report_without_findings_says_so():
    empty = Report(findings=(), ignored=(), inputs=(), rules=())

    assert "✔ nothing failed: 0 fail, 0 warn, 0 info" in to_text(empty, width=80, colour=False)


def test_sarif_tells_a_baseline_from_a_comment(report, tmp_path):
    (tmp_path / "baseline.json").write_text(to_json(report))

    results = json.loads(to_sarif(judged(baseline="baseline.json")))["runs"][0]["results"]
    kinds = {s["kind"] for result in results for s in result.get("suppressions", ())}
    assert kinds == {"inSource", "external"}


def test_absolute_path_is_a_file_uri(tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text("a: <todo>\n")

    text = to_sarif(judge([read_configuration([str(path)])], cloud=CloudFiles()))
    assert f"file://{tmp_path}/values.yaml" in text
