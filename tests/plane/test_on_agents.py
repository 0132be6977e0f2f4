"""The shipped Dag on agents of a local plane, and every way in which it must turn red.

One plane serves all cases; each case has agents of its own, under names nobody had before.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from leftovers import (
    command_lines,
    environment_of,
    is_answering,
    processes_in,
    processes_with,
    wait_until,
)

from xcomkit.clouds import Platform, open_cloud
from xcomkit.findings.errors import MissingError, ProcessError
from xcomkit.findings.model import BACKENDS, Check, StoredXCom
from xcomkit.lint.saved_xcoms import judge_rows
from xcomkit.plane.agents import TRIGGERER, Agent, Agents, open_agents
from xcomkit.plane.control_plane import (
    DATABASE_FILE,
    PLUGINS_FOLDER,
    PROGRAMS,
    VARIABLE,
    ControlPlane,
    attach,
    open_control_plane,
)
from xcomkit.plane.dag_run import DAG_ID, DagRun, TaskResult
from xcomkit.plane.deployment import Deployment, open_deployment
from xcomkit.plane.newest_rows import read_newest_rows
from xcomkit.plane.reruns import judge_rerun
from xcomkit.plane.residency import STORED, judge_residency, judge_separation, mark
from xcomkit.plane.verdict import judge, judge_triggerer, row_keys
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import EMBEDDED
from xcomkit.steps import verify_dag, verify_reruns
from xcomkit.steps.orchestration import DagStep
from xcomkit.values.names import PATH, THRESHOLD

CONF = {"payload_bytes": 1_000, "mapped_tasks": 1}
OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
DURABLE = {"AIRFLOW__CORE__XCOM_BACKEND": BACKENDS["durable"]}
RENDERED_BY_NOBODY = {"AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH": "0"}
LOAD_DAG, LOAD_TASKS = "xcom_runbook_load", 12
QUEUES = ("default", "second")
ALL = ("GetObject", "PutObject", "DeleteObject")
PASSWORD = uuid4().hex
TOKEN = "RUNBOOK_TEST_TOKEN"
POD, SECOND_POD = "astro-agent-worker-default-worker", "astro-agent-worker-spot-worker-a"
START = PLUGINS_FOLDER.parent / "start.py"
FOREIGN = "foreign-4711"  # what the user's own environment holds
TIMEOUT = 600  # seconds; a shared machine is slow
LATE = 5  # seconds
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


def quiet(_: str) -> None:
    """Say nothing."""


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

    assert wait_until(look, seconds=TIMEOUT)
    return found


def newest_rows_judged(ground: "Ground", run_id: str) -> dict[str, str]:
    """Return what the doctor says of a run's rows over the REST API, and of their objects."""
    rows, _ = read_newest_rows(ground.airflow.client)
    keys = {found.key for found in ground.bucket.listing()}
    of_agents = {PATH: ground.bucket.settings.base_path, THRESHOLD: "0"}
    of_run = [row for row in rows if row["run_id"] == run_id]
    found = judge_rows(of_run, there=lambda one, _: one.prefix in keys, environments=[of_agents])
    return {finding.rule.id: finding.observed for finding in found}


@dataclass(frozen=True)
class Seen:
    """A run, the objects it left in the bucket, and what the rules of step 06 say of both."""

    run: DagRun
    objects: tuple[StoredXCom, ...]
    checks: dict[str, Check]

    @property
    def red(self) -> set[str]:
        return {name for name, check in self.checks.items() if check.status in ("fail", "unknown")}

    def said(self, name: str) -> str:
        return self.checks[name].observed

    def task(self, name: str) -> TaskResult:
        return next(task for task in self.run.tasks if task.name == name)


@dataclass(frozen=True)
class Ground:
    """A plane, its REST API, the bucket of its agents, and what the plane was seen to be."""

    plane: ControlPlane
    airflow: Deployment
    bucket: Any
    folder: Path
    environments: Mapping[str, Mapping[str, str]]
    announced: Sequence[str]

    def environment(self, *actions: str, **changes: str) -> dict[str, str]:
        """Return that of an agent whose role may do these actions; the durable class is set."""
        made: dict[str, str] = self.bucket.environment(
            self.bucket.make_role(*(f"s3:{action}" for action in actions or ALL)), **DURABLE
        )
        return made | changes

    @contextmanager
    def agents(
        self,
        environment: Mapping[str, str],
        *,
        queues: Mapping[str, Sequence[str]] | None = None,
        has_triggerer: bool = True,
        of_triggerer: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = quiet,
    ) -> Iterator[Agents]:
        """Run workers and, if asked, a triggerer, which may have another environment."""
        members = [
            Agent(f"{name}-{uuid4().hex[:8]}", environment, tuple(served))
            for name, served in ({"worker": QUEUES} if queues is None else queues).items()
        ]
        if has_triggerer:
            members.append(Agent(TRIGGERER, of_triggerer or environment))
        with open_agents(self.plane, members) as running:
            running.wait_until_registered(timeout=TIMEOUT, progress=progress)
            yield running

    def trigger(self, dag_id: str = DAG_ID, **conf: int) -> str:
        run_id = f"run-{uuid4().hex[:8]}"
        self.airflow.wait_until_parsed(dag_id, timeout=TIMEOUT, progress=quiet)
        self.airflow.trigger(dag_id, run_id=run_id, conf=conf or CONF)
        return run_id

    def finish(self, run_id: str, agents: Agents, *, dag_id: str = DAG_ID) -> Seen:
        """Wait for the end of a run, and judge it."""
        self.airflow.wait_for_run(
            dag_id, run_id, timeout=TIMEOUT, progress=quiet, watch=agents.check_running
        )
        return self.look(run_id, agents, dag_id=dag_id)

    def look(self, run_id: str, agents: Agents, *, dag_id: str = DAG_ID) -> Seen:
        deadline = time.monotonic() + LATE
        run = self.airflow.read_run(dag_id, run_id)
        while run.unread and time.monotonic() < deadline:
            time.sleep(1)
            run = self.airflow.read_run(dag_id, run_id)
        run = replace(run, log=tuple(agents.read_log()))
        objects = tuple(found for found in self.bucket.listing() if found.run_id == run_id)
        checks = (
            *judge(run, objects=objects, settings=self.bucket.settings),
            judge_triggerer(run),
            judge_separation(run, plane=self.plane, agents=agents.names),
            *judge_residency(run, plane=self.plane),
        )
        return Seen(run, objects, {check.id: check for check in checks})

    def run(self, environment: Mapping[str, str], **changes: Any) -> Seen:
        """Return how a run goes on agents of this environment, which then end."""
        with self.agents(environment, **changes) as agents:
            return self.finish(self.trigger(), agents)


@pytest.fixture(scope="module")
def ground(bucket: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Yield a plane that was started by somebody with an Airflow and credentials of their own."""
    folder = tmp_path_factory.mktemp("plane")
    own = folder / "user" / "airflow"
    own.mkdir(parents=True)
    (own / "airflow.cfg").write_text("[core\nbroken", encoding="utf-8")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("HOME", str(own.parent))
        patch.setenv("AIRFLOW_HOME", str(own))
        patch.setenv("AIRFLOW__CORE__XCOM_BACKEND", FOREIGN)
        patch.setenv("AWS_SECRET_ACCESS_KEY", FOREIGN)
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        with open_control_plane(queues=QUEUES) as plane:
            seen = first_environments(Path(plane.folder), PROGRAMS)
            plane.wait_until_healthy(timeout=TIMEOUT, progress=said.append)
            token = plane.make_token()
            with open_deployment(plane.url, token=token, secrets=plane.secrets) as airflow:
                yield Ground(plane, airflow, bucket, folder, seen, said)
    assert not processes_in(folder)
    assert not processes_with(plane.folder)
    assert [path.name for path in folder.iterdir()] == ["user"]
    assert not is_answering(int(plane.url.rpartition(":")[2]))


@pytest.fixture(scope="module")
def step(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagStep]:
    """Yield step 06 of the same plane as if it were a customer's: an address and a token.

    It takes any token, and even none, so a refused one is not shown here but in test_rest_client.
    """
    stand_in = ground.bucket.stand_in
    settings = Settings.from_mapping(
        {
            "bucket": ground.bucket.settings.bucket,
            "prefix": ground.bucket.settings.prefix,
            "region": ground.bucket.settings.region,
            "endpoint_url": EMBEDDED,
            "deployment": ground.plane.url,
            "token_variable": TOKEN,
            "workers": "spot-worker-a,default-worker",
            "state_store": False,
        }
    )
    platform = Platform(label="", issuer=stand_in.issuer, environment=stand_in.platform_environment)
    with pytest.MonkeyPatch.context() as patch:
        for name, text in stand_in.environment.items():
            patch.setenv(name, text)
        cloud = open_cloud(settings, platform=platform)
        folder = tmp_path_factory.mktemp("run")
        yield DagStep("06_verify_dag", settings, folder, platform, cloud)


@dataclass(frozen=True)
class Good:
    """A good run of step 06: the step, its token, the run seen from inside, and its agents."""

    step: DagStep
    token: str
    seen: Seen
    given: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    announced: Sequence[str]
    leaks: Sequence[str] = field(repr=False)


@pytest.fixture(scope="module")
def good(ground: Ground, step: DagStep) -> Good:
    token = ground.plane.make_token()
    given = ground.environment() | RENDERED_BY_NOBODY
    queues = {POD: QUEUES[:1], SECOND_POD: QUEUES[1:]}
    said: list[str] = []
    environments: dict[str, dict[str, str]] = {}
    real = Agents.wait_until_registered

    def watched(agents: Agents, **options: Any) -> None:
        environments.update(first_environments(agents.processes.home, agents.names))
        real(agents, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Agents, "wait_until_registered", watched)
        patch.setenv(TOKEN, token)
        with ground.agents(given, queues=queues, progress=said.append) as agents:
            verify_dag.start(step)
            verify_dag.run(step)
            verify_dag.tasks(step)
            verify_dag.verify(step)
            assert "dag_run" in step.facts, step.checks
            seen = ground.look(step.facts["dag_run"]["run_id"], agents)
            verify_reruns.clear(step)
            verify_reruns.delete(step)
            verify_dag.stop(step)
            step.save()
            leaks = [*places_of_secrets(ground)]
    return Good(step, token, seen, given, environments, said, leaks)


def places_of_secrets(ground: Ground) -> Iterator[str]:
    """Yield files and command lines with a secret of the plane, and folders others can read."""
    files = [path for path in ground.folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert Path(ground.plane.folder, DATABASE_FILE) in files
    for secret in ground.plane.secrets:
        yield from (str(path) for path in files if secret.encode() in path.read_bytes())
        if secret in command_lines():
            yield "a command line"
    private = [path for path in ground.folder.iterdir() if path.name != "user"]
    assert len(private) == 2
    yield from (str(path) for path in private if path.stat().st_mode & 0o77)


class TestPlane:
    def test_every_part_and_every_agent_is_reported_ready_once(
        self, ground: Ground, good: Good
    ) -> None:
        assert sorted(ground.announced) == [
            "api-server is ready", "dag-processor is ready", "scheduler is ready"
        ]  # fmt: skip
        assert sorted(good.announced) == sorted(
            f"agent {name} is registered" for name in good.environments
        )
        ground.plane.check_running()

    @pytest.mark.parametrize(("late", "status"), [(90, 422), (150, 403)])
    def test_request_that_waited_on_a_busy_machine_is_accepted(
        self, ground: Ground, late: int, status: int
    ) -> None:
        """Airflow's own leeway of 10 s ends a worker whose request waited longer."""
        now, path = time.time(), "worker/one"
        claims = {"aud": "api", "iat": now - 300, "nbf": now - 300, "exp": now - late}
        token = jwt.encode(claims | {"method": path}, ground.plane.secret, algorithm="HS512")

        with httpx.Client(base_url=ground.plane.url, trust_env=False) as client:
            answer = client.patch(
                f"/edge_worker/v1/{path}", headers={"Authorization": token}, json={}
            )

        assert answer.status_code == status, answer.text  # 422: it was read, and is no report

    def test_plane_has_no_credentials_and_no_xcom_settings(self, ground: Ground) -> None:
        names = {name for seen in ground.environments.values() for name in seen}

        assert not [name for name in names if name.startswith((f"{OPTION}_", "AWS_"))]
        assert not [name for name in names if "COMMON_IO" in name or "XCOM_BACKEND" in name]
        assert FOREIGN not in json.dumps(ground.environments)
        assert names == set(ground.plane.variables)

    def test_agents_have_exactly_their_environment_and_the_triggerer_alone_the_database(
        self, good: Good
    ) -> None:
        for name, seen in good.environments.items():
            database = {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"}
            assert seen | good.given == seen
            own = {*seen} - {*good.given}
            assert own == OF_THE_RUNBOOK | (database if name == TRIGGERER else set()), name

    def test_secrets_of_the_plane_are_in_no_file_and_on_no_command_line(
        self, ground: Ground, good: Good
    ) -> None:
        assert not good.leaks
        for secret in ground.plane.secrets:
            assert secret not in repr(ground.plane)

    def test_users_own_airflow_is_neither_read_nor_written(
        self, ground: Ground, good: Good
    ) -> None:
        assert good.seen.run.state == "success"
        user = ground.folder / "user"

        left = sorted(str(path.relative_to(user)) for path in user.rglob("*"))
        assert left == ["airflow", "airflow/airflow.cfg"]

    def test_plane_is_handed_to_another_process_with_its_secrets_hidden(
        self, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert attach() is None
        monkeypatch.setenv(VARIABLE, ground.plane.export())
        other = attach()

        assert other is not None
        said: list[str] = []
        other.wait_until_healthy(timeout=20, progress=said.append)
        assert len(said) == 3
        other.check_running()
        assert other.make_token()
        assert {*ground.plane.secrets} <= {*other.processes.secrets}

    def test_each_of_many_tasks_is_fetched_by_one_agent_once(self, ground: Ground) -> None:
        queues = {"one": QUEUES, "two": QUEUES}
        with ground.agents(ground.environment(), queues=queues, has_triggerer=False) as agents:
            run_id = ground.trigger(LOAD_DAG, load_tasks=LOAD_TASKS)
            loaded = ground.finish(run_id, agents, dag_id=LOAD_DAG).run

        mapped = [task for task in loaded.tasks if task.task_id == "push_and_pull"]
        assert (loaded.state, len(mapped)) == ("success", LOAD_TASKS)
        assert {task.hostname for task in mapped} == {*agents.names}
        assert {task.tries for task in mapped} == {1}
        begins = Counter(
            task.name
            for task in mapped
            for line in task.log
            if "Pre Execute" in line or "Pre task" in line
        )
        assert [*begins.values()] == [1] * LOAD_TASKS


class TestGoodRun:
    def test_step_on_a_deployment_is_green_and_keeps_the_token_to_itself(
        self, ground: Ground, good: Good
    ) -> None:
        assert {check.id: check.status for check in good.step.checks} == {
            "XC701": "pass",
            "XC702": "pass",
            "XC703": "pass",
            "XC704": "pass",
            "XC705": "pass",
            "XC707": "pass",
            "XC708": "pass",  # what its remedy says was done
            "XC709": "pass",
            "XC710": "warn",  # this bucket has no lifecycle
            "XC713": "skip",
        }
        run = good.step.run
        files = [path for path in run.rglob("*") if path.is_file()]
        assert "evidence/06_verify_dag.json" in {str(p.relative_to(run)) for p in files}
        assert not [path for path in files if good.token in path.read_text()]
        with pytest.raises(MissingError):
            ground.airflow.read_run(DAG_ID, good.seen.run.run_id)

    def test_nothing_is_red_inside_the_plane(self, good: Good) -> None:
        seen = good.seen

        assert {name: check.status for name, check in seen.checks.items()} == {
            "XC701": "pass",
            "XC702": "pass",
            "XC703": "pass",
            "XC704": "pass",
            "XC706": "pass",
            "XC707": "pass",
            "XC708": "pass",
            "XC713": "skip",
        }
        assert "on S3 no template of a trigger can pull an XCom" in seen.said("XC713")

    def test_each_value_is_one_row_and_one_object(self, good: Good) -> None:
        seen = good.seen

        assert seen.said("XC702") == f"{len(seen.run.xcoms)} rows, all references"
        assert seen.said("XC703") == f"{len(seen.run.xcoms)} match"
        assert {(row.task_id, row.key) for row in seen.run.xcoms} >= {
            ("push_small", "return_value"),
            ("push_large", "return_value"),
            ("push_by_key", "region totals"),
            ("push_by_key", "argument"),
            ("push_by_key", "moment"),
            ("push_after_retry", "return_value"),
        }
        assert len(seen.objects) == len(seen.run.xcoms)

    def test_tasks_ran_on_the_agent_of_their_queue_as_often_as_they_should(
        self, good: Good
    ) -> None:
        ran = [task for task in good.seen.run.tasks if task.name != "not_taken"]

        assert good.seen.task("push_after_retry").tries == 2
        assert good.seen.task("not_taken").state == "skipped"
        assert all(task.tries == 1 for task in ran if task.name != "push_after_retry")
        for task in ran:
            pod = SECOND_POD if task.name.endswith("_on_second") else POD
            assert task.hostname.rpartition("-")[0] == pod, task.name

    def test_plane_that_was_given_a_variable_of_the_agents_is_red(
        self, ground: Ground, good: Good
    ) -> None:
        run = good.seen.run
        given = replace(ground.plane, variables=(*ground.plane.variables, "AWS_ROLE_ARN"))
        names = {task.hostname for task in run.tasks}

        found = judge_separation(run, plane=given, agents=names)

        assert (found.status, found.observed) == ("fail", "the plane has AWS_ROLE_ARN")

    def test_deleted_and_extra_objects_are_named(self, ground: Ground, good: Good) -> None:
        run, objects = good.seen.run, good.seen.objects
        lost = next(o for o in objects if o.task_id == "push_large")
        extra = replace(lost, key=lost.key[:-4] + "0000")
        listed = [*(found for found in objects if found != lost), extra]

        found = judge(run, objects=listed, settings=ground.bucket.settings)
        found_check = next(check for check in found if check.id == "XC703")

        assert found_check.status == "fail"
        assert f"no object for 1: {lost.key}" in found_check.observed
        assert f"no row for 1: {extra.key}" in found_check.observed


class TestRefused:
    """Uploads of some tasks and every deletion are refused, behind a codec."""

    def environment(self, ground: Ground, *tasks: str, backend: str) -> dict[str, str]:
        role = ground.bucket.make_role("s3:GetObject", "s3:PutObject")
        ground.bucket.deny(role, "s3:PutObject", keys=[f"*/{name}/*" for name in tasks])
        changes = {
            "AIRFLOW__CORE__XCOM_BACKEND": BACKENDS[backend],
            f"{OPTION}_COMPRESSION": "gzip",
        }
        made: dict[str, str] = ground.bucket.environment(role, **changes)
        return made

    def test_stock_class_loses_values_and_leaves_orphans_and_three_checks_say_so(
        self, ground: Ground
    ) -> None:
        environment = self.environment(ground, "push_large", backend="stock")
        with ground.agents(environment) as agents:
            seen = ground.finish(ground.trigger(), agents)
            of_doctor = newest_rows_judged(ground, seen.run.run_id)
            before = {found.key for found in seen.objects}
            pushed = next(found.key for found in seen.objects if found.task_id == "push_small")
            ground.airflow.clear(DAG_ID, seen.run.run_id, task_ids=("push_small", "read_small"))
            again = ground.finish(seen.run.run_id, agents)
        rerun = judge_rerun(
            before=before,
            after={found.key for found in again.objects},
            rows=row_keys(again.run, settings=ground.bucket.settings),
            earlier=(),
            how="cleared push_small",
        )

        assert seen.red == {"XC701", "XC703", "XC704"}
        assert seen.task("push_large").state == "success"
        assert "read_back: ValueError: XCom returned the reference s3://" in seen.said("XC701")
        assert "no object for 1: " in seen.said("XC703")
        assert "/push_large/" in seen.said("XC703")
        assert set(of_doctor) == {"XC160"}
        assert "/push_large/" in of_doctor["XC160"]
        assert "no row for 1: " in seen.said("XC703")
        assert "/push_after_retry/" in seen.said("XC703")
        assert "1 x Exception ignored in" in seen.said("XC704")
        assert "PermissionError: Access Denied" in seen.said("XC704")
        assert again.task("push_small").tries == 2
        assert (rerun.status, pushed in rerun.observed) == ("fail", True)
        assert "1 object written anew, 0 old ones purged; " in rerun.observed
        assert "no row for 2: " in rerun.observed

    def test_durable_class_fails_the_pushing_tasks_and_the_retry_with_their_cause(
        self, ground: Ground
    ) -> None:
        environment = self.environment(ground, "push_large", "push_by_key", backend="durable")
        seen = ground.run(environment, has_triggerer=False)

        assert seen.red == {"XC701", "XC704", "XC707", "XC708", "XC713"}
        assert seen.task("push_large").state == seen.task("push_by_key").state == "failed"
        assert "push_by_key, push_large: " in seen.said("XC701")
        assert "AccessDenied) when calling the PutObject operation" in seen.said("XC701")
        assert " -> XComObjectError: XCom object s3://" in seen.said("XC701")
        assert "was not deleted: PermissionError: Access Denied" in seen.said("XC701")
        assert "push_large did not succeed" in seen.said("XC707")


class TestThreshold:
    def test_values_in_the_database_are_red_and_named(self, ground: Ground) -> None:
        environment = ground.environment()
        seen = ground.run(environment | {f"{OPTION}_THRESHOLD": "1000000"})
        text = mark(seen.run.run_id, STORED)
        of_doctor = newest_rows_judged(ground, seen.run.run_id)

        assert set(of_doctor) == {"XC162"}
        assert of_doctor["XC162"].startswith(f"{len(seen.run.xcoms)} rows: ")
        assert text not in of_doctor["XC162"]
        assert {"XC702", "XC707"} <= seen.red
        values = len(seen.run.xcoms) - 1  # the choice of a branch is no value
        assert f"{values} of {len(seen.run.xcoms)} rows hold" in seen.said("XC702")
        said = "found in XCom 'return_value' of push_large, xcom.value (1 row)"
        assert seen.said("XC707") == said
        assert text not in "".join(check.observed for check in seen.checks.values())


class TestTriggerer:
    def test_triggerer_that_cannot_import_its_backend_ends_and_the_missing_module_is_named(
        self, ground: Ground
    ) -> None:
        missing = {"AIRFLOW__CORE__XCOM_BACKEND": "not_installed.xcom.Backend"}

        with (
            pytest.raises(ProcessError) as caught,
            ground.agents(ground.environment(**missing), queues={}),
        ):
            pass

        assert str(caught.value).startswith("triggerer ended with status 1; its log ends: ")
        assert "not_installed" in str(caught.value)

    def test_unknown_connection_is_in_the_logs_and_a_triggerer_without_the_backend_is_red(
        self, ground: Ground
    ) -> None:
        path = ground.bucket.settings.base_path.replace("aws_default@", "renamed@")
        definition = {"conn_type": "aws", "password": PASSWORD, "extra": {"token": PASSWORD}}
        environment = ground.environment(
            AIRFLOW__CORE__XCOM_BACKEND=BACKENDS["stock"],
            AIRFLOW_CONN_AWS_DEFAULT=json.dumps(definition),
            AWS_DEFAULT_REGION="eu-central-1",
            **{f"{OPTION}_PATH": path},
        )
        of_triggerer = {**environment}
        del of_triggerer["AIRFLOW__CORE__XCOM_BACKEND"]
        seen = ground.run(environment, of_triggerer=of_triggerer)

        assert seen.checks["XC701"].status == "pass"
        assert {"XC702", "XC704", "XC713"} <= seen.red
        assert "Unable to find AWS Connection ID 'renamed'" in seen.said("XC704")
        assert "Unknown string format: s3://renamed@" in seen.said("XC713")  # not the moment
        assert PASSWORD not in repr([seen.run.log, [task.log for task in seen.run.tasks]])


def test_token_variable_that_is_not_set_is_one_clear_line(step: DagStep, tmp_path: Path) -> None:
    other = replace(step, run=tmp_path, facts={})
    verify_dag.start(other)
    verify_dag.run(other)
    verify_dag.verify(other)
    (check,) = other.checks

    assert (check.id, check.status) == ("XC901", "unknown")
    assert check.observed.startswith(f"the environment variable {TOKEN} holds no token.")
    assert "\n" not in check.observed
