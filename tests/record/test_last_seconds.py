"""How long the steps of an earlier run took, as far as its record can be believed."""

import os

import pytest
from records import body, write

from xcomkit.record.reading import read_last_seconds

SETTINGS = {"threshold": 0}
OLD, NEW = "20260101T000000Z-local", "20260102T000000Z-local"


def last(runs, *, name="local", settings=SETTINGS):
    return dict(read_last_seconds(runs, name=name, settings=settings))


def told(seconds: object, *, outcome: str = "done") -> list[dict[str, object]]:
    (step,) = body()["steps"]
    return [{**step, "seconds": seconds, "outcome": outcome}]


def test_newest_run_of_the_same_name_and_settings_counts(tmp_path):
    write(tmp_path / OLD, steps=told(40))
    write(tmp_path / NEW, steps=told(50))
    write(tmp_path / "20260103T000000Z-other", steps=told(60))

    assert last(tmp_path) == {"04_round_trip": 50.0}


def test_run_with_other_settings_is_passed_over(tmp_path):
    write(tmp_path / OLD, steps=told(40))
    write(tmp_path / NEW, steps=told(50), settings={"threshold": 1})

    assert last(tmp_path) == {"04_round_trip": 40.0}


@pytest.mark.parametrize("steps", [told("long"), told(1, outcome="crashed"), told(None)])
def test_step_that_did_not_reach_its_gate_promises_nothing(tmp_path, steps):
    write(tmp_path / OLD, steps=steps)

    assert last(tmp_path) == {}


@pytest.mark.parametrize("seconds", [10**400, -1, float("nan"), float("inf"), 1e300], ids=range(5))
def test_time_that_no_step_takes_promises_nothing_and_leaves_the_record_readable(tmp_path, seconds):
    write(tmp_path / OLD, steps=told(seconds))

    assert last(tmp_path) == {}


def test_pipe_in_the_place_of_a_record_is_passed_over(tmp_path):
    (tmp_path / NEW).mkdir()
    os.mkfifo(tmp_path / NEW / "record.json")
    write(tmp_path / OLD, steps=told(40))

    assert last(tmp_path) == {"04_round_trip": 40.0}


def test_broken_records_and_absent_folders_promise_nothing(tmp_path):
    (tmp_path / NEW).mkdir()
    (tmp_path / NEW / "record.json").write_text("{")

    assert last(tmp_path) == {}
    assert last(tmp_path / "none") == {}
    write(tmp_path / OLD, steps=told(40))
    assert last(tmp_path) == {"04_round_trip": 40.0}


def test_name_with_marks_is_no_pattern(tmp_path):
    write(tmp_path / OLD, steps=told(40))

    assert last(tmp_path, name="*") == {}
