from pathlib import Path
from xml.etree import ElementTree as ET

from records import check

from xcomkit.findings.model import Check
from xcomkit.record.junit import to_junit
from xcomkit.record.runner import Run, StepResult
from xcomkit.settings.settings import Settings

WRITTEN = "2026-01-01T00:00:00+00:00"


def read(*checks):
    found = tuple(Check(**c) for c in checks)
    run = Run(Path("r"), "n", Settings.from_mapping({"bucket": "some-bucket"}), "where")
    run.results.append(StepResult("04_round_trip", "done", "pass", 1.25, found))
    return ET.fromstring(to_junit(run, written=WRITTEN)).find("testsuite")


def test_every_check_is_a_case_of_its_step():
    suite = read(check("XC501"), check("XC502", "warn"), check("XC503"))

    assert suite.attrib == {
        "name": "xcomkit 04_round_trip: s3://some-bucket/xcom", "timestamp": WRITTEN,
        "time": "1.250", "tests": "3", "failures": "0", "errors": "0",
    }  # fmt: skip
    assert next(c.attrib for c in suite.iter("testcase")) == {
        "classname": "xcomkit.04_round_trip", "name": "XC501 XC501 holds",
    }  # fmt: skip


def test_red_and_unknown_checks_fail_and_a_skip_is_a_skip():
    suite = read(
        check("XC501", "fail", observed="broken", remedy="mend it"),
        check("XC502", "unknown"),
        check("XC503", "skip", observed="not looked at"),
    )

    assert (suite.get("failures"), suite.get("skipped")) == ("2", "1")
    assert [f.get("type") for f in suite.iter("failure")] == ["fail", "unknown"]
    (broken, _) = suite.iter("failure")
    assert broken.get("message") == "fail: broken"
    assert "what to do: mend it" in broken.text
    assert [s.get("message") for s in suite.iter("skipped")] == ["not looked at"]


def test_accepted_risk_does_not_fail_and_is_marked_with_its_reason():
    suite = read(check("XC501", "fail", accepted="known until May"))

    assert suite.get("failures") == "0"
    assert suite.find("testcase").get("name") == "XC501 XC501 holds (accepted)"
    assert "accepted: known until May" in suite.find("testcase/system-out").text


def test_hostile_texts_leave_well_formed_xml():
    hostile = "]]><failure/>\x00\x1b\ud800\"'&<script>"
    suite = read(check("XC501", "warn", title=hostile, observed=hostile))

    assert suite.get("failures") == "0"
    assert "<script>" in suite.find("testcase").get("name")
