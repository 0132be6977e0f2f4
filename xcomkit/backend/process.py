"""Start the worker with nothing but a given environment, and talk to it within deadlines."""

import json
import math
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import fields
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, Self

from xcomkit.backend.launch import Launch, start
from xcomkit.backend.protocol import (
    XCOM,
    Bound,
    Failure,
    Hello,
    Outcome,
    Request,
    Step,
    Subject,
    Where,
)
from xcomkit.findings.errors import ProcessError, UnreachableError
from xcomkit.findings.redaction import redact, secret_texts

WORKER = Path(__file__).with_name("worker.py")
START_SECONDS = 90.0
GRACE_SECONDS = 5.0
MOST_REPLY_BYTES = 16_000_000
MOST_STDERR_BYTES = 2_000
MOST_TYPE_TEXT = 100
LOOK_SECONDS = 15.0
"""How often a wait asks whether the store is still there."""


class Worker:
    """A running worker, which is asked about XComs unless said otherwise; see ``open_worker``."""

    subject: Subject = XCOM

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        stderr: IO[bytes],
        secrets: Sequence[str],
        timeout: float,
        launch: Launch,
        channel: tuple[socket.socket, socket.SocketIO] | None = None,
    ) -> None:
        self._process = process
        self._channel = channel
        self._stdin: Any = process.stdin
        self._stdout: Any = process.stdout
        self._end: Callable[[], None] = partial(_kill, process)
        self._launch = launch
        self._stderr = stderr
        self._secrets = secrets
        self._timeout = max(1, math.ceil(timeout))
        self._unread = b""
        self._looked = time.monotonic()
        self.look: Callable[[], object] = lambda: None
        """Asks for the store; what it raises ends the worker, which would wait for its retries."""
        self._start_deadline = time.monotonic() + max(START_SECONDS, timeout)

    @cached_property
    def hello(self) -> Hello:
        """What the worker found; waits until it has imported Airflow.

        Raises:
            ProcessError: it does not greet.
        """
        reply = self._read(self._start_deadline)
        found = {one.name: reply[one.name] for one in fields(Hello)}
        state = {**reply["state"], "error": self._failure(reply["state"]["error"])}
        return Hello(**{**found, "error": self._failure(reply["error"]), "state": state})

    def beside(self) -> "Worker | None":
        """Return the copy that answers at the same time; none where none was asked for.

        It ends with this worker, but this worker not with it.

        Raises:
            ProcessError: the worker does not greet.
        """
        if self._channel is None:
            return None
        _ = self.hello  # it is said once, for both
        found = copy(self)
        channel, stdin = self._channel
        vars(found).update(_stdin=stdin, _stdout=channel, _end=partial(_shut, channel))
        return found

    def about(self, subject: Subject) -> Self:
        """Return the same process, asked about another subject."""
        _ = self.hello  # there is one greeting for both
        other = copy(self)
        other.subject = subject
        return other

    @property
    def bound(self) -> Bound:
        """Return class and settings of the subject, as Airflow resolves them."""
        return self.hello.bound(self.subject)

    @property
    def small(self) -> dict[str, str]:
        """Return the variables under which a probe's small value leaves for the bucket as well."""
        return self.subject.send_small_values(self.bound.settings["threshold"])

    def where(self, dag_id: str, run_id: str, task_id: str) -> Where:
        """Return the place of a task's value of the subject."""
        return Where(dag_id, run_id, task_id, subject=self.subject.name)

    def run(
        self,
        steps: Sequence[Step],
        *,
        environment: Mapping[str, str] | None = None,
        timeout: int = 0,
    ) -> tuple[Outcome, ...]:
        """Return the outcome of each step; all of them run in one fresh fork of the worker.

        ``environment`` differs for this request alone, as does ``timeout`` in seconds, where fewer
        than the worker's will do.

        Raises:
            ProcessError: when the worker or its fork dies, hangs or answers something else.
        """
        (outcomes,) = self.run_all([Request(steps, environment or {}, timeout)])
        if isinstance(outcomes, ProcessError):
            raise outcomes
        return outcomes

    def run_all(
        self, requests: Sequence[Request]
    ) -> tuple[tuple[Outcome, ...] | ProcessError, ...]:
        """Return the outcomes of requests that run at the same time, each in a fork of its own.

        A fork that dies or hangs is an error in its place, beside the outcomes of the others; a
        worker that does is the same error in every place.
        """
        try:
            return self._ask(requests) if requests else ()
        except ProcessError as error:
            return (error,) * len(requests)

    def _ask(self, requests: Sequence[Request]) -> tuple[tuple[Outcome, ...] | ProcessError, ...]:
        _ = self.hello  # a worker greets before it listens
        deadlines = [min(one.timeout or self._timeout, self._timeout) for one in requests]
        line = {
            "requests": [
                {"steps": list(one.steps), "environment": dict(one.environment), "timeout": seconds}
                for one, seconds in zip(requests, deadlines, strict=True)
            ]
        }
        try:
            self._stdin.write(json.dumps(line).encode() + b"\n")
            self._stdin.flush()
        except ConnectionError:
            raise self._lost("is gone") from None
        reply = self._read(time.monotonic() + max(deadlines) + GRACE_SECONDS)
        return tuple(
            self._error(f"gave up: {one['died']}")
            if "died" in one
            else tuple(self._outcome(entry) for entry in one["steps"])
            for one in reply["replies"]
        )

    def _read(self, deadline: float) -> dict[str, Any]:
        """Return the next reply; a line that is no JSON object is a refusal to talk."""
        try:
            reply = json.loads(self._read_line(deadline))
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise self._lost("answered something that is no JSON object")
        return reply

    def _read_line(self, deadline: float) -> bytes:
        while b"\n" not in self._unread:
            self._look()
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._stdout], [], [], min(left, LOOK_SECONDS))[0]:
                if left <= LOOK_SECONDS:
                    raise self._lost("gave no answer in time")
                continue
            block = b""
            with suppress(ConnectionError):  # a socket says so where a pipe just ends
                block = os.read(self._stdout.fileno(), 1 << 16)
            if not block:
                if self._stdout is self._process.stdout:
                    with suppress(subprocess.TimeoutExpired):  # it may still be saying why
                        self._process.wait(GRACE_SECONDS)
                raise self._lost("ended before it answered")
            self._unread += block
            if len(self._unread) > MOST_REPLY_BYTES:
                raise self._lost("answered more than any reply may hold")
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _look(self) -> None:
        """Ask for the store, once in a while.

        Raises:
            UnreachableError: it is gone, and so is the worker now.
        """
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            self.look()
        except UnreachableError:
            self._end()
            raise

    def _lost(self, what: str) -> ProcessError:
        """End the worker, so that no late answer is taken for the next one; return the error."""
        self._end()
        return self._error(what)

    def _error(self, what: str) -> ProcessError:
        """Return the error with the end of the worker's stderr, secrets blotted out."""
        written = self._stderr.fileno()
        start = max(0, os.fstat(written).st_size - MOST_STDERR_BYTES)
        tail = os.pread(written, MOST_STDERR_BYTES, start).decode(errors="replace")
        tail = self._redact(tail).strip()
        tail = self._launch.last_words(tail)
        words = f" Its last words: {tail}" if tail else ""
        return ProcessError(
            f"The process with Airflow's backend{self._launch.place} {what}.{words}",
            hint=self._launch.hint(tail)
            or "look at the network, the endpoint and the memory of this machine, then repeat.",
        )

    def _outcome(self, entry: dict[str, Any]) -> Outcome:
        for name in ("log", "ignored", "reasons"):
            entry[name] = tuple(map(self._redact, entry.get(name, ())))
        entry["types"] = tuple(
            {name: self._redact(text)[:MOST_TYPE_TEXT] for name, text in one.items()}
            for one in entry.get("types", ())
        )
        return Outcome(**{**entry, "error": self._failure(entry["error"])})

    def _failure(self, found: dict[str, str] | None) -> Failure | None:
        if found is None:
            return None
        return Failure(**{name: self._redact(text) for name, text in found.items()})

    def _redact(self, text: str) -> str:
        return redact(text, secrets=self._secrets)


@contextmanager
def open_worker(
    environment: Mapping[str, str],
    *,
    timeout: float,
    launch: Launch | None = None,
    is_copied: bool = False,
) -> Iterator[Worker]:
    """Start a worker that has only this environment; nothing of it is left afterwards.

    PATH and the locale are this machine's, HOME and AIRFLOW_HOME are a private directory, so that
    no sign-in and no configuration of the user's leaks into the proof. A pod has an environment of
    its own: there ``environment`` only says which texts are secret. A single request may take
    ``timeout`` seconds. ``is_copied`` asks for what ``Worker.beside`` returns.

    Raises:
        ProcessError: when the worker cannot be started or does not greet.
    """
    launch = launch or Launch()
    secrets = secret_texts(environment)
    with (
        tempfile.TemporaryDirectory(prefix="xcomkit-worker-", ignore_cleanup_errors=True) as home,
        Path(home, "stderr").open("a+b") as stderr,
    ):
        ours, theirs = socket.socketpair()
        with ours, theirs, ours.makefile("wb", buffering=0) as stdin:
            process = start(
                launch, worker=WORKER, environment=environment, home=home, stderr=stderr,
                sockets=(theirs.fileno(),) if is_copied else (),
            )  # fmt: skip
            theirs.close()
            try:
                yield Worker(
                    process, stderr=stderr, secrets=secrets, timeout=timeout, launch=launch,
                    channel=(ours, stdin) if is_copied else None,
                )  # fmt: skip
            finally:
                _stop(process, seconds=GRACE_SECONDS if launch.pod else 0)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the worker and every fork of it; there is nothing in them to be saved."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _shut(channel: socket.socket) -> None:
    """End the copy on the other end, which hears that nobody is left, and its forks."""
    with suppress(OSError):  # it has ended
        channel.shutdown(socket.SHUT_RDWR)


def _stop(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Close stdin, which ends a worker in its pod once kubectl has passed it on, and kill."""
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()
    if seconds:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    _kill(process)
    process.wait()
    if process.stdout:
        process.stdout.close()
