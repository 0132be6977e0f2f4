"""The sentence above everything else: it must not promise more than the run has proved."""

import pytest
from record_samples import check

from xcomkit.findings.model import Check
from xcomkit.record.verdict import describe

WARNED, ACCEPTED = check("XC708", "warn"), check("XC015", "fail", accepted="known")
FAILED, OPEN, SKIPPED = check("XC511", "fail"), check("XC201", "unknown"), check("XC107", "skip")


def sentence(*found, is_practice=False, ran=8):
    checks = [Check(**one) for one in (check("XC101"), *found)]
    return describe(checks, is_practice=is_practice, ran=ran)


@pytest.mark.parametrize("found", [(), (WARNED,), (ACCEPTED,), (FAILED,), (OPEN,)])
@pytest.mark.parametrize(("is_practice", "ran"), [(True, 8), (True, 2), (False, 1)])
def test_practice_run_and_part_of_a_run_are_never_called_usable(found, is_practice, ran):
    said = sentence(*found, is_practice=is_practice, ran=ran)

    assert "usable" not in said.lower()
    assert said.startswith("Practice run on a stand-in" if is_practice else "Partial run: 1 of 8")
    assert ("2 of 8 steps" in said) == (ran == 2)
    assert said.endswith(" yet." if is_practice else "What was left out is not proved.")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((SKIPPED,), "Usable: every check that could be made passed."),
        (
            (WARNED, WARNED),
            "Usable, with what is named here: no check failed; 1 warning (XC708).",
        ),
        (
            (ACCEPTED,),
            "Usable, with what is named here: no check failed; 1 accepted risk (XC015).",
        ),
        ((FAILED, FAILED), "Not usable as it is: 1 failed check (XC511)."),
        ((OPEN, ACCEPTED), "Not proved: 1 unanswered check (XC201); 1 accepted risk (XC015)."),
        ((OPEN,), "Not proved: 1 unanswered check (XC201)."),
    ],
)  # fmt: skip
def test_whole_run_on_a_real_target_names_what_decides_it(found, said):
    assert sentence(*found) == said


def test_run_in_which_nothing_was_checked_proves_nothing():
    skipped = [Check(**SKIPPED)]

    assert describe(skipped, is_practice=False, ran=8) == "Not proved: nothing was checked."
