"""What a real kernel hands to front ends: with and without a person, with and without widgets."""

import subprocess
import sys
from pathlib import Path

import nbformat
from live_kernel import open_kernel

WIDGETS = "application/vnd.jupyter.widget-view+json"
SHOW_FORM = """
from xcomkit.steps.opening import open_form
form = open_form("03_helm_values", {"bucket": "some-bucket"})
form.change("compression", "zip")
form
"""


def test_table_goes_along_with_the_form_and_is_all_that_is_there_without_a_person(tmp_path):
    with open_kernel(tmp_path) as kernel:
        ran = [kernel.run(SHOW_FORM, person=person) for person in (True, False)]
    with_form, without = (
        next(c["data"] for kind, c in one.messages if kind == "execute_result") for one in ran
    )

    assert WIDGETS in with_form
    assert WIDGETS not in without
    for kind in ("text/html", "text/plain"):
        assert with_form[kind] == without[kind]
        for text in ("some-bucket", "zip", "✔ accepted, 1 changed"):
            assert text in with_form[kind]
        assert "VBox" not in with_form[kind]

    cell = nbformat.v4.new_code_cell(SHOW_FORM)
    cell.outputs = [nbformat.v4.new_output("execute_result", with_form)]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "saved.ipynb")
    subprocess.run([Path(sys.executable).parent / "jupyter", "nbconvert", "--to", "html",
                    "saved.ipynb"], cwd=tmp_path, capture_output=True, check=True)  # fmt: skip
    page = (tmp_path / "saved.html").read_text()
    assert "Settings of this step" in page
    assert WIDGETS not in page
