"""The shipped Dag on agents of a local plane, and every way in which it must turn red.

One plane serves all cases; each case has agents of its own, under names nobody had before.
"""

import json
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

import xcomkit
from xcomkit.clouds import Platform, open_cloud
from xcomkit.findings.errors import MissingError, ProcessError
from xcomkit.findings.model import BACKENDS, Check, StoredXCom
from xcomkit.plane.access import path_of
from xcomkit.plane.agents import TRIGGERER, Agent, Agents, open_agents
from xcomkit.plane.answers import Call
from xcomkit.plane.control_plane import ControlPlane, open_control_plane
from xcomkit.plane.dag_run import DAG_ID, DagRun, TaskResult
from xcomkit.plane.reruns import judge_rerun
from xcomkit.plane.residency import (
    STORED,
    judge_residency,
    judge_separation,
    mark,
)
from xcomkit.plane.rest import Deployment, open_deployment
from xcomkit.plane.verdict import judge, judge_triggerer, row_keys
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import EMBEDDED
from xcomkit.steps import verify_dag, verify_reruns
from xcomkit.steps.orchestration import DagStep

CONF = {"payload_bytes": 1_000, "mapped_tasks": 1}
OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
DURABLE = {"AIRFLOW__CORE__XCOM_BACKEND": BACKENDS["durable"]}
RENDERED_BY_NOBODY = {"AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH": "0"}
PASSWORD = uuid4().hex
TOKEN = "RUNBOOK_TEST_TOKEN"
POD = "astro-agent-worker-default-worker"
TIMEOUT = 600  # seconds; a shared machine is slow
LATE = 5  # seconds


def quiet(_: str) -> None:
    """Say nothing."""


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
    """A plane, its REST API, and the bucket of its agents."""

    plane: ControlPlane
    airflow: Deployment
    bucket: Any

    def environment(self, *actions: str, **changes: str) -> dict[str, str]:
        """Return that of an agent whose role may do these actions; the durable class is set."""
        made: dict[str, str] = self.bucket.environment(
            self.bucket.make_role(*(f"s3:{action}" for action in actions)), **DURABLE
        )
        return made | changes

    @contextmanager
    def agents(
        self,
        environment: Mapping[str, str],
        *,
        names: Sequence[str] = ("worker", TRIGGERER),
        python: str = sys.executable,
    ) -> Iterator[Agents]:
        """Keep a worker and a triggerer, or one of them; ``python`` is the triggerer's."""
        members = [
            Agent(TRIGGERER, environment, python=python)
            if name == TRIGGERER
            else Agent(f"{name}-{uuid4().hex[:8]}", environment, ("default",))
            for name in names
        ]
        with open_agents(self.plane, members) as running:
            running.wait_until_registered(timeout=TIMEOUT, progress=quiet)
            yield running

    def trigger(self) -> str:
        run_id = f"run-{uuid4().hex[:8]}"
        self.airflow.trigger(DAG_ID, run_id=run_id, conf=CONF)
        return run_id

    def finish(self, run_id: str, agents: Agents) -> Seen:
        """Wait for the end of a run, and judge it."""
        self.airflow.wait_for_run(
            DAG_ID, run_id, timeout=TIMEOUT, progress=quiet, watch=agents.refuse_ended
        )
        return self.look(run_id, agents)

    def look(self, run_id: str, agents: Agents) -> Seen:
        deadline = time.monotonic() + LATE
        run = self.airflow.read_run(DAG_ID, run_id)
        while run.unread and time.monotonic() < deadline:
            time.sleep(1)
            run = self.airflow.read_run(DAG_ID, run_id)
        run = replace(run, log=tuple(agents.read_log()))
        objects = self.objects(run_id)
        found = (
            *judge(run, objects=objects, settings=self.bucket.settings),
            judge_triggerer(run),
            judge_separation(run, plane=self.plane, agents=agents.names),
            *judge_residency(run, plane=self.plane),
        )
        return Seen(run, objects, {check.id: check for check in found})

    def run(self, environment: Mapping[str, str], **changes: Any) -> Seen:
        """Return how a run goes on agents of this environment, which then end."""
        with self.agents(environment, **changes) as agents:
            return self.finish(self.trigger(), agents)

    def give_up(self, run_id: str) -> None:
        """End a run whose agents are gone, so that no others take over its tasks."""
        self.airflow.api.send(
            "PATCH",
            path_of("dags", DAG_ID, "dagRuns", run_id),
            call=Call("give up a run"),
            body={"state": "failed"},
        )

    def objects(self, run_id: str) -> tuple[StoredXCom, ...]:
        return tuple(found for found in self.bucket.listing() if found.run_id == run_id)


@pytest.fixture(scope="module")
def ground(bucket: Any) -> Iterator[Ground]:
    with open_control_plane() as plane:
        plane.wait_until_healthy(timeout=TIMEOUT, progress=quiet)
        with open_deployment(plane.url, token=plane.make_token, secrets=plane.secrets) as airflow:
            airflow.wait_until_parsed(
                DAG_ID, file_name=f"{DAG_ID}.py", timeout=TIMEOUT, progress=quiet
            )
            yield Ground(plane, airflow, bucket)


@pytest.fixture(scope="module")
def step(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagStep]:
    """Yield step 06 of the same plane as if it were a customer's: an address and a token.

    It takes any token, and even none, so a refused one is not shown here but in test_rest.
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
    """A good run of step 06: the step, its token, and the run seen from inside the plane."""

    step: DagStep
    token: str
    seen: Seen


@pytest.fixture(scope="module")
def good(ground: Ground, step: DagStep) -> Good:
    token = ground.plane.make_token()
    environment = ground.environment("GetObject", "PutObject", "DeleteObject")
    with (
        pytest.MonkeyPatch.context() as patch,
        ground.agents(environment | RENDERED_BY_NOBODY, names=(POD, TRIGGERER)) as agents,
    ):
        patch.setenv(TOKEN, token)
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
    return Good(step, token, seen)


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

    def test_tasks_ran_on_the_worker_as_often_as_they_should(self, good: Good) -> None:
        ran = [task for task in good.seen.run.tasks if task.name != "not_taken"]

        assert good.seen.task("push_after_retry").tries == 2
        assert good.seen.task("not_taken").state == "skipped"
        assert {task.hostname.rpartition("-")[0] for task in ran} == {POD}
        assert all(task.tries == 1 for task in ran if task.name != "push_after_retry")

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
        told = next(check for check in found if check.id == "XC703")

        assert told.status == "fail"
        assert f"no object for 1: {lost.key}" in told.observed
        assert f"no row for 1: {extra.key}" in told.observed


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
        assert "no row for 1: " in seen.said("XC703")
        assert "/push_after_retry/" in seen.said("XC703")
        assert "1 x Exception ignored in" in seen.said("XC704")
        assert "PermissionError: Access Denied" in seen.said("XC704")
        assert again.task("push_small").tries == 2
        assert (rerun.status, pushed in rerun.observed) == ("fail", True)
        assert "1 objects written anew, 0 old ones purged; no row for 2: " in rerun.observed

    def test_durable_class_fails_the_pushing_tasks_and_the_retry_with_their_cause(
        self, ground: Ground
    ) -> None:
        environment = self.environment(ground, "push_large", "push_by_key", backend="durable")
        seen = ground.run(environment, names=("worker",))

        assert seen.red == {"XC701", "XC704", "XC707", "XC708", "XC713"}
        assert seen.task("push_large").state == seen.task("push_by_key").state == "failed"
        assert "push_by_key, push_large: " in seen.said("XC701")
        assert "AccessDenied) when calling the PutObject operation" in seen.said("XC701")
        assert " -> XComObjectError: XCom object s3://" in seen.said("XC701")
        assert "was not deleted: PermissionError: Access Denied" in seen.said("XC701")
        assert "push_large did not succeed" in seen.said("XC707")


class TestThreshold:
    def test_values_in_the_database_are_red_and_named(self, ground: Ground) -> None:
        environment = ground.environment("GetObject", "PutObject", "DeleteObject")
        seen = ground.run(environment | {f"{OPTION}_THRESHOLD": "1000000"})
        text = mark(seen.run.run_id, STORED)

        assert {"XC702", "XC707"} <= seen.red
        values = len(seen.run.xcoms) - 1  # the choice of a branch is no value
        assert f"{values} of {len(seen.run.xcoms)} rows hold" in seen.said("XC702")
        assert seen.said("XC707") == "XCom 'return_value' of push_large, xcom.value (1 rows)"
        assert text not in "".join(check.observed for check in seen.checks.values())


@pytest.fixture
def python_without(tmp_path: Path) -> Callable[[str], str]:
    """Return a maker of interpreters that have all packages of this one, but for one provider."""

    def make(provider: str) -> str:
        home = tmp_path / provider
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        here, there = Path(sysconfig.get_path("purelib")), next(home.glob("lib/*/site-packages"))
        left_out = (here / "airflow/providers").joinpath(*provider.split("."))
        distribution = f"apache_airflow_providers_{provider.replace('.', '_')}-"
        (there / "xcomkit").symlink_to(Path(xcomkit.__file__).parent)

        def mirror(source: Path, target: Path) -> None:
            target.mkdir(exist_ok=True)
            for path in source.iterdir():
                if path == left_out or path.name.startswith(distribution):
                    continue
                if path in left_out.parents:
                    mirror(path, target / path.name)
                elif not (target / path.name).exists():
                    (target / path.name).symlink_to(path)

        mirror(here, there)
        return str(home / "bin" / "python")

    return make


class TestTriggerer:
    def test_triggerer_without_common_io_ends_and_the_missing_module_is_named(
        self, ground: Ground, python_without: Callable[[str], str]
    ) -> None:
        stock = {"AIRFLOW__CORE__XCOM_BACKEND": BACKENDS["stock"]}  # the durable one needs it not
        environment = ground.environment("GetObject", "PutObject", "DeleteObject", **stock)
        python = python_without("common.io")

        with (
            pytest.raises(ProcessError) as caught,
            ground.agents(environment, names=(TRIGGERER,), python=python),
        ):
            pass

        assert str(caught.value).startswith("triggerer ended with status 1; its log ends: ")
        assert "No module named 'airflow.providers.common.io'" in str(caught.value)

    def test_unknown_connection_is_in_the_logs_and_a_triggerer_without_the_provider_is_red(
        self, ground: Ground, python_without: Callable[[str], str]
    ) -> None:
        path = ground.bucket.settings.base_path.replace("aws_default@", "renamed@")
        definition = {"conn_type": "aws", "password": PASSWORD, "extra": {"token": PASSWORD}}
        environment = ground.environment(
            "GetObject",
            "PutObject",
            "DeleteObject",
            AIRFLOW__CORE__XCOM_BACKEND=BACKENDS["stock"],
            AIRFLOW_CONN_AWS_DEFAULT=json.dumps(definition),
            AWS_DEFAULT_REGION="eu-central-1",
        )
        python = python_without("amazon")
        seen = ground.run(environment | {f"{OPTION}_PATH": path}, python=python)

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


class TestKilledAgent:
    def test_killed_worker_ends_the_wait_at_once_and_leaves_nothing(self, ground: Ground) -> None:
        environment = ground.environment("GetObject", "PutObject", "DeleteObject")
        killed = []

        def kill_when_a_task_ended(_: str) -> None:
            if not killed:
                oldest = min(processes_with(agents.names[0]), key=psutil.Process.create_time)
                killed.append(oldest.pid)
                oldest.kill()

        with ground.agents(environment, names=("worker",)) as agents:
            home = str(agents.kept.home)
            run_id = ground.trigger()
            with pytest.raises(ProcessError) as caught:
                ground.airflow.wait_for_run(
                    DAG_ID,
                    run_id,
                    timeout=TIMEOUT,
                    progress=kill_when_a_task_ended,
                    watch=agents.refuse_ended,
                )
        ground.give_up(run_id)

        assert f"{agents.names[0]} ended with status -9; its log ends: " in str(caught.value)
        assert not processes_with(home)
        assert not Path(home).exists()


def processes_with(text: str) -> list[psutil.Process]:
    """Return the processes whose command or environment names this."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told = [*process.cmdline(), *process.environ().values()]
            if any(text in word for word in told):
                found.append(process)
    return found
