"""A step in progress, without a notebook."""

import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from live_kernel import open_kernel

from xcomkit.clouds import Cloud, Platform
from xcomkit.findings import evidence
from xcomkit.findings.errors import AccessDeniedError, GateError, MissingError, SettingsError
from xcomkit.findings.model import Change, Check, Plan
from xcomkit.notebook.gate import Verdict
from xcomkit.notebook.step import REACHED_END, Step, cell
from xcomkit.settings.settings import Settings
from xcomkit.settings.shared_target import VARIABLE, choose
from xcomkit.steps.rule_index import RULES_BY_ID

OBJECTS = Plan("Objects", (Change("bucket/prefix", "objects", "1", "0", "delete"),))


NAME = "07_tear_down"


def open_in(run: Path, *, name: str = NAME, owed: tuple[str, ...] = (), **more: object) -> Step:
    settings = Settings.from_mapping({"bucket": "some-bucket", "apply": True, **more})
    nobody = cast(Cloud, None)  # what is proposed here asks no cloud
    platform = Platform(label="", issuer="")
    return Step(name, settings, run, platform, nobody, owed=owed)


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return open_in(tmp_path / "20260101T000000Z-run")


@cell
def refused(step: Step) -> object:
    def make() -> Plan:
        raise AccessDeniedError("403 while reading the role.")

    return step.plan(make)


def test_plan_that_could_not_be_made_never_applies_an_earlier_one_of_the_step(step):
    step.plan(lambda: OBJECTS)
    refused(step)

    step.apply(pytest.fail)

    assert [check.status for check in step.checks] == ["unknown"]


def test_plan_is_applied_once_and_has_to_be_made_again(step):
    done: list[Plan] = []
    step.plan(lambda: OBJECTS)
    first = step.apply(done.append)

    again = step.apply(done.append)

    assert done == [OBJECTS]
    assert first.text == "1 change was made."
    assert again.text == "There is no plan, so nothing was changed."


def test_what_was_created_is_recorded_and_nothing_else(step):
    changes = (Change("b", "bucket", "absent", "there", "create"),
               Change("b", "tags", "x", "y", "update"))  # fmt: skip
    step.plan(lambda: Plan("Bucket", changes))

    step.apply(lambda _: ("tags: denied",))

    assert evidence.read_created(step.run)["resources"] == ["bucket b"]


def test_evidence_says_of_each_plan_whether_it_was_carried_out_and_what_of_it_was_not(step):
    for title, change in (("off", None), ("done", lambda _: ("tags: 501",)), ("broken", refuse)):
        step.plan(lambda title=title: Plan(title, OBJECTS.changes))
        if change:
            with suppress(AccessDeniedError):
                step.apply(change)

    step.save()

    saved = evidence.read_evidence(step.run, step=NAME)
    assert saved["applied"] == {"done": ["tags: 501"], "broken": None}


def refuse(_plan: Plan) -> tuple[str, ...]:
    raise AccessDeniedError("403 while writing the role.")


def test_nothing_is_changed_while_apply_is_off(tmp_path):
    step = open_in(tmp_path / "run", apply=False)
    step.plan(lambda: OBJECTS)

    assert step.apply(pytest.fail).text == "apply is False: 1 change was not made."


def test_step_that_was_broken_off_changes_nothing_any_more(step):
    step.plan(lambda: OBJECTS)
    step.cell_ended(ValueError())

    assert "from the cell that opens it" in step.apply(pytest.fail).text


def test_target_names_what_the_step_takes_and_no_more(tmp_path):
    asks_nobody = SimpleNamespace(
        who_am_i=lambda: SimpleNamespace(principal="somebody", account="")
    )
    for name, is_taken in (("05_inspect_objects", False), ("02_grant_access", True)):
        step = open_in(tmp_path, name=name)
        step.cloud = cast(Cloud, asks_nobody)
        text = repr(step.target)
        assert "s3://some-bucket/xcom" in text
        assert ("default-worker" in text, "changes are made" in text) == (is_taken, is_taken)


def test_missing_answer_cannot_be_accepted_as_a_risk(step):
    step.settings = step.settings.model_copy(update={"accepted": ("XC901: never mind",)})

    refused(step)

    assert step.checks[0].closes_gate


def test_step_that_is_begun_again_has_no_evidence_until_it_is_saved(step):
    step.save()
    again = open_in(step.run)

    assert evidence.read_evidence(step.run, step=NAME) is None
    again.save()
    assert evidence.read_evidence(step.run, step=NAME) is not None


def test_cell_that_broke_off_is_red_in_the_evidence_that_is_saved_after_it(step):
    step.cell_ended(KeyboardInterrupt())
    step.cell_ended(ValueError("hunter2"))
    step.cell_ended(None)
    step.save()

    (check,) = evidence.read_checks(step.run, step=NAME)
    assert (check.id, check.status) == ("XC902", "fail")
    assert check.observed == "the step stopped early: interrupted"
    assert "from the cell that opens it" in check.remedy
    with pytest.raises(GateError):
        step.gate()


def test_closed_gate_and_good_cells_break_nothing_off(step):
    step.cell_ended(GateError("red"))
    step.cell_ended(None)

    assert step.verdicts == ()


def test_invalid_parameters_leave_what_was_proved_as_it_was_and_no_cell_goes_on(step):
    one(step)
    step.save()
    before = (step.run / f"evidence/{NAME}.json").read_bytes()

    step.cell_ended(SettingsError("bucket: 'My_Bucket' is invalid.", hint="correct the form."))

    for go_on in (lambda: one(step), step.save, step.gate, lambda: step.apply(pytest.fail)):
        with pytest.raises(SettingsError, match=r"Nothing was opened.*'My_Bucket' is invalid"):
            go_on()
    assert (step.run / f"evidence/{NAME}.json").read_bytes() == before


def test_target_that_was_switched_meanwhile_stops_every_cell_of_the_step(
    step, tmp_path, monkeypatch
):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
    choose(mine)
    step.follows = mine
    step.plan(lambda: OBJECTS)
    one(step)

    choose(other)

    for go_on in (lambda: one(step), step.save, step.gate, lambda: step.apply(pytest.fail)):
        with pytest.raises(SettingsError, match=r"The target is other\.yaml now"):
            go_on()


def test_gate_names_everything_that_decides_it_and_what_comes_next(step):
    step.target_name = "aws.yaml: aws, s3://some-bucket/xcom"
    step.next_step = lambda: "Fix XC203 in 01_create_bucket."
    for rule_id, holds in (("XC203", False), ("XC206", None), ("XC404", False), ("XC205", True)):
        step.check(RULES_BY_ID[rule_id].judge(holds, observed="seen", how="h", basis="echo"))

    with pytest.raises(GateError) as raised:
        step.gate()
    verdict = Verdict("2 of 4.", step.target_name, step.verdicts, step.next_step())
    html = verdict._repr_html_()

    assert raised.value.args[0].startswith(
        "2 of 4 checks close the gate: XC203 fail, expected: Public"
    )
    assert "XC206 unknown" in raised.value.args[0]
    assert re.findall(r'href="([^"]+)"', html) == [
        "#XC203", "#XC206", "#XC404", "01_create_bucket.ipynb",
    ]  # fmt: skip
    for said in (html.replace("<wbr>", ""), repr(verdict)):
        assert "Target: aws.yaml: aws, s3://some-bucket/xcom" in said


def test_step_that_had_nothing_to_look_at_is_not_proved(step):
    step.check(RULES_BY_ID["XC601"].skip(observed="empty", how="h"))

    assert step.gate().sentence.startswith("Not proved: there was nothing to look at")


def judged(observed: str, *, holds: bool = True) -> Check:
    return REACHED_END.judge(holds, expected="", observed=observed, how="", basis="rule")


@cell
def one(step: Step) -> None:
    step.check(judged("one"))


@cell
def two(step: Step) -> None:
    step.check(judged("two", holds=bool(step.note)))


def test_cell_that_is_run_again_replaces_what_it_found_and_nothing_else(step):
    one(step)
    two(step)
    step.note = "put right"
    two(step)

    assert [(c.observed, c.status) for c in step.verdicts] == [("one", "pass"), ("two", "pass")]


def test_refusal_goes_with_the_next_run_of_its_cell_and_outlives_others(step):
    refused(step)
    one(step)
    assert [check.id for check in step.checks] == ["XC901", "XC902"]

    with step.in_cell("test_step.refused"):
        pass

    assert [check.id for check in step.checks] == ["XC902"]


def test_cell_that_owes_checks_and_left_none_is_missing_in_the_evidence(tmp_path):
    step = open_in(tmp_path / "run", owed=("test_step.one", "test_step.two"))
    one(step)
    with step.in_cell("test_step.two"):
        pass  # it ran, and its check was lost

    *_, missing = step.verdicts

    assert (missing.id, missing.status) == ("XC902", "fail")
    assert missing.observed == "no check of test_step.two"

    step.note = "there"
    two(step)

    assert [check.status for check in step.verdicts] == ["pass", "pass"]


def test_what_is_red_already_is_not_red_once_more_for_what_could_not_follow(tmp_path):
    step = open_in(tmp_path / "run", owed=("test_step.one",))
    refused(step)

    assert [check.id for check in step.verdicts] == ["XC901"]


OPEN = f"""
from pathlib import Path
from xcomkit.clouds import Platform
from xcomkit.settings.settings import Settings
from xcomkit.settings.shared_target import VARIABLE, choose
from xcomkit.steps.rule_index import RULES_BY_ID
from xcomkit.notebook.gate import Verdict
from xcomkit.notebook.step import Step
settings = Settings.from_mapping({{"bucket": "some-bucket"}})
platform = Platform(label="", issuer="")
step = Step("{NAME}", settings, Path("run"), platform, None)
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

    assert new.observed == "the step stopped early: ZeroDivisionError"
    assert (old.status, old.observed) == ("fail", "the step was opened again")


def test_gate_lists_what_closes_it_once_and_equal_ids_together(tmp_path):
    red = ("step.check(*(RULES_BY_ID['XC015'].judge(False, observed=of, how='h', basis='rule')"
           " for of in ('of XCom', 'of state')))")  # fmt: skip
    with open_kernel(tmp_path) as kernel:
        kernel.run(OPEN)
        kernel.run(red)
        ran = kernel.run("step.gate()")

    (shown,) = ran.texts("display_data")
    said = "XC015 expected: No compression hides failed uploads: ✖ fail, 2 times: of XCom; of state"
    assert shown.splitlines() == ["2 of 2 checks close the gate.", "Target: ", said]
    assert ran.error["traceback"] == ["GateError: 2 of 2 checks close the gate."]


def test_work_that_waits_for_another_step_is_fixed_there(step):
    error = MissingError("There is no bucket.", hint="run step 01.", fix_in="01")

    check = step.error_check(error)

    assert (check.id, check.remedy, check.fix_in) == ("XC901", "run step 01.", "01")
