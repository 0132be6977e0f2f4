"""How far a run is, as its evidence says: what is done, what is next, where red is mended."""

import json
import re
from dataclasses import replace

import pytest

from xcomkit import evidence
from xcomkit.catalogue import RULES_BY_ID
from xcomkit.guide import Guide, Seen, mended_in, read_guide
from xcomkit.opening import STEPS
from xcomkit.settings import Settings

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


def test_red_check_comes_with_its_remedy_and_the_notebook_that_mends_it(tmp_path):
    done(tmp_path, *STEPS[:4])
    red = check("XC507", holds=False, observed="AccessDenied")
    saved(tmp_path, STEPS[4], red)

    found = guide(tmp_path)
    _, mending = found.parts()

    assert found.next == "Mend XC507 in 02_grant_access, then run 04_round_trip again."
    assert [cell.text for cell in mending.rows[0]] == [
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

    assert guide(tmp_path).next == "Mend XC507 in 02_grant_access, then run 04_round_trip again."


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


@pytest.mark.parametrize(
    ("rule_id", "step"),
    [
        ("XC015", "03_helm_values"),
        ("XC104", "00_prerequisites"),
        ("XC107", "00_prerequisites"),
        ("XC203", "01_create_bucket"),
        ("XC303", "02_grant_access"),
        ("XC404", "03_helm_values"),
        ("XC505", "04_round_trip"),
        ("XC506", "04_round_trip"),
        ("XC507", "02_grant_access"),
        ("XC511", "03_helm_values"),
        ("XC512", "03_helm_values"),
        ("XC513", "02_grant_access"),
        ("XC517", "03_helm_values"),
        ("XC603", "03_helm_values"),
        ("XC602", "01_create_bucket"),
        ("XC701", "04_round_trip"),
        ("XC702", "03_helm_values"),
        ("XC709", "02_grant_access"),
        ("XC801", "07_tear_down"),
        ("XC902", "06_verify_dag"),
    ],
)
def test_remedy_leads_to_the_notebook_in_which_it_is_carried_out(rule_id, step):
    own = {"1": 0, "2": 1, "3": 2, "5": 4, "6": 5, "7": 6, "8": 7, "9": 6}.get(rule_id[2], 3)
    red = check(rule_id, holds=False)

    assert mended_in(red, own=STEPS[own], steps=STEPS) == step


def test_every_step_that_a_remedy_names_is_there():
    named = {n for rule in RULES_BY_ID.values() for n in re.findall(r"step (\d+)", rule.remedy)}

    assert named
    assert named <= {step[:2] for step in STEPS}


def test_links_are_links_in_markdown_too(tmp_path):
    done(tmp_path, *STEPS[:1])

    text = guide(tmp_path)._repr_markdown_()

    assert text.startswith("Next: Run 01")
    assert "| [02\\_grant\\_access](02_grant_access.ipynb) | not run |" in text


def test_guide_without_a_run_reads_as_text():
    text = repr(Guide("", tuple(map(Seen, STEPS)), STEPS[0]))

    assert text.startswith("Next: Run 00_prerequisites: you are here.")
    assert text.count("not run") == len(STEPS)
