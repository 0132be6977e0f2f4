"""The keeper ends everything, whatever becomes of whoever asked for it."""

import json
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
    keeper_of_this_process,
    owner_of,
    processes_with,
    wait_until,
)

from xcomkit.plane import keeper
from xcomkit.plane.kept import Program, keep

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
import json, os, sys, time
from xcomkit.plane.kept import Program, choose_home, keep
program, last = sys.argv[1:]
seen = {"PATH": os.environ["PATH"]}
of = lambda name, code, *rest: Program(name, (sys.executable, "-c", code, *rest), seen)
stages = [[of("first", "import time; time.sleep(0.3)")], [of("second", *json.loads(program))]]
with keep(choose_home("t"), *stages, last=[of("last", *json.loads(last))]):
    print("started", flush=True)
    if os.environ.get("FORKS") and os.fork() == 0:
        time.sleep(4)
        os._exit(0)
    time.sleep(60)
"""
# Counts the processes of the plane that are alive when it runs.
LAST = """
import os, pathlib, sys
found = 0
for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        seen = path.read_bytes()
        found += b"XCOMKIT_KEPT_IN" in seen and os.environ["PATH"].encode() in seen
    except OSError:
        pass
pathlib.Path(sys.argv[1]).write_text(f"{found} alive")
"""


@pytest.fixture
def temporary(tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def holding(tmp_path, temporary):
    """Return what starts an owner of a stubborn program."""
    script = tmp_path / "owner.py"
    script.write_text(SCRIPT)
    program = json.dumps([STUBBORN, str(tmp_path / "pids")])
    last = json.dumps([LAST, str(tmp_path / "last")])
    return lambda **environment: owner_of(script, program, last, temporary=temporary, **environment)


def pids_in(folder: Path) -> list[int]:
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_end_of_the_block_kills_a_daemon_with_a_session_of_its_own(tmp_path):
    command = (sys.executable, "-c", STUBBORN, str(tmp_path / "pids"))
    program = Program("task", command, {"PATH": os.environ["PATH"]})

    with keep(tmp_path / "home", [program]):
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)
        sessions = {os.getsid(pid) for pid in pids_in(tmp_path)}
        assert len(sessions) == 2

    assert not [pid for pid in pids_in(tmp_path) if psutil.pid_exists(pid)]
    assert not (tmp_path / "home").exists()


def test_daemon_that_hides_its_environment_is_killed_too(tmp_path):
    hidden = ["-c", STUBBORN, str(tmp_path / "pids")]
    code = f"import os, sys; os.execve(sys.executable, [sys.executable, *{hidden!r}], {{}})"
    program = Program("task", (sys.executable, "-c", code), {})

    with keep(tmp_path / "home", [program]):
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)

    assert not [pid for pid in pids_in(tmp_path) if psutil.pid_exists(pid)]


@pytest.mark.parametrize(
    ("number", "moments"), [(signal.SIGKILL, 6), (signal.SIGINT, 3)], ids=["kill -9", "Ctrl-C"]
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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_last_program_runs_when_the_others_are_dead(holding, tmp_path, number):
    with holding() as owner:
        assert owner.read_line() == "started"
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)
        owner.end_by(number)
        assert not owner.left(seconds=10)

    assert (tmp_path / "last").read_text() == "0 alive"


def test_fork_of_a_dead_owner_does_not_keep_the_programs_alive(holding, tmp_path):
    with holding(FORKS="1") as owner:
        assert wait_until(lambda: len(pids_in(tmp_path)) == 2, seconds=20)
        owner.process.kill()
        gone = wait_until(
            lambda: not any(psutil.pid_exists(pid) for pid in pids_in(tmp_path)), seconds=3
        )
        fork_lives = bool(processes_with(owner.mark))

    assert (gone, fork_lives) == (True, True)


def test_secrets_are_on_no_command_line_and_in_no_file_and_the_folder_is_private(tmp_path):
    seen = {"PATH": os.environ["PATH"], "DB_PASSWORD": PASSWORD}
    program = Program("server", (sys.executable, "-c", "import time; time.sleep(60)"), seen)

    with keep(tmp_path / "home", [program], last=[]) as kept:
        assert wait_until(lambda: processes_with(PASSWORD), seconds=20)
        assert PASSWORD not in command_lines()
        assert stat.S_IMODE(kept.home.stat().st_mode) == 0o700
        assert not [path for path in kept.home.rglob("*") if PASSWORD in path.read_text()]


def test_keeper_and_programs_see_nothing_of_the_owners_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    program = Program("server", (sys.executable, "-c", "import time; time.sleep(60)"), {"A": "b"})

    with keep(tmp_path / "home", [program]) as kept:
        assert wait_until(lambda: processes_with(str(kept.home)), seconds=20)
        held = keeper_of_this_process()
        (server,) = held.children()
        assert set(environment_of(held.pid)) <= {"PATH", "PYTHONPATH", "LC_CTYPE"}
        assert environment_of(server.pid) == {"A": "b", keeper.MARK: str(kept.home)}


def test_what_a_program_leaves_behind_becomes_no_zombie(tmp_path):
    code = (
        "import os, time\n"
        "for _ in range(20): os.fork() or (os.fork() or time.sleep(0.2), os._exit(0))\n"
        "time.sleep(60)"
    )
    program = Program("server", (sys.executable, "-c", code), {})

    with keep(tmp_path / "home", [program]) as kept:
        assert wait_until(lambda: len(processes_with(str(kept.home))) > 1, seconds=20)
        held = keeper_of_this_process()
        (server,) = held.children()[:1]

        def adopted() -> list[int]:
            return [child.pid for child in held.children() if child.pid != server.pid]

        assert wait_until(lambda: not adopted(), seconds=5)
