"""Fixtures of the cloud's tests: targets on the stand-in, reached as its administrator."""

from collections.abc import Callable

import pytest
from cloud_rig import Target

from xcomkit.local.aws import AwsStandIn
from xcomkit.model import Plan


@pytest.fixture
def new_target(stand_in: AwsStandIn, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Target]:
    for name in stand_in.replaced:
        monkeypatch.delenv(name, raising=False)
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    return lambda **changes: Target(stand_in, **changes)


@pytest.fixture
def target(new_target: Callable[..., Target]) -> Target:
    return new_target()


@pytest.fixture
def actions() -> Callable[[Plan], dict[str, str]]:
    return lambda plan: {change.setting: change.action for change in plan.changes}
