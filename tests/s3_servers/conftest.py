"""One Swift for all tests of this folder, and a bucket name of its own for each of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from swift_server import Swift, is_installed, running_swift

from xcomkit.clouds import Cloud, Platform, open_cloud
from xcomkit.settings.settings import Settings

Open = Callable[..., Cloud]


@pytest.fixture(scope="session")
def swift() -> Iterator[Swift]:
    if not is_installed():
        pytest.skip("there is no swift-proxy-server; apt-get install swift-{proxy,account,"
                    "container,object}")  # fmt: skip
    with running_swift() as running:
        yield running


@pytest.fixture
def signed_in(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> Swift:
    for name, value in swift.environment.items():
        monkeypatch.setenv(name, value)
    return swift


@pytest.fixture
def settings(swift: Swift) -> Settings:
    return Settings.from_mapping(
        {
            "endpoint_url": swift.http,
            "bucket": f"xcom-{uuid4().hex[:10]}",
            "prefix": "astro/xcom",
            "tags": {"team": "data"},
        }
    )


@pytest.fixture
def open_store(signed_in: Swift, settings: Settings) -> Open:  # noqa: ARG001
    """Open the bucket of this test anew, as each run does."""

    def opened(**changes: object) -> Cloud:
        changed = Settings.from_mapping({**settings.to_parameters(), **changes})
        return open_cloud(changed, platform=Platform(label="an S3-compatible store", issuer=""))

    return opened


@pytest.fixture
def store(open_store: Open) -> Cloud:
    """Return the bucket of this test, made and versioned; nothing else of step 01 is asked for."""
    cloud = open_store()
    plan = cloud.bucket.plan()
    needed = tuple(row for row in plan.changes if row.setting in ("bucket", "versioning"))
    cloud.bucket.apply(replace(plan, changes=needed))
    return cloud
