"""The line that moves: on a real terminal, and never on a pipe."""

import os
import pty
import subprocess
import sys
from pathlib import Path

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
with LiveLine() as live:
    {body}
"""
    return on_terminal(sys.executable, "-c", code, **more)[1]


def test_terminal_sees_the_step_that_runs_and_then_its_final_line(tmp_path, monkeypatch):
    monkeypatch.chdir(LOCAL.parents[1])
    code, screen = on_terminal(
        sys.executable, "-m", "xcomkit", "run", "03", "-f", LOCAL, "--out", tmp_path
    )

    assert code == 0
    assert "\x1b[2K[1/1] 1 s: 03_helm_values" in screen
    assert [line for line in left_on(screen) if line.startswith("[1/1] 03_helm_values")]
    assert not [line for line in left_on(screen) if ": 03_helm_values" in line]


def test_narrow_terminal_cuts_the_line_so_that_it_can_be_taken_away():
    screen = moving('live.show("[1/2]", "04_round_trip")', columns=20)

    assert "\x1b[2K[1/2] 0 s: 04_round\r\x1b[2K" in screen


def test_what_is_said_meanwhile_is_not_written_over():
    body = 'live.show("[1/2]", "04_round_trip"); live.clear(); print("said"); time.sleep(1.2)'

    assert moving(body).endswith("\r\x1b[2Ksaid\r\n")


def test_line_is_taken_away_when_something_breaks():
    screen = moving('live.show("[1/2]", "04_round_trip"); raise SystemExit("broken")')

    assert left_on(screen) == ["broken", ""]


def test_terminal_that_obeys_nothing_is_taken_for_a_pipe():
    assert moving('live.show("[1/2]", "04_round_trip")', term="dumb") == ""
