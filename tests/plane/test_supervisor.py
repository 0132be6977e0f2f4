"""The supervisor ends everything, whatever becomes of whoever asked for it."""

import os
import random
import signal
import stat
import sys
from pathlib import Path

import psutil
import pytest
from leftovers import (
    command_lines,
    environment_of,
    owner_of,
    processes_with,
    supervisor_of_this_process,
    wait_until,
)

from xcomkit.plane import supervisor
from xcomkit.plane.processes import Program, supervise

PASSWORD = "Grüße-von-1c2d3e"
# A daemon as tasks can make one: a session and a group of its own, its parent gone, deaf to SIGTERM
STUBBORN = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.setpgid(0, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1], "a") as pids:
    pids.write(f"{os.getpid()}\\n")
while True:
    time.sleep(1)
"""
SCRIPT = """
import os, sys, time
from xcomkit.plane.processes import Program, choose_home, supervise
seen = {"PATH": os.environ["PATH"]}
of = lambda name, code, *rest: Program(name, (sys.executable, "-c", code, *rest), seen)
stages = [[of("first", "import time; time.sleep(0.3)")], [of("second", *sys.argv[1:])]]
with supervise(choose_home("t"), *stages):
    print("started", flush=True)
    if os.environ.get("FORKS") and os.fork() == 0:
        time.sleep(4)
        os._exit(0)
    time.sleep(60)
"""


@pytest.fixture
def holding(tmp_path, temporary):
    """Return what starts an owner of a stubborn program."""
    script = tmp_path / "owner.py"
    script.write_text(SCRIPT)
    command = (script, STUBBORN, str(tmp_path / "pids"))
    return lambda **environment: owner_of(*command, temporary=temporary, **environment)


def pids_in(folder: Path) -> list[int]:
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize("is_hidden", [False, True], ids=["marked", "environment hidden"])
def test_end_of_the_block_kills_a_daemon_with_a_session_of_its_own(tmp_path, is_hidden):
    command = ["-c", STUBBORN, str(tmp_path / "pids")]
    if is_hidden:
        code = f"import os, sys; os.execve(sys.executable, [sys.executable, *{command!r}], {{}})"
        command = ["-c", code]
    program = Program("task", (sys.executable, *command), {"PATH": os.environ["PATH"]})

    with supervise(tmp_path / "home", [program]):
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)
        assert len({os.getsid(pid) for pid in pids_in(tmp_path)}) == 2

    assert not [pid for pid in pids_in(tmp_path) if psutil.pid_exists(pid)]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("number", "moments"), [(signal.SIGKILL, 5), (signal.SIGINT, 2)], ids=["kill -9", "Ctrl-C"]
)
def test_owner_that_dies_at_any_moment_leaves_no_process_and_no_folder(holding, number, moments):
    delays = [(step + random.random()) / moments for step in range(moments)]
    left = {}
    for delay in delays:
        with holding() as owner:
            wait_until(lambda: False, seconds=delay)
            owner.end_by(number)
            left[delay] = owner.left(seconds=10)

    assert not {delay: found for delay, found in left.items() if found}


def test_owner_that_is_asked_to_end_leaves_nothing(holding, tmp_path):
    with holding() as owner:
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)
        owner.end_by(signal.SIGTERM)
        assert not owner.left(seconds=10)


def test_fork_of_a_dead_owner_does_not_keep_the_programs_alive(holding, tmp_path):
    with holding(FORKS="1") as owner:
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)
        owner.process.kill()
        gone = wait_until(
            lambda: not any(psutil.pid_exists(pid) for pid in pids_in(tmp_path)), seconds=3
        )
        fork_lives = bool(processes_with(owner.mark))

    assert (gone, fork_lives) == (True, True)


def test_programs_see_their_environment_alone_which_nobody_else_sees(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the owner's")
    given = {"DB_PASSWORD": PASSWORD}
    program = Program("server", (sys.executable, "-c", "import time; time.sleep(60)"), given)

    with supervise(tmp_path / "home", [program]) as running:
        assert wait_until(lambda: processes_with(PASSWORD), seconds=20)
        held = supervisor_of_this_process()
        (server,) = held.children()
        assert set(environment_of(held.pid)) <= {"PATH", "PYTHONPATH", "LC_CTYPE"}
        assert environment_of(server.pid) == given | {supervisor.MARK: str(running.home)}
        assert PASSWORD not in command_lines()
        assert stat.S_IMODE(running.home.stat().st_mode) == 0o700
        assert not [path for path in running.home.rglob("*") if PASSWORD in path.read_text()]


def test_what_a_program_leaves_behind_becomes_no_zombie(tmp_path):
    code = (
        "import os, time\n"
        "for _ in range(20): os.fork() or (os.fork() or time.sleep(0.2), os._exit(0))\n"
        "time.sleep(60)"
    )
    program = Program("server", (sys.executable, "-c", code), {})

    with supervise(tmp_path / "home", [program]) as running:
        assert wait_until(lambda: len(processes_with(str(running.home))) > 1, seconds=20)
        held = supervisor_of_this_process()
        (server,) = held.children()[:1]

        def adopted() -> list[int]:
            return [child.pid for child in held.children() if child.pid != server.pid]

        assert wait_until(lambda: not adopted(), seconds=5)
