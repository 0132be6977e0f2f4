"""An orchestration plane on this machine: API server, scheduler and Dag processor.

Like Astro's it holds no bucket credentials and no XCom settings; what agents write is a reference
to it. Nothing of the user's ~/airflow is read or written.
"""

import base64
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from xcomkit.findings.errors import UnreachableError
from xcomkit.plane.dag_run import DAGS_FOLDER
from xcomkit.plane.processes import Processes, Program, choose_home, supervise
from xcomkit.plane.supervisor import MARK, exit_file

VARIABLE = "XCOMKIT_CONTROL_PLANE"
"""Hands a running plane to the kernels below this process. It holds the secret, so no file does."""

PLUGINS_FOLDER = Path(__file__).parent / "plugins"
_START = Path(__file__).parent / "start.py"
EXECUTOR = "airflow.providers.edge3.executors.EdgeExecutor"
DATABASE_FILE = "metadata.db"
PROGRAMS = ("api-server", "scheduler", "dag-processor")
_BUSY_SECONDS = 30  # of the database, before a writer gives up
_ANSWER_SECONDS = 5
_WARM = "first-request"
# The API server makes what tasks ask at their first request, for seconds; a task waits 5 of them.
_ASK_FIRST = """
import http.client, sys, time, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
while True:
    try:
        sys.exit(opener.open(sys.argv[1]).status != 200)
    except (OSError, http.client.HTTPException):
        time.sleep(0.2)
"""
_TOKEN_SECONDS = 120
"""How long an Edge worker's token of one request lives, and as much again is forgiven.

With Airflow's 10 a request that waits longer on a busy machine is refused, and its worker ends.
"""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running plane: its address, its private folder and what its parts share.

    ``variables`` are the names of all environment variables its processes have. ``started`` is a
    time of ``time.time()``, so that another process can tell how old the plane is.
    """

    url: str
    folder: str
    secret: str = field(repr=False)
    fernet_key: str = field(repr=False)
    variables: Sequence[str] = field(repr=False)
    queues: Sequence[str]
    started: float

    @property
    def secrets(self) -> tuple[str, str]:
        """Return what of the plane must never be stored."""
        return (self.secret, self.fernet_key)

    @property
    def processes(self) -> Processes:
        """Return its programs and their logs."""
        return Processes(Path(self.folder), self.secrets)

    @property
    def database(self) -> Path:
        """Return the file of its metadata database."""
        return Path(self.folder, DATABASE_FILE)

    @property
    def inner_environment(self) -> dict[str, str]:
        """Return the variables of those alone that work on the metadata database."""
        from sqlalchemy.engine import URL

        query = {"timeout": str(_BUSY_SECONDS)}
        url = URL.create("sqlite", database=str(self.database), query=query)
        return {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url.render_as_string(),
            "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
        }

    @property
    def shared_environment(self) -> dict[str, str]:
        """Return the variables of every process of the plane and of every agent alike.

        All of them read the Dag file, and must make the same Dag of it.
        """
        default, *others = self.queues or ("default",)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "AIRFLOW__API_AUTH__JWT_LEEWAY": str(_TOKEN_SECONDS),
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secret,
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": EXECUTOR,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__EDGE__API_URL": f"{self.url}/edge_worker/v1/rpcapi",
            "AIRFLOW__OPERATORS__DEFAULT_QUEUE": default,
            "XCOM_RUNBOOK_QUEUES": ",".join(others),
        }

    def wait_until_healthy(self, *, timeout: float, progress: Callable[[str], None]) -> None:
        """Return when all three answer for themselves (``GET /api/v2/monitor/health``).

        Raises:
            ProcessError: one ended or took longer than ``timeout`` seconds.
        """
        missing = list(PROGRAMS)

        def look() -> bool:
            for name in _healthy(self.url):
                is_cold = name == "api-server" and not exit_file(Path(self.folder), _WARM).exists()
                if name in missing and not is_cold:
                    missing.remove(name)
                    progress(f"{name} is ready")
            return not missing

        # Another process may have begun the wait; what it waited counts.
        left = round(max(timeout - (time.time() - self.started), timeout / 4), 1)
        self.processes.wait_for(
            look,
            what=lambda: f"a healthy {' and '.join(missing)}",
            blamed=lambda: missing[0],
            names=PROGRAMS,
            timeout=left,
        )

    def check_running(self) -> None:
        """Raise ProcessError, with the end of its log, if a part of the plane ended."""
        self.processes.check_running(*PROGRAMS)

    def make_token(self) -> str:
        """Return a token of the plane's administrator, whom everybody on this machine may be.

        Raises:
            UnreachableError: the API server does not answer, or not with a token.
        """
        try:
            return str(ask(f"{self.url}/auth/token")["access_token"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UnreachableError(
                f"the plane's API server gives out no token: {error!r}.",
                hint="run the step again.",
            ) from None

    def export(self) -> str:
        """Return the text from which ``attach`` makes the plane again, secrets included."""
        return json.dumps(asdict(self))


def attach() -> ControlPlane | None:
    """Return the plane of the process that started this one, or ``None``."""
    facts = json.loads(os.environ.get(VARIABLE, "{}"))
    return ControlPlane(**facts) if facts and Path(facts["folder"]).is_dir() else None


@contextmanager
def open_control_plane(*, queues: Sequence[str] = ()) -> Iterator[ControlPlane]:
    """Start a plane and yield it at once, before it is healthy; it ends with the block.

    ``queues`` are what the agents serve; the first one is that of tasks which name none.
    """
    home, port = choose_home("plane"), _free_port()
    plane = ControlPlane(
        url=f"http://127.0.0.1:{port}",
        folder=str(home),
        secret=secrets.token_urlsafe(64),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        variables=(),
        queues=tuple(queues),
        started=time.time(),
    )
    environment = {
        **plane.shared_environment,
        **plane.inner_environment,
        "HOME": str(home),
        "TMPDIR": str(home),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS_FOLDER),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__EDGE__API_ENABLED": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    }
    migrate = airflow("migration", "db", "migrate", environment=environment)
    parts = [airflow(name, name, environment=environment) for name in PROGRAMS]
    warm = (sys.executable, "-c", _ASK_FIRST, f"{plane.url}/execution/health")
    parts.append(Program(_WARM, warm, environment))
    with supervise(home, [migrate], parts):
        yield replace(plane, variables=(*environment, MARK))


def airflow(name: str, *arguments: str, environment: Mapping[str, str]) -> Program:
    """Return an ``airflow`` command as a program."""
    return Program(name, (sys.executable, "-P", str(_START), *arguments), dict(environment))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _healthy(url: str) -> Iterator[str]:
    """Yield the programs that are healthy now; none while the API server does not answer."""
    try:
        health = ask(f"{url}/api/v2/monitor/health")
        states = {part: (found or {}).get("status") for part, found in health.items()}
    except (OSError, ValueError, AttributeError):  # somebody else's server may say anything
        return
    for name in PROGRAMS:
        if name == "api-server" or states.get(name.replace("-", "_")) == "healthy":
            yield name


def ask(url: str, *, token: str = "") -> Any:
    """Return the JSON that a local address answers; no proxy of the user's is asked.

    Raises:
        OSError: nobody answers, or not well.
        ValueError: the answer is not JSON.
    """
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=_ANSWER_SECONDS) as answer:
            return json.load(answer)
    except HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from None
