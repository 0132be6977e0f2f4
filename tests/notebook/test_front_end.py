"""What a kernel tells of the front end and of its cells."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from live_kernel import open_kernel

from xcomkit.notebook import front_end

FOLLOW = """
from xcomkit.notebook import front_end
class Follower:
    def __init__(self):
        self.told = []
        self.before = front_end.follow_cells(self)
    def cell_ended(self, error):
        self.told.append(type(error).__name__)
follower = Follower()
"""


@pytest.fixture(scope="module")
def kernel():
    with tempfile.TemporaryDirectory() as folder, open_kernel(Path(folder)) as running:
        running.run(FOLLOW)
        yield running


def value(kernel, expression, **more):
    (text,) = kernel.run(expression, **more).texts("execute_result")
    return text


@pytest.mark.parametrize("person", [True, False])
def test_message_of_the_front_end_tells_whether_somebody_is_there(kernel, person):
    assert value(kernel, "front_end.is_somebody_there()", person=person) == str(person)


def test_outside_of_a_kernel_nobody_is_there_and_nothing_is_followed():
    # In a process of its own: other tests leave an IPython behind.
    code = (
        "from xcomkit.notebook import front_end as f;"
        " print(f.is_somebody_there(), f.follow_cells('x'),"
        " f.follow_cells('y'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False None None\n"


def test_each_cell_is_told_with_what_it_raised(kernel):
    kernel.run("1")
    kernel.run("1 / 0")
    kernel.run("1 +")

    told = value(kernel, "follower.told[-3:]")

    assert told == "['NoneType', 'ZeroDivisionError', 'SyntaxError']"


def test_what_a_front_end_asks_for_itself_is_no_cell(kernel):
    kernel.run("1")
    kernel.run("1 / 0", history=False)

    assert value(kernel, "follower.told[-1]") == "'NoneType'"


def test_newest_follower_alone_is_told_and_once(kernel):
    kernel.run("first = follower\nbefore = len(first.told)\n" + FOLLOW)
    kernel.run("{}['key']")

    assert value(kernel, "follower.before is first") == "True"
    assert value(kernel, "first.told[before:]") == "[]"
    assert value(kernel, "follower.told.count('KeyError')") == "1"


def test_interrupt_is_one_line_and_says_what_to_do(kernel):
    ran = kernel.run("import time\nprint('now', flush=True)\ntime.sleep(60)", interrupt_at="now")

    assert ran.error["traceback"] == [front_end.INTERRUPTED]
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert "KeyboardInterrupt" in value(kernel, "follower.told[-1]")
