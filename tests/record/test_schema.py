"""The published schema of record.json fits what is written, and nothing else."""

import json
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from made_runs import make_run
from records import body, check

import xcomkit.record
from xcomkit.findings import model
from xcomkit.record.reading import read_record
from xcomkit.record.runner import Outcome
from xcomkit.record.write import write_record

SCHEMA = json.loads(Path(xcomkit.record.__file__).with_name("record.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


@pytest.fixture
def written(tmp_path):
    found = (check("XC501", "fail", accepted="known"), check("XC502", "skip"), check("XC503"))
    run = make_run(tmp_path / "20260101T000000Z-test", *found)
    write_record(run)
    return run.directory


def test_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_written_record_fits_the_schema_and_has_no_member_it_does_not_name(written):
    record = json.loads((written / "record.json").read_text())

    assert list(VALIDATOR.iter_errors(record)) == []
    assert set(record) == set(SCHEMA["properties"])
    (step,) = record["steps"]
    assert set(step) == set(SCHEMA["$defs"]["step"]["properties"])
    assert set(step["checks"][0]) == set(SCHEMA["$defs"]["check"]["properties"])


def test_vocabularies_of_the_schema_are_those_of_the_model():
    properties = SCHEMA["$defs"]["check"]["properties"]

    assert tuple(SCHEMA["$defs"]["status"]["enum"]) == model.STATUSES
    assert tuple(properties["severity"]["enum"]) == get_args(model.Severity)
    assert tuple(properties["basis"]["enum"]) == get_args(model.Basis)
    assert tuple(SCHEMA["$defs"]["step"]["properties"]["outcome"]["enum"]) == get_args(Outcome)


def test_written_record_is_read_back(written):
    record = read_record(written)

    assert [(c.id, *c.standing) for c in record.checks] == [
        ("XC501", "fail", True, "behaviour"),
        ("XC502", "skip", False, "behaviour"),
        ("XC503", "pass", False, "behaviour"),
    ]
    assert record.settings["bucket"] == '"some-bucket"'


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": 2}, {"verdict": "splendid"}, {"good": "yes"}, {"steps": {}}, {"settings": []},
        {"versions": {"python": 3}}, {"steps": [{"name": "x"}]},
    ],
)  # fmt: skip
def test_what_is_no_record_does_not_fit(wrong):
    assert list(VALIDATOR.iter_errors(body())) == []
    assert list(VALIDATOR.iter_errors(body(**wrong)))


def test_record_is_handed_over_with_junit_below_the_manifest(written):
    names = (written / "manifest.sha256").read_text()

    assert 'name="XC501 XC501 holds (accepted)"' in (written / "record.junit.xml").read_text()
    assert "record.junit.xml" in names
