"""Processes that live as long as whoever started them, and the files they leave meanwhile."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from xcomkit.airflow_plane import keeper
from xcomkit.errors import ProcessError
from xcomkit.redaction import redact, secret_texts

_END_SECONDS = 15.0
_POLL = 0.1  # seconds
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
class Kept:
    """Programs that run in a private folder; made by ``keep``."""

    home: Path
    secrets: tuple[str, ...] = field(repr=False)

    def tail(self, name: str) -> str:
        """Return the last lines a program said, masked, as one part of a sentence.

        Indented lines are left out: frames of a traceback, of which there are more than causes.
        """
        lines = [line.strip() for line in self.read_log(name) if line.strip() and line[0] != " "]
        return " | ".join(lines[-_TAIL:])[-_MOST_TAIL:] or "nothing"

    def read_log(self, name: str) -> list[str]:
        """Return the lines a program said, masked; only the last ``_MOST_READ`` bytes of them."""
        path = keeper.log_file(self.home, name)
        if not path.exists():
            return []
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _MOST_READ))
            text = stream.read().decode("utf-8", errors="replace")
        return [redact(line, secrets=self.secrets) for line in text.splitlines()]

    def refuse_ended(self, *names: str) -> None:
        """Do nothing while the named programs run.

        Raises:
            ProcessError: one has ended; the sentence quotes the end of its log.
        """
        for name in names:
            path = keeper.exit_file(self.home, name)
            if path.exists():
                raise ProcessError(
                    f"{name} ended with status {path.read_text(encoding='utf-8') or '?'}; its log"
                    f" ends: {self.tail(name)}",
                    hint="act on the last lines of that log, then run the step again.",
                )

    def wait_for(
        self,
        is_so: Callable[[], bool],
        *,
        what: str,
        blamed: Callable[[], str],
        names: Sequence[str],
        timeout: float,
    ) -> None:
        """Return as soon as ``is_so`` says yes.

        Args:
            is_so: looks once.
            what: what is waited for, to stand in a sentence.
            blamed: the program whose log is quoted when time is up.
            names: programs that must go on running meanwhile.
            timeout: seconds.

        Raises:
            ProcessError: one of the programs ended, or the time is up.
        """
        deadline = time.monotonic() + timeout
        while not is_so():
            self.refuse_ended(*names)
            if time.monotonic() >= deadline:
                name = blamed()
                raise ProcessError(
                    f"{what} did not come about within {timeout:g} s; the log of {name} ends:"
                    f" {self.tail(name)}",
                    hint="raise step_timeout on a slow machine, or act on the quoted lines.",
                )
            time.sleep(_POLL)


def choose_home(label: str) -> Path:
    """Return a folder that is not there yet, for programs to be kept in."""
    return Path(tempfile.gettempdir(), f"xcomkit-{label}-{uuid4().hex[:12]}")


@contextmanager
def keep(home: Path, *stages: Sequence[Program], last: Sequence[Program] = ()) -> Iterator[Kept]:
    """Start programs, stage after stage, and end everything they started when the block ends.

    A stage begins when every program of the one before has ended with status 0. When this process
    dies, also of SIGKILL, the programs end as well, and ``home`` goes. ``last`` runs after that.
    """
    order = {
        "home": str(home),
        "stages": [[asdict(program) for program in stage] for stage in stages],
        "last": [asdict(program) for program in last],
    }
    process = subprocess.Popen(
        [sys.executable, "-P", keeper.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the parent, which still has evidence to write
    )
    try:
        if process.stdin:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        while not home.exists() and process.poll() is None:
            time.sleep(_POLL / 10)
        environments = [program.environment for stage in stages for program in stage]
        secrets = {text for environment in environments for text in secret_texts(environment)}
        yield Kept(home, tuple(sorted(secrets, key=len, reverse=True)))
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the lifeline, and wait until nothing is left."""
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
