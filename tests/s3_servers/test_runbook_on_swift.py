"""The line as a user runs it on a store that is not ours: made, proved, looked at, torn down."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from line import Line
from swift_server import SECRET_KEY, Swift

from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings
from xcomkit.steps import create_bucket, tear_down

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(900)  # the first test waits for the run
RED_OVER_HTTP = {"XC209"}


class Runbook:
    """xcomkit with a parameter file of its own, and the keys in the environment."""

    def __init__(self, swift: Swift, folder: Path) -> None:
        self.folder = folder
        self.bucket = f"xcom-{uuid4().hex[:10]}"
        self.file = folder / "swift.yaml"
        values = {
            "cloud": "aws", "endpoint_url": swift.http, "bucket": self.bucket,
            "prefix": "astro/xcom", "payload_sizes": "1000", "repetitions": 1,
            "tags": "team=data", "apply": True,
        }  # fmt: skip
        self.file.write_text(yaml.safe_dump(values))
        self.environment = {**os.environ, **swift.environment}

    def run(self, *steps: str, **parameters: object) -> "Result":
        flags = [part for name, value in parameters.items() for part in ("-p", f"{name}={value}")]
        done = subprocess.run(
            [sys.executable, "-m", "xcomkit", "run", *steps, "-f", self.file,
             "--out", self.folder / "runs", *flags],
            cwd=ROOT, env=self.environment, text=True, check=False, capture_output=True,
            timeout=850,
        )  # fmt: skip
        return Result(done)


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.output = done.stdout + done.stderr
        found = re.search(r"record: (\S+)/record\.html", done.stdout)
        assert found, self.output
        self.directory = ROOT / found[1]
        record: dict[str, Any] = json.loads((self.directory / "record.json").read_text())
        self.checks = {c["id"]: c for step in record["steps"] for c in step["checks"]}
        self.red = {i for i, c in self.checks.items() if c["status"] in ("fail", "unknown")}


@pytest.fixture(scope="module")
def runbook(swift: Swift, tmp_path_factory: pytest.TempPathFactory) -> Runbook:
    return Runbook(swift, tmp_path_factory.mktemp("swift"))


@pytest.fixture(scope="module")
def whole(runbook: Runbook) -> Result:
    return runbook.run("01", "04", "05", "07")


@pytest.fixture(scope="module")
def again(runbook: Runbook, whole: Result, swift: Swift) -> dict[str, Check]:
    """Make the bucket once more and delete it, without another run."""
    target = SimpleNamespace(settings=Settings.from_yaml(runbook.file))
    cells = (create_bucket.plan, create_bucket.apply, create_bucket.verify,
             tear_down.plan_target, tear_down.remove_target, tear_down.verify_target)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in swift.environment.items():
            patch.setenv(name, value)
        return Line(target, whole.directory).do(*cells, confirm_delete=runbook.bucket)


def test_only_what_needs_tls_is_red(whole):
    assert whole.red == RED_OVER_HTTP, whole.output
    assert whole.code == 1
    assert whole.checks["XC511"]["status"] == "pass"


def test_values_go_and_come_back_whole_with_the_key_of_the_store(whole):
    for name in ("XC503", "XC504", "XC505", "XC506", "XC507", "XC515", "XC524"):
        assert whole.checks[name]["status"] == "pass", whole.checks[name]
    assert "xcom:root" in whole.checks["XC510"]["observed"]


def test_reference_that_leads_nowhere_is_an_error(whole):
    for name in ("XC518", "XC519", "XC521"):
        assert whole.checks[name]["status"] == "pass", whole.checks[name]


def test_listing_finds_the_newest_value_and_opens_it(whole):
    for name in ("XC601", "XC603", "XC605", "XC606"):
        assert whole.checks[name]["status"] == "pass", whole.checks[name]


def test_everything_the_run_wrote_is_gone_at_its_end(whole):
    assert whole.checks["XC801"]["status"] == "pass", whole.checks["XC801"]
    assert not re.search(r"\b0 of 0\b", whole.checks["XC801"]["observed"])


def test_second_run_finds_the_bucket_with_the_same_verdicts(whole, again):
    first = {i: c["status"] for i, c in whole.checks.items() if i.startswith("XC2")}
    second = {i: c.status for i, c in again.items() if i.startswith("XC2")}

    assert second == first
    assert first["XC201"] == first["XC205"] == "pass"


def test_bucket_goes_when_its_name_is_typed_in(again):
    assert again["XC802"].status == "pass", again["XC802"]


def test_secret_of_the_store_is_in_no_file_of_the_run(whole):
    for path in whole.directory.rglob("*"):
        if path.is_file():
            assert SECRET_KEY.encode() not in path.read_bytes().replace(b"<wbr>", b""), path.name
