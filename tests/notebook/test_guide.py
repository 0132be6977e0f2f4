"""How far a run is, as its evidence says: what is done, what is next, where red is fixed."""

import json
import re
from dataclasses import replace

import pytest

from xcomkit.findings import evidence
from xcomkit.notebook.guide import Guide, Seen, read_guide
from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import STEPS
from xcomkit.steps.rule_index import RULES_BY_ID

SETTINGS = Settings(bucket="some-bucket")
HOSTILE = '<script>alert(1)</script>"'


def check(rule_id, *, holds=True, observed="seen"):
    return RULES_BY_ID[rule_id].judge(
        holds, expected="as set", observed=observed, how="looked", basis="behaviour"
    )


def saved(run, step, *checks, settings=SETTINGS, **more):
    content = {
        **more,
        "checks": checks,
        "finished": "2026-01-02T03:04:05+00:00",
        "settings": settings.model_dump(mode="json", exclude={"run_dir"}),
    }
    evidence.write_evidence(run, step=step, content=content)


def guide(run, *, settings=SETTINGS, here="01_create_bucket"):
    return read_guide(run, steps=STEPS, settings=settings, here=here)


def done(run, *steps, settings=SETTINGS):
    for step in steps:
        saved(run, step, check("XC101"), settings=settings)


def rows(found):
    return {row[0].text.split()[0]: [cell.text for cell in row] for row in next(found.parts()).rows}


def test_run_that_is_yet_to_begin_starts_with_the_first_step():
    found = guide(None)

    assert found.next == "Run 00_prerequisites: open it."
    assert [row[1] for row in rows(found).values()] == ["not run"] * len(STEPS)


def test_done_step_has_its_verdict_its_time_and_its_counts(tmp_path):
    saved(tmp_path, STEPS[0], check("XC101"), check("XC106", holds=False))

    assert rows(guide(tmp_path))[STEPS[0]][1:] == ["▲ warn", "2026-01-02 03:04", "1 pass, 1 warn"]


def test_next_is_the_first_step_without_evidence_and_here_is_named(tmp_path):
    done(tmp_path, STEPS[0])

    assert guide(tmp_path).next == "Run 01_create_bucket: you are here."
    assert guide(tmp_path, here=STEPS[0]).next == "Run 01_create_bucket: open it."


def test_red_check_comes_with_its_remedy_and_the_notebook_that_fixes_it(tmp_path):
    done(tmp_path, *STEPS[:4])
    red = check("XC507", holds=False, observed="AccessDenied")
    saved(tmp_path, STEPS[4], red)

    found = guide(tmp_path)
    _, fixing = found.parts()

    assert found.next == "Fix XC507 in 02_grant_access, then run 04_round_trip again."
    assert [cell.text for cell in fixing.rows[0]] == [
        "XC507", "✖ fail", "AccessDenied", red.remedy, "02_grant_access",
    ]  # fmt: skip
    assert '<a href="02_grant_access.ipynb">' in found._repr_html_()


def test_unknown_is_red_and_an_accepted_risk_is_not(tmp_path):
    saved(tmp_path, STEPS[0], check("XC104", holds=None), check("XC507", holds=False))
    accepting = Settings(bucket="some-bucket", accepted=("XC507: we know",))

    found = guide(tmp_path, settings=accepting)
    (red,) = [row[0].text for row in list(found.parts())[1].rows]

    assert red == "XC104"


def test_step_that_was_done_with_other_settings_is_to_be_run_again(tmp_path):
    done(tmp_path, *STEPS)
    changed = Settings(bucket="some-bucket", threshold=5, retention_days=9)

    found = guide(tmp_path, settings=changed)

    assert found.next == "Run 00_prerequisites again: threshold, retention_days changed since."
    assert "with other settings: threshold, retention_days" in rows(found)[STEPS[0]][3]


def test_step_is_run_again_only_if_a_setting_that_it_reads_has_changed(tmp_path):
    done(tmp_path, *STEPS)
    saved(tmp_path, STEPS[0], check("XC101"), reads=["bucket", "threshold"])
    for step in STEPS[1:]:
        saved(tmp_path, step, check("XC101"), reads=["bucket"])
    changed = Settings(bucket="some-bucket", threshold=5, load_tasks=9)

    found = guide(tmp_path, settings=changed)

    assert found.next == "Run 00_prerequisites again: threshold changed since."
    assert [seen.step for seen in found.steps if seen.is_open] == [STEPS[0]]


@pytest.mark.parametrize("reads", [None, "bucket", {"bucket": 1}])
def test_evidence_that_does_not_say_what_was_read_counts_for_the_same_settings_only(
    tmp_path, reads
):
    saved(tmp_path, STEPS[0], check("XC101"), reads=reads)

    found = guide(tmp_path, settings=Settings(bucket="some-bucket", load_tasks=9))

    assert found.steps[0].changed == ("load_tasks",)


def test_what_a_run_may_do_leaves_what_was_proved_as_it_was(tmp_path):
    done(tmp_path, *STEPS)
    allowed = Settings(bucket="some-bucket", confirm_delete="some-bucket")

    assert guide(tmp_path, settings=allowed).next == "Every step is done and nothing is red."


def test_risk_that_is_no_longer_accepted_is_red_again(tmp_path):
    done(tmp_path, *STEPS)
    accepted = replace(check("XC507", holds=False), accepted="we know")
    saved(tmp_path, STEPS[4], accepted)

    assert guide(tmp_path).next == "Fix XC507 in 02_grant_access, then run 04_round_trip again."


def test_step_in_which_nothing_was_checked_is_not_done(tmp_path):
    done(tmp_path, *STEPS)
    saved(tmp_path, STEPS[3])

    assert guide(tmp_path).next == "Run 03_helm_values: open it."


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 2}', '{"schema": 1, "checks": [{}]}'])
def test_evidence_that_cannot_be_read_is_said_and_stops_nothing(tmp_path, text):
    (tmp_path / "evidence").mkdir()
    (tmp_path / f"evidence/{STEPS[0]}.json").write_text(text)

    found = guide(tmp_path)

    assert STEPS[0] in rows(found)[STEPS[0]][1]
    assert found.next.startswith(f"Run {STEPS[0]}")


def test_odd_evidence_is_no_traceback(tmp_path):
    (tmp_path / "evidence").mkdir()
    body = {"schema": 1, "checks": [], "settings": [], "finished": 5}
    (tmp_path / f"evidence/{STEPS[0]}.json").write_text(json.dumps(body))

    assert "at a time unknown" in repr(guide(tmp_path))


def test_hostile_evidence_is_inert(tmp_path):
    saved(tmp_path, STEPS[0], check("XC104", holds=False, observed=HOSTILE))

    html = guide(tmp_path)._repr_html_()

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert '<a href="02_grant_access.ipynb">' in html


FIXED_IN = {
    "01": {"XC602", "XC710"},
    "02": {"XC503", "XC507", "XC513", "XC514", "XC709"},
    "03": {
        "XC501", "XC502", "XC504", "XC508", "XC511", "XC512", "XC515", "XC516", "XC517", "XC518",
        "XC519", "XC521", "XC522", "XC523", "XC526", "XC527", "XC601", "XC603", "XC604", "XC702",
        "XC707", "XC708", "XC713",
    },
    "04": {"XC701"},
}  # fmt: skip
"""Every rule whose remedy is carried out in another step than the one that judges it."""


def test_rule_says_in_which_other_step_it_is_fixed():
    found = {}
    for rule in RULES_BY_ID.values():
        if rule.fix_in:
            found.setdefault(rule.fix_in, set()).add(rule.id)

    assert found == FIXED_IN


@pytest.mark.parametrize(
    ("rule_id", "made_in", "fixed_in"),
    [
        ("XC015", "03_helm_values", "03_helm_values"),
        ("XC030", "06_verify_dag", "06_verify_dag"),
        ("XC203", "01_create_bucket", "01_create_bucket"),
        ("XC505", "04_round_trip", "04_round_trip"),
        ("XC507", "04_round_trip", "02_grant_access"),
        ("XC702", "06_verify_dag", "03_helm_values"),
        ("XC902", "05_inspect_objects", "05_inspect_objects"),
    ],
)
def test_red_check_is_fixed_where_its_rule_says(tmp_path, rule_id, made_in, fixed_in):
    done(tmp_path, *STEPS)
    saved(tmp_path, made_in, check(rule_id, holds=False))

    assert guide(tmp_path).next == f"Fix {rule_id} in {fixed_in}, then run {made_in} again."


@pytest.mark.parametrize("fix_in", ["99", "0", HOSTILE])
def test_step_that_is_none_sends_nobody_away(tmp_path, fix_in):
    done(tmp_path, *STEPS)
    saved(tmp_path, STEPS[4], replace(check("XC507", holds=False), fix_in=fix_in))

    assert guide(tmp_path).next == f"Fix XC507 in {STEPS[4]}, then run {STEPS[4]} again."


def test_every_step_that_a_remedy_names_is_there():
    named = {n for rule in RULES_BY_ID.values() for n in re.findall(r"step (\d+)", rule.remedy)}

    assert named
    assert named <= {step[:2] for step in STEPS}


def test_guide_without_a_run_reads_as_text():
    text = repr(Guide("", tuple(map(Seen, STEPS)), STEPS[0]))

    assert text.startswith("Next: Run 00_prerequisites: you are here.")
    assert text.count("not run") == len(STEPS)
