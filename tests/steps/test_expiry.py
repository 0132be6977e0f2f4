"""Step 05: after how many days the bucket deletes XComs, as its lifecycle says."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from xcomkit.cloud_documents.lifecycle import Effect
from xcomkit.findings.errors import AccessDeniedError
from xcomkit.steps.inspect_objects import read_expiry

SETTINGS = SimpleNamespace(retention_days=30)


def effect(days: float | None, *, action: str = "deletes", reach: str = "all") -> Effect:
    return Effect("rule", {}, cast(Any, action), days, cast(Any, reach), "")


@pytest.mark.parametrize(
    ("effects", "days"),
    [
        ([effect(30), effect(7), effect(90)], 7),
        ([effect(30), effect(7, reach="some")], 30),
        ([effect(30), effect(7, action="archives")], 30),
        ([effect(None)], None),
        ([], None),
    ],
    ids=["several", "a part of the prefix", "archives", "no number of days", "no rule"],
)
def test_soonest_rule_that_deletes_every_xcom_counts(effects, days):
    bucket = SimpleNamespace(read_lifecycle=lambda: effects)

    found, _ = read_expiry(cast(Any, SimpleNamespace(bucket=bucket, settings=SETTINGS)))

    assert found == days


def test_lifecycle_that_may_not_be_read_is_that_of_the_settings_and_says_so():
    def refuse() -> None:
        raise AccessDeniedError("403")

    bucket = SimpleNamespace(read_lifecycle=refuse)
    days, how = read_expiry(cast(Any, SimpleNamespace(bucket=bucket, settings=SETTINGS)))

    assert days == 30
    assert "403" in how
