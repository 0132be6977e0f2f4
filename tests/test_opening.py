"""Opening steps one after the other in one kernel, as somebody at a notebook does."""

import os

import pytest

from xcomkit.local.stand_in import VARIABLE
from xcomkit.opening import open_form, open_guide, open_platform, open_step
from xcomkit.record.runner import hold_target
from xcomkit.settings import Settings
from xcomkit.shared_target import SINCE

REAL = Settings(bucket="some-bucket", cloud="aws", region="eu-central-1")
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
    os.environ.pop(VARIABLE, None)


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
def test_coming_back_to_practise_finds_the_same_stand_in():
    _, was_new = open_platform(PRACTICE)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    open_platform(REAL)

    _, is_new = open_platform(PRACTICE)

    assert (was_new, is_new) == (True, False)
    assert os.environ["AWS_ENDPOINT_URL"] == endpoint


@pytest.mark.usefixtures("account")
def test_opening_again_adds_nothing_to_the_environment():
    open_platform(PRACTICE)
    first = seen(os.environ)

    open_platform(PRACTICE)

    assert seen(os.environ) == first


@pytest.mark.usefixtures("account")
def test_first_step_begins_a_run_and_the_next_ones_go_on_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()

    first = open_step("00_prerequisites", PRACTICE)
    second = open_step("01_create_bucket", PRACTICE)

    assert first.run == second.run
    assert first.run.parent == tmp_path / "runs"


@pytest.mark.usefixtures("account")
def test_practice_on_an_earlier_stand_in_of_jupyterlab_is_not_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()
    monkeypatch.setenv(SINCE, "20260102T000000Z")
    for stamp in ("20260101T000000Z", "20250101T000000Z"):
        (tmp_path / f"runs/{stamp}-some-bucket/evidence").mkdir(parents=True)

    assert open_step("01_create_bucket", REAL).run.name == "20260101T000000Z-some-bucket"
    assert open_step("01_create_bucket", PRACTICE).run.name > "20260102"


def test_guide_of_refused_parameters_says_so_and_does_not_stop_the_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    form = open_form({"bucket": "some-bucket", "threshold": -5})

    guide = open_guide("01_create_bucket", form)

    assert "The parameters are refused: threshold: " in repr(guide)


def test_guide_makes_no_run_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters").mkdir()

    guide = open_guide("01_create_bucket", open_form({"bucket": "some-bucket"}))

    assert "Next: Run 00_prerequisites: open it." in repr(guide)
    assert not (tmp_path / "runs").exists()
