"""A real plane and real agents on this machine: what they see, who runs what, what is left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import jwt
import psutil
import pytest
from leftovers import (
    OWNER,
    command_lines,
    environment_of,
    is_answering,
    owner_of,
    processes_in,
    processes_with,
    wait_until,
)

from xcomkit.findings.errors import ProcessError, UnreachableError
from xcomkit.plane import control_plane
from xcomkit.plane.agents import TRIGGERER, Agent, Agents, open_agents
from xcomkit.plane.control_plane import (
    PLUGINS_FOLDER,
    PROGRAMS,
    VARIABLE,
    ControlPlane,
    attach,
    open_control_plane,
)
from xcomkit.plane.dag_run import DAG_ID, DagRun
from xcomkit.plane.kept import Kept
from xcomkit.plane.metadata import Database
from xcomkit.plane.rest import open_deployment

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
LOAD_DAG = "xcom_runbook_load"
LOAD_TASKS = 12
LIMIT = 600  # seconds; a shared machine is slow
START = PLUGINS_FOLDER.parent / "start.py"
FOREIGN = "foreign-4711"
# all that an agent has beside what the values file and its identity make
OF_THE_RUNBOOK = {
    "AIRFLOW_HOME", "AIRFLOW__API_AUTH__JWT_LEEWAY", "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__LOAD_EXAMPLES", "AIRFLOW__EDGE__API_URL", "AIRFLOW__EDGE__HEARTBEAT_INTERVAL",
    "AIRFLOW__EDGE__JOB_POLL_INTERVAL", "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "AIRFLOW__OPERATORS__DEFAULT_QUEUE", "HOME", "LANG", "NO_PROXY", "PATH", "PYTHONUNBUFFERED",
    "TMPDIR", "XCOMKIT_KEPT_IN", "XCOM_RUNBOOK_QUEUES", "no_proxy",
}  # fmt: skip
# Two fetches through the middleware, or without it, while each takes its time.
FETCHES = """
import asyncio, runpy, sys
found = runpy.run_path(sys.argv[1])
(hung,) = found["RunbookPlugin"].fastapi_root_middlewares
at_once, most = 0, 0

async def app(scope, receive, send):
    global at_once, most
    at_once += 1
    most = max(most, at_once)
    await asyncio.sleep(0.05)
    at_once -= 1
    if scope["path"].endswith("broken"):
        raise LookupError

async def main():
    served = hung["middleware"](app)
    global most
    for folder in sys.argv[2:]:
        paths = [folder + name for name in ("one", "broken", "three", "four")]
        calls = [served({"type": "http", "path": path}, None, None) for path in paths]
        most = 0
        await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
        print("at once:", most)
    await served({"type": "lifespan", "path": ""}, None, None)

asyncio.run(main())
"""


def first_environments(home: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what the programs see, read while they start: their titles overwrite it later."""
    found: dict[str, dict[str, str]] = {}

    def look() -> bool:
        for pid in processes_with(str(home)):
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                if words[2:3] == [str(START)]:
                    found.update({name: environment_of(pid) for name in names if name in words})
        return len(found) == len(names)

    assert wait_until(look, seconds=LIMIT)
    return found


@dataclass
class Running:
    """A plane with agents on three names and two queues."""

    plane: ControlPlane
    agents: Agents
    seen: dict[str, dict[str, str]]
    given: dict[str, str]
    user_home: Path
    said: list[str] = field(default_factory=list)

    @property
    def homes(self) -> tuple[Path, Path]:
        return self.plane.kept.home, self.agents.kept.home

    def run(self, dag_id: str, **conf: object) -> DagRun:
        run_id = f"run-{time.monotonic_ns()}"
        with open_deployment(self.plane.url, token=self.plane.make_token) as deployment:
            deployment.wait_until_parsed(
                dag_id, file_name=f"{dag_id}.py", timeout=LIMIT, progress=self.said.append
            )
            deployment.trigger(dag_id, run_id=run_id, conf=conf)
            deployment.wait_for_run(dag_id, run_id, timeout=LIMIT, progress=lambda _: None)
            return deployment.read_run(dag_id, run_id)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("plane")
    own = folder / "user" / "airflow"
    own.mkdir(parents=True)
    (own / "airflow.cfg").write_text("[core\nbroken", encoding="utf-8")
    given = {
        "AIRFLOW__CORE__XCOM_BACKEND": (
            "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
        ),
        f"{OPTION}_PATH": f"file://{folder}/bucket",
        f"{OPTION}_THRESHOLD": "0",
        "AWS_SECRET_ACCESS_KEY": "agents-own-4711",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("HOME", str(own.parent))
        patch.setenv("AIRFLOW_HOME", str(own))
        patch.setenv("AIRFLOW__CORE__XCOM_BACKEND", FOREIGN)
        patch.setenv("AWS_SECRET_ACCESS_KEY", FOREIGN)
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        said: list[str] = []
        with open_control_plane(queues=("default", "second")) as plane:
            seen = first_environments(plane.kept.home, PROGRAMS)
            plane.wait_until_healthy(timeout=LIMIT, progress=said.append)
            members = [
                Agent("one", given, ("default",)),
                Agent("two", given, ("second",)),
                Agent("three", given, ("default",)),
                Agent(TRIGGERER, given),
            ]
            with open_agents(plane, members) as agents:
                seen |= first_environments(agents.kept.home, agents.names)
                agents.wait_until_registered(timeout=LIMIT, progress=said.append)
                yield Running(plane, agents, seen, given, own.parent, said)
        homes = plane.kept.home, agents.kept.home
        assert not processes_in(folder)
        assert not [mark for mark in map(str, homes) if processes_with(mark)]
        assert not [path for path in homes if path.exists()]
        assert not is_answering(int(plane.url.rpartition(":")[2]))


@pytest.fixture(scope="module")
def checked(running: Running) -> DagRun:
    return running.run(DAG_ID)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_every_part_and_every_agent_is_said_to_be_ready_once(running: Running) -> None:
    said = [line for line in running.said if "waiting" not in line]

    assert sorted(said[:3]) == ["API server is ready", "Dag processor is ready",
                                "scheduler is ready"]  # fmt: skip
    assert sorted(said[3:]) == [
        "agent one is registered",
        "agent three is registered",
        "agent triggerer is registered",
        "agent two is registered",
    ]
    running.plane.refuse_ended()
    running.agents.refuse_ended()


@pytest.mark.parametrize(("late", "status"), [(90, 422), (150, 403)])
def test_request_that_waited_on_a_busy_machine_is_heard(
    running: Running, late: int, status: int
) -> None:
    """Airflow's own leeway of 10 s ends a worker whose request waited longer."""
    now, path = time.time(), "worker/one"
    claims = {"aud": "api", "iat": now - 300, "nbf": now - 300, "exp": now - late, "method": path}
    token = jwt.encode(claims, running.plane.secret, algorithm="HS512")

    with httpx.Client(base_url=running.plane.url, trust_env=False) as client:
        answer = client.patch(f"/edge_worker/v1/{path}", headers={"Authorization": token}, json={})

    assert answer.status_code == status, answer.text  # 422: it was read, and is no report


def test_agents_run_only_the_tasks_of_their_queues(checked: DagRun) -> None:
    assert checked.state == "success"
    by_host = {task.name: task.hostname for task in checked.tasks if task.hostname}

    assert by_host["push_small_on_second"] == by_host["read_small_on_second"] == "two"
    others = {host for name, host in by_host.items() if not name.endswith("_on_second")}
    assert others <= {"one", "three", TRIGGERER, socket.getfqdn(), socket.gethostname()}
    assert others & {"one", "three"}


def test_plane_has_no_credentials_and_no_xcom_settings(running: Running) -> None:
    seen = [running.seen[name] for name in PROGRAMS]

    names = {name for environment in seen for name in environment}
    assert not [name for name in names if name.startswith((f"{OPTION}_", "AWS_"))]
    assert not [name for name in names if "COMMON_IO" in name or "XCOM_BACKEND" in name]
    assert FOREIGN not in json.dumps(seen)
    assert names == set(running.plane.variables)


def test_keepers_have_none_of_the_users_environment(running: Running) -> None:
    held = psutil.Process().children()

    assert len(held) >= len(running.homes)
    for one in held:
        assert FOREIGN not in json.dumps(environment_of(one.pid))


def test_agents_have_exactly_their_environment(running: Running) -> None:
    for name in ("one", "two", "three"):
        seen = running.seen[name]
        assert seen | running.given == seen
        assert {*seen} - {*running.given} == OF_THE_RUNBOOK


def test_triggerer_alone_knows_the_database(running: Running) -> None:
    seen = running.seen[TRIGGERER]

    assert {*seen} - {*running.given} - OF_THE_RUNBOOK == {
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    }


def test_secrets_of_the_plane_are_in_no_file_and_on_no_command_line(
    running: Running, checked: DagRun
) -> None:
    assert checked.state == "success"
    secrets = [secret.encode() for secret in (running.plane.secret, running.plane.fernet_key)]
    files = [path for home in running.homes for path in home.rglob("*") if path.is_file()]

    assert len(files) > 20
    assert running.plane.kept.home / "metadata.db" in files
    found = [path for path in files if any(secret in path.read_bytes() for secret in secrets)]
    assert not found
    assert not [secret for secret in secrets if secret.decode() in command_lines()]
    for secret in running.plane.secrets:
        assert secret not in repr((running.plane, running.agents))


def test_folders_are_private(running: Running) -> None:
    assert [oct(home.stat().st_mode)[-3:] for home in running.homes] == ["700", "700"]


def test_users_own_airflow_is_neither_read_nor_written(running: Running, checked: DagRun) -> None:
    assert checked.state == "success"
    left = sorted(str(path.relative_to(running.user_home)) for path in running.user_home.rglob("*"))

    assert left == ["airflow", "airflow/airflow.cfg"]


def test_search_finds_what_the_run_left_in_the_database(running: Running, checked: DagRun) -> None:
    found = running.plane.database.search(checked.run_id, f"file://{running.user_home.parent}/b")

    tables = {hit.table for hits in found.values() for hit in hits}
    assert {"dag_run", "task_instance", "xcom"} <= tables


def test_plane_is_handed_to_another_process_with_its_secrets_hidden(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert attach() is None
    monkeypatch.setenv(VARIABLE, running.plane.export())
    other = attach()

    assert other is not None
    said: list[str] = []
    other.wait_until_healthy(timeout=20, progress=said.append)
    assert len(said) == 3
    other.refuse_ended()
    assert other.make_token()
    assert {running.plane.secret, running.plane.fernet_key} <= set(other.kept.secrets)


def test_each_of_many_tasks_is_fetched_by_one_agent_once(running: Running) -> None:
    loaded = running.run(LOAD_DAG, load_tasks=LOAD_TASKS, load_payload_bytes=100)

    mapped = [task for task in loaded.tasks if task.task_id == "push_and_pull"]
    assert (loaded.state, len(mapped)) == ("success", LOAD_TASKS)
    assert {task.hostname for task in mapped} == {"one", "three"}
    assert {task.tries for task in mapped} == {1}
    begins = Counter(
        task.name
        for task in mapped
        for line in task.log
        if "Pre Execute" in line or "Pre task" in line
    )
    assert set(begins.values()) == {1}
    assert len(begins) == LOAD_TASKS


def test_agents_fetch_in_turn_even_when_one_fetch_fails(tmp_path):
    plugin = PLUGINS_FOLDER / "one_fetch_at_a_time.py"
    paths = [f"/edge_worker/v1/jobs/{name}/" for name in ("fetch", "state")]
    done = subprocess.run(
        [sys.executable, "-c", FETCHES, str(plugin), *paths],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)},
        check=True, stdout=subprocess.PIPE, text=True, timeout=120,
    )  # fmt: skip

    assert done.stdout.splitlines()[-2:] == ["at once: 1", "at once: 4"]


def test_port_that_is_taken_is_told_from_the_api_servers_own_log(
    running, temporary, monkeypatch, tmp_path
):
    copy = shutil.copy(running.plane.kept.home / "metadata.db", tmp_path)
    monkeypatch.setattr(Database, "private", lambda *_, **__: Database(f"sqlite:///{copy}"))
    monkeypatch.setattr(control_plane, "PROGRAMS", ("api-server",))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(control_plane, "_free_port", lambda: port)
        with (
            pytest.raises(ProcessError, match="api-server ended with status") as caught,
            open_control_plane() as plane,
        ):
            plane.wait_until_healthy(timeout=LIMIT, progress=lambda _: None)

    assert "address already in use" in str(caught.value)
    assert not list(temporary.iterdir())


def test_migration_that_fails_is_told_at_once(temporary, monkeypatch):
    lost = Database("sqlite:////nowhere/metadata.db")
    monkeypatch.setattr(Database, "private", lambda *_, **__: lost)

    with (
        pytest.raises(ProcessError, match="migration ended with status 1") as caught,
        open_control_plane() as plane,
    ):
        plane.wait_until_healthy(timeout=LIMIT, progress=lambda _: None)

    assert "unable to open database file" in str(caught.value)
    assert not list(temporary.iterdir())


def test_server_that_does_not_let_in_is_told_at_once_and_without_its_password(
    temporary, postgresql
):
    url = postgresql.url(password="wrong-4711")

    with (
        pytest.raises(ProcessError, match=r"database-create ended .*authentication failed") as told,
        open_control_plane(postgresql=url) as plane,
    ):
        plane.wait_until_healthy(timeout=LIMIT, progress=lambda _: None)

    assert "4711" not in str(told.value)
    assert not list(temporary.iterdir())


@pytest.fixture
def owner_on_postgresql(temporary, postgresql, tmp_path):
    """Yield who opens a plane and agents on PostgreSQL; nothing may be left once it was killed."""
    before = postgresql.databases()
    with owner_of(
        OWNER, str(tmp_path / "bucket"), temporary=temporary, SERVER=postgresql.url()
    ) as owner:
        port = int(owner.read_line().rpartition(":")[2])
        yield owner, lambda: postgresql.databases() - before
        owner.end_by(signal.SIGKILL)
        assert not owner.left(seconds=60)

    assert postgresql.databases() == before
    assert not is_answering(port)


def test_owner_killed_during_the_migration_leaves_nothing(owner_on_postgresql):
    owner, databases = owner_on_postgresql
    home = Path(owner.read_line())

    assert wait_until((home / "migration.log").exists, seconds=LIMIT)
    assert wait_until(lambda: len(databases()) == 1, seconds=LIMIT)


def test_plane_on_postgresql_is_searched_and_hides_its_password_and_its_killed_owner_leaves_nothing(
    owner_on_postgresql, temporary, postgresql
):
    owner, databases = owner_on_postgresql
    while owner.read_line() != "all up":
        assert owner.process.poll() is None
    (name,) = databases()
    database = Database(postgresql.url(scheme="postgresql+psycopg").removesuffix("postgres") + name)

    found = database.search("default-worker")["default-worker"]
    assert {hit.table for hit in found} >= {"edge_worker"}
    hidden = [secret.encode() for secret in database.passwords]
    files = [path for path in temporary.rglob("*") if path.is_file()]
    assert not [path for path in files if any(s in path.read_bytes() for s in hidden)]
    assert not [secret for secret in database.passwords if secret in command_lines()]


def test_token_of_a_plane_that_is_gone_is_an_error_with_the_next_step(tmp_path: Path) -> None:
    gone = ControlPlane(
        "http://127.0.0.1:1", Kept(tmp_path, ()), "", "", Database(""), (), (), started=0.0
    )

    with pytest.raises(UnreachableError, match="gives out no token") as caught:
        gone.make_token()
    assert caught.value.hint
