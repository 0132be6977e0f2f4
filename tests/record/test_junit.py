from pathlib import Path
from xml.etree import ElementTree as ET

from record_samples import body, check, write

from xcomkit.record.junit import to_junit
from xcomkit.record.record import read_record


def read(directory: Path, *checks):
    record = read_record(write(directory, {"04_round_trip": list(checks)}))
    return ET.fromstring(to_junit(record)).find("testsuite")


def test_every_check_is_a_case_of_its_step(tmp_path):
    suite = read(tmp_path, check("XC501"), check("XC502", "warn"), check("XC503"))

    assert suite.attrib == {
        "name": "xcomkit 04_round_trip: s3://b/x", "timestamp": body()["written"],
        "time": "1.250", "tests": "3", "failures": "0", "errors": "0",
    }  # fmt: skip
    assert next(c.attrib for c in suite.iter("testcase")) == {
        "classname": "xcomkit.04_round_trip", "name": "XC501 XC501 holds",
    }  # fmt: skip


def test_red_and_unknown_checks_fail_a_skip_is_a_skip_and_an_accepted_risk_is_marked(tmp_path):
    suite = read(
        tmp_path,
        check("XC501", "fail", observed="broken", remedy="fix it"),
        check("XC502", "unknown"),
        check("XC503", "skip", observed="not looked at"),
        check("XC504", "fail", accepted="known until May"),
    )

    assert (suite.get("failures"), suite.get("skipped")) == ("2", "1")
    assert [f.get("type") for f in suite.iter("failure")] == ["fail", "unknown"]
    broken = suite.find("testcase/failure")
    assert broken.get("message") == "fail: broken"
    assert "what to do: fix it" in broken.text
    assert [s.get("message") for s in suite.iter("skipped")] == ["not looked at"]
    assert suite.findall("testcase")[-1].get("name") == "XC504 XC504 holds (accepted)"
    assert "accepted: known until May" in suite.find("testcase/system-out").text


def test_hostile_texts_leave_well_formed_xml(tmp_path):
    hostile = "]]><failure/>\x00\x1b\ud800\"'&<script>"
    suite = read(tmp_path, check("XC501", "warn", title=hostile, observed=hostile))

    assert suite.get("failures") == "0"
    assert "<script>" in suite.find("testcase").get("name")
