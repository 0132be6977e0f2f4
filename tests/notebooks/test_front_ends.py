"""What a real kernel hands to front ends: with and without a person, with and without widgets."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[2]
WIDGETS = "application/vnd.jupyter.widget-view+json"
SHOW_FORM = """
from xcomkit.steps.opening import open_form
form = open_form("03_helm_values", {"bucket": "some-bucket", "threshold": 5})
form
"""


@pytest.fixture(scope="module")
def kernel():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    manager, client = start_new_kernel(cwd=str(ROOT / "notebooks"), env=environment)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def shown(kernel, code, *, allow_stdin):
    """Return the bundle of a cell's result, as the front end receives it."""
    messages = []
    reply = kernel.execute_interactive(
        code, allow_stdin=allow_stdin, timeout=60, output_hook=messages.append
    )
    assert reply["content"]["status"] == "ok", reply["content"]
    (result,) = [m["content"] for m in messages if m["msg_type"] == "execute_result"]
    return result["data"]


def test_front_end_without_widgets_finds_the_table_beside_the_form(kernel):
    bundle = shown(kernel, SHOW_FORM, allow_stdin=True)

    assert set(bundle) >= {WIDGETS, "text/html", "text/plain"}
    for text in (bundle["text/html"], bundle["text/plain"]):
        assert "some-bucket" in text
        assert "threshold" in text
        assert "✔ accepted" in text
        assert "VBox" not in text


def test_front_end_that_cannot_ask_gets_the_same_table_and_no_widget(kernel):
    with_form = shown(kernel, SHOW_FORM, allow_stdin=True)
    without = shown(kernel, SHOW_FORM, allow_stdin=False)

    assert WIDGETS not in without
    assert {kind: with_form[kind] for kind in ("text/html", "text/plain")} == {
        kind: without[kind] for kind in ("text/html", "text/plain")
    }


def test_table_beside_the_form_is_that_of_what_was_changed_in_it(kernel):
    shown(kernel, SHOW_FORM, allow_stdin=True)
    changed = 'form.view.inputs["compression"].value = "zip"\nform'

    bundle = shown(kernel, changed, allow_stdin=True)

    assert WIDGETS in bundle
    assert "zip" in bundle["text/plain"]
    assert "1 changed" in bundle["text/plain"]


def test_walkthrough_that_was_saved_exports_the_table(kernel, tmp_path):
    cell = nbformat.v4.new_code_cell(SHOW_FORM)
    bundle = shown(kernel, SHOW_FORM, allow_stdin=True)
    cell.outputs = [nbformat.v4.new_output("execute_result", bundle)]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "saved.ipynb")

    subprocess.run([Path(sys.executable).parent / "jupyter", "nbconvert", "--to", "html",
                    "saved.ipynb"], cwd=tmp_path, capture_output=True, check=True)  # fmt: skip

    page = (tmp_path / "saved.html").read_text()
    assert "Settings of this step" in page
    assert WIDGETS not in page
