"""Steps 04 and 05 before anything can be tried."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from xcomkit.clouds import Platform
from xcomkit.clouds.rules import EXISTS
from xcomkit.findings.errors import GateError, UnreachableError
from xcomkit.notebook.guide import read_guide
from xcomkit.notebook.step import Step
from xcomkit.settings.settings import Settings
from xcomkit.steps import inspect_objects, round_trip
from xcomkit.steps.opening import STEPS

RED, GREEN = (
    (EXISTS.judge(holds, expected="a bucket", observed="", how="", basis="echo"),)
    for holds in (False, True)
)
PROOF = (round_trip.prove,)
LISTING = (
    inspect_objects.summarise_prefix, inspect_objects.forecast_deletions,
    inspect_objects.summarise_state, inspect_objects.open_newest, inspect_objects.verify,
)  # fmt: skip
SETTINGS = Settings.from_mapping({"bucket": "some-bucket"})


@pytest.mark.parametrize("found", [None, SimpleNamespace(is_complete=False)])
@pytest.mark.parametrize(("name", "cells"), [(STEPS[4], PROOF), (STEPS[5], LISTING)])
def test_missing_bucket_is_said_first_and_everywhere_and_nothing_is_tried(
    tmp_path: Path, name, cells, found
):
    bucket = SimpleNamespace(find=lambda: found, requests="Head")
    cloud = cast(Any, SimpleNamespace(bucket=bucket, settings=SETTINGS))
    step = Step(name, SETTINGS, tmp_path, Platform(label="", issuer=""), cloud)

    shown = [work(step) for work in cells]
    step.save()

    assert [(c.id, c.status, c.fix_in) for c in step.verdicts] == [("XC201", "fail", "01")]
    assert "absent, so nothing was tried" in repr(shown[0])
    with pytest.raises(GateError, match="1 of 1 check closes the gate: XC201 fail"):
        step.gate()
    guide = read_guide(tmp_path, steps=STEPS, settings=SETTINGS, here=name)
    assert guide.next.startswith("Fix XC201 in 01_create_bucket: run step 01 with apply: true, or")
    assert guide.next.endswith(f"; then run {name} again.")


def found_until_the_store_is_gone(*checks):
    yield from checks
    raise UnreachableError("the store is gone")


def checks_until_an_error(here, there):
    given = []
    with ThreadPoolExecutor(1) as beside, pytest.raises(UnreachableError):
        given.extend(round_trip.at_once(iter(here), iter(there), beside=beside))
    return given


def test_red_finding_of_the_state_store_stays_when_the_proof_of_xcom_breaks_and_vice_versa():
    assert checks_until_an_error(found_until_the_store_is_gone(GREEN), [RED]) == [GREEN, RED]
    assert checks_until_an_error([RED], found_until_the_store_is_gone(GREEN)) == [RED, GREEN]
