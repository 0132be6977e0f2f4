"""Opening steps one after the other in one kernel, as somebody at a notebook does."""

import os
from pathlib import Path

import psutil
import pytest

from xcomkit.findings.errors import SettingsError
from xcomkit.record.runner import hold_target
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.stand_ins.common.stand_in import VARIABLE
from xcomkit.steps import create_bucket
from xcomkit.steps.opening import _STARTED, KERNEL_PYTHON, open_guide, open_platform, open_step

REAL = Settings(bucket="some-bucket", cloud="aws", region="eu-central-1")
ROOT = Path(__file__).parents[2]
ON_GCP = Settings(
    bucket="some-bucket", cloud="gcp", project="some-project", endpoint_url="embedded"
)
PRACTICE = Settings(bucket="some-bucket", cloud="aws", endpoint_url="embedded")


@pytest.fixture
def account(monkeypatch):
    """The environment of somebody who is signed in to a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "theirs")
    monkeypatch.setenv("no_proxy", "example.com")
    before = dict(os.environ)
    yield before
    open_platform(REAL)
    while _STARTED:
        _STARTED.popitem()[1].stop()


@pytest.fixture
def runbook(tmp_path, monkeypatch):
    """A folder that is taken for the runbook's, without runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()
    return tmp_path


def servers():
    told = ((one, one.as_dict(["cmdline"])["cmdline"]) for one in psutil.Process().children())
    return [
        one for one, command in told if "xcomkit.stand_ins" in "".join(command or ())
    ]  # none: a zombie


def seen(environment):
    return {n: v for n, v in environment.items() if n not in (VARIABLE, "PYTEST_CURRENT_TEST")}


def test_real_account_is_asked_as_oneself_after_practising_in_the_same_kernel(account):
    open_platform(PRACTICE)
    assert "AWS_ENDPOINT_URL" in os.environ
    assert "AWS_PROFILE" not in os.environ

    platform, _ = open_platform(REAL)

    assert seen(os.environ) == seen(account)
    assert "stand-in" not in platform.label


@pytest.mark.usefixtures("account")
def test_stand_in_of_a_run_that_is_over_does_not_come_back():
    with hold_target(PRACTICE, steps=()):
        open_platform(PRACTICE)

    open_platform(REAL)

    assert "AWS_ENDPOINT_URL" not in os.environ


@pytest.mark.usefixtures("account")
def test_first_step_begins_a_run_and_the_next_ones_go_on_in_it(runbook):
    first = open_step("00_prerequisites", PRACTICE)
    second = open_step("01_create_bucket", PRACTICE)

    assert first.run == second.run
    assert first.run.parent == runbook / "runs"


@pytest.mark.usefixtures("account", "runbook")
def test_steps_that_are_practised_first_read_nothing_for_the_one_that_is_opened():
    step = open_step("03_helm_values", PRACTICE)

    assert "was made in it first" in step.note
    assert {"bucket", "endpoint_url"} <= set(step.settings.reads)
    assert not {"retention_days", "role_name", "workers"} & set(step.settings.reads)


@pytest.mark.usefixtures("account")
def test_other_interpreter_and_misspelled_risk_are_told_when_a_step_is_opened(monkeypatch):
    monkeypatch.setenv(KERNEL_PYTHON, "/elsewhere/bin/python")
    settings = PRACTICE.model_copy(update={"accepted": ("XC999: never mind",)})

    step = open_step("00_prerequisites", settings)

    assert [(c.id, c.status) for c in step.checks] == [("XC903", "fail"), ("XC904", "warn")]


@pytest.mark.usefixtures("account")
def test_coming_back_after_another_cloud_finds_the_same_stand_in_and_environment():
    count = len(servers())
    _, was_new = open_platform(PRACTICE)
    first = seen(os.environ)
    for settings in (PRACTICE, ON_GCP, REAL, ON_GCP, PRACTICE):
        _, is_new = open_platform(settings)

    assert (was_new, is_new) == (True, False)
    assert seen(os.environ) == first
    assert len(servers()) == count + 2


@pytest.mark.usefixtures("account", "runbook")
def test_stand_in_and_run_of_jupyterlab_are_come_back_to_from_another_cloud(monkeypatch):
    with AwsStandIn.start() as shared:
        monkeypatch.setenv(VARIABLE, shared.environment[VARIABLE])
        run = open_step("00_prerequisites", PRACTICE).run
        open_platform(ON_GCP)

        text = repr(open_guide("01_create_bucket", PRACTICE.to_parameters()))
        assert f"Steps of {run.name}" in text
        assert "AWS_ENDPOINT_URL" not in os.environ
        platform, is_new = open_platform(PRACTICE)

        assert (platform.instance, is_new) == (shared.url, False)
        open_platform(REAL)


@pytest.mark.usefixtures("account", "runbook")
def test_evidence_of_one_stand_in_counts_for_no_other(monkeypatch):
    with AwsStandIn.start() as first, AwsStandIn.start() as second:
        runs = []
        for stand_in in (first, first, second):
            monkeypatch.setenv(VARIABLE, stand_in.environment[VARIABLE])
            runs.append(open_step("01_create_bucket", PRACTICE).run)
            open_platform(REAL)

    assert runs[0] == runs[1]
    assert runs[2] != runs[0]


@pytest.mark.usefixtures("account", "runbook")
def test_evidence_of_a_real_bucket_is_gone_on_with_and_apart_from_practice():
    real = open_step("01_create_bucket", REAL).run

    assert open_step("02_grant_access", REAL).run == real
    assert open_step("02_grant_access", PRACTICE).run != real


@pytest.mark.usefixtures("runbook")
def test_guide_of_invalid_parameters_says_so_and_does_not_stop_the_notebook():
    guide = open_guide("01_create_bucket", {"bucket": "some-bucket", "threshold": -5})

    assert "Next: Correct the parameters of this notebook. threshold: -5 is invalid" in repr(guide)


def test_guide_makes_no_run_directory_and_starts_no_stand_in(runbook):
    practice = PRACTICE.to_parameters()

    for parameters in ({"bucket": "some-bucket"}, practice):
        guide = open_guide("01_create_bucket", parameters)
        assert "Next: Run 00_prerequisites: open it." in repr(guide)

    assert not (runbook / "runs").exists()


def test_guide_names_the_run_that_the_step_goes_on_in(runbook):
    run = open_step("00_prerequisites", REAL).run

    text = repr(open_guide("01_create_bucket", REAL.to_parameters()))

    assert f"Steps of {run.name}" in text
    assert run.parent == runbook / "runs"


@pytest.mark.usefixtures("account")
def test_run_directory_of_another_target_is_refused_before_anything_is_started(runbook):
    count = len(servers())
    run = open_step("01_create_bucket", REAL).run
    practice = PRACTICE.model_copy(update={"run_dir": str(run)})

    with pytest.raises(SettingsError, match="of another target, 'aws s3://some-bucket"):
        open_step("02_grant_access", practice)

    assert len(servers()) == count
    assert run.parent == runbook / "runs"


@pytest.mark.usefixtures("account", "runbook")
def test_who_is_not_signed_in_is_told_to_sign_in_and_nothing_about_the_bucket(monkeypatch):
    monkeypatch.delenv("AWS_PROFILE")
    for name, value in {"EC2_METADATA_DISABLED": "true", "CONFIG_FILE": os.devnull,
                        "SHARED_CREDENTIALS_FILE": os.devnull}.items():  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    step = open_step("01_create_bucket", REAL)
    create_bucket.plan(step)
    create_bucket.verify(step)
    step.save()

    assert [(c.id, c.status, c.remedy[:8]) for c in step.verdicts] == [
        ("XC901", "unknown", "sign in "), ("XC201", "unknown", "sign in "),
    ]  # fmt: skip
    assert step.next_step().startswith("Fix XC901 and 1 more in 01_create_bucket: sign in (aws sso")


@pytest.mark.usefixtures("runbook")
def test_step_that_is_saved_without_its_cells_names_those_that_owe_checks():
    (missing,) = open_step("02_grant_access", REAL).verdicts

    assert (missing.id, missing.observed) == ("XC902", "no check of grant_access.verify")
