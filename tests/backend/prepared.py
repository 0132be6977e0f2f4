"""A process that has imported Airflow; each worker of a test may be a fork of it.

The import is most of what a worker costs. What only a process of its own can show has one.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xcomkit.backend import worker
from xcomkit.backend.launch import Launch, start

IMPORTS = (
    "airflow.sdk.execution_time.task_runner", "airflow.sdk.execution_time.supervisor",
    "airflow.models.taskinstance", "airflow.providers.common.io.xcom.backend", "xcomkit.durable",
    "s3fs", "adlfs", "gcsfs", "pandas", "pyarrow",
)  # fmt: skip


class Fork:
    """What ``Popen`` is to the worker's other end."""

    def __init__(self, door: socket.socket, stdin: int, stdout: int) -> None:
        self.door, self.pid = door, int(door.recv(16))
        self.stdin, self.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> None:
        self.door.settimeout(timeout)
        try:
            self.door.recv(1)  # ends with the last process that holds the other end
        except TimeoutError:
            raise subprocess.TimeoutExpired("fork", timeout or 0) from None


class Prepared:
    """Starts workers as forks, where nothing is said about another interpreter or a pod."""

    def __init__(self, address: str) -> None:
        self.address = address

    def start(self, launch: Launch, *, environment: Any, home: str, stderr: Any, sockets: Any,
              **given: Any) -> Any:  # fmt: skip
        given["sockets"] = sockets
        if launch != Launch():
            return start(launch, environment=environment, home=home, stderr=stderr, **given)
        (read, stdin), (stdout, write) = os.pipe(), os.pipe()
        own = {"HOME": home, "AIRFLOW_HOME": f"{home}/airflow", "PATH": os.environ["PATH"]}
        door = socket.socket(socket.AF_UNIX)
        door.connect(self.address)
        socket.send_fds(door, [b"."], [read, write, stderr.fileno(), *sockets])
        door.sendall(json.dumps([{**environment, **own}, home]).encode() + b"\n")
        os.close(read)
        os.close(write)
        return Fork(door, stdin, stdout)


@contextlib.contextmanager
def open_prepared(directory: Path) -> Iterator[Prepared]:
    address = f"{directory}/door"
    command = [sys.executable, __file__, address]
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONUTF8": "1",
        "PYTHONPATH": str(Path(worker.__file__).parents[2]),  # of a copy, not the installed one
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # read at import; each stand-in says so
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=own, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"ready\n" in iter(process.stdout.readline, b"")  # behind what Airflow prints
        yield Prepared(address)
        process.stdin.close()


def serve(door: socket.socket) -> None:
    """Become a worker with the environment and the channels that are sent."""
    _, channels, _, _ = socket.recv_fds(door, 1, 4)
    environment, home = json.loads(door.makefile("rb").readline())
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    os.environ.clear()
    worker.adopt(environment)
    os.chdir(home)
    os.setsid()
    for number, channel in enumerate(channels[:3]):
        os.dup2(channel, number)
        os.close(channel)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv[1:] = map(str, channels[3:])
    door.sendall(str(os.getpid()).encode())
    worker.main()


def reap(*_: object) -> None:
    """Take note of the forks that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def main(address: str) -> None:
    for name in IMPORTS:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, reap)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while 0 not in select.select([0, listening], [], [])[0]:
            door = listening.accept()[0]
            if os.fork() == 0:
                listening.close()
                try:
                    serve(door)
                finally:
                    os._exit(0)
            door.close()


if __name__ == "__main__":
    main(sys.argv[1])
