"""Progress: lines for a record, and a display for a person."""

import json
import re
import tempfile
from pathlib import Path

import pytest
from live_kernel import open_kernel

from xcomkit.notebook import front_end
from xcomkit.notebook.progress import Progress, read_share

LIVE = """
from xcomkit.notebook import front_end
from xcomkit.notebook.progress import Progress
class Follower:
    def __init__(self):
        self.errors, self.progress = [], Progress()
        self.before = front_end.follow_cells(self)
    def cell_begins(self):
        pass
    def cell_ended(self, error):
        self.errors.append(type(error).__name__)
        self.progress.cell_ended(well=error is None)
follower = Follower()
say = follower.progress.say
"""


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


def test_each_message_is_one_line_with_its_seconds_in_a_record(capsys):
    times = iter([100.0, 100.0, 112.34])
    progress = Progress(clock=lambda: next(times))
    progress.say("a")
    progress.say("b")
    progress.cell_ended(well=True)

    assert capsys.readouterr().out == "   0.0 s  a\n  12.3 s  b\n"


def test_nothing_moves_where_nobody_is(kernel):
    ran = kernel.run("say('a'); say('b <i>')", person=False)

    assert {kind for kind, _ in ran.messages} == {"status", "execute_input", "stream"}
    assert len(ran.lines.splitlines()) == 2


def test_display_of_a_person_is_a_bar_that_ends_as_folded_lines_with_hostile_text_inert(kernel):
    ran = kernel.run("say('1 of 4 <i>'); say('b <i>')")

    (first,) = ran.texts("display_data")
    *_, last = ran.texts("update_display_data")
    html = [content["data"]["text/html"] for kind, content in ran.messages if "display" in kind]
    assert first == "1 of 4 <i>"
    assert html[0].startswith('<div class="xcomkit-running"><progress max="1" value="0.25"')
    assert re.match(r"took \d+\.\d s\n", last)
    assert [line.partition(" s  ")[2] for line in last.splitlines()[1:]] == ["1 of 4 <i>", "b <i>"]
    assert html[-1].startswith("<details><summary>took ")
    assert "<i>" not in json.dumps(html)
    assert ran.lines == ""


def value(kernel, expression, **more):
    (text,) = kernel.run(expression, **more).texts("execute_result")
    return text


def test_interrupted_cell_is_one_line_that_says_what_to_do_and_its_display_stands_still(kernel):
    ran = kernel.run("import time\nsay('now')\ntime.sleep(60)", interrupt_at="now")

    assert ran.error["traceback"] == [front_end.INTERRUPTED]
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert ran.texts("update_display_data")[-1].startswith("broken off after ")
    assert "KeyboardInterrupt" in value(kernel, "follower.errors[-1]")


@pytest.mark.parametrize("person", [True, False])
def test_message_of_the_front_end_tells_whether_somebody_is_there(kernel, person):
    assert value(kernel, "front_end.is_somebody_there()", person=person) == str(person)


def test_each_cell_is_told_with_what_it_raised_but_for_what_a_front_end_asks_itself(kernel):
    for code in ("1", "1 / 0", "1 +"):
        kernel.run(code)
    kernel.run("{}['key']", history=False)

    errors = value(kernel, "follower.errors[-3:]")

    assert errors == "['NoneType', 'ZeroDivisionError', 'SyntaxError']"


def test_newest_follower_alone_is_told_and_once(kernel):
    kernel.run("first = follower\nbefore = len(first.errors)\n" + LIVE)
    kernel.run("{}['key']")

    assert value(kernel, "follower.before is first") == "True"
    assert value(kernel, "first.errors[before:]") == "[]"
    assert value(kernel, "follower.errors.count('KeyError')") == "1"
