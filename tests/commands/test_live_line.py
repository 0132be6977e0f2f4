"""The line that moves: on a real terminal, and never on a pipe."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

LOCAL = Path(__file__).parents[2] / "parameters/local-aws.yaml"


def on_terminal(*command: str | Path, columns: int = 80, term: str = "xterm") -> tuple[int, str]:
    """Run a command on a pseudo-terminal and return its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": term, "COLUMNS": str(columns)}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    try:
        while block := os.read(ours, 1 << 16):
            written += block
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    return process.wait(), written.decode()


def left_on(screen: str) -> list[str]:
    """Return what is left of each line once all that was taken away is gone."""
    return [line.rpartition("\x1b[2K")[2].strip("\r") for line in screen.split("\n")]


def moving(body: str, **more) -> str:
    code = f"""
import time
from xcomkit.commands.live_line import LiveLine
with LiveLine(expected={{"04_round_trip": 50.0}}) as live:
    {body}
"""
    return on_terminal(sys.executable, "-c", code, **more)[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the command of a short run, and the output of a first one, on a pipe."""
    out = tmp_path_factory.mktemp("runs")
    command = (sys.executable, "-m", "xcomkit", "run", "03", "-f", str(LOCAL), "--out", str(out))
    # A fixture of a module comes before that which cleans the environment of each test.
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "XCOMKIT_"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                          env=kept)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return command, done.stdout


def test_pipe_gets_the_final_line_of_each_step_and_nothing_that_moves(run):
    _, output = run

    assert not set(output) & set("\r\x1b")
    assert "left:" not in output
    assert len(re.findall(r"^\[1/1\] 03_helm_values", output, re.MULTILINE)) == 1


def test_terminal_sees_the_step_with_what_is_left_as_last_time_and_then_the_final_line(run):
    command, output = run

    code, screen = on_terminal(*command)

    assert code == 0
    assert re.search(r"\x1b\[2K\[1/1\] 0 s, about \d+ s left: 03_helm_values", screen)
    assert re.search(r"\x1b\[2K\[1/1\] 1 s", screen)
    digits = re.compile(r"\d+|\s+")
    assert [digits.sub("", one) for one in left_on(screen)] == [
        digits.sub("", one) for one in output.split("\n")
    ]


def test_name_of_which_nothing_is_known_has_only_what_passed():
    assert "[1/2] 0 s: 00_prerequisites" in moving('live.show("[1/2]", "00_prerequisites")')


def test_narrow_terminal_cuts_the_line_so_that_it_can_be_taken_away():
    screen = moving('live.show("[1/2]", "04_round_trip")', columns=20)

    assert "\x1b[2K[1/2] 0 s, about 50\r\x1b[2K" in screen


def test_what_is_said_meanwhile_is_not_written_over():
    body = 'live.show("[1/2]", "04_round_trip"); live.clear(); print("said"); time.sleep(1.2)'

    assert moving(body).endswith("\r\x1b[2Ksaid\r\n")


def test_line_is_taken_away_when_something_breaks():
    screen = moving('live.show("[1/2]", "04_round_trip"); raise SystemExit("broken")')

    assert left_on(screen) == ["broken", ""]


def test_terminal_that_obeys_nothing_is_taken_for_a_pipe():
    assert moving('live.show("[1/2]", "04_round_trip")', term="dumb") == ""
