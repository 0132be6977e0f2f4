"""Step 04 in the agent's own pod, over a kubectl that is one as far as the runbook can see."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
import yaml
from pod import Pod
from test_runbook import ROOT, Runbook

from xcomkit.backend.configuration import check_identity
from xcomkit.findings.model import Check
from xcomkit.notebook.step import Step
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.steps import round_trip
from xcomkit.steps.agent import open_agent
from xcomkit.steps.opening import open_step
from xcomkit.steps.proof import Proof
from xcomkit.values.environment import expanded, list_variables
from xcomkit.values.values import load_values

SUBJECT = "system:serviceaccount:astro:astro-agent-worker-default-worker"
POD = "deployment/astro-agent-worker-default-worker"
PREFIX = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_"


class Cluster:
    """One pod with the environment of the values file, and a kubectl that leads into it."""

    def __init__(self, runbook: Runbook, directory: Path) -> None:
        self.runbook = runbook
        self.pod = Pod(directory, words=["exec", "-i", "-n", "astro", POD, "--"])
        made = runbook.run("01", "02", "03")
        assert made.code == 0, made.output
        self.written = made.directory / "values.yaml"
        listed = list_variables(load_values(self.written))
        written = {name: expanded(found) for name, found in listed.items()}
        self.token = self.pod.home / "token"
        self.sign(SUBJECT)
        account = runbook.client("sts").get_caller_identity()["Account"]
        self.environment = {
            **written["worker:default-worker"],
            **runbook.stand_in.platform_environment,
            "AWS_ROLE_ARN": f"arn:aws:iam::{account}:role/{runbook.role}",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.token),
        }
        runbook.environment["PATH"] = f"{self.pod.bin}{os.pathsep}{os.environ['PATH']}"

    def sign(self, subject: str) -> None:
        self.token.write_text(self.runbook.stand_in.mint_token(subject))

    def open(self, run: Path, **parameters: object) -> Step:
        """Return step 04 in this process, on the target of the runbook."""
        own = {"bucket": self.runbook.bucket, "role_name": self.runbook.role, "run_dir": str(run)}
        given = {**own, "run_in": "kubectl", **parameters}
        file = ROOT / "parameters/local-aws.yaml"
        return open_step("04_round_trip", Settings.from_yaml(file, overrides=given))


@pytest.fixture(scope="module")
def cluster(stand_in: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    directory = tmp_path_factory.mktemp("cluster")
    return Cluster(Runbook(stand_in, directory / "runs"), directory)


@pytest.fixture
def inside(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Make this process one that has the cluster's kubectl and is the account's administrator."""
    for name, value in cluster.runbook.environment.items():
        monkeypatch.setenv(name, value)
    return cluster


def found(step: Step, *, parts: int) -> dict[str, Check]:
    """Return the checks of the first parts of the proof."""
    with open_agent(step) as agent:
        proof = round_trip.prove_parts(
            step, agent, Proof(), run_id="run", beside=ThreadPoolExecutor(1)
        )
        proved = islice(proof, parts)
        return {check.id: check for checks in proved for check in checks}


def test_pod_that_runs_with_the_values_file_is_proved_as_it_is(cluster: Cluster):
    cluster.pod.run(cluster.environment)

    result = cluster.runbook.run("04", run_in="kubectl")

    assert result.code == 0, result.output
    assert result.checks["XC510"]["observed"].endswith(f"{POD}, whose token is of {SUBJECT}")
    assert "the same file as here" in result.checks["XC413"]["observed"]
    for rule in ("XC413", "XC503", "XC504", "XC506", "XC507", "XC510", "XC515", "XC518", "XC520"):
        assert result.checks[rule]["status"] == "pass", rule
    for rule in ("XC511", "XC516", "XC517", "XC526"):
        assert result.checks[rule]["status"] == "skip", rule
        assert "not proved" in result.checks[rule]["observed"]


def test_pod_that_drifted_from_the_file_is_red_and_the_variables_are_named(
    inside: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(inside.environment, f"{PREFIX}THRESHOLD", "1")
    monkeypatch.setitem(inside.environment, f"{PREFIX}COMPRESSION", "gzip")
    inside.pod.run(inside.environment)

    drift = found(inside.open(tmp_path / "run"), parts=1)["XC520"]

    assert drift.status == "fail"
    assert f"{PREFIX}THRESHOLD is 1 instead of 0" in drift.observed
    assert f"in the pod only: {PREFIX}COMPRESSION" in drift.observed


def test_pod_of_another_service_account_is_not_the_agent(inside: Cluster, tmp_path: Path):
    inside.sign("system:serviceaccount:astro:somebody-else")
    inside.pod.run(inside.environment)
    try:
        checks = found(inside.open(tmp_path / "run"), parts=2)
    finally:
        inside.sign(SUBJECT)

    assert checks["XC503"].status == "fail"
    assert checks["XC520"].status == "pass"  # compared before the push that failed
    assert checks["XC510"].status == "warn"
    assert "token is of system:serviceaccount:astro:somebody-else" in checks["XC510"].observed


def test_pod_with_keys_in_the_values_file_is_not_the_agent_by_its_token_alone(
    inside: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    document = yaml.safe_load(inside.written.read_text())
    document["commonEnv"].append({"name": "AWS_PROFILE", "value": "somebody"})
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    monkeypatch.setitem(inside.environment, "AWS_PROFILE", "somebody")
    inside.pod.run(inside.environment)

    with open_agent(inside.open(tmp_path / "run", values_file=str(path))) as agent:
        identity = check_identity(agent.identity)

    assert identity.status == "warn"
    assert "with AWS_PROFILE of the values file in place of it" in identity.observed


def test_pod_that_is_not_there_is_one_line_with_the_next_step(inside: Cluster, tmp_path: Path):
    inside.pod.say("Error from server (NotFound): not found")
    step = inside.open(tmp_path / "run")

    round_trip.prove(step)

    (check,) = step.checks
    assert check.closes_gate
    assert "\n" not in check.observed
    assert "kubectl get pods,deployments -n astro" in check.observed
