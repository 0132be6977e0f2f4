"""The notebooks in JupyterLab, one after the other on one target, as a person walks through."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hostile_object import HOSTILE, store_hostile_object
from jupyter_lab import stand_in_beside
from looking import find_cut_off, find_violations

from xcomkit import evidence
from xcomkit.opening import STEPS

INSPECT = "05_inspect_objects"
OURS = ".jp-NotebookPanel .jp-OutputArea-output"
"""What cells put out; all around it is JupyterLab's own."""

pytestmark = pytest.mark.timeout(900)  # a plane and its agents start, on a machine that is shared


@pytest.fixture(scope="module", params=STEPS)
def walked(request, browser, lab, practice) -> Iterator[SimpleNamespace]:
    """Open each notebook in turn and run it; the tests of one look at it before the next opens."""
    step = request.param
    if step == INSPECT:
        store_hostile_object(stand_in_beside(), practice)
    with lab.opened(browser, step) as notebook:
        notebook.run_all()
        yield SimpleNamespace(step=step, notebook=notebook, page=notebook.page)


def directory_of_run(lab):
    (directory,) = (lab.root / "runs").iterdir()
    return directory


def facts(directory):
    """Return of every check of a run what does not depend on when and where it was made."""
    return {
        step: [
            (check.id, check.title, check.status, check.severity, check.basis)
            for check in evidence.read_checks(directory, step=step)
        ]
        for step in STEPS
    }


def test_notebook_runs_to_its_open_gate_and_leaves_evidence(walked, lab):
    assert walked.notebook.errors == []
    assert "The gate is open" in walked.notebook.outputs.last.inner_text()
    assert evidence.read_checks(directory_of_run(lab), step=walked.step)


@pytest.mark.parametrize("width", [1280, 800])
def test_everything_fits_into_the_window(walked, width):
    walked.notebook.resize(width)

    assert find_cut_off(walked.page, OURS) == []


def test_axe_finds_nothing_serious_in_the_outputs(walked):
    assert find_violations(walked.page, OURS) == []


def test_hostile_text_is_read_and_not_run(walked):
    assert walked.page.evaluate("window.hit") is None
    if walked.step == INSPECT:
        assert HOSTILE in walked.notebook.panel.text_content()


def test_same_parameters_without_jupyterlab_give_the_same_checks(lab, run_here):
    run = run_here(STEPS)

    assert facts(directory_of_run(lab)) == facts(run.directory)
