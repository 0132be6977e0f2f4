"""Fixtures every test may use: a clean environment, and one AWS stand-in for the session."""

import os
from collections.abc import Iterator

import pytest

from xcomkit.local.aws import StandIn, start

FOREIGN = ("AWS_", "AIRFLOW", "XCOMKIT_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    with start() as running:
        yield running
