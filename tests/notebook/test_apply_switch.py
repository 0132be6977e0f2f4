"""The Apply switch below a plan: what a person sees and turns, and what stands in a record."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from xcomkit.findings.model import Change, Plan
from xcomkit.notebook.form.switch import ApplySwitch
from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import open_step

PLAN = Plan("Bucket", (Change("bucket", "versioning", "off", "on", "update", "aws ..."),))
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()
    opened = open_step("01_create_bucket", Settings(bucket="some-bucket", region="eu-central-1"))
    opened.propose(lambda: PLAN)
    return opened


def data_of(switch, monkeypatch, *, is_there):
    shell = InteractiveShell.instance()
    message = {"content": {"allow_stdin": is_there}}
    monkeypatch.setattr(shell, "get_parent", lambda: message, raising=False)
    data, _ = shell.display_formatter.format(switch)
    return data


def test_turned_on_it_has_the_cell_below_make_the_changes(step):
    made = []
    assert "were not made" in step.carry_out(made.append).text

    tick, told = step.switch.box.children
    tick.value = True

    assert "apply is ON: the cell below makes the changes planned above." in told.value
    assert "1 changes were made." in step.carry_out(made.append).text
    assert made == [PLAN]


def test_turned_off_again_nothing_is_made(step):
    made = []
    tick, _ = step.switch.box.children
    tick.value = True
    tick.value = False

    step.carry_out(made.append)

    assert made == []


def test_turning_it_leaves_the_settings_as_they_were_asked_for(step):
    step.switch.box.children[0].value = True

    assert step.applies
    assert not step.settings.apply


def test_without_a_person_it_is_a_sentence(step, monkeypatch):
    data = data_of(step.switch, monkeypatch, is_there=False)

    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == (
        "apply is OFF: the cell below leaves the changes planned above undone."
    )


def test_before_a_person_it_is_a_box_to_tick(step, monkeypatch):
    assert WIDGET in data_of(step.switch, monkeypatch, is_there=True)


def test_switch_of_a_step_that_was_opened_again_says_that_it_moves_nothing(step):
    tick, told = step.switch.box.children
    step.break_off("the step was opened again")

    tick.value = True

    assert "✖ The step was opened again" in told.value
    assert tick.disabled


def test_refused_plan_is_not_passed_off_as_nothing_to_change(step):
    step.proposed = None

    assert repr(step.switch) == "There is no plan to carry out."


def test_where_nothing_is_to_change_there_is_nothing_to_tick(monkeypatch):
    switch = ApplySwitch(is_on=True, count=0, turn=lambda _: True)

    data = data_of(switch, monkeypatch, is_there=True)

    assert WIDGET not in data
    assert data["text/plain"] == "There is nothing to change."
