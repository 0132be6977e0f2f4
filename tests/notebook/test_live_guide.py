"""The guide of an open notebook, in a real kernel: what it says when a cell below fails."""

import tempfile
from pathlib import Path

import pytest
from live_kernel import open_kernel

BEGIN = """
import os
from pathlib import Path
from xcomkit.settings.shared_target import VARIABLE, choose
from xcomkit.steps.opening import open_form, open_guide, open_step
os.environ[VARIABLE] = os.getcwd()
def take(name):
    choose(Path(f"parameters/{name}.yaml"))
"""
GUIDE, FORM = 'open_guide("01_create_bucket", {})', 'form = open_form("01_create_bucket", {})'
STEP = 'step = open_step("01_create_bucket", form.settings)'
MINE = "cloud: aws\nbucket: some-bucket\nregion: eu-central-1\n"
SWITCHED = "The target was switched to other.yaml."


@pytest.fixture(scope="module")
def kernel():
    with tempfile.TemporaryDirectory() as name:
        parameters = Path(name, "parameters")
        parameters.mkdir()
        (parameters / "mine.yaml").write_text(MINE)
        (parameters / "other.yaml").write_text(MINE.replace("some", "other"))
        (parameters / "unfilled.yaml").write_text("cloud: aws\nbucket: <bucket-name>\n")
        with open_kernel(Path(name)) as running:
            assert not running.run(BEGIN).error
            yield running


def html(ran):
    kinds = ("display_data", "update_display_data")
    return [content["data"]["text/html"] for kind, content in ran.messages if kind in kinds]


def test_invalid_file_is_named_at_the_top_with_its_target_and_the_reason_goes_to_the_gate(kernel):
    kernel.run("take('unfilled')")
    top = kernel.run(GUIDE).texts("display_data")[0]
    kernel.run(FORM)

    ran = kernel.run(STEP)

    assert top.startswith("Target: unfilled.yaml: aws, no valid bucket\nNext: Fill in bucket in")
    assert ran.error["ename"] == "SettingsError"
    (shown,) = html(ran)
    assert '<div class="xcomkit-running" hidden><p role="alert">✖ Nothing ran. Fill in b' in shown
    assert "<script>" in shown


def test_form_that_is_invalid_names_its_own_target_and_a_record_runs_no_script(kernel):
    kernel.run("take('other')")
    kernel.run(GUIDE, person=False)
    kernel.run(f"{FORM}\nform.change('bucket', 'My_Bucket')", person=False)

    ran = kernel.run(STEP, person=False)

    (text,) = ran.texts("update_display_data")
    assert text.startswith("Target: other.yaml with bucket changed: aws, no valid bucket\n")
    assert "<script" not in html(ran)[0]


def test_notice_of_a_switched_target_goes_when_the_step_is_opened_on_it(kernel):
    for cell in ("take('mine')", GUIDE, FORM, STEP, "take('other')"):
        assert not kernel.run(cell).error
    (notice,) = kernel.run("1").texts("display_data")
    still = kernel.run(STEP)
    kernel.run(FORM)

    reopened = kernel.run(STEP)

    assert notice.startswith(SWITCHED)
    assert "" not in still.texts("update_display_data")
    assert "" in reopened.texts("update_display_data")
