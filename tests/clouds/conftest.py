"""Fixtures of the clouds' tests: rigs on the stand-ins, or on live clouds where asked for."""

from collections.abc import Callable

import pytest
from aws_rig import AwsRig
from rig import LIVE

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.common.stand_in import StandIn

SignedIn = Callable[[CloudName], StandIn | None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a live cloud cannot play, such as a bucket of somebody else's."""
    left = [item for item in items if _is_live(item) and item.get_closest_marker("stand_in")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def _is_live(item: pytest.Item) -> bool:
    kind = getattr(getattr(item, "cls", None), "kind", None)
    return getattr(kind, "cloud_name", None) in LIVE


@pytest.fixture
def signed_in(
    stand_ins: Callable[[CloudName], StandIn], monkeypatch: pytest.MonkeyPatch
) -> SignedIn:
    """Make this process the administrator of a cloud's stand-in, or leave it who it is."""

    def sign_in(cloud: CloudName) -> StandIn | None:
        if cloud in LIVE:
            return None
        running = stand_ins(cloud)
        for name in running.replaced:
            monkeypatch.delenv(name, raising=False)
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        return running

    return sign_in


@pytest.fixture
def new_target(signed_in: SignedIn) -> Callable[..., AwsRig]:
    running = signed_in("aws")
    return lambda **changes: AwsRig(running, **changes)


@pytest.fixture
def target(new_target: Callable[..., AwsRig]) -> AwsRig:
    return new_target()
