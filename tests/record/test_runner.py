from pathlib import Path

import nbformat
import psutil
import pytest
from record_samples import judged, notebook

from xcomkit.findings import evidence
from xcomkit.findings.errors import SettingsError
from xcomkit.record.outcomes import read_outcome
from xcomkit.record.runner import select_steps
from xcomkit.steps.opening import STEPS

FIRST, SECOND, THIRD, LAST = *STEPS[:3], STEPS[-1]
CLOSED = "from xcomkit.findings.errors import GateError; raise GateError('closed')"
WRITES = f"from pathlib import Path; _ = Path(run_dir, 'evidence/{SECOND}.json').write_text({{!r}})"


def outcomes(run):
    return {result.name: (result.outcome, result.status) for result in run.results}


def test_green_steps_make_a_good_run_below_the_folder_that_was_asked_for(run_notebooks, tmp_path):
    run = run_notebooks({FIRST: [judged(FIRST)], SECOND: [judged(SECOND)]}, out="elsewhere")

    assert outcomes(run) == {FIRST: ("done", "pass"), SECOND: ("done", "pass")}
    assert (run.is_good, run.exit_code) == (True, 0)
    assert run.directory.parent == tmp_path / "elsewhere"


def test_red_check_makes_the_run_red_and_the_next_step_still_runs(run_notebooks):
    run = run_notebooks({"03_helm_values": [judged("03_helm_values", holds=False).replace(
        "XC201", "XC205")], LAST: [judged(LAST)]})  # fmt: skip

    assert outcomes(run) == {"03_helm_values": ("red", "fail"), LAST: ("done", "pass")}
    assert (run.is_good, run.verdict) == (False, "fail")


def test_blocking_check_stops_what_follows_but_not_tear_down_and_no_old_evidence_stays(
    run_notebooks, tmp_path
):
    run_dir = tmp_path / "again"
    (run_dir / "evidence").mkdir(parents=True)
    for name in (f"evidence/{THIRD}.json", "record.html", "created.json"):
        (run_dir / name).write_text("{}")

    run = run_notebooks(
        {SECOND: [judged(SECOND, holds=False)], THIRD: [judged(THIRD)], LAST: [judged(LAST)]},
        run_dir=str(run_dir),
    )

    assert outcomes(run) == {
        SECOND: ("red", "fail"), THIRD: ("not run", "skip"), LAST: ("done", "pass"),
    }  # fmt: skip
    assert "must be green first" in dict(run.checks)[THIRD].observed
    assert not (run_dir / f"evidence/{THIRD}.json").exists()
    assert not (run_dir / "record.html").exists()
    assert (run_dir / "created.json").exists()


def test_next_kernel_comes_up_while_a_step_runs_and_none_after_the_last(run_notebooks, tmp_path):
    look = f"""
import os, psutil
with open({str(tmp_path / "seen")!r}, "a") as file:
    beside = [one.cmdline() for one in psutil.Process(os.getppid()).children()]
    count = sum("ipykernel_launcher" in words for words in beside)
    print(count, os.environ["TMPDIR"], file=file)
"""
    books = {FIRST: [look, judged(FIRST)], SECOND: ["1 / 0"], LAST: [look, judged(LAST)]}
    run_notebooks(books)

    first, last = (line.split() for line in (tmp_path / "seen").read_text().splitlines())
    assert (first[0], last[0]) == ("2", "1")
    assert first[1] != last[1]
    assert not [folder for _, folder in (first, last) if Path(folder).exists()]
    below = psutil.Process().children()
    assert not [one for one in below if "ipykernel_launcher" in one.cmdline()]


@pytest.mark.parametrize(
    ("sources", "outcome", "error"),
    [
        (["import os; os._exit(1)", judged(SECOND)], "died", "the kernel died"),
        (["import time; time.sleep(60)", judged(SECOND)], "timed out", "step_timeout: 5 s"),
        (["raise ValueError('first line\\nsecond')"], "crashed", "ValueError: first line"),
        ([judged(SECOND), "1 / 0"], "crashed", "ZeroDivisionError"),
        (["1 + 1"], "crashed", "ended without evidence"),
        ([judged(SECOND), CLOSED], "crashed", "the evidence is not red"),
        ([WRITES.format("nonsense")], "crashed", "is not JSON"),
        ([WRITES.format('{"schema": 1, "checks": [{"id": "XC201"}]}')], "crashed", "no checks"),
    ],
    ids=["kernel dies", "too long", "error", "error after evidence", "no evidence",
         "gate closed over green", "evidence is no JSON", "evidence holds no check"],
)  # fmt: skip
def test_step_that_did_not_reach_its_end_is_red_and_says_why_in_one_line(
    run_notebooks, sources, outcome, error
):
    run = run_notebooks({SECOND: sources}, step_timeout=5)

    assert outcomes(run) == {SECOND: (outcome, "fail")}
    assert error in run.results[0].error
    assert "\n" not in run.results[0].error
    ids = ["XC201", "XC902"] if sources[0] == judged(SECOND) else ["XC902"]
    assert [check.id for _, check in run.checks] == ids


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_notebook_of_which_cells_did_not_run_is_crashed(tmp_path, silent):
    written = notebook("run_dir = ''", judged(FIRST))
    for number, cell in enumerate(written.cells):
        cell.execution_count = None if number < silent else number
    nbformat.write(written, tmp_path / "a.ipynb")

    expected = ("crashed", f"{silent} cells did not run") if silent else ("done", "")
    assert read_outcome(tmp_path / "a.ipynb") == expected


def test_steps_are_chosen_by_number_or_name_and_run_in_order():
    assert select_steps(["04_round_trip", "00"]) == ("00_prerequisites", "04_round_trip")
    assert select_steps([]) == STEPS
    with pytest.raises(SettingsError, match="00_prerequisites"):
        select_steps(["99"])


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        ([judged(SECOND, holds=False)], ("red", "fail")),
        ([judged(SECOND), "1 / 0"], ("crashed", "fail")),
        ([judged(SECOND)], ("done", "pass")),
    ],
    ids=["red", "crashed", "green"],
)
def test_run_of_other_steps_into_a_directory_leaves_what_was_found_there(
    run_notebooks, tmp_path, sources, status
):
    directory = str(tmp_path / "again")
    run_notebooks({SECOND: sources}, run_dir=directory)

    run = run_notebooks({LAST: [judged(LAST)]}, run_dir=directory)

    assert outcomes(run) == {SECOND: status, LAST: ("done", "pass")}
    assert run.exit_code == (0 if status[1] == "pass" else 1)


def test_step_that_was_begun_and_broken_off_is_red_in_a_later_run_of_others(
    run_notebooks, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    directory = str(tmp_path / "again")
    with monkeypatch.context() as patch:
        patch.setattr("xcomkit.record.runner.execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_notebooks({SECOND: [judged(SECOND)]}, run_dir=directory)

    run = run_notebooks({LAST: [judged(LAST)]}, run_dir=directory)

    assert outcomes(run) == {SECOND: ("crashed", "fail"), LAST: ("done", "pass")}
    assert "begun and broken off" in dict(run.checks)[SECOND].observed


def test_evidence_of_a_notebook_that_was_run_by_hand_counts_in_a_later_run(run_notebooks, tmp_path):
    directory = tmp_path / "again"
    exec(judged(SECOND, holds=False).rpartition("evidence.gate")[0], {"run_dir": str(directory)})

    run = run_notebooks({LAST: [judged(LAST)]}, run_dir=str(directory))

    assert outcomes(run) == {SECOND: ("red", "fail"), LAST: ("done", "pass")}


def test_run_directory_of_another_target_is_refused_and_stays_as_it_is(run_notebooks, tmp_path):
    run = tmp_path / "again"
    evidence.claim_run_directory(run, target="aws s3://other/xcom")
    (run / "record.html").write_text("green")

    with pytest.raises(SettingsError, match=r"of another target, 'aws s3://other/xcom'.* run_dir"):
        run_notebooks({SECOND: [judged(SECOND)]}, run_dir=str(run))

    assert (run / "record.html").read_text() == "green"
