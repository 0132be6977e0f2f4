"""What ``xcomkit run`` does once the steps are through, on steps that are."""

import sys
from pathlib import Path

import pytest
from record_samples import check, make_run

from xcomkit.__main__ import main
from xcomkit.record import runner

LOCAL = str(Path(__file__).parents[2] / "parameters/local-aws.yaml")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_terminal_is_told_which_step_runs_and_a_log_how_each_ended(
    tmp_path, capsys, monkeypatch, is_terminal
):
    def run_steps(*_, progress, **__):
        made = make_run(tmp_path / "run", step="03_helm_values")
        progress(made.results[0])
        return made

    monkeypatch.setattr(runner, "run_steps", run_steps)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)

    assert main(["run", "03", "-f", LOCAL, "--out", str(tmp_path)]) == 0

    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[1/1] 03")]
    assert [" done " in line for line in told] == ([False, True] if is_terminal else [True])


def test_red_check_is_told_to_its_end_and_no_text_of_the_store_reaches_the_terminal_as_it_is(
    tmp_path, capsys, monkeypatch
):
    odd = "a\x1b]0;pwned\x07\x1b[2J" + "o" * 500 + " the end"
    made = make_run(tmp_path / "run", check("XC501", "fail", observed=odd, remedy="fix it"))
    monkeypatch.setattr(runner, "run_steps", lambda *_, **__: made)

    assert main(["run", "-f", LOCAL, "--out", str(tmp_path)]) == 1

    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    assert "the end Next: fix it" in said  # of a red check the whole, with what to do


def test_what_was_handed_over_goes_before_the_steps_run_anew(tmp_path):
    names = ("record.html", "record.json", "record.junit.xml", "manifest.sha256",
             "manifest.sha256.sig")  # fmt: skip
    for name in (*names, "created.json"):
        (tmp_path / name).touch()

    (tmp_path / "values").mkdir()
    runner._clear(tmp_path, steps=("03_helm_values",))

    assert not (tmp_path / "values").exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["created.json"]
