"""What ``xcomkit run`` does once the steps are through, on steps that are."""

from pathlib import Path

import pytest
from made_runs import make_run
from records import check, write

from xcomkit.__main__ import main
from xcomkit.record import runner

LOCAL = str(Path(__file__).parents[2] / "parameters/local-aws.yaml")
NAME = "20260101T000000Z-local-aws"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return the command with steps that went through, in a directory of any place."""

    def start(*words, directory=tmp_path / "runs" / NAME, checks=()):
        monkeypatch.setattr(runner, "run_steps", lambda *_, **__: make_run(directory, *checks))
        return main(["run", "-f", LOCAL, "--out", str(tmp_path / "runs"), *words])

    return start


def test_record_is_listed_beside_those_of_earlier_runs(run, tmp_path, capsys):
    write(tmp_path / "runs/20250101T000000Z-local-aws")

    assert run() == 0

    index = (tmp_path / "runs/index.html").read_text()
    assert "Records: 2" in index
    assert f'href="{NAME}/record.html"' in index
    assert "all records: " in capsys.readouterr().out


def test_texts_of_the_store_reach_no_terminal_as_they_are(run, capsys):
    odd = "a\x1b]0;pwned\x07\x1b[2J"

    assert run(checks=[check("XC501", "fail", observed=odd, remedy=odd)]) == 1

    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_named_directory_beside_the_records_is_listed_with_them(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert run("--out", "runs", directory=Path("runs") / NAME) == 0

    assert f'href="{NAME}/record.html"' in (tmp_path / "runs/index.html").read_text()


def test_folder_of_anything_gets_no_index(run, tmp_path):
    assert run(directory=tmp_path / "home/my-run") == 0

    assert (tmp_path / "home/my-run/record.html").exists()
    assert not list(tmp_path.rglob("index.html"))


def test_index_of_somebody_else_stays_and_the_verdict_counts(run, tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/index.html").write_text("my site")

    assert run(checks=[check("XC501", "fail")]) == 1
    assert "somebody else's" in capsys.readouterr().err
    assert (tmp_path / "runs/index.html").read_text() == "my site"


def test_what_was_handed_over_goes_before_the_steps_run_anew(tmp_path):
    names = ("record.html", "record.json", "record.junit.xml", "manifest.sha256",
             "manifest.sha256.sig")  # fmt: skip
    for name in (*names, "created.json"):
        (tmp_path / name).touch()

    runner._clear(tmp_path, steps=())

    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["created.json"]
