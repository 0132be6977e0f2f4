"""A step that is red, as a person finds it after *Run All*."""

import pytest
from jupyter_lab import running_lab
from looking import find_cut_off, find_violations
from playwright.sync_api import expect

OURS = ".jp-NotebookPanel .jp-OutputArea-output"
WRONG = """\
xcomBackend: airflow.providers.common.io.xcom.backend.XComObjectStorageBackend
commonEnv:
  - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_TRESHOLD
    value: 1MB
  - name: AWS_PROFILE
    value: "somebody-with-a-name-that-is-far-too-long-for-any-column-of-a-table"
"""


@pytest.fixture(scope="module")
def red(program, browser, tmp_path_factory):
    del program
    folder = tmp_path_factory.mktemp("red")
    values = folder / "values.yaml"
    values.write_text(WRONG)
    with (
        running_lab(folder / "lab", values_file=str(values)) as lab,
        lab.opened(browser, "03_helm_values") as notebook,
    ):
        notebook.run_all()
        yield notebook


@pytest.mark.parametrize("width", [1280, 1024, 800])
def test_nothing_of_a_red_step_is_wider_than_its_box(red, width):
    red.resize(width)

    assert find_cut_off(red.page, OURS, may_scroll=False) == []


def test_axe_finds_nothing_serious_in_red_outputs(red):
    assert find_violations(red.page, OURS) == []


def test_what_is_red_stands_above_what_holds_with_its_remedy_in_sight(red):
    checks = red.outputs.filter(has_text="The values file:")
    block = checks.locator("#XC017")

    expect(block).to_contain_text("What to do: Use the name that is read")
    expect(block).to_contain_text("Where: values.xcom.yaml:")
    expect(block.get_by_text("Why:")).to_be_hidden()
    first_held = checks.locator("details", has_text="pass").last
    assert block.bounding_box()["y"] < first_held.bounding_box()["y"]


def test_gate_leads_up_to_each_red_block(red):
    gate = red.outputs.filter(has_text="Next:").last

    gate.get_by_role("link", name="XC409").click()

    expect(red.page.locator("#XC409")).to_be_in_viewport()
