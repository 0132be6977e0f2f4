"""Starts the processes of a plane, and ends them all when whoever asked for them is gone.

Run as a script. The first line of stdin is the order; after it stdin is a lifeline: when it ends,
also because the other side was killed, every process below this one is killed and the private
folder goes. A process that ended by itself leaves ``NAME.exit`` with its status in that folder.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

_POLL = 0.1  # seconds
_SET_CHILD_SUBREAPER = 36  # prctl(2)
_EXIT = "{name}.exit"
_LOG = "{name}.log"


def exit_file(home: Path, name: str) -> Path:
    """Return the file that holds the status of a process which ended by itself."""
    return home / _EXIT.format(name=name)


def log_file(home: Path, name: str) -> Path:
    """Return the file with what a process said."""
    return home / _LOG.format(name=name)


def _main() -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":  # what a task leaves behind becomes a child of this process
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    order = json.loads(sys.stdin.buffer.readline() or "{}")
    if not order:
        return
    home = Path(order["home"])
    home.mkdir(mode=0o700)
    try:
        _keep(order, home=home)
    finally:
        _end_all()
        for command in order["last"]:
            _run_last(command, home=home)
        shutil.rmtree(home, ignore_errors=True)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _keep(order: dict[str, Any], *, home: Path) -> None:
    """Start one stage after the other, each when the one before it has ended well."""
    running: dict[int, str] = {}
    stages = list(order["stages"])
    while not _is_abandoned():
        for pid, status in _ended():
            name = running.pop(pid, "")
            if name:
                exit_file(home, name).write_text(str(status), encoding="utf-8")
                stages = stages if status == 0 else []
        if stages and not running:
            running = {_start(one, home=home): one["name"] for one in stages.pop(0)}


def _is_abandoned() -> bool:
    """Wait a moment; tell whether the lifeline has ended."""
    ready, _, _ = select.select([sys.stdin.buffer], [], [], _POLL)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


def _start(one: dict[str, Any], *, home: Path) -> int:
    with log_file(home, one["name"]).open("wb") as output:
        process = subprocess.Popen(
            one["command"],
            env=one["environment"],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    process.returncode = 0  # reaped by pid below, together with what it leaves behind
    return process.pid


def _ended() -> list[tuple[int, int]]:
    """Return pid and exit status of every child that has ended, adopted ones included."""
    found = []
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((ended[0], os.waitstatus_to_exitcode(ended[1])))
    return found


def _end_all() -> None:
    """Kill what is below this process or in its session until nothing is left.

    A task's process makes a group, or a session, of its own: a group alone would miss it.
    """
    import psutil

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    own, session = os.getpid(), os.getsid(0)
    while True:
        below = {child.pid for child in psutil.Process().children(recursive=True)}
        left = {
            pid for pid in psutil.pids() if pid != own and (pid in below or _is_in(session, pid))
        }
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _ended()
        select.select([], [], [], 0.02)


def _is_in(session: int, pid: int) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid) == session
    return False


def _run_last(one: dict[str, Any], *, home: Path) -> None:
    """Run a command that leaves things as they were, such as dropping a private database."""
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            one["command"], env=one["environment"], cwd=home, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip


if __name__ == "__main__":
    _main()
