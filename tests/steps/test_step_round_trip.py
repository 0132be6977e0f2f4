"""Step 04 before anything can be tried."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from xcomkit.clouds import Platform
from xcomkit.findings.errors import GateError
from xcomkit.notebook.guide import read_guide
from xcomkit.notebook.step import Step
from xcomkit.settings.settings import Settings
from xcomkit.steps import round_trip
from xcomkit.steps.opening import STEPS

SETTINGS = Settings.from_mapping({"bucket": "some-bucket"})


@pytest.mark.parametrize("found", [None, SimpleNamespace(is_complete=False)])
def test_missing_bucket_is_said_first_and_everywhere_and_nothing_is_tried(tmp_path: Path, found):
    cloud = cast(Any, SimpleNamespace(bucket=SimpleNamespace(find=lambda: found, requests="Head")))
    step = Step(STEPS[4], SETTINGS, tmp_path, Platform(label="", issuer=""), cloud)

    proof = round_trip.prove(step)
    step.save()

    assert [(c.id, c.status, c.fix_in) for c in step.verdicts] == [("XC201", "fail", "01")]
    assert "absent, so nothing was tried" in repr(proof)
    with pytest.raises(GateError, match="1 of 1 check closes the gate: XC201 fail"):
        step.gate()
    guide = read_guide(tmp_path, steps=STEPS, settings=SETTINGS, here=STEPS[4])
    assert guide.after_here == "Fix XC201 in 01_create_bucket, then run 04_round_trip again."
