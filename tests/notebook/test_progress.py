"""Progress: lines for a record, and a display for a person."""

import json
import re
import tempfile
from pathlib import Path

import pytest
from live_kernel import open_kernel

from xcomkit.notebook.progress import Progress, read_share

LIVE = """
import time
from xcomkit.notebook import front_end
from xcomkit.notebook.progress import Progress
class Told:
    def cell_ended(self, error):
        progress.cell_ended(well=error is None)
progress = Progress()
front_end.follow_cells(Told())
"""


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def kernel():
    with tempfile.TemporaryDirectory() as folder, open_kernel(Path(folder)) as running:
        running.run(LIVE)
        yield running


@pytest.mark.parametrize(
    ("text", "share"),
    [("pushing", None), ("250 of 1,000 tasks ended", 0.25), ("0 of 0 tasks ended", None)],
)
def test_share_is_known_where_a_total_is(text, share):
    assert read_share(text) == share


class TestRecord:
    def test_each_moment_is_one_line_with_its_seconds(self, capsys):
        clock = Clock()
        progress = Progress(clock=clock)
        progress.say("a")
        clock.now += 12.34
        progress.say("b")
        progress.cell_ended(well=True)

        assert capsys.readouterr().out == "   0.0 s  a\n  12.3 s  b\n"

    def test_nothing_moves_where_nobody_is(self, kernel):
        ran = kernel.run("progress.say('a'); time.sleep(1.2); progress.say('b <i>')", person=False)

        assert {kind for kind, _ in ran.messages} == {"status", "execute_input", "stream"}
        assert len(ran.lines.splitlines()) == 2


class TestPerson:
    def test_one_display_moves_by_itself_and_stands_still_when_the_cell_ends(self, kernel):
        ran = kernel.run("progress.say('a'); progress.say('b <i>'); time.sleep(2.5)")
        later = kernel.run("time.sleep(1.5)")

        (first,) = ran.texts("display_data")
        *moved, last = ran.texts("update_display_data")
        assert first == "0 s: a"
        assert any(re.fullmatch(r"[1-9]\d* s: b <i>", text) for text in moved)
        assert re.match(r"took \d+\.\d s\n", last)
        assert [line.partition(" s  ")[2] for line in last.splitlines()[1:]] == ["a", "b <i>"]
        assert ran.lines == ""
        assert {kind for kind, _ in later.messages} == {"status", "execute_input"}

    def test_display_is_a_bar_with_words_and_hostile_text_is_inert(self, kernel):
        ran = kernel.run("progress.say('1 of 4 <i>')")

        html = [content["data"]["text/html"] for kind, content in ran.messages if "display" in kind]
        assert html[0].startswith('<div><progress max="1" value="0.25" aria-label=')
        assert html[-1].startswith("<details><summary>took ")
        assert "<i>" not in json.dumps(html)

    def test_interrupted_cell_stops_the_clock(self, kernel):
        ran = kernel.run("progress.say('a'); time.sleep(60)", interrupt_at="0 s: a")
        threads = kernel.run("import threading\n[t.name for t in threading.enumerate()]")

        assert ran.texts("update_display_data")[-1].startswith("broken off after ")
        assert "_tick" not in threads.texts("execute_result")[0]
