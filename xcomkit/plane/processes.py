"""Processes that live as long as whoever started them, and the files they write meanwhile."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, cast
from uuid import uuid4

from xcomkit.findings.errors import ProcessError
from xcomkit.findings.redaction import redact, secret_texts
from xcomkit.plane import supervisor

_END_SECONDS = 60.0  # more than a supervisor gives itself
_POLL = 0.25  # seconds; each look at a plane costs its API server some milliseconds
_TAIL = 12  # lines
_MOST_TAIL = 2_000  # characters
_MOST_READ = 200_000  # bytes


@dataclass(frozen=True, slots=True)
class Program:
    """A command with its whole environment; ``name`` names its log."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Processes:
    """Programs that run in a private folder; made by ``supervise``."""

    home: Path
    secrets: tuple[str, ...] = field(repr=False)

    def tail(self, name: str) -> str:
        """Return the last lines of a program's log, masked, as one part of a sentence.

        Indented lines are left out: frames of a traceback, of which there are more than causes.
        """
        lines = [line.strip() for line in self.read_log(name) if line.strip() and line[0] != " "]
        return " | ".join(lines[-_TAIL:])[-_MOST_TAIL:] or "nothing"

    def read_log(self, name: str) -> list[str]:
        """Return the lines of a program's log, masked; of its last ``_MOST_READ`` bytes only."""
        try:
            with supervisor.log_file(self.home, name).open("rb") as stream:
                start = max(0, stream.seek(0, os.SEEK_END) - _MOST_READ)
                stream.seek(start)
                if start:
                    stream.readline()  # half a line may be half a secret
                text = stream.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        longest_first = sorted(self.secrets, key=len, reverse=True)
        return redact(text, secrets=longest_first).splitlines()

    def check_running(self, *names: str) -> None:
        """Raise ProcessError, with the end of its log, if one of these ended, or any but well."""
        for name, status in self._ended():
            if status != "0" or name in names:
                raise ProcessError(
                    f"{name} ended with status {status}; its log ends: {self.tail(name)}",
                    hint="act on the last lines of that log, then run the step again.",
                )
        if not supervisor.is_supervised(self.home):
            raise ProcessError(
                f"{', '.join(names)} and the folder {self.home} were ended from outside.",
                hint="look whether the disk is full or memory ran out, then run the step again.",
            )

    def wait_for(
        self,
        is_so: Callable[[], bool],
        *,
        what: Callable[[], str],
        blamed: Callable[[], str],
        names: Sequence[str],
        timeout: float,
    ) -> None:
        """Return as soon as ``is_so`` says yes; the programs ``names`` must go on running.

        ``what`` is waited for, in words; ``blamed`` is the program whose log is quoted then.

        Raises:
            ProcessError: one of the programs ended, or ``timeout`` seconds are over.
        """
        deadline = time.monotonic() + timeout
        while not is_so():
            self.check_running(*names)
            if time.monotonic() >= deadline:
                name = self._begun(blamed())
                raise ProcessError(
                    f"{what()} did not come about within {timeout:g} s; the log of {name} ends:"
                    f" {self.tail(name)}",
                    hint="raise step_timeout on a slow machine, or act on the quoted lines.",
                )
            time.sleep(_POLL)

    def _ended(self) -> list[tuple[str, str]]:
        """Return name and status of what has ended, in that order."""
        try:
            files = sorted(self.home.glob("*.exit"), key=lambda path: path.stat().st_mtime_ns)
            return [(path.stem, path.read_text(encoding="utf-8")) for path in files]
        except FileNotFoundError:
            return []  # the folder is going just now

    def _begun(self, name: str) -> str:
        """Return ``name``, or what runs before it and has not ended."""
        begun = {path.stem for path in self.home.glob("*.log")}
        earlier = sorted(begun - {one for one, _ in self._ended()})
        return name if name in begun or not earlier else earlier[0]


def choose_home(label: str) -> Path:
    """Return a folder that is not there yet, for programs to run in."""
    return Path(tempfile.gettempdir(), f"xcomkit-{label}-{uuid4().hex[:12]}")


@contextmanager
def supervise(home: Path, *stages: Sequence[Program]) -> Iterator[Processes]:
    """Start programs, stage after stage, and end everything they started when the block ends.

    A stage begins when every program of the one before has ended with status 0. When this process
    dies, also of SIGKILL, the programs end as well, and ``home`` goes.

    Raises:
        ProcessError: ``home`` cannot be made, or something was left behind.
    """
    order = {
        "home": str(home),
        "is_new": True,
        "owner": os.getpid(),
        "sessions": [],
        "stages": [[asdict(program) for program in stage] for stage in stages],
    }
    programs = [program for stage in stages for program in stage]
    secrets = {text for program in programs for text in secret_texts(program.environment)}
    process = _start_supervisor()
    try:
        _begin(process, order)
        yield Processes(home, tuple(secrets))
    finally:
        left = _end(process, order)
    if left:
        raise ProcessError(
            f"something was left behind: {'; '.join(left)}.", hint="remove it by hand."
        )


def _start_supervisor() -> subprocess.Popen[bytes]:
    """Start a supervisor with nothing of this process's environment, such as credentials."""
    return subprocess.Popen(
        [sys.executable, "-P", supervisor.__file__],
        bufsize=0,
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the parent, which still has evidence to write
    )


def _begin(process: subprocess.Popen[bytes], order: Mapping[str, object]) -> None:
    """Hand over the order and wait until the folder is there."""
    stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    with suppress(BrokenPipeError), open(stdin.fileno(), "wb", closefd=False) as stream:
        stream.write(json.dumps(order).encode() + b"\n")
    answer = stdout.readline()
    if answer.decode().strip() != supervisor.READY:
        *_, answer = (answer + stdout.read()).splitlines() or [b"it wrote nothing"]
        raise ProcessError(
            f"no program could be started: {answer.decode(errors='replace')}.",
            hint="look whether the folder for temporary files (TMPDIR) is there and has room.",
        )


def _end(process: subprocess.Popen[bytes], order: Mapping[str, object]) -> list[str]:
    """Say that it is over, and wait until nothing is left; return sentences on what is."""
    try:
        output, _ = process.communicate(b"\n", timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    if process.returncode < 0:  # killed: another supervisor does the rest
        again = {**order, "is_new": False, "stages": [], "sessions": [process.pid]}
        output, _ = _start_supervisor().communicate(json.dumps(again).encode() + b"\n")
    lines = output.decode(errors="replace").splitlines()
    return [line for line in lines if line != supervisor.READY]
