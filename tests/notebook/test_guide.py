"""How far a run is, as its evidence says: what is done, what is next, where red is fixed."""

import re
from dataclasses import replace

import pytest

from xcomkit.findings import evidence
from xcomkit.notebook.guide import Guide, StepState, read_guide
from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import STEPS
from xcomkit.steps.rule_index import RULES_BY_ID

SETTINGS = Settings(bucket="some-bucket")
HOSTILE = '<script>alert(1)</script>"'
FIX_507 = (
    "Fix XC507 in 02_grant_access: give the identity the right to delete below the prefix;"
    " then run 04_round_trip again."
)
ALL_DONE = "Every step is done and nothing is red."


def check(rule_id, *, holds=True, observed="seen"):
    return RULES_BY_ID[rule_id].judge(
        holds, expected="as set", observed=observed, how="looked", basis="behaviour"
    )


def saved(run, step, *checks, **more):
    given = SETTINGS.recorded
    content = {"checks": checks, "finished": "2026-01-02T03:04:05+00:00", "settings": given, **more}
    evidence.write_evidence(run, step=step, content=content)


def guide(run, *, here="01_create_bucket", **settings):
    asked = Settings(bucket="some-bucket", **settings)
    return read_guide(run, steps=STEPS, settings=asked, here=here)


@pytest.fixture
def done(tmp_path):
    """A run whose steps are all done."""
    for step in STEPS:
        saved(tmp_path, step, check("XC101"))
    return tmp_path


def rows(found):
    first = next(found.tables())
    return {row[0].text.split()[0]: [cell.text for cell in row] for row in first.rows}


def test_run_that_is_yet_to_begin_starts_with_the_first_step():
    found = guide(None)

    assert found.next == "Run 00_prerequisites: open it."
    assert [row[1] for row in rows(found).values()] == ["not run"] * len(STEPS)


def test_next_is_the_first_step_without_evidence_and_here_is_named(tmp_path):
    saved(tmp_path, STEPS[0], check("XC101"), check("XC106", holds=False))

    found = guide(tmp_path)

    assert rows(found)[STEPS[0]][1:] == ["▲ warn", "2026-01-02 03:04", "1 warn, 1 pass"]
    assert found.next == "Run 01_create_bucket: you are here."
    assert guide(tmp_path, here=STEPS[0]).next == "Run 01_create_bucket: open it."


def test_red_check_comes_with_its_remedy_and_the_notebook_that_fixes_it(done):
    red = check("XC507", holds=False, observed=HOSTILE)
    saved(done, STEPS[4], red)

    found = guide(done)
    _, fixing = found.tables()
    html = found._repr_html_()

    assert found.next == FIX_507
    assert [cell.text for cell in fixing.rows[0]] == [
        f"XC507 expected: {red.title}", "✖ fail", red.remedy, "02_grant_access",
    ]  # fmt: skip
    assert fixing.rows[0][2].more == ("observed", HOSTILE)
    assert '<a href="02_grant_access.ipynb">' in html
    assert "<script" not in html


def test_unknown_is_red_and_a_risk_only_as_long_as_it_is_accepted(done):
    accepted = replace(check("XC507", holds=False), accepted="we know")
    saved(done, STEPS[4], accepted)
    assert guide(done).next == FIX_507
    assert guide(done, accepted=("XC507: we know",)).next == ALL_DONE

    saved(done, STEPS[4], check("XC505", holds=None))

    assert guide(done).next.startswith("Fix XC505 in 04_round_trip: ")
    assert guide(done).next.endswith("; then run 04_round_trip again.")


def test_step_is_run_again_only_if_a_setting_that_it_reads_has_changed(done):
    for step in STEPS:
        saved(done, step, check("XC101"), reads=["bucket", "threshold"][: 1 + (step == STEPS[0])])

    found = guide(done, threshold=5, load_tasks=9)

    assert found.next == "Run 00_prerequisites again: threshold changed since."
    assert "with other settings: threshold" in rows(found)[STEPS[0]][3]
    assert [state.step for state in found.steps if state.is_open] == [STEPS[0]]


@pytest.mark.parametrize("reads", [None, "bucket", {"bucket": 1}])
def test_evidence_that_does_not_say_what_was_read_counts_for_the_same_settings_only(
    tmp_path, reads
):
    saved(tmp_path, STEPS[0], check("XC101"), reads=reads)

    assert guide(tmp_path, load_tasks=9).steps[0].changed == ("load_tasks",)


def test_what_a_run_may_do_leaves_what_was_proved_as_it_was(done):
    assert guide(done, confirm_delete="some-bucket", step_timeout=5).next == ALL_DONE


def test_step_in_which_nothing_was_checked_is_not_done(done):
    saved(done, STEPS[3])

    assert guide(done).next == "Run 03_helm_values: open it."


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}', '{"schema": 1, "checks": [{}]}'])
def test_evidence_that_cannot_be_read_is_said_and_stops_nothing(done, text):
    (done / f"evidence/{STEPS[0]}.json").write_text(text)

    found = guide(done)

    assert STEPS[0] in rows(found)[STEPS[0]][1]
    assert found.next.startswith(f"Run {STEPS[0]}")


def test_odd_evidence_is_no_traceback(done):
    odd = '{"schema": 1, "checks": [], "settings": [], "finished": 5}'
    (done / f"evidence/{STEPS[0]}.json").write_text(odd)

    assert "at a time unknown" in repr(guide(done))


FIXED_IN = {
    "01": {
        "XC602", "XC609", "XC610", "XC614", "XC710",
    },
    "02": {
        "XC503", "XC507", "XC513", "XC514", "XC532", "XC536", "XC709",
    },
    "03": {
        "XC501", "XC502", "XC504", "XC508", "XC511", "XC512", "XC515", "XC516", "XC517",
        "XC518", "XC519", "XC521", "XC522", "XC523", "XC526", "XC527", "XC530", "XC531",
        "XC533", "XC537", "XC538", "XC539", "XC540", "XC541", "XC542", "XC543", "XC544",
        "XC545", "XC547", "XC601", "XC603", "XC604", "XC607", "XC611", "XC702", "XC707", "XC708",
        "XC713", "XC720", "XC721",
    },
    "04": {
        "XC701",
    },
}  # fmt: skip
"""Every rule whose remedy is carried out in another step than the one that judges it."""


def test_rule_says_in_which_other_step_it_is_fixed():
    found = {}
    for rule in RULES_BY_ID.values():
        if rule.fix_in:
            found.setdefault(rule.fix_in, set()).add(rule.id)

    assert found == FIXED_IN


@pytest.mark.parametrize("fix_in", ["99", "0", HOSTILE])
def test_step_that_is_none_sends_nobody_away(done, fix_in):
    saved(done, STEPS[4], replace(check("XC507", holds=False), fix_in=fix_in))

    assert guide(done).next.startswith(f"Fix XC507 in {STEPS[4]}: ")


def test_every_step_that_a_remedy_names_is_there():
    named = {n for rule in RULES_BY_ID.values() for n in re.findall(r"step (\d+)", rule.remedy)}

    assert named
    assert named <= {step[:2] for step in STEPS}


def test_step_with_nothing_to_look_at_is_not_proved_and_not_open(done):
    nothing = RULES_BY_ID["XC601"].skip(observed="the prefix is empty", how="looked")
    saved(done, STEPS[5], nothing)

    found = guide(done)

    assert rows(found)[STEPS[5]][1] == "not proved"
    assert found.next.endswith("not proved: 05_inspect_objects.")


def test_what_is_red_comes_before_what_was_not_run_and_where_one_stands_before_the_others(done):
    saved(done, STEPS[3], check("XC402", holds=False))
    saved(done, STEPS[4], check("XC507", holds=False))
    (done / f"evidence/{STEPS[0]}.json").unlink()

    assert guide(done, here=STEPS[4]).next == FIX_507
    assert guide(done).next.startswith("Fix XC402 in 03_helm_values: fix the key helm names")


def test_parameter_that_decides_is_named_and_saved_and_every_step_it_concerns_is_run(done):
    saved(done, STEPS[4], check("XC511", holds=False), check("XC521", holds=False))
    one_setting_less = {"backend": "stock"}
    saved(done, STEPS[2], check("XC101"), settings={**SETTINGS.recorded, **one_setting_less})

    assert guide(done, here=STEPS[4]).next == (
        "Fix XC511 and 1 more in 03_helm_values: set backend to durable, or compression to none;"
        " save, then run 03_helm_values and 04_round_trip again."
    )


def test_remedy_that_says_to_run_the_step_is_not_followed_by_the_same(done):
    saved(done, STEPS[1], check("XC201", holds=False))

    assert guide(done).next.endswith("apply: true, or choose another bucket name.")


def test_red_that_its_fix_may_have_ended_since_is_run_again_in_its_turn(done):
    saved(done, STEPS[4], check("XC507", holds=False), finished="2026-01-02T03:00:00+00:00")

    assert guide(done).next == "Run 04_round_trip again: 02_grant_access was run since."
    (done / f"evidence/{STEPS[3]}.json").unlink()
    assert guide(done).next == "Run 03_helm_values: open it."


def test_check_that_is_red_twice_is_one_row_with_all_that_was_observed(done):
    saved(done, STEPS[3], *(check("XC015", holds=False, observed=of) for of in ("XCom", "state")))

    _, fixing = guide(done).tables()

    assert [row[2].more for row in fixing.rows] == [("observed", "XCom; state")]


def test_guide_without_a_run_reads_as_text():
    text = repr(Guide("", tuple(map(StepState, STEPS)), STEPS[0]))

    assert text.startswith("Next: Run 00_prerequisites: you are here.")
    assert text.count("not run") == len(STEPS)
