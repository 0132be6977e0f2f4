"""Fixtures every test may use: a clean environment, and the stand-ins."""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.stand_ins.common.stand_in import StandIn, stand_in_of

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


HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("slow", "files and folders of slow tests, the longest first", type="linelist")


def place_of(nodeid: str, slow: Sequence[str]) -> str:
    """Return the entry of ``slow`` that a test belongs to, or its file."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return next((one for one in slow if fnmatch(path, one) or path.startswith(f"{one}/")), path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = config.getini("slow")
    order = {place: number for number, place in enumerate(slow)}
    for item in items:
        if place_of(item.nodeid, slow) in order:
            item.add_marker("slow")
    items.sort(key=lambda item: order.get(place_of(item.nodeid, slow), len(order)))


@pytest.hookimpl(optionalhook=True)  # nobody asks where tests run in one process
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep a file in one process, and a folder of ``slow``."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            place = place_of(nodeid, config.getini("slow"))
            return place if (HERE / place).is_dir() else super()._split_scope(nodeid)

    return Together(config, log)


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


@pytest.fixture(scope="session")
def program() -> str:
    """Return the system's browser."""
    from system_browser import find_browser

    found = find_browser()
    if found is None:
        pytest.skip("there is no browser; install chromium")
    return found


@pytest.fixture(scope="module")
def browser(program: str) -> Iterator["Browser"]:
    """Run the browser; its event loop, of which a thread has one, ends with the module."""
    from system_browser import running_browser

    with running_browser(program) as running:
        yield running
