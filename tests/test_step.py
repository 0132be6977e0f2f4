"""A step in progress, without a notebook."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from live_kernel import open_kernel

from xcomkit import evidence
from xcomkit.clouds import Cloud, Platform
from xcomkit.errors import AccessDeniedError, GateError
from xcomkit.model import Change, Plan
from xcomkit.settings import Settings
from xcomkit.step import Step

OBJECTS = Plan("Objects", (Change("bucket/prefix", "objects", "1", "0", "delete"),))


NAME = "07_tear_down"


def open_in(run: Path, **more: object) -> Step:
    settings = Settings.from_mapping({"bucket": "some-bucket", "apply": True, **more})
    nobody = cast(Cloud, None)  # what is proposed here asks no cloud
    return Step(NAME, settings, run, Platform(label="", issuer=""), nobody)


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return open_in(tmp_path / "20260101T000000Z-run")


def refused() -> Plan:
    raise AccessDeniedError("403 while reading the role.")


def made(plans: list[Plan]) -> Callable[[Plan], None]:
    return plans.append


def test_refused_proposal_never_carries_out_an_earlier_plan_of_the_step(step):
    done: list[Plan] = []
    step.propose(lambda: OBJECTS)
    step.propose(refused)

    step.carry_out(made(done))

    assert done == []
    assert [check.status for check in step.checks] == ["unknown"]


def test_plan_is_carried_out_when_apply_is_set(step):
    done: list[Plan] = []
    step.propose(lambda: OBJECTS)

    step.carry_out(made(done))

    assert done == [OBJECTS]


def test_plan_is_carried_out_once_and_has_to_be_made_again(step):
    done: list[Plan] = []
    step.propose(lambda: OBJECTS)
    step.carry_out(made(done))

    again = step.carry_out(made(done))

    assert done == [OBJECTS]
    assert again.text == "There is no plan, so nothing was changed."


def test_step_that_was_broken_off_changes_nothing_any_more(step):
    done: list[Plan] = []
    step.propose(lambda: OBJECTS)
    step.cell_ended("form.settings", ValueError())

    told = step.carry_out(made(done))

    assert done == []
    assert "from the cell that opens it" in told.text


def test_missing_answer_cannot_be_accepted_as_a_risk(step):
    settings = Settings.from_mapping({"bucket": "some-bucket", "accepted": "XC901: never mind"})
    step.settings = settings

    step.propose(refused)

    assert step.checks[0].closes_gate


def test_step_that_is_begun_again_has_no_evidence_until_it_is_saved(step):
    step.save()
    again = open_in(step.run)

    assert evidence.read_evidence(step.run, step=NAME) is None
    again.save()
    assert evidence.read_evidence(step.run, step=NAME) is not None


def test_cell_that_broke_off_is_red_in_the_evidence_that_is_saved_after_it(step):
    step.cell_ended("\nround_trip.prove(step)\nmore", KeyboardInterrupt())
    step.save()

    (check,) = evidence.read_checks(step.run, step=NAME)
    assert (check.id, check.status) == ("XC902", "fail")
    assert check.observed == "interrupted: the cell that starts with 'round_trip.prove(step)'"
    assert "from the cell that opens it" in check.remedy
    with pytest.raises(GateError):
        step.gate()


def test_first_of_several_broken_cells_is_named(step):
    step.cell_ended("1 / 0", ZeroDivisionError())
    step.cell_ended("2 / 0", ZeroDivisionError())

    assert [c.observed for c in step.checks] == [
        "ZeroDivisionError: the cell that starts with '1 / 0'"
    ]


def test_broken_cell_is_named_without_its_secrets(step, monkeypatch):
    monkeypatch.setenv("SOME_PASSWORD", "hunter2hunter2")
    step.cell_ended("connect('hunter2hunter2')", ValueError())

    assert "hunter2" not in step.checks[0].observed


def test_closed_gate_and_good_cells_break_nothing_off(step):
    step.cell_ended("step.gate()", GateError("red"))
    step.cell_ended("1", None)

    assert step.checks == []


def test_last_time_is_expected_of_the_same_settings_alone(step, capsys):
    step.say("pushing")
    step.cell_ended("prove(step)", None)
    step.save()
    moments = {"pushing": 0.0}
    found = evidence.read_evidence(step.run, step=NAME)
    assert found["moments"] == moments

    beside = step.run.parent / "20260102T000000Z-run"
    same, other = (
        evidence.read_moments(beside, step=NAME, settings={**found["settings"], **more})
        for more in ({}, {"repetitions": 9})
    )
    assert (same, other) == (moments, {})
    assert capsys.readouterr().out.endswith(" s  pushing\n")


OPEN = f"""
from pathlib import Path
from xcomkit.clouds import Platform
from xcomkit.settings import Settings
from xcomkit.step import Step
settings = Settings.from_mapping({{"bucket": "some-bucket"}})
step = Step("{NAME}", settings, Path("run"), Platform(label="", issuer=""), None)
"""


def test_kernel_tells_the_newest_step_how_each_cell_ended(tmp_path):
    with open_kernel(tmp_path) as kernel:
        kernel.run(OPEN)
        kernel.run("earlier = step")
        kernel.run(OPEN)
        kernel.run("1 / 0")
        kernel.run("step.save()")
        (new,) = evidence.read_checks(tmp_path / "run", step=NAME)
        kernel.run("earlier.save()")
        (old,) = evidence.read_checks(tmp_path / "run", step=NAME)

    assert new.observed == "ZeroDivisionError: the cell that starts with '1 / 0'"
    assert (old.status, old.observed) == ("fail", "the step was opened again")
