"""The whole line as a user runs it, once on each cloud, and what only a process can show."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import psutil
import pytest
from aws_rig import AwsRig
from azure_rig import MSI_API, AzureRig
from gcp_rig import GcpRig
from line import Line, become_administrator
from rig import Rig
from secret_scan import find_secrets

from xcomkit.backend import round_trip
from xcomkit.findings.model import CloudName
from xcomkit.notebook.guide import read_guide
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import TERMS
from xcomkit.stand_ins.common.stand_in import Request, StandIn
from xcomkit.steps import grant_access
from xcomkit.steps.opening import STEPS

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.timeout(900)  # the first test that needs a whole run waits for it
QUICK = ("payload_sizes=1000", "repetitions=1")
KINDS: dict[CloudName, type[Rig]] = {"aws": AwsRig, "azure": AzureRig, "gcp": GcpRig}
OWN = ("bucket", "managed_identity", "project", "resource_group", "role_name", "service_account",
       "storage_account", "subscription_id")  # fmt: skip


class Runbook:
    """xcomkit as a user starts it, on a target of its own, and a hand in the account behind it."""

    def __init__(self, stand_in: StandIn, out: Path, **own: object) -> None:
        self.stand_in = stand_in
        self.out = out
        self.bucket = f"xcom-{uuid4().hex[:10]}"
        self.role = f"agents-{uuid4().hex[:10]}"
        self.own = own or {"bucket": self.bucket, "role_name": self.role}
        self.environment = {k: v for k, v in os.environ.items() if k not in stand_in.replaced}
        self.environment |= stand_in.environment

    def command(self, *words: str, **parameters: object) -> list[str]:
        given = [*QUICK, *(f"{name}={text}" for name, text in (self.own | parameters).items())]
        flags = [part for pair in given for part in ("-p", pair)]
        return [sys.executable, "-m", "xcomkit", "run", *words,
                "-f", f"parameters/local-{self.stand_in.cloud}.yaml",
                "--out", str(self.out), *flags]  # fmt: skip

    def run(self, *words: str, **parameters: object) -> "Result":
        done = subprocess.run(self.command(*words, **parameters), cwd=ROOT, text=True, check=False,
                              capture_output=True, env=self.environment, timeout=850)  # fmt: skip
        return Result(done)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name="eu-central-1",
            endpoint_url=self.stand_in.url,
            verify=str(self.stand_in.ca_bundle),
            aws_access_key_id=self.stand_in.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.stand_in.environment["AWS_SECRET_ACCESS_KEY"],
        )


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.output = done.stdout + done.stderr
        found = re.search(r"record: (\S+)/record\.html", done.stdout)
        self.directory = ROOT / found[1] if found else Path("/nonexistent")

    @property
    def record(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads((self.directory / "record.json").read_text())
        return body

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        return {c["id"]: c for step in self.record["steps"] for c in step["checks"]}

    @property
    def red(self) -> set[str]:
        return {i for i, c in self.checks.items() if c["status"] in ("fail", "unknown")}


@dataclass(frozen=True)
class Whole:
    """A whole run on a cloud, the target it made, and the requests it took."""

    rig: Rig
    result: Result
    requests: tuple[Request, ...]


@pytest.fixture(scope="module", params=KINDS)
def whole(request, stand_ins, tmp_path_factory) -> Whole:
    """Run the line on a cloud, once for all tests; on AWS with what is asked for at times only."""
    cloud: CloudName = request.param
    running = stand_ins(cloud)
    rig = KINDS[cloud](running, prefix="astro/xcom")
    own = {name: text for name in OWN if (text := getattr(rig.settings, name))}
    more = {"load_tasks": 6, "compression": "zip"} if cloud == "aws" else {}
    before = running.read_requests()[-1:]
    result = Runbook(running, tmp_path_factory.mktemp(cloud) / "runs", **own).run(**more)
    requests = running.read_requests(since=before[0].seq if before else 0)
    return Whole(rig, result, requests)


@pytest.fixture
def result(whole) -> Result:
    return whole.result


class TestWholeRun:
    def test_empty_account_ends_with_a_proof(self, result):
        assert result.code == 0, result.output
        assert result.record["verdict"] == "warn"
        assert [step["name"] for step in result.record["steps"]] == list(STEPS)
        assert "▲ warn: Practice run on a stand-in: no check failed; 1 warning" in result.output

    def test_only_what_airflow_itself_sends_to_the_plane_is_warned_about(self, result):
        warned = {name for name, check in result.checks.items() if check["status"] == "warn"}

        assert warned == {"XC708"}
        assert "rendered_task_instance_fields" in result.checks["XC708"]["observed"]

    def test_dag_ran_on_agents_apart_from_a_plane_that_saw_no_value(self, result):
        assert "default-worker, triggerer" in result.checks["XC706"]["observed"]
        for name in ("XC701", "XC702", "XC703", "XC704", "XC706", "XC707", "XC709", "XC710"):
            assert result.checks[name]["status"] == "pass", result.checks[name]

    def test_triggerer_pulls_where_a_template_of_a_trigger_can(self, whole):
        expected = "skip" if whole.rig.cloud_name == "aws" else "pass"
        assert whole.result.checks["XC713"]["status"] == expected

    def test_one_line_of_progress_per_step_with_seconds_and_verdict(self, result):
        for number, step in enumerate(STEPS, start=1):
            line = rf"\[{number}/8\] {step} +(?:✔ pass|▲ warn) +done +[\d.]+ s"
            assert re.search(line, result.output)

    def test_nothing_but_this_output_reaches_the_terminal(self, result):
        assert "WARNING" not in result.output

    def test_proof_ran_as_the_agents_identity_and_says_so(self, result):
        for name in ("XC510", "XC513", "XC514", "XC515"):
            assert result.checks[name]["status"] == "pass", name
        assert (
            "system:serviceaccount:astro:astro-agent-worker" in (result.checks["XC510"]["observed"])
        )

    def test_stand_in_is_never_passed_off_as_the_cloud(self, whole):
        page = (whole.result.directory / "record.html").read_text()
        store = TERMS[whole.rig.cloud_name].store

        assert "is not proved here" in whole.result.record["where"]
        assert "our stand-in" in page
        assert f"What {store} itself answers" in page

    def test_record_is_small_and_verifies(self, result):
        command = [sys.executable, "-m", "xcomkit", "verify-record", str(result.directory)]

        assert (result.directory / "record.html").stat().st_size < 5_000_000
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
        (result.directory / "evidence/03_helm_values.json").touch()
        (result.directory / "evidence/extra.json").write_text("{}")
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        (result.directory / "evidence/extra.json").unlink()
        assert (done.returncode, "evidence/extra.json was added" in done.stdout) == (1, True)

    def test_no_secret_of_the_stand_in_is_in_any_file_of_the_run(self, whole):
        secrets = [text.encode() for text in whole.rig.stand_in.secrets()]
        assert len(secrets) > 3

        files = [path for path in whole.result.directory.rglob("*") if path.is_file()]
        for path in files:
            # In HTML a long word is cut by <wbr>: a secret must not hide behind that.
            body = path.read_bytes()
            body += body.replace(b"<wbr>", b"")
            assert not [s for s in secrets if s in body], path.name
        assert find_secrets(files) == {}

    def test_tear_down_left_nothing_of_the_run_in_the_bucket(self, whole, monkeypatch):
        become_administrator(whole.rig.stand_in, monkeypatch)

        assert whole.result.checks["XC801"]["status"] == "pass"
        assert list(whole.rig.open().list_keys_ever("")) == []

    def test_evidence_of_every_step_says_when_what_and_with_which_versions(self, result):
        for step in STEPS:
            body = json.loads((result.directory / f"evidence/{step}.json").read_text())
            assert body["schema"] == 1
            assert body["versions"]["apache-airflow"]
            assert body["checks"]


@pytest.mark.parametrize("whole", ["aws", "azure"], indirect=True)  # on GCP no path names the key
def test_workers_themselves_reached_the_store_under_the_agents_identity(whole, monkeypatch):
    become_administrator(whole.rig.stand_in, monkeypatch)
    pushes = [one for one in whole.requests if one.method == "PUT" and one.status < 300]
    writers = {one.principal for one in pushes if round_trip.DAG_ID in one.path}

    if whole.rig.cloud_name == "aws":
        assert {one.split("/")[1] for one in writers} == {whole.rig.settings.role_name}
    else:
        identity = whole.rig.arm("GET", whole.rig.identity, version=MSI_API)
        assert writers == {identity["properties"]["principalId"]}


@pytest.mark.parametrize("whole", ["aws"], indirect=True)
class TestWholeRunOnAws:
    @pytest.mark.parametrize(
        ("name", "value", "numbers"),
        [
            ("load_tasks", 5, "06"),
            ("retention_days", 9, "01 05 06"),
            ("threshold", 5, "02 03 04 05 06"),
            ("repetitions", 2, "04"),
            ("release", "another", "03"),
            ("bucket", "another-bucket", "00 01 02 03 04 05 06 07"),
            ("apply", False, ""),
        ],
    )
    def test_changed_setting_reopens_the_steps_that_read_it(self, result, name, value, numbers):
        changed = Settings.from_mapping({**result.record["settings"], name: value})

        found = read_guide(result.directory, steps=STEPS, settings=changed)

        assert " ".join(seen.step[:2] for seen in found.steps if seen.is_open) == numbers

    def test_zip_of_the_guide_is_green_with_the_durable_class(self, result):
        checks = result.checks

        assert "zip" in checks["XC511"]["observed"]
        for rule in ("XC511", "XC516", "XC517", "XC518", "XC519", "XC521", "XC522", "XC523"):
            assert checks[rule]["status"] == "pass", rule

    def test_load_that_was_asked_for_is_shown(self, result):
        load = result.checks["XC712"]

        assert load["status"] == "pass"
        assert re.search(r"6 of 6 tasks .*values/s", load["observed"])


class TestProcess:
    """What only a process can show, with the fewest steps that show it."""

    @pytest.fixture
    def rig(self, stand_in, monkeypatch) -> AwsRig:
        become_administrator(stand_in, monkeypatch)
        made = AwsRig(stand_in)
        made.make_bucket()
        return made

    @pytest.fixture
    def runbook(self, rig, tmp_path) -> Runbook:
        own = {"bucket": rig.settings.bucket, "role_name": rig.settings.role_name}
        return Runbook(rig.stand_in, tmp_path / "runs", **own)

    def test_red_check_is_exit_code_1_and_nothing_is_mended_where_only_to_verify(
        self, runbook, rig
    ):
        rig.drift("XC207")

        result = runbook.run("01", "--only", "verify")

        assert (result.code, result.red) == (1, {"XC207"})

    def test_interrupted_run_leaves_no_process_and_tear_down_finds_what_it_wrote(
        self, runbook, rig, tmp_path
    ):
        run, temporary = tmp_path / "run", tmp_path / "t"
        temporary.mkdir()
        Line(rig, run).do(grant_access.plan, grant_access.apply)
        process = subprocess.Popen(
            runbook.command("04", "05", "07", run_dir=run), cwd=ROOT, text=True,
            env={**runbook.environment, "TMPDIR": str(temporary)}, process_group=0,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        while not [*rig.cloud.list_keys_ever("astro/xcom/")]:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.2)
        below = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, _ = process.communicate(timeout=120)

        assert process.returncode == 130, output
        where = f"interrupted; what ran so far is in {os.path.relpath(run, ROOT)}."
        assert where in output
        assert "Traceback" not in output
        assert psutil.wait_procs(below, timeout=60)[1] == []
        assert [*temporary.iterdir()] == []
        assert runbook.run("07", run_dir=run).checks["XC801"]["status"] == "pass"
        assert [*rig.cloud.list_keys_ever("")] == []

    def test_script_in_a_key_does_not_run_and_a_bomb_does_not_fill_memory(self, runbook, rig):
        uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
        rig.put_object(f"astro/xcom/<script>alert(1)</script>/run/task/{uuid}", b"{}")
        bomb = gzip.compress(b"0" * 10_000_000) * 200  # 2 GB once unpacked
        rig.put_object(f"astro/xcom/d/r/t/{uuid}.gz", bomb)

        result = runbook.run("05")
        page = (result.directory / "record.html").read_text()

        assert "alert(1)" in page.replace("<wbr>", "")  # where a long word may be broken
        assert "<script" not in page.replace("<wbr>", "")
        assert result.checks["XC605"]["status"] in ("fail", "unknown")
