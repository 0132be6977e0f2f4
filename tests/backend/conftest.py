"""A bucket and a role of its own per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from backend_target import Target

from xcomkit.local.aws import AwsStandIn


@pytest.fixture
def target(stand_in: AwsStandIn, tmp_path: Path) -> Iterator[Target]:
    made = Target(stand_in, tmp_path)
    yield made
    for key in sorted(made.keys()):
        made.s3.delete_object(Bucket=made.bucket, Key=key)
    made.s3.delete_bucket(Bucket=made.bucket)
