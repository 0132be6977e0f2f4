"""The form in JupyterLab: what a person sees, changes, saves, and then runs."""

import pytest
from looking import find_cut_off, find_violations
from playwright.sync_api import expect

from xcomkit.findings import evidence
from xcomkit.notebook.form import FIELDS, is_for
from xcomkit.settings.settings import Settings, parameters_of

STEP = "01_create_bucket"
FORM = ".jp-OutputArea-output:has(.widget-text)"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with lab.opened(browser, STEP) as opened:
        yield opened


@pytest.fixture
def form(notebook):
    """Return a form that nobody has touched: the notebook has just been run."""
    notebook.resize(1280)
    notebook.run_all()
    found = notebook.panel.locator(FORM)
    expect(status(found)).to_contain_text("uses local-aws.yaml")
    found.get_by_role("button", name="show target and other parameters").click()
    expect(field(found, "bucket")).to_be_visible()
    yield found
    # A file that was saved is the target of every notebook until another one is taken.
    found.get_by_label("parameters of").select_option("local-aws.yaml")
    expect(status(found)).to_contain_text("taken from local-aws.yaml")


def status(form):
    return form.get_by_role("status").first


def row(form, name):
    """Return the widget of a setting with the words below it."""
    return field(form, name).locator("xpath=ancestor::*[contains(@class, 'widget-vbox')][1]")


def field(form, name):
    return form.get_by_label(name, exact=True)


def type_into(form, name, text):
    field(form, name).fill(text)
    field(form, name).press("Tab")


def newest(lab, practice):
    return max((lab.root / "runs").glob(f"*-{practice.bucket}"))


@pytest.mark.usefixtures("form")
def test_target_that_another_notebook_takes_is_said_at_the_next_cell_and_stops_the_step(
    notebook, lab, browser
):
    with lab.opened(browser, "start") as start:
        start.run_all()
        other = start.panel.locator(FORM)
        other.get_by_label("parameters of").select_option("local-gcp.yaml")
        expect(status(other)).to_contain_text("taken from local-gcp.yaml")

    notebook.run_below("create_bucket.verify(")

    said = notebook.panel.get_by_text("The target was switched to local-gcp.yaml")
    expect(said).to_be_visible()
    assert "The target is local-gcp.yaml now" in notebook.errors[0]


def test_form_displays_what_the_step_reads_of_the_practice_target(form, practice):
    assert field(form, "bucket").input_value() == practice.bucket
    visible = {n for n in FIELDS if field(form, n).count() and field(form, n).is_visible()}
    assert visible == {n for n in parameters_of(STEP) if is_for(n, cloud="aws")}
    expect(row(form, "apply")).to_contain_text("ON: the cells below make the changes")


def test_invalid_value_opens_nothing_overwrites_nothing_and_is_named_by_the_guide(
    form, notebook, lab, practice
):
    type_into(form, "prefix", "/xcom/")
    expect(row(form, "prefix").get_by_role("alert")).to_contain_text("prefix: '/xcom/' is invalid")
    expect(status(form)).to_contain_text("invalid")

    before = evidence.read_evidence(newest(lab, practice), step=STEP)
    notebook.run_below("open_step(")

    assert notebook.errors[0].startswith("SettingsError: prefix: '/xcom/' is invalid")
    guide = notebook.outputs.first
    expect(guide).to_contain_text("Next: Correct the form. prefix: '/xcom/' is invalid")
    gate = notebook.panel.locator(".jp-CodeCell").last
    expect(gate).to_contain_text("Nothing ran. Correct the form. prefix: '/xcom/' is invalid")
    assert evidence.read_evidence(newest(lab, practice), step=STEP) == before
    notebook.run_below("create_bucket.verify(")
    assert "SettingsError: Nothing was opened, and nothing ran" in notebook.errors[-1]
    assert evidence.read_evidence(newest(lab, practice), step=STEP) == before


def test_changed_form_binds_the_cells_below(form, notebook):
    type_into(form, "bucket", "bucket-of-the-form")
    expect(status(form)).to_contain_text("1 changed: run the cells below again")

    notebook.run_below("open_step(")

    assert notebook.errors == []
    target = notebook.outputs.filter(has_text="Target").first
    assert "s3://bucket-of-the-form/" in target.inner_text()
    assert "The gate is open" in notebook.outputs.last.inner_text()


def test_saved_file_holds_what_the_form_shows_and_is_used_by_the_others(
    form, lab, practice, browser
):
    type_into(form, "bucket", "saved-bucket")
    type_into(form, "tags", "team=x, env=y")
    form.get_by_label("save as").fill("mine")
    form.get_by_label("save as").press("Tab")
    form.get_by_role("button", name="Save to a file").click()
    expect(form).to_contain_text("saved: parameters/mine.yaml")
    expect(form).to_contain_text("Every notebook uses it from now on")

    saved = Settings.from_yaml(lab.root / "parameters/mine.yaml")

    expected = {**practice.to_parameters(), "bucket": "saved-bucket"}
    assert saved == Settings.from_mapping({**expected, "tags": {"team": "x", "env": "y"}})
    with lab.opened(browser, "start") as start:
        start.run_all()
        assert field(start.panel.locator(FORM), "bucket").input_value() == "saved-bucket"


def test_keyboard_alone_changes_and_saves(form, notebook, lab):
    keyboard = notebook.page.keyboard
    notebook.panel.locator(".jp-CodeCell").filter(has_text="open_form").first.focus()

    go_to(notebook.page, field(form, "bucket"))
    keyboard.press("ControlOrMeta+A")
    keyboard.type("typed-bucket")
    go_to(notebook.page, field(form, "retention_days"))
    keyboard.press("ControlOrMeta+A")
    keyboard.type("7")
    go_to(notebook.page, form.get_by_label("save as"))
    keyboard.type("typed")
    go_to(notebook.page, form.get_by_role("button", name="Save to a file"))
    keyboard.press("Enter")
    expect(form).to_contain_text("saved: parameters/typed.yaml")

    saved = Settings.from_yaml(lab.root / "parameters/typed.yaml")
    assert (saved.bucket, saved.retention_days) == ("typed-bucket", 7)


def go_to(page, place, *, most=100):
    """Press Tab until a widget has the focus; there is a limit to a person's patience."""
    for _ in range(most):
        if place.evaluate("(e) => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{place} is not reached within {most} times Tab")


@pytest.mark.usefixtures("form")
def test_axe_finds_nothing_serious_in_the_form(notebook):
    assert find_violations(notebook.page, FORM) == []


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.usefixtures("form")
def test_form_fits_into_the_window(notebook, width):
    notebook.resize(width)

    assert find_cut_off(notebook.page, FORM) == []
