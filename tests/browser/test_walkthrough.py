"""The notebooks in JupyterLab, one after the other on one target, as a person walks through."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hostile_object import HOSTILE, store_hostile_object
from jupyter_lab import ROOT, stand_in_beside
from looking import find_cut_off, find_violations
from playwright.sync_api import expect

from xcomkit.findings import evidence
from xcomkit.settings.settings import parameters_of
from xcomkit.steps.opening import STEPS

INSPECT = "05_inspect_objects"
OURS = ".jp-NotebookPanel .jp-OutputArea-output"
"""What cells put out; all around it is JupyterLab's own."""


@pytest.fixture(scope="module", params=STEPS)
def walked(request, browser, lab, practice) -> Iterator[SimpleNamespace]:
    """Open each notebook in turn and run it; the tests of one look at it before the next opens."""
    step = request.param
    if step == INSPECT:
        store_hostile_object(stand_in_beside(), practice)
    with lab.opened(browser, step) as notebook:
        notebook.run_all()
        yield SimpleNamespace(step=step, notebook=notebook, page=notebook.page)


@pytest.fixture
def directory(lab, practice):
    """Return the newest run of this target: each notebook goes on in it, from the first."""
    found = max((lab.root / "runs").glob(f"*-{practice.bucket}"))
    assert (found / "evidence/00_prerequisites.json").is_file()
    return found


def facts(directory, step):
    """Return of every check of a step what does not depend on when and where it was made."""
    return [
        (check.id, check.title, check.status, check.severity, check.basis)
        for check in evidence.read_checks(directory, step=step)
    ]


def test_notebook_runs_to_its_open_gate_and_takes_what_its_step_reads(walked, directory):
    assert walked.notebook.errors == []
    assert "The gate is open" in walked.notebook.outputs.last.inner_text()
    reads = evidence.read_evidence(directory, step=walked.step)["reads"]
    assert set(reads) <= set(parameters_of(walked.step))


@pytest.mark.parametrize("width", [1280, 1024, 800])
def test_nothing_is_wider_than_its_box_beside_the_list_of_files(walked, width):
    walked.notebook.resize(width)

    assert find_cut_off(walked.page, OURS, may_scroll=False) == []


def test_guide_at_the_top_and_gate_below_say_the_same_of_the_step_that_has_just_run(walked):
    top, gate = walked.notebook.outputs.first, walked.notebook.outputs.last

    for shown in (top, gate):
        expect(shown).to_contain_text("local-aws.yaml: aws, s3://")
        expect(shown).to_contain_text("(practice on a stand-in)")
    row = top.get_by_role("row", name=walked.step)
    expect(row).not_to_contain_text("not run")
    next_ = gate.get_by_text("Next:").locator("..").inner_text()
    expect(top).to_contain_text(next_)


def test_walk_changes_no_original(walked, lab):
    original = lab.root / f"notebooks/{walked.step}.ipynb"
    walked.page.keyboard.press("ControlOrMeta+S")

    assert original.read_bytes() == (ROOT / f"notebooks/{walked.step}.ipynb").read_bytes()


def test_axe_finds_nothing_serious_in_the_outputs(walked):
    assert find_violations(walked.page, OURS) == []


def test_hostile_text_is_read_and_not_run(walked):
    assert walked.page.evaluate("window.hit") is None
    if walked.step == INSPECT:
        assert HOSTILE in walked.notebook.panel.text_content()


def test_same_parameters_without_jupyterlab_give_the_same_checks(walked, directory, run):
    if walked.step in {result.name for result in run.results}:
        found, others = (
            [fact for fact in facts(folder, walked.step) if fact[0] != "XC003"]
            for folder in (directory, run.directory)  # the run accepts a risk of its threshold
        )
        assert found == others
    else:  # a second plane would take as long as all else
        passed = {fact[0] for fact in facts(directory, walked.step) if fact[2] in ("pass", "warn")}
        assert passed >= {f"XC{n}" for n in (701, 702, 703, 704, 706, 707, 708, 709, 710)}
