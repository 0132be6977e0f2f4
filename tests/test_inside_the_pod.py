"""Step 04 in the agent's own pod, over a kubectl that is one as far as the runbook can see."""

import os
import sys
from pathlib import Path

import pytest
import yaml
from test_runbook import Runbook

from xcomkit.chart.environment import effective_environment, list_variables
from xcomkit.chart.values import load_values
from xcomkit.local.aws import AwsStandIn

SUBJECT = "system:serviceaccount:astro:astro-agent-worker-default-worker"
POD = "deployment/astro-agent-worker-default-worker"
PREFIX = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_"


class Cluster:
    """One pod with the environment of the values file, and a kubectl that leads into it."""

    def __init__(self, runbook: Runbook, directory: Path) -> None:
        self.runbook = runbook
        self.bin = directory / "bin"
        self.home = directory / "pod"
        for folder in (self.bin, self.home):
            folder.mkdir()
        made = runbook.run("01", "02", "03")
        assert made.code == 0, made.output
        values = load_values(made.directory / "values.yaml")
        written = effective_environment(list_variables(values))
        self.token = self.home / "token"
        self.sign(SUBJECT)
        account = runbook.client("sts").get_caller_identity()["Account"]
        self.environment = {
            **written["worker:default-worker"],
            **runbook.stand_in.platform_environment,
            "AWS_ROLE_ARN": f"arn:aws:iam::{account}:role/{runbook.role}",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.token),
        }
        runbook.environment["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def sign(self, subject: str) -> None:
        self.token.write_text(self.runbook.stand_in.mint_token(subject))

    def run(self, **parameters: object):
        own = {**self.environment, "HOME": str(self.home),
               "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath))}  # fmt: skip
        words = ["exec", "-i", "-n", "astro", POD, "--"]
        script = self.bin / "kubectl"
        script.write_text(
            f"#!{sys.executable}\nimport os, sys\n"
            f"assert sys.argv[1:7] == {words!r}, sys.argv\n"
            f"os.chdir({str(self.home)!r})\nos.execvpe(sys.argv[7], sys.argv[7:], {own!r})\n"
        )
        script.chmod(0o755)
        return self.runbook.run("04", run_in="kubectl", **parameters)


@pytest.fixture(scope="module")
def cluster(stand_in: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    directory = tmp_path_factory.mktemp("cluster")
    return Cluster(Runbook(stand_in, directory / "runs"), directory)


def test_pod_that_runs_with_the_values_file_is_proved_as_it_is(cluster: Cluster):
    result = cluster.run()

    assert result.code == 0, result.output
    assert result.checks["XC510"]["observed"].endswith(f"{POD}, whose token is of {SUBJECT}")
    for rule in ("XC503", "XC504", "XC506", "XC507", "XC510", "XC515", "XC518", "XC520"):
        assert result.checks[rule]["status"] == "pass", rule
    for rule in ("XC511", "XC516", "XC517", "XC526"):
        assert result.checks[rule]["status"] == "skip", rule
        assert "not proved" in result.checks[rule]["observed"]


def test_pod_that_drifted_from_the_file_is_red_and_the_variables_are_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(cluster.environment, f"{PREFIX}THRESHOLD", "1")
    monkeypatch.setitem(cluster.environment, f"{PREFIX}COMPRESSION", "gzip")

    result = cluster.run()

    assert (result.code, result.checks["XC520"]["status"]) == (1, "fail")
    assert f"{PREFIX}THRESHOLD is 1 instead of 0" in result.checks["XC520"]["observed"]
    assert f"in the pod only: {PREFIX}COMPRESSION" in result.checks["XC520"]["observed"]


def test_pod_of_another_service_account_is_not_the_agent(cluster: Cluster):
    cluster.sign("system:serviceaccount:astro:somebody-else")
    try:
        result = cluster.run()
    finally:
        cluster.sign(SUBJECT)

    assert "XC503" in result.red
    assert result.checks["XC520"]["status"] == "pass"  # compared before the push that failed
    assert result.checks["XC510"]["status"] == "warn"
    assert (
        "token is of system:serviceaccount:astro:somebody-else"
        in result.checks["XC510"]["observed"]
    )


def test_pod_with_keys_in_the_values_file_is_not_the_agent_by_its_token_alone(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written = cluster.runbook.run("03").directory / "values.yaml"
    document = yaml.safe_load(written.read_text())
    document["commonEnv"].append({"name": "AWS_PROFILE", "value": "somebody"})
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    monkeypatch.setitem(cluster.environment, "AWS_PROFILE", "somebody")

    identity = cluster.run(values_file=path).checks["XC510"]

    assert identity["status"] == "warn"
    assert "with AWS_PROFILE of the values file in place of it" in identity["observed"]


def test_pod_that_is_not_there_is_one_line_with_the_next_step(cluster: Cluster):
    cluster.run()
    (cluster.bin / "kubectl").write_text(
        f"#!{sys.executable}\nimport sys\nsys.exit('Error from server (NotFound): not found')\n"
    )
    result = cluster.runbook.run("04", run_in="kubectl")

    assert result.code == 1
    assert "Traceback" not in result.output
    assert "kubectl get pods,deployments -n astro" in result.output
