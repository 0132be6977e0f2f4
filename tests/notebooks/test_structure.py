"""The house rules of notebooks, checked on their sources."""

import ast
import re

import nbformat
import pytest
from sync_parameters import NOTEBOOKS, parameters_source

from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import OWED, STEPS

PATHS = sorted(NOTEBOOKS.glob("0*.ipynb"))
START = NOTEBOOKS / "start.ipynb"
FORM = 'form = open_form("{}", globals())\nform'
FORBIDDEN = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.With, ast.Lambda)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_there_is_one_notebook_per_step_and_none_per_cloud():
    assert tuple(path.stem for path in PATHS) == STEPS
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {*STEPS, START.stem}


def test_sources_carry_no_outputs_and_no_trace_of_a_run(notebook):
    nbformat.validate(notebook)
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(notebook))
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_notebook_begins_with_its_claim_and_why_and_ends_with_what_it_did_not_prove(notebook):
    title, why, *_, last = (cell.source for cell in notebook.cells)

    assert re.match(r"# 0\d ", title)
    for word in ("Changes", "Needs", "Takes", "Undo"):
        assert f"**{word}**" in title
    assert why.splitlines()[0] == "## Why"
    assert len(why.splitlines()) <= 2 + 6
    assert last.startswith("## What this did not prove")


def test_parameters_cell_holds_what_the_step_reads_and_is_folded(notebook, request):
    (cell,) = tagged(notebook, "parameters")

    assert cell.source == parameters_source(request.node.callspec.id), "run: make notebooks"
    assert cell.metadata.jupyter.source_hidden


def test_text_stands_before_every_code_cell(notebook):
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown"


def test_code_cells_are_sentences_and_not_programs(notebook):
    for cell in code_cells(notebook):
        if "parameters" not in cell.metadata.get("tags", []):
            assert len(cell.source.splitlines()) <= 6
        tree = ast.parse(cell.source)
        assert not [node for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
        assert not re.search(r"\bprint\(|^[%!]|os\.environ|getenv", cell.source, re.MULTILINE)


def test_evidence_is_written_before_the_gate_and_nothing_runs_after_it(notebook):
    sources = [cell.source for cell in code_cells(notebook)]

    assert sources[-2:] == ["step.save()", "step.gate()"]
    assert [cell.source for cell in tagged(notebook, "gate")] == ["step.gate()"]


def test_guide_form_and_step_open_under_the_notebooks_own_name(notebook, request):
    name = request.node.callspec.id
    sources = [cell.source for cell in code_cells(notebook)]
    (guide,) = (c.source for c in tagged(notebook, "guide") if c.cell_type == "code")

    assert guide.endswith(f'\nopen_guide("{name}", globals())')
    assert sources[1:4] == [
        guide, FORM.format(name), f'step = open_step("{name}", form.settings)\nstep.target',
    ]  # fmt: skip


def test_every_cell_that_owes_checks_is_in_its_notebook(notebook, request):
    sources = "\n".join(cell.source for cell in code_cells(notebook))

    assert OWED[request.node.callspec.id]
    assert all(f"{name}(step)" in sources for name in OWED[request.node.callspec.id])


def test_every_link_leads_to_a_notebook_that_is_there(notebook):
    links = re.findall(r"\]\(([^)]+)\)", "".join(cell.source for cell in notebook.cells))

    assert all((NOTEBOOKS / link).is_file() for link in links)


def test_start_page_leads_to_every_step_before_anything_is_run():
    start = nbformat.read(START, as_version=4)
    page = start.cells[0].source

    nbformat.validate(start)
    assert re.findall(r"\]\((\w+)\.ipynb\)", page) == list(STEPS)
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(start))
    guide, form = (cell.source for cell in code_cells(start)[1:])
    assert guide.endswith('\nopen_guide("start", globals())')
    assert form == FORM.format("start")
    assert tagged(start, "parameters")[0].source == parameters_source("start"), (
        "run: make notebooks"
    )


def test_papermill_sees_every_parameter_with_its_help():
    from papermill import inspect_notebook

    found = inspect_notebook(START)

    assert set(found) == set(Settings.model_fields)
    assert all(parameter["help"] for parameter in found.values())
