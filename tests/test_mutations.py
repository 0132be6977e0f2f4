"""The faults that `make mutations` puts in still fit the code."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def faults(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE / "mutations"))
    import run

    yield [*run.read_faults()]
    sys.modules.pop("run")


def test_text_of_every_fault_stands_once_in_its_file_and_is_changed(faults):
    assert [one.text for one in faults if one.is_stale or one.old == one.new] == []
    assert {one.kind for one in faults} == set("abcdeo")


def test_tests_that_are_to_see_a_fault_are_there(faults):
    named = {word for one in faults for word in one.tests.split() if word.startswith("tests/")}

    assert [name for name in sorted(named) if not (HERE.parent / name).exists()] == []
