"""The whole line as a user runs it, and every way in which it must turn red."""

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import yaml

from xcomkit.guide import read_guide
from xcomkit.local.aws import AwsStandIn
from xcomkit.model import BACKENDS
from xcomkit.opening import STEPS
from xcomkit.settings import Settings

ROOT = Path(__file__).parents[1]
QUICK = ("payload_sizes=1000", "repetitions=1")


class Runbook:
    """xcomkit as a user starts it, on a bucket of its own, and a hand in the account behind it."""

    def __init__(self, stand_in: AwsStandIn, out: Path) -> None:
        self.stand_in = stand_in
        self.out = out
        self.bucket = f"xcom-{uuid4().hex[:10]}"
        self.role = f"agents-{uuid4().hex[:10]}"
        self.environment = {k: v for k, v in os.environ.items() if k not in AwsStandIn.replaced}
        self.environment |= stand_in.environment

    def command(self, *words: str, **parameters: object) -> list[str]:
        own = (f"bucket={self.bucket}", f"role_name={self.role}", *QUICK)
        given = [*own, *(f"{name}={value}" for name, value in parameters.items())]
        flags = [part for pair in given for part in ("-p", pair)]
        return [sys.executable, "-m", "xcomkit", "run", *words, "-f", "parameters/local-aws.yaml",
                "--out", str(self.out), *flags]  # fmt: skip

    def run(self, *words: str, **parameters: object) -> "Result":
        done = subprocess.run(self.command(*words, **parameters), cwd=ROOT, text=True, check=False,
                              capture_output=True, env=self.environment, timeout=280)  # fmt: skip
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

    def take_away(self, action: str) -> None:
        iam, where = self.client("iam"), {"RoleName": self.role, "PolicyName": "xcom-objects"}
        document = iam.get_role_policy(**where)["PolicyDocument"]
        for statement in document["Statement"]:
            statement["Action"] = [a for a in statement["Action"] if a != action]
        iam.put_role_policy(**where, PolicyDocument=json.dumps(document))


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


@pytest.fixture(scope="module")
def private_stand_in() -> Iterator[AwsStandIn]:
    with AwsStandIn.start() as running:
        yield running


@pytest.fixture
def runbook(private_stand_in: AwsStandIn, tmp_path: Path) -> Runbook:
    return Runbook(private_stand_in, tmp_path / "runs")


@pytest.fixture
def made(runbook: Runbook) -> Runbook:
    assert runbook.run("01", "02").code == 0
    return runbook


@pytest.fixture(scope="module")
def whole(private_stand_in: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return Runbook(private_stand_in, tmp_path_factory.mktemp("whole") / "runs").run()


class TestWholeRun:
    def test_empty_account_ends_with_a_proof(self, whole):
        assert whole.code == 0, whole.output
        assert whole.record["verdict"] == "warn"
        assert [step["name"] for step in whole.record["steps"]] == list(STEPS)
        assert "▲ warn: Usable" in whole.output

    @pytest.mark.parametrize(
        ("name", "value", "numbers"),
        [
            ("load_tasks", 5, "06"),
            ("retention_days", 9, "01 05 06"),
            ("threshold", 5, "02 03 04 06"),
            ("repetitions", 2, "04"),
            ("release", "another", "03"),
            ("bucket", "another-bucket", "00 01 02 03 04 05 06 07"),
            ("apply", False, ""),
        ],
    )
    def test_changed_setting_reopens_the_steps_that_read_it(self, whole, name, value, numbers):
        changed = Settings.from_mapping({**whole.record["settings"], name: value})

        found = read_guide(whole.directory, steps=STEPS, settings=changed)

        assert " ".join(seen.step[:2] for seen in found.steps if seen.is_open) == numbers

    def test_only_what_airflow_itself_sends_to_the_plane_is_warned_about(self, whole):
        warned = {name for name, check in whole.checks.items() if check["status"] == "warn"}

        assert warned == {"XC708"}
        assert "rendered_task_instance_fields" in whole.checks["XC708"]["observed"]

    def test_dag_ran_on_agents_apart_from_a_plane_that_saw_no_value(self, whole):
        assert "default-worker, triggerer" in whole.checks["XC706"]["observed"]
        for name in ("XC701", "XC702", "XC703", "XC704", "XC706", "XC707", "XC709", "XC710"):
            assert whole.checks[name]["status"] == "pass", whole.checks[name]

    def test_one_line_of_progress_per_step_with_seconds_and_verdict(self, whole):
        for number, step in enumerate(STEPS, start=1):
            line = rf"\[{number}/8\] {step} +(?:✔ pass|▲ warn) +done +[\d.]+ s"
            assert re.search(line, whole.output)

    def test_nothing_but_this_output_reaches_the_terminal(self, whole):
        assert "WARNING" not in whole.output

    def test_proof_ran_as_the_agents_role_and_says_so(self, whole):
        assert whole.checks["XC510"]["status"] == "pass"
        assert "system:serviceaccount:astro:" in whole.checks["XC510"]["observed"]

    def test_stand_in_is_never_passed_off_as_aws(self, whole):
        assert "our stand-in" in whole.record["where"]
        assert "our stand-in" in (whole.directory / "record.html").read_text()

    def test_record_is_small_and_verifies(self, whole):
        command = [sys.executable, "-m", "xcomkit", "verify-record", str(whole.directory)]

        assert (whole.directory / "record.html").stat().st_size < 5_000_000
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
        (whole.directory / "evidence/03_helm_values.json").touch()
        (whole.directory / "evidence/extra.json").write_text("{}")
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        (whole.directory / "evidence/extra.json").unlink()
        assert (done.returncode, "evidence/extra.json was added" in done.stdout) == (1, True)

    def test_no_secret_of_the_stand_in_is_in_any_file_of_the_run(self, whole, private_stand_in):
        secrets = [text.encode() for text in private_stand_in.secrets()]
        assert len(secrets) > 3

        for path in whole.directory.rglob("*"):
            if path.is_file():
                # In HTML a long word is cut by <wbr>: a secret must not hide behind that.
                body = path.read_bytes()
                body += body.replace(b"<wbr>", b"")
                assert not [s for s in secrets if s in body], path.name

    def test_tear_down_left_nothing_of_the_run_in_the_bucket(self, whole, private_stand_in):
        settings = whole.record["settings"]
        client = Runbook(private_stand_in, Path()).client("s3")

        left = client.list_object_versions(Bucket=settings["bucket"])

        assert "Versions" not in left
        assert "DeleteMarkers" not in left

    def test_evidence_of_every_step_says_when_what_and_with_which_versions(self, whole):
        for step in STEPS:
            body = json.loads((whole.directory / f"evidence/{step}.json").read_text())
            assert body["schema"] == 1
            assert body["versions"]["apache-airflow"]
            assert body["checks"]


class TestAgain:
    def test_second_run_changes_nothing(self, made):
        again = made.run("01", "02")

        assert again.code == 0
        for step in ("01_create_bucket", "02_grant_access"):
            plans = json.loads((again.directory / f"evidence/{step}.json").read_text())["plans"]
            assert {c["action"] for p in plans for c in p["changes"]} == {"unchanged"}

    def test_run_after_an_interrupted_run_succeeds_and_nothing_is_left_running(self, runbook):
        process = subprocess.Popen(
            runbook.command("01", "02", "04", "07"), cwd=ROOT, env=runbook.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        while "02_grant_access" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

        assert process.returncode == 130, output
        assert "Traceback" not in output
        assert not _processes_of_session(process.pid)
        assert runbook.run("01", "02", "04", "07").code == 0


def _processes_of_session(session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getsid(int(path.name)) == session:
                found.append(int(path.name))
    return found


class TestRed:
    def test_role_without_put_object(self, made):
        made.take_away("s3:PutObject")

        result = made.run("02", "04", "--only", "verify")

        assert result.code == 1
        assert {"XC303", "XC306", "XC503"} <= result.red
        assert "AccessDenied" in result.checks["XC503"]["observed"]

    def test_role_without_delete_object(self, made):
        made.take_away("s3:DeleteObject")

        result = made.run("02", "04", "--only", "verify")

        assert result.code == 1
        assert result.red == {"XC303", "XC308", "XC507"}
        assert "purge raised XComObjectError" in result.checks["XC507"]["observed"]

    def test_trust_with_a_wrong_subject(self, made):
        iam = made.client("iam")
        trust = iam.get_role(RoleName=made.role)["Role"]["AssumeRolePolicyDocument"]
        text = json.dumps(trust).replace("astro-agent-worker", "astro-agent-wroker")
        iam.update_assume_role_policy(RoleName=made.role, PolicyDocument=text)

        result = made.run("02", "04", "--only", "verify")

        assert result.code == 1
        assert {"XC302", "XC304", "XC503"} <= result.red

    def test_bucket_without_lifecycle(self, made):
        made.client("s3").delete_bucket_lifecycle(Bucket=made.bucket)

        result = made.run("01", "--only", "verify")

        assert (result.code, result.red) == (1, {"XC207"})

    def test_object_deleted_between_push_and_pull(self, made):
        made.stand_in.expire_before_read("astro/xcom")
        try:
            result = made.run("04", backend="stock")
        finally:
            made.stand_in.expire_before_read("")

        assert result.code == 1
        assert "XC506" in result.red
        assert "the reference string came back" in result.checks["XC506"]["observed"]

    def values(
        self, runbook: Runbook, path: Path, *, backend: str = "durable", **variables: str | None
    ) -> Path:
        first = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
        common: dict[str, str | None] = {
            f"{first}_PATH": f"s3://aws_default@{runbook.bucket}/astro/xcom",
            f"{first}_THRESHOLD": "0",
            "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws", "extra": '
            '{"region_name": "eu-central-1"}}',
            **{name if name.startswith("AIRFLOW") else f"{first}_{name}": value
               for name, value in variables.items()},
        }  # fmt: skip
        role = f"arn:aws:iam::123456789012:role/{runbook.role}"
        document = {
            "resourceNamePrefix": "astro-agent",
            "namespace": "astro",
            "xcomBackend": BACKENDS[backend],
            "commonEnv": [{"name": n, "value": v} for n, v in common.items() if v is not None],
            "workers": [{"name": "default-worker"}],
            "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": role}},
        }
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def test_complete_values_file_of_the_users_is_green(self, made, tmp_path):
        path = self.values(made, tmp_path / "values.yaml")

        result = made.run("03", "04", "--only", "verify", values_file=path)

        assert result.code == 0, result.output

    def test_complete_values_file_with_the_stock_class_is_red_for_each_silent_path(
        self, made, tmp_path
    ):
        path = self.values(made, tmp_path / "values.yaml", backend="stock")

        result = made.run("03", "04", "--only", "verify", values_file=path)

        assert (result.code, result.red) == (1, {"XC516", "XC517", "XC518", "XC519", "XC521"})
        assert "set backend to durable" in result.checks["XC516"]["remedy"]

    def test_values_file_without_threshold(self, made, tmp_path):
        path = self.values(made, tmp_path / "values.yaml", THRESHOLD=None)

        result = made.run("03", "04", "--only", "verify", values_file=path)

        assert result.code == 1
        assert {"XC002", "XC503", "XC512"} <= result.red
        assert "stayed in the metadata database" in result.checks["XC503"]["observed"]

    def test_connection_renamed_between_path_and_variable(self, made, tmp_path):
        path = self.values(
            made, tmp_path / "values.yaml", PATH=f"s3://aws_xcom@{made.bucket}/astro/xcom"
        )

        result = made.run("03", "04", "--only", "verify", values_file=path)

        assert result.code == 1
        assert {"XC004", "XC502"} <= result.red

    def test_compression_none_of_the_guide(self, made, tmp_path):
        path = self.values(made, tmp_path / "values.yaml", COMPRESSION="None")

        result = made.run("03", "04", "--only", "verify", values_file=path)

        assert result.code == 1
        assert {"XC005", "XC503", "XC509"} <= result.red
        assert "ValueError" in result.checks["XC503"]["observed"]

    def test_keys_in_the_values_file_never_pass_as_the_agents_role(self, made, tmp_path):
        path = self.values(made, tmp_path / "values.yaml")
        document = yaml.safe_load(path.read_text())
        document["commonEnv"] += [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": "aws", "key": name}}}
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        ]
        path.write_text(yaml.safe_dump(document, sort_keys=False))

        result = made.run("03", "--only", "verify", values_file=path)

        assert (result.code, result.red) == (1, {"XC409"})

    def test_zip_of_the_guide_is_red_until_the_risk_is_accepted_by_name(self, made):
        red = {"XC015", "XC511", "XC516", "XC517", "XC518", "XC519", "XC521"}
        risks = "; ".join(f"{rule}: retries watch it" for rule in sorted(red))
        result = made.run("03", "04", compression="zip", backend="stock")
        accepted = made.run("03", "04", compression="zip", backend="stock", accepted=risks)

        assert (result.code, result.red) == (1, red)
        assert result.checks["XC522"]["status"] == "warn"  # zip, which only stores
        assert result.checks["XC523"]["status"] == "warn"  # and seeks
        assert accepted.code == 0
        assert accepted.checks["XC511"]["status"] == "fail"
        assert accepted.checks["XC511"]["accepted"] == "retries watch it"
        assert accepted.record["verdict"] == "warn"

    def test_durable_backend_is_green_with_the_zip_of_the_guide(self, made):
        result = made.run("03", "04", compression="zip")

        assert result.code == 0, result.output
        for rule in ("XC511", "XC516", "XC517", "XC518", "XC519", "XC521", "XC522", "XC523"):
            assert result.checks[rule]["status"] == "pass", rule

    def test_value_of_the_users_own_that_comes_back_as_another_type_is_red(self, made, tmp_path):
        (tmp_path / "mine.py").write_text("def rows():\n    return [(1, 'a')]\n")
        path = tmp_path / "values.yaml"
        assert made.run("03").code == 0
        document = yaml.safe_load((made.run("03").directory / "values.yaml").read_text())
        document["commonEnv"].append({"name": "PYTHONPATH", "value": str(tmp_path)})
        path.write_text(yaml.safe_dump(document, sort_keys=False))

        result = made.run("04", values_file=path, payload_callable="mine:rows")

        assert (result.code, result.red) == (1, {"XC505", "XC506"})
        assert "callable" in result.checks["XC506"]["observed"]


class TestHostile:
    def test_script_in_a_key_does_not_run_and_a_bomb_does_not_fill_memory(self, made):
        s3 = made.client("s3")
        uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
        s3.put_object(Bucket=made.bucket, Body=b"{}",
                      Key=f"astro/xcom/<script>alert(1)</script>/run/task/{uuid}")  # fmt: skip
        bomb = gzip.compress(b"0" * 10_000_000) * 200  # 2 GB once unpacked
        s3.put_object(Bucket=made.bucket, Key=f"astro/xcom/d/r/t/{uuid}.gz", Body=bomb)

        result = made.run("05")
        page = (result.directory / "record.html").read_text()

        assert "alert(1)" in page.replace("<wbr>", "")  # where a long word may be broken
        assert "<script" not in page.replace("<wbr>", "")
        assert result.checks["XC605"]["status"] in ("fail", "unknown")


class TestDag:
    def test_load_is_shown_when_asked_for(self, made):
        result = made.run("06", load_tasks=6)

        assert result.code == 0, result.output
        load = result.checks["XC712"]
        assert load["status"] == "pass"
        assert re.search(r"6 of 6 tasks .*values/s.* that of the plain SDK", load["observed"])
        left = made.run("07", run_dir=str(result.directory))
        assert left.checks["XC801"]["status"] == "pass"
        assert "Versions" not in made.client("s3").list_object_versions(Bucket=made.bucket)


class TestTearDown:
    def test_bucket_and_role_stay_until_the_name_is_typed_in(self, made):
        assert made.run("07").code == 0
        assert made.client("s3").head_bucket(Bucket=made.bucket)

    def test_typed_name_deletes_the_empty_bucket_and_the_role(self, made):
        result = made.run("07", confirm_delete=made.bucket)

        assert result.code == 0, result.output
        names = [b["Name"] for b in made.client("s3").list_buckets()["Buckets"]]
        assert made.bucket not in names

    def test_wrong_name_deletes_nothing_and_is_red(self, made):
        result = made.run("07", confirm_delete="another-bucket")

        assert (result.code, result.red) == (1, {"XC802"})
        assert made.client("s3").head_bucket(Bucket=made.bucket)

    def test_bucket_with_other_objects_stays_although_the_name_is_typed(self, made):
        made.client("s3").put_object(Bucket=made.bucket, Key="other", Body=b"1")

        result = made.run("07", confirm_delete=made.bucket)

        assert (result.code, result.red) == (1, {"XC802"})
        assert made.client("s3").head_bucket(Bucket=made.bucket)

    def test_proof_that_was_cut_off_is_removed_with_all_its_objects(self, made):
        cut = made.run("04", "07", step_timeout=8)

        assert cut.checks["XC902"]["observed"].startswith("timed out")
        assert cut.checks["XC801"]["status"] == "pass"
        assert "Versions" not in made.client("s3").list_object_versions(Bucket=made.bucket)
