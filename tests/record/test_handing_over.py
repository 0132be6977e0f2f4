"""What ``xcomkit run`` does once the steps are through, on steps that are."""

from pathlib import Path

import pytest
from made_runs import make_run
from records import check

from xcomkit.__main__ import main
from xcomkit.record import runner

LOCAL = str(Path(__file__).parents[2] / "parameters/local-aws.yaml")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return the command with steps that went through."""

    def start(*checks):
        monkeypatch.setattr(
            runner, "run_steps", lambda *_, **__: make_run(tmp_path / "run", *checks)
        )
        return main(["run", "-f", LOCAL, "--out", str(tmp_path)])

    return start


def test_texts_of_the_store_reach_no_terminal_as_they_are(run, capsys):
    odd = "a\x1b]0;pwned\x07\x1b[2J"

    assert run(check("XC501", "fail", observed=odd, remedy=odd)) == 1

    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_what_was_handed_over_goes_before_the_steps_run_anew(tmp_path):
    names = ("record.html", "record.json", "record.junit.xml", "manifest.sha256",
             "manifest.sha256.sig")  # fmt: skip
    for name in (*names, "created.json"):
        (tmp_path / name).touch()

    runner._clear(tmp_path, steps=())

    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["created.json"]
