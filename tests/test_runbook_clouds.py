"""The whole line on Azure and Google Cloud as a user runs it, and what must turn it red."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure_rig import MSI_API, AzureRig
from gcp_rig import GcpRig
from rig import Rig
from test_runbook import QUICK, ROOT, Result

from xcomkit.chart.fragment import generate
from xcomkit.local.stand_in import StandIn
from xcomkit.model import CloudName
from xcomkit.opening import STEPS
from xcomkit.terms import TERMS

OWN = ("bucket", "managed_identity", "project", "resource_group", "service_account",
       "storage_account", "subscription_id")  # fmt: skip
KINDS: dict[CloudName, type[Rig]] = {"azure": AzureRig, "gcp": GcpRig}
RIGHTS: dict[CloudName, str] = {"azure": "nothing", "gcp": "roles/storage.objectUser"}


class Line:
    """xcomkit as a user starts it on a rig's target, with the rig's hand in the account."""

    def __init__(self, rig: Rig, out: Path) -> None:
        self.rig = rig
        self.out = out
        self.environment = dict(os.environ)

    def run(self, *words: str, **parameters: object) -> Result:
        own = {name: getattr(self.rig.settings, name) for name in OWN}
        given = {**own, **parameters}
        pairs = [*QUICK, *(f"{name}={value}" for name, value in given.items() if value)]
        command = [sys.executable, "-m", "xcomkit", "run", *words,
                   "-f", f"parameters/local-{self.rig.cloud_name}.yaml", "--out", str(self.out),
                   *(part for pair in pairs for part in ("-p", pair))]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, text=True, check=False, capture_output=True,
                              env=self.environment, timeout=280)  # fmt: skip
        return Result(done)

    def values(self, change: Callable[[dict[str, Any]], None]) -> Path:
        """Return a complete values file of the user's, after a change to its variables."""
        cloud = self.rig.cloud
        document = generate(
            self.rig.settings,
            connection=cloud.connection(),
            annotations=cloud.annotations(),
            labels=cloud.labels(),
            environment=cloud.agent_environment(),
            secrets_backend={},
        )
        variables = {entry["name"]: entry["value"] for entry in document["commonEnv"]}
        change(variables)
        document["commonEnv"] = [{"name": n, "value": v} for n, v in variables.items()]
        path = self.out.parent / "values.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path


@pytest.fixture(params=["azure", "gcp"])
def cloud(request: pytest.FixtureRequest) -> CloudName:
    name: CloudName = request.param
    return name


@pytest.fixture
def line(
    cloud: CloudName,
    stand_ins: Callable[[CloudName], StandIn],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Line:
    running = stand_ins(cloud)
    for name in running.replaced:
        monkeypatch.delenv(name, raising=False)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return Line(KINDS[cloud](running, prefix="astro/xcom"), tmp_path / "runs")


@pytest.fixture
def made(line: Line) -> Line:
    result = line.run("01", "02")
    assert result.code == 0, result.output
    return line


def test_empty_account_ends_with_a_proof_that_nothing_secret_leaks_from(line):
    result = line.run()

    assert result.code == 0, result.output
    warned = {name for name, check in result.checks.items() if check["status"] == "warn"}
    assert (result.record["verdict"], warned) == ("warn", {"XC708"})
    assert result.checks["XC713"]["status"] == "pass"  # the triggerer pulls from these two
    assert [step["name"] for step in result.record["steps"]] == list(STEPS)
    assert "what" in result.record["where"]
    assert "is not proved here" in result.record["where"]
    page = (result.directory / "record.html").read_text()
    assert f"What {TERMS[line.rig.cloud_name].store} itself answers" in page
    assert "is not proved here" in page
    assert "WARNING" not in result.output
    identity = result.checks["XC510"]
    assert (identity["status"], "astro-agent-worker" in identity["observed"]) == ("pass", True)
    for rule in ("XC513", "XC514", "XC515"):
        assert result.checks[rule]["status"] == "pass", rule
    secrets = [text.encode() for text in line.rig.stand_in.secrets()]
    assert len(secrets) > 3
    for path in result.directory.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            body += body.replace(b"<wbr>", b"")
            assert not [s for s in secrets if s in body], path.name


def test_worker_itself_reached_the_store_under_the_agents_identity(made, cloud):
    stand_in = made.rig.stand_in
    before = stand_in.read_requests()[-1].seq

    assert made.run("04").code == 0

    agents = [r for r in stand_in.read_requests(since=before) if r.method in ("PUT", "POST")]
    writers = {r.principal for r in agents if "write" in r.action or "create" in r.action}
    if cloud == "gcp":
        (email,) = made.rig.cloud.annotations().values()
        assert writers == {f"serviceAccount:{email}"}
    else:
        identity = made.rig.arm("GET", made.rig.identity, version=MSI_API)
        assert writers == {identity["properties"]["principalId"]}


def test_second_run_changes_nothing(made):
    again = made.run("01", "02")

    assert again.code == 0
    for step in ("01_create_bucket", "02_grant_access"):
        plans = json.loads((again.directory / f"evidence/{step}.json").read_text())["plans"]
        assert {c["action"] for p in plans for c in p["changes"]} == {"unchanged"}


def test_wrong_service_account_is_red_and_ends_in_seconds(made):
    typo = ("system:serviceaccount:astro:typo",)
    made.rig.cloud.apply_access(made.rig.cloud.plan_access(typo), typo)

    result = made.run("02", "04", "--only", "verify")

    assert result.code == 1
    assert {"XC302", "XC304", "XC503", "XC513"} <= result.red
    seconds = {step["name"]: step["seconds"] for step in result.record["steps"]}
    assert seconds["04_round_trip"] < 40


def test_missing_rights_on_the_data_are_red_by_behaviour(made, cloud):
    made.rig.weaken(RIGHTS[cloud])

    result = made.run("02", "04", "--only", "verify")

    assert result.code == 1
    assert {"XC303", "XC306", "XC307", "XC308", "XC503"} <= result.red


def test_soft_delete_switched_off_and_lifecycle_removed_are_red(made):
    made.rig.drift("XC212")
    made.rig.drift("XC207")

    result = made.run("01", "--only", "verify")

    assert (result.code, result.red) == (1, {"XC207", "XC212"})


def test_target_of_somebody_else_stops_the_run_and_is_never_touched(line):
    other = line.rig.at_somebody_elses()
    line.rig = other

    result = line.run("01", "02", "04")

    assert result.code == 1
    assert "XC201" in result.red
    outcomes = {step["name"]: step["outcome"] for step in result.record["steps"]}
    assert outcomes["04_round_trip"] == "not run"


def test_connection_that_nobody_defines_is_red(made):
    def forget(variables: dict[str, Any]) -> None:
        for name in [n for n in variables if n.startswith("AIRFLOW_CONN_")]:
            del variables[name]

    result = made.run("03", "04", "--only", "verify", values_file=made.values(forget))

    assert result.code == 1
    assert {"XC004", "XC502", "XC503"} <= result.red


class TestAzure:
    @pytest.fixture
    def cloud(self) -> CloudName:
        return "azure"

    def test_anon_as_the_text_false_is_red_by_rule_and_by_behaviour(self, made):
        def spoil(variables: dict[str, Any]) -> None:
            name = "AIRFLOW_CONN_AZURE_DATA_LAKE_DEFAULT"
            connection = json.loads(variables[name])
            connection["extra"]["anon"] = "false"
            variables[name] = json.dumps(connection)

        result = made.run("03", "04", "--only", "verify", values_file=made.values(spoil))

        assert result.code == 1
        assert {"XC016", "XC503"} <= result.red
        assert "Public access is not permitted" in result.checks["XC503"]["observed"]

    def test_account_key_beside_the_identity_is_red_by_rule_and_by_behaviour(self, made):
        def spoil(variables: dict[str, Any]) -> None:
            variables["AZURE_STORAGE_ACCOUNT_KEY"] = "bm90IGEga2V5"

        result = made.run("03", "04", "--only", "verify", values_file=made.values(spoil))

        assert result.code == 1
        assert {"XC409", "XC503"} <= result.red
        assert "bm90IGEga2V5" not in (result.directory / "record.html").read_text()

    def test_pods_without_the_label_or_with_another_client_id_are_red(self, made):
        path = made.values(lambda _: None)
        document = yaml.safe_load(path.read_text())
        document["labels"] = {}
        document["annotations"] = {"azure.workload.identity/client-id": "another"}
        path.write_text(yaml.safe_dump(document, sort_keys=False))

        result = made.run("03", "--only", "verify", values_file=path)

        assert (result.code, result.red) == (1, {"XC407", "XC410"})


class TestGcp:
    @pytest.fixture
    def cloud(self) -> CloudName:
        return "gcp"

    def test_compression_is_red_because_values_are_seen_to_be_lost(self, made):
        result = made.run("03", "04", compression="gzip", backend="stock")

        assert result.code == 1
        assert {"XC015", "XC504", "XC506", "XC511", "XC515"} <= result.red
        assert "even without a fault" in result.checks["XC015"]["observed"]
        assert "after the process had ended" in result.checks["XC515"]["observed"]
