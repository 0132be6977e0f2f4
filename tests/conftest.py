"""Fixtures every test may use: a clean environment, and one AWS stand-in for the session."""

import os
from collections.abc import Generator, Iterator

import pytest

from xcomkit.local.aws import AwsStandIn

FOREIGN = ("AWS_", "AIRFLOW", "XCOMKIT_")
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
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def stand_in() -> Iterator[AwsStandIn]:
    with AwsStandIn.start() as running:
        yield running
