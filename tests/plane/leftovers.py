"""What processes leave behind, seen from outside: processes by a mark, folders, open ports."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil

from xcomkit.plane import supervisor

ROOT = Path(__file__).parents[2]
OWNER = Path(__file__).parent / "plane_owner.py"


def processes_with(mark: str) -> list[str]:
    """Return the processes whose environment holds the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def processes_in(folder: Path) -> list[str]:
    """Return the processes that work in a folder; a new title hides a process's environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if str(path.readlink()).startswith(str(folder)):
                found.append(path.parent.name)
    return found


def supervisor_of_this_process() -> psutil.Process:
    """Return the one supervisor; a stand-in that other tests share is a child as well."""
    children = psutil.Process().children()
    (found,) = (child for child in children if supervisor.__file__ in child.cmdline())
    return found


def environment_of(pid: str | int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    return dict(part.split("=", 1) for part in text.split("\0") if "=" in part)


def command_lines() -> str:
    """Return the command lines of all processes, as ``ps`` shows them to everybody."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(found)


def is_answering(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_so, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


class Owner:
    """A process that holds others; everything it starts has the mark in its PATH."""

    def __init__(self, process: subprocess.Popen[str], *, mark: str, temporary: Path) -> None:
        self.process = process
        self.mark = mark
        self.temporary = temporary

    def read_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end_by(self, number: int) -> None:
        """Send a signal as a terminal does, to the group, and wait until the owner is dead."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait(timeout=30)

    def left(self, *, seconds: float) -> list[str]:
        """Return the processes and folders that are left when so many seconds have passed."""

        def look() -> list[str]:
            running = {*processes_with(self.mark), *processes_in(self.temporary)}
            return [*running, *(path.name for path in self.temporary.iterdir())]

        wait_until(lambda: not look(), seconds=seconds)
        return look()


@contextmanager
def owner_of(
    script: Path | str, *arguments: str, temporary: Path, **environment: str
) -> Iterator[Owner]:
    """Start a script, or -m and a module, as the leader of a process group, as a shell does."""
    mark = f"/mark-{uuid4().hex}"
    seen = {
        "PATH": f"{os.environ['PATH']}:{mark}",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(temporary),
        **environment,
    }
    with subprocess.Popen(
        [sys.executable, script, *arguments],
        env=seen,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        owner = Owner(process, mark=mark, temporary=temporary)
        try:
            yield owner
        finally:
            owner.end_by(signal.SIGKILL)
