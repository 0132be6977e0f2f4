"""Starts processes, and ends them all when whoever asked for them is gone.

Run as a script. The first line of stdin is the order; after it stdin is a lifeline: when it ends,
also because the other side was killed, or when a byte comes, every process below this one is
killed and the private folder goes. A process that ended by itself leaves ``NAME.exit`` with its
status in that folder. Stdout says that the folder is there and, last, what could not be undone.
"""

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

READY = "ready"
MARK = "XCOMKIT_KEPT_IN"
"""Variable with the private folder: it identifies a process that has left its parent."""

_POLL = 0.1  # seconds
_KILL_SECONDS = 10.0
_SET_CHILD_SUBREAPER = 36  # prctl(2)
_NOT_STARTED = 127
_LOCK = "supervisor.lock"


def exit_file(home: Path, name: str) -> Path:
    """Return the file that holds the status of a process which ended by itself."""
    return home / f"{name}.exit"


def log_file(home: Path, name: str) -> Path:
    """Return the file with the output of a process."""
    return home / f"{name}.log"


def is_supervised(home: Path) -> bool:
    """Tell whether the supervisor of a folder lives: it holds the lock until it dies."""
    try:
        with (home / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _main() -> None:
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN, not inherited by programs
    if sys.platform == "linux":  # what a task leaves behind becomes a child of this process
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    order = json.loads(sys.stdin.buffer.readline() or "{}")
    if not order:
        return
    home = Path(order["home"])
    try:
        home.mkdir(mode=0o700, exist_ok=not order["is_new"])
    except OSError as error:
        raise SystemExit(str(error)) from None
    try:
        with (home / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            print(READY, flush=True)  # noqa: T201 - the other side waits for it
            _supervise(order, home=home, signals=signals)
    finally:
        for pid in _end_all(order):
            print(f"process {pid} cannot be ended")  # noqa: T201 - the other side tells its user
        shutil.rmtree(home, ignore_errors=True)
        if home.exists():
            print(f"{home} cannot be removed")  # noqa: T201


def _supervise(order: dict[str, Any], *, home: Path, signals: list[int]) -> None:
    """Start one stage after the other, each when the one before it has ended well."""
    running: dict[int, str] = {}
    stages = list(order["stages"])
    while not (_is_abandoned(owner=order["owner"]) or signals):
        for pid, status in _ended():
            if name := running.pop(pid, ""):
                _write_status(home, name, status=status)
                stages = stages if status == 0 else []
        if stages and not running:
            for one in stages.pop(0):
                try:
                    running[_start(one, home=home)] = one["name"]
                except OSError as error:
                    log_file(home, one["name"]).write_text(f"{error}\n", encoding="utf-8")
                    _write_status(home, one["name"], status=_NOT_STARTED)
                    stages = []


def _is_abandoned(*, owner: int) -> bool:
    """Wait a moment; tell whether the lifeline has ended, or its holder while a fork holds on."""
    ready, _, _ = select.select([sys.stdin.buffer], [], [], _POLL)
    return bool(ready) or os.getppid() != owner


def _start(one: dict[str, Any], *, home: Path) -> int:
    with log_file(home, one["name"]).open("wb") as output:
        process = subprocess.Popen(
            one["command"],
            env={**one["environment"], MARK: str(home)},
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


def _write_status(home: Path, name: str, *, status: int) -> None:
    path = exit_file(home, name)
    part = path.with_suffix(".part")
    part.write_text(str(status), encoding="utf-8")
    part.replace(path)  # whoever reads it reads all of it


def _end_all(order: dict[str, Any]) -> set[int]:
    """Kill what was started from this folder until nothing is left; return what will not die.

    A task's process makes a group, or a session, of its own: a group alone would miss it.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while (left := _left(order)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _ended()
        select.select([], [], [], 0.02)
    return left


def _left(order: dict[str, Any]) -> set[int]:
    """Return processes below this one, in its session or a dead supervisor's, or with the mark."""
    below = {child.pid for child in psutil.Process().children(recursive=True)}
    own, sessions = os.getpid(), {os.getsid(0), *order["sessions"]}
    found = set()
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if pid != own and (
                pid in below
                or os.getsid(pid) in sessions
                or psutil.Process(pid).environ().get(MARK) == order["home"]
            ):
                found.add(pid)
    return found


if __name__ == "__main__":
    import psutil  # now: at the end it must be at hand, whatever has become of the disk

    _main()
