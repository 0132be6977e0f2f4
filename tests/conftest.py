"""Fixtures every test may use: a clean environment, and the stand-ins."""

import os
import signal
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from xcomkit.local.aws import AwsStandIn
from xcomkit.local.stand_in import StandIn, stand_in_of
from xcomkit.model import CloudName

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOREIGN = (
    "AWS_", "AIRFLOW", "AZURE_", "AZURITE_", "CLOUDSDK_", "GCE_", "GOOGLE_", "STORAGE_", "XCOMKIT_",
)  # fmt: skip
hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")
# A shell's background job ignores it, and so would every program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
LIVE = bool(os.environ.get("XCOMKIT_LIVE"))
REQUIRE_ALL = bool(os.environ.get("XCOMKIT_REQUIRE_ALL"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skip a failure where everything is required, as in CI."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and XCOMKIT_REQUIRE_ALL is set: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    if LIVE:  # the contract then runs as whoever is signed in
        return
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[Callable[[CloudName], StandIn]]:
    """Start a cloud's stand-in when the first test asks for it."""
    running: dict[CloudName, StandIn] = {}

    def get(cloud: CloudName) -> StandIn:
        if cloud not in running:
            running[cloud] = stand_in_of(cloud).start()
        return running[cloud]

    yield get
    for one in running.values():
        one.stop()


@pytest.fixture(scope="session")
def stand_in(stand_ins: Callable[[CloudName], StandIn]) -> AwsStandIn:
    running = stand_ins("aws")
    assert isinstance(running, AwsStandIn)
    return running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Run the system's browser; its event loop, of which a thread has one, ends with the module."""
    from system_browser import find_browser, running_browser

    program = find_browser()
    if program is None:
        pytest.skip("there is no browser; install chromium")
    with running_browser(program) as running:
        yield running
