"""The published schema of record.json fits what is written, and nothing else."""

import json
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from record_samples import body, check, make_run

import xcomkit.record
from xcomkit.findings import model
from xcomkit.record.record import Outcome, read_record
from xcomkit.record.write import write_record

SCHEMA = json.loads(Path(xcomkit.record.__file__).with_name("record.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def test_written_record_fits_the_schema_and_is_read_back_with_junit_below_the_manifest(tmp_path):
    found = (check("XC501", "fail", accepted="known"), check("XC502", "skip"), check("XC503"))
    run = make_run(tmp_path / "20260101T000000Z-test", *found)
    write_record(run)
    written = json.loads((run.directory / "record.json").read_text())
    (step,) = written["steps"]

    Draft202012Validator.check_schema(SCHEMA)
    assert list(VALIDATOR.iter_errors(written)) == []
    assert set(written) == set(SCHEMA["properties"])
    assert set(step) == set(SCHEMA["$defs"]["step"]["properties"])
    assert set(step["checks"][0]) == set(SCHEMA["$defs"]["check"]["properties"])

    record = read_record(run.directory)
    assert record.checks == run.checks
    assert record.settings["bucket"] == "some-bucket"

    assert 'name="XC501 XC501 holds (accepted)"' in (run.directory / "record.junit.xml").read_text()
    assert "record.junit.xml" in (run.directory / "manifest.sha256").read_text()


def test_vocabularies_of_the_schema_are_those_of_the_model():
    properties = SCHEMA["$defs"]["check"]["properties"]

    assert tuple(SCHEMA["$defs"]["status"]["enum"]) == get_args(model.Status)
    assert tuple(properties["severity"]["enum"]) == get_args(model.Severity)
    assert tuple(properties["basis"]["enum"]) == get_args(model.Basis)
    assert tuple(SCHEMA["$defs"]["step"]["properties"]["outcome"]["enum"]) == get_args(Outcome)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": 2}, {"verdict": "splendid"}, {"good": "yes"}, {"steps": {}}, {"settings": []},
        {"versions": {"python": 3}}, {"steps": [{"name": "x"}]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_record_does_not_fit(wrong):
    assert list(VALIDATOR.iter_errors(body())) == []
    assert list(VALIDATOR.iter_errors(body(**wrong)))
