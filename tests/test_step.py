"""A step in progress, without a notebook."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from xcomkit.clouds import Cloud, Platform
from xcomkit.errors import AccessDeniedError
from xcomkit.model import Change, Plan
from xcomkit.settings import Settings
from xcomkit.step import Step

OBJECTS = Plan("Objects", (Change("bucket/prefix", "objects", "1", "0", "delete"),))


@pytest.fixture
def step(tmp_path: Path) -> Step:
    settings = Settings.from_mapping({"bucket": "some-bucket", "apply": True})
    nobody = cast(Cloud, None)  # what is proposed here asks no cloud
    return Step("07_tear_down", settings, tmp_path, Platform(label="", issuer=""), nobody)


def refused() -> Plan:
    raise AccessDeniedError("403 while reading the role.")


def made(plans: list[Plan]) -> Callable[[Plan], None]:
    return plans.append


def test_refused_proposal_never_carries_out_an_earlier_plan_of_the_step(step):
    done: list[Plan] = []
    step.propose(lambda: OBJECTS)
    step.propose(refused)

    step.carry_out(made(done))

    assert done == []
    assert [check.status for check in step.checks] == ["unknown"]


def test_plan_is_carried_out_when_apply_is_set(step):
    done: list[Plan] = []
    step.propose(lambda: OBJECTS)

    step.carry_out(made(done))

    assert done == [OBJECTS]


def test_missing_answer_cannot_be_accepted_as_a_risk(step):
    settings = Settings.from_mapping({"bucket": "some-bucket", "accepted": "XC901: never mind"})
    step.settings = settings

    step.propose(refused)

    assert step.checks[0].closes_gate
