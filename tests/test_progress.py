"""Progress: lines for a record, a display for a person, and no promise without a reason."""

import json
import tempfile
from pathlib import Path

import pytest
from live_kernel import open_kernel

from xcomkit.progress import Estimate, Progress

LIVE = """
import time
from xcomkit import front_end
from xcomkit.progress import Progress
class Told:
    def cell_ended(self, source, error):
        progress.cell_ended(well=error is None)
progress = Progress(last_time={"b <i>": 5.0})
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


class TestEstimate:
    def test_without_a_count_or_a_last_time_only_what_passed_is_told(self):
        estimate = Estimate(0, last_time={})
        estimate.take("pushing", now=0)

        assert estimate.sentence(12.2) == "12 s: pushing"
        assert estimate.share(12.2) is None

    def test_last_time_tells_what_is_left_of_the_cell(self):
        estimate = Estimate(0, last_time={"pushing": 40.0})
        estimate.take("pushing", now=2)

        assert estimate.sentence(12) == "12 s, about 30 s left: pushing"
        assert estimate.share(12) == pytest.approx(12 / 42)

    def test_moment_that_was_not_there_last_time_keeps_the_end_that_was_told(self):
        estimate = Estimate(0, last_time={"pushing": 40.0})
        estimate.take("pushing", now=0)
        estimate.take("something new", now=10)

        assert estimate.sentence(10) == "10 s, about 30 s left: something new"

    def test_what_takes_longer_than_last_time_says_so_and_is_never_done(self):
        estimate = Estimate(0, last_time={"pushing": 4.0})
        estimate.take("pushing", now=0)

        assert estimate.sentence(9) == "9 s, longer than expected: pushing"
        assert estimate.share(9) == 0.99

    def test_count_tells_what_is_left_of_what_is_counted(self):
        estimate = Estimate(0, last_time={})
        estimate.take("0 of 1,000 tasks ended", now=10)
        estimate.take("250 of 1,000 tasks ended", now=20)

        assert estimate.sentence(20) == "20 s, about 30 s left: 250 of 1,000 tasks ended"
        assert estimate.share(20) == 0.25

    def test_first_count_promises_nothing_as_the_pace_is_not_known(self):
        estimate = Estimate(0, last_time={})
        estimate.take("250 of 1,000 tasks ended", now=20)

        assert estimate.sentence(20) == "20 s: 250 of 1,000 tasks ended"

    def test_end_of_what_was_counted_is_no_end_of_the_cell(self):
        estimate = Estimate(0, last_time={})
        for now, text in ((0, "0 of 10 done"), (5, "5 of 10 done"), (6, "sweeping")):
            estimate.take(text, now=now)

        assert estimate.sentence(7) == "7 s: sweeping"


class TestRecord:
    def test_each_moment_is_one_line_with_its_seconds(self, capsys):
        clock = Clock()
        progress = Progress(last_time={"b": 3.0}, clock=clock)
        progress.say("a")
        clock.now += 12.34
        progress.say("b")
        progress.cell_ended(well=True)

        assert capsys.readouterr().out == "   0.0 s  a\n  12.3 s  b\n"

    def test_moments_know_how_long_it_was_to_the_end_of_their_cell(self):
        clock = Clock()
        progress = Progress(last_time={}, clock=clock)
        for text, seconds in (("a", 2), ("b", 3), ("4 of 9 done", 1)):
            progress.say(text)
            clock.now += seconds
        progress.cell_ended(well=True)
        progress.say("c")
        progress.cell_ended(well=True)

        assert progress.left == {"a": 6.0, "b": 4.0, "c": 0.0}

    def test_cell_that_was_broken_off_leaves_no_expectation(self):
        progress = Progress(last_time={}, clock=Clock())
        progress.say("a")
        progress.cell_ended(well=False)

        assert progress.left == {}

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
        assert "1 s, about 4 s left: b <i>" in moved
        assert last.startswith("took 2.5 s\n")
        assert [line.partition(" s  ")[2] for line in last.splitlines()[1:]] == ["a", "b <i>"]
        assert ran.lines == ""
        assert {kind for kind, _ in later.messages} == {"status", "execute_input"}

    def test_display_is_a_bar_with_words_and_hostile_text_is_inert(self, kernel):
        ran = kernel.run("progress.say('b <i>')")

        html = [content["data"]["text/html"] for kind, content in ran.messages if "display" in kind]
        assert html[0].startswith('<div><progress max="1" value="0.00" aria-label=')
        assert html[-1].startswith("<details><summary>took ")
        assert "<i>" not in json.dumps(html)

    def test_interrupted_cell_stops_the_clock(self, kernel):
        ran = kernel.run("progress.say('a'); time.sleep(60)", interrupt_at="0 s: a")
        threads = kernel.run("import threading\n[t.name for t in threading.enumerate()]")

        assert ran.texts("update_display_data")[-1].startswith("broken off after ")
        assert "_tick" not in threads.texts("execute_result")[0]
