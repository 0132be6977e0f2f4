"""The shipped Dag, run by ``airflow dags test`` in a fresh process under a given environment.

Scheduler, API server and task share that one process and a private SQLite database; the XCom
backend, the connection and the identity are those of the environment and of nothing else.
"""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from xcomkit.airflow_plane.dag_run import (
    DAG_ID,
    DAGS_FOLDER,
    MAX_STORED,
    DagRun,
    TaskResult,
    XComRow,
)
from xcomkit.errors import ProcessError
from xcomkit.redaction import redact, secret_texts

MAX_LINES = 4_000
MAX_LINE = 2_000
_TAIL = 15
_POLL = 0.1  # seconds

# Both commands in one process: a second import of Airflow costs 3 to 4 s. Taking the interpreter
# apart costs 3 s more; collecting runs the finalizers, which is where hidden uploads fail.
# Its stdin ends when whoever started it is gone, also after a SIGKILL, and so does the process.
_COMMANDS = """
import gc, os, signal, sys, threading
def end_with_parent(channel=os.dup(0)):
    os.read(channel, 1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=end_with_parent, daemon=True).start()
from airflow.__main__ import main
_, dag_id, conf = sys.argv
for command in (["db", "migrate"], ["dags", "test", dag_id, "--conf", conf]):
    sys.argv = ["airflow", *command]
    main()
gc.collect()
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
"""
# The metadata database and the Dag are the runbook's own here, whatever the values file says.
_DROPPED = (
    "AIRFLOW_CONFIG",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
)
_STARTS = re.compile(r"\[DAG TEST\] starting task_id=(\S+) map_index=(-?\d+)")
_ENDS = re.compile(r"\[DAG TEST\] end task task_id=")
_STEPS = (
    (re.compile(r"Database migration done"), "metadata database is ready"),
    (
        re.compile(r"\[DAG TEST\] end task task_id=(?P<task>[\w.-]+) map_index=(?P<index>-?\d+)"),
        "task {task}[{index}] ended",
    ),
)


def run_dag(
    environment: Mapping[str, str],
    *,
    conf: Mapping[str, int],
    timeout: float,
    progress: Callable[[str], None],
) -> DagRun:
    """Return how the shipped Dag ran under ``environment``, a failed run included.

    ``environment`` is the effective environment of a component plus the identity variables; of
    this process only PATH is passed on. ``conf`` holds parameters of the Dag. ``progress`` gets a
    short sentence per stage and task.

    Raises:
        ProcessError: when no run came about within ``timeout`` seconds.
    """
    secrets = secret_texts(environment)
    with tempfile.TemporaryDirectory(prefix="xcomkit-dag-") as name:
        home = Path(name)
        log = _Log(path=home / "run.log", secrets=secrets, progress=progress)
        started = time.monotonic()
        with _started(_environment(environment, home=home), conf=conf, home=home) as process:
            _wait(process, log=log, deadline=started + timeout, timeout=timeout)
        seconds = time.monotonic() - started
        return _read_run(home / "airflow.db", log=log, seconds=seconds, status=process.returncode)


def _environment(given: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """Return the whole environment of the process; its private directory stands for HOME.

    A private HOME keeps ``~/airflow``, ``~/.aws`` and the like out unless ``given`` names another.
    """
    kept = {name: value for name, value in given.items() if name not in _DROPPED}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }


@dataclass(slots=True)
class _Log:
    """The growing log file of the process: masked, bounded, each new line offered to progress."""

    path: Path
    secrets: tuple[str, ...] = field(repr=False)
    progress: Callable[[str], None]
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_LINES))
    stream: IO[str] | None = None
    partial: str = ""

    def read_new(self) -> None:
        """Take in what was written since the last call."""
        if self.stream is None:
            self.stream = self.path.open(encoding="utf-8", errors="replace")
        *lines, self.partial = (self.partial + self.stream.read()).split("\n")
        for line in lines:
            self._add(line)

    def close(self) -> None:
        """Take in the rest, an unfinished last line included."""
        self.read_new()
        if self.partial:
            self._add(self.partial)
        if self.stream is not None:
            self.stream.close()

    def tail(self) -> str:
        """Return the last lines as one sentence part."""
        return " | ".join(list(self.lines)[-_TAIL:])[-MAX_LINE:]

    def _add(self, line: str) -> None:
        # Masked before it is cut: half a secret would not be recognised.
        self.lines.append(redact(line, secrets=self.secrets)[:MAX_LINE])
        for pattern, sentence in _STEPS:
            if match := pattern.search(line):
                self.progress(sentence.format(**match.groupdict()).replace("[-1]", ""))


@contextlib.contextmanager
def _started(
    environment: dict[str, str], *, conf: Mapping[str, int], home: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the running process; nothing of its group is left when the block ends."""
    with (home / "run.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMANDS, DAG_ID, json.dumps(dict(conf))],
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin:
            process.stdin.close()


def _wait(process: subprocess.Popen[bytes], *, log: _Log, deadline: float, timeout: float) -> None:
    """Return when the process has ended, having followed its log."""
    try:
        while process.poll() is None:
            if time.monotonic() >= deadline:
                log.read_new()
                raise ProcessError(
                    f"the Dag {DAG_ID} did not finish within {timeout:g} s; its log ends:"
                    f" {log.tail()}",
                    hint="raise step_timeout, or look for a service that does not answer.",
                )
            log.read_new()
            time.sleep(_POLL)
    finally:
        log.close()


def _read_run(database: Path, *, log: _Log, seconds: float, status: int) -> DagRun:
    """Return the run as the private metadata database recorded it.

    Raises:
        ProcessError: when the process ended before there was a run.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
            run = db.execute(
                "SELECT run_id, state FROM dag_run WHERE dag_id = ?", (DAG_ID,)
            ).fetchone()
            tasks = db.execute(
                "SELECT task_id, map_index, state, try_number FROM task_instance ORDER BY 1, 2"
            ).fetchall()
            rows = db.execute(
                "SELECT task_id, map_index, key, substr(value, 1, ?), length(value) FROM xcom"
                " ORDER BY 1, 2, 3",
                (MAX_STORED,),
            ).fetchall()
    except sqlite3.Error:
        run = None
    if run is None:
        raise ProcessError(
            f"airflow dags test ended with status {status} before there was a run; its log ends:"
            f" {log.tail()}",
            hint="check that Airflow and the providers of this environment can be imported.",
        )
    logs = _share_out(log.lines)
    return DagRun(
        dag_id=DAG_ID,
        run_id=run[0],
        state=run[1],
        tasks=tuple(
            TaskResult(task, index, state or "none", tries, log=tuple(logs[task, str(index)]))
            for task, index, state, tries in tasks
        ),
        xcoms=tuple(
            XComRow(task, index, key, _text(stored), length or 0)
            for task, index, key, stored, length in rows
        ),
        log=tuple(logs["", ""]),
        seconds=seconds,
    )


def _share_out(lines: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return the lines of each task, all its tries, and under two empty names all other lines."""
    shares: dict[tuple[str, str], list[str]] = defaultdict(list)
    task = nobody = ("", "")
    for line in lines:
        if match := _STARTS.search(line):
            task = (match[1], match[2])
        elif _ENDS.search(line):
            task = nobody
        shares[task].append(line)
    return shares


def _text(stored: str | None) -> str:
    """Return the text of a JSON string, or the JSON itself for any other (or cut) value."""
    try:
        value = json.loads(stored or "null")
    except ValueError:
        value = None
    return value if isinstance(value, str) else stored or ""
