"""A step in progress, without a notebook."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from live_kernel import open_kernel

from xcomkit import evidence
from xcomkit.clouds import Cloud, Platform
from xcomkit.errors import AccessDeniedError, GateError, MissingError
from xcomkit.model import Change, Plan
from xcomkit.settings import Settings
from xcomkit.step import REACHED_END, Step

OBJECTS = Plan("Objects", (Change("bucket/prefix", "objects", "1", "0", "delete"),))


NAME = "07_tear_down"


def open_in(run: Path, *, sentences: tuple[str, ...] = (), **more: object) -> Step:
    settings = Settings.from_mapping({"bucket": "some-bucket", "apply": True, **more})
    nobody = cast(Cloud, None)  # what is proposed here asks no cloud
    platform = Platform(label="", issuer="")
    return Step(NAME, settings, run, platform, nobody, sentences=sentences)


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


PROVE = "round_trip.prove(step)"


def test_cell_that_broke_off_is_red_in_the_evidence_that_is_saved_after_it(tmp_path):
    step = open_in(tmp_path / "run", sentences=(PROVE,))
    step.cell_ended(f"\n{PROVE}\n", KeyboardInterrupt())
    step.save()

    (check,) = evidence.read_checks(step.run, step=NAME)
    assert (check.id, check.status) == ("XC902", "fail")
    assert check.observed == f"interrupted: the cell {PROVE}"
    assert "from the cell that opens it" in check.remedy
    with pytest.raises(GateError):
        step.gate()


def test_first_of_several_broken_cells_is_named_and_no_good_one_makes_up_for_it(step):
    step.cell_ended("1 / 0", ZeroDivisionError())
    step.cell_ended("2 / 0", KeyError())
    step.cell_ended("1 / 1", None)
    step.cell_ended("1 / 1", None)

    assert [c.observed for c in step.verdicts] == ["ZeroDivisionError: a cell of your own"]


def test_text_that_somebody_typed_is_in_no_evidence(step):
    step.cell_ended("connect('hunter2hunter2')", ValueError())

    assert "hunter2" not in step.verdicts[0].observed


def test_closed_gate_and_good_cells_break_nothing_off(step):
    step.cell_ended("step.gate()", GateError("red"))
    step.cell_ended("1", None)

    assert step.verdicts == ()


def test_cell_that_is_run_again_replaces_what_it_found_and_nothing_else(step):
    for cell, holds in (("one(step)", True), ("two(step)", False), ("two(step)", True)):
        step.check(REACHED_END.judge(holds, expected="", observed=cell, how="", basis="rule"))
        step.cell_ended(cell, None)

    assert [(c.observed, c.status) for c in step.verdicts] == [
        ("one(step)", "pass"), ("two(step)", "pass"),
    ]  # fmt: skip


OPEN = f"""
from pathlib import Path
from xcomkit.clouds import Platform
from xcomkit.settings import Settings
from xcomkit.step import REACHED_END, Step
settings = Settings.from_mapping({{"bucket": "some-bucket"}})
platform = Platform(label="", issuer="")
owed = ("step.target", "one = [step]  # (step)", "two = [step]  # (step)", "step.save()")
step = Step("{NAME}", settings, Path("run"), platform, None, sentences=owed)
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

    assert new.observed == "ZeroDivisionError: a cell of your own"
    assert (old.status, old.observed) == ("fail", "the step was opened again")


def test_cell_with_a_comment_of_ones_own_is_still_the_cell_of_the_notebook(tmp_path):
    with open_kernel(tmp_path) as kernel:
        kernel.run(OPEN)
        kernel.run("# mine\none = [step]")
        kernel.run("two = [  step]  # looked at twice")
        kernel.run("step.save()")

    assert evidence.read_checks(tmp_path / "run", step=NAME) == ()


@pytest.mark.parametrize("has_person", [True, False])
def test_cells_that_a_person_passes_over_are_missing_in_the_evidence(tmp_path, has_person):
    with open_kernel(tmp_path) as kernel:
        kernel.run(OPEN, person=has_person)
        kernel.run("one = [step]  # (step)", person=has_person)
        kernel.run("step.save()", person=has_person)
        before = [c.observed for c in evidence.read_checks(tmp_path / "run", step=NAME)]
        kernel.run("two = [step]  # (step)", person=has_person)
        kernel.run("step.save()", person=has_person)
        after = evidence.read_checks(tmp_path / "run", step=NAME)

    assert before == (["not run: the cell two = [step]  # (step)"] if has_person else [])
    assert after == ()


def test_work_that_waits_for_another_step_is_fixed_there(step):
    error = MissingError("There is no bucket.", hint="run step 01.", fix_in="01")

    check = step.could_not(error)

    assert (check.id, check.remedy, check.fix_in) == ("XC901", "run step 01.", "01")
