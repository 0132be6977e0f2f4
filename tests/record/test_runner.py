from pathlib import Path

import psutil
import pytest
from small_books import judged

from xcomkit.findings import evidence
from xcomkit.findings.errors import SettingsError
from xcomkit.record.runner import select_steps
from xcomkit.steps.opening import STEPS

FIRST, SECOND, LAST = STEPS[0], STEPS[1], STEPS[-1]


def outcomes(run):
    return {result.name: (result.outcome, result.status) for result in run.results}


def test_green_steps_make_a_good_run(run_notebooks):
    run = run_notebooks({FIRST: [judged(FIRST)], SECOND: [judged(SECOND)]})

    assert outcomes(run) == {FIRST: ("done", "pass"), SECOND: ("done", "pass")}
    assert run.is_good


def test_red_check_makes_the_run_red_and_the_next_step_still_runs(run_notebooks):
    run = run_notebooks({"03_helm_values": [judged("03_helm_values", holds=False).replace(
        "XC201", "XC205")], LAST: [judged(LAST)]})  # fmt: skip

    assert outcomes(run) == {"03_helm_values": ("red", "fail"), LAST: ("done", "pass")}
    assert (run.is_good, run.verdict) == (False, "fail")


def test_blocking_check_stops_what_follows_but_not_tear_down(run_notebooks):
    run = run_notebooks({
        SECOND: [judged(SECOND, holds=False)],
        "02_grant_access": [judged("02_grant_access")],
        LAST: [judged(LAST)],
    })  # fmt: skip

    assert outcomes(run) == {
        SECOND: ("red", "fail"), "02_grant_access": ("not run", "skip"), LAST: ("done", "pass"),
    }  # fmt: skip
    assert "must be green first" in dict(run.checks)["02_grant_access"].observed


def test_kernel_that_dies_is_red_although_papermill_calls_its_cells_completed(run_notebooks):
    run = run_notebooks({FIRST: ["import os; os._exit(1)", judged(FIRST)]})

    assert outcomes(run)[FIRST] == ("died", "fail")
    assert "kernel died" in run.checks[0][1].observed


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


def test_step_that_takes_too_long_is_red(run_notebooks):
    run = run_notebooks({FIRST: ["import time; time.sleep(60)", judged(FIRST)]}, step_timeout=5)

    assert outcomes(run)[FIRST] == ("timed out", "fail")
    assert "step_timeout: 5 s" in run.checks[0][1].observed


def test_error_before_the_evidence_is_red_and_told_in_one_line(run_notebooks):
    run = run_notebooks({FIRST: ["raise ValueError('first line\\nsecond')"]})

    assert outcomes(run)[FIRST] == ("crashed", "fail")
    assert run.results[0].error == "ValueError: first line"


def test_notebook_that_ends_without_evidence_is_red(run_notebooks):
    run = run_notebooks({FIRST: ["1 + 1"]})

    assert outcomes(run)[FIRST] == ("crashed", "fail")


def test_error_after_green_evidence_is_red_and_keeps_the_evidence(run_notebooks):
    run = run_notebooks({FIRST: [judged(FIRST), "1 / 0"]})

    assert outcomes(run)[FIRST] == ("crashed", "fail")
    assert [check.id for _, check in run.checks] == ["XC201", "XC902"]


def test_steps_are_chosen_by_number_or_name_and_run_in_order():
    assert select_steps(["04_round_trip", "00"]) == ("00_prerequisites", "04_round_trip")
    assert select_steps([]) == STEPS


def test_unknown_step_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError, match="00_prerequisites"):
        select_steps(["99"])


def test_record_is_written_below_the_folder_that_was_asked_for(run_notebooks, tmp_path):
    run = run_notebooks({FIRST: [judged(FIRST)]}, out="elsewhere")

    assert run.directory.parent == tmp_path / "elsewhere"


def test_earlier_run_leaves_no_evidence_of_a_step_that_is_not_reached(run_notebooks, tmp_path):
    (tmp_path / "again/evidence").mkdir(parents=True)
    (tmp_path / "again/evidence/02_grant_access.json").write_text("{}")
    (tmp_path / "again/record.html").write_text("green")
    (tmp_path / "again/created.json").write_text("{}")

    run = run_notebooks(
        {SECOND: [judged(SECOND, holds=False)], "02_grant_access": [judged("02_grant_access")]},
        run_dir=str(tmp_path / "again"),
    )

    assert outcomes(run)["02_grant_access"] == ("not run", "skip")
    assert [path.name for path in (tmp_path / "again/evidence").iterdir()] == [f"{SECOND}.json"]
    assert not (tmp_path / "again/record.html").exists()
    assert (tmp_path / "again/created.json").exists()


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        ([judged(SECOND, holds=False)], ("red", "fail")),
        (["raise ValueError('first')"], ("crashed", "fail")),
        ([judged(SECOND), "1 / 0"], ("crashed", "fail")),
        ([judged(SECOND)], ("done", "pass")),
    ],
)
def test_run_of_other_steps_into_a_directory_leaves_what_was_found_there(
    run_notebooks, tmp_path, sources, status
):
    directory = str(tmp_path / "again")
    run_notebooks({SECOND: sources}, run_dir=directory)

    run = run_notebooks({LAST: [judged(LAST)]}, run_dir=directory)

    assert outcomes(run) == {SECOND: status, LAST: ("done", "pass")}
    assert run.exit_code == (0 if status[1] == "pass" else 1)


def test_step_that_was_begun_again_and_broken_off_is_red_in_a_later_run_of_others(
    run_notebooks, tmp_path, monkeypatch
):
    directory = str(tmp_path / "again")
    run_notebooks({SECOND: [judged(SECOND, holds=False)]}, run_dir=directory)
    with monkeypatch.context() as patch:
        patch.setattr("xcomkit.record.runner.execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_notebooks({SECOND: [judged(SECOND)]}, run_dir=directory)

    run = run_notebooks({LAST: [judged(LAST)]}, run_dir=directory)

    assert outcomes(run) == {SECOND: ("crashed", "fail"), LAST: ("done", "pass")}
    assert "begun and broken off" in dict(run.checks)[SECOND].observed


def interrupt(*_, **__):
    raise KeyboardInterrupt


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


def test_run_directory_that_cannot_be_written_is_refused_in_one_line(run_notebooks, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be written to"):
        run_notebooks({FIRST: [judged(FIRST)]}, run_dir=str(tmp_path / "file/run"))


@pytest.mark.parametrize("text", ["nonsense", '{"schema": 1, "checks": [{"id": "XC201"}]}'])
def test_evidence_that_is_none_is_red_and_the_run_goes_on(run_notebooks, text):
    path = f"Path(run_dir, 'evidence/{FIRST}.json')"
    run = run_notebooks({
        FIRST: [f"from pathlib import Path; _ = {path}.write_text({text!r})"],
        LAST: [judged(LAST)],
    })  # fmt: skip

    assert outcomes(run) == {FIRST: ("crashed", "fail"), LAST: ("done", "pass")}


def test_closed_gate_over_green_evidence_is_red(run_notebooks):
    gate = "from xcomkit.findings.errors import GateError; raise GateError('closed')"
    run = run_notebooks({FIRST: [judged(FIRST), gate]})

    assert outcomes(run)[FIRST] == ("crashed", "fail")
