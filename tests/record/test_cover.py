import re

import nbformat
import pytest
from made_runs import ABOUT, make_run, tell_caller
from records import check

from xcomkit.record import page
from xcomkit.record.cover import verdict_sentence
from xcomkit.record.write import write_record
from xcomkit.steps.opening import STEPS

OUTPUT = nbformat.v4.new_output


def render(directory, *checks, **more):
    return page.render(make_run(directory, *checks, **more), ABOUT)


def rows(html, part):
    """Return the texts of the cells of the table below a heading of the cover."""
    table = html.split(f'<h2 id="{part}">')[1].split("</table>")[0]
    found = (re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row) for row in table.split("<tr>")[2:])
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in found]


def test_cover_says_target_who_when_commit_and_what_was_changed(tmp_path):
    facts = dict(rows(render(tmp_path / "r", apply=False), "run"))

    assert facts["target"] == "s3://some-bucket/xcom (us-east-1)"
    assert facts["who"] == "ann in account 1"
    assert facts["when (UTC)"] == "2026-01-01 08:00:00"
    assert facts["commit of the runbook"] == "abc"
    assert facts["changes"] == "apply was off: plans were shown only"


def test_verdict_of_a_part_says_of_how_many_steps_it_is(tmp_path):
    run = make_run(tmp_path / "r")
    part = page.render(run, ABOUT)
    run.results *= len(STEPS)

    assert "every check that could be made passed. (1 of 8 steps.)" in part
    assert verdict_sentence(run) == "Proved: every check that could be made passed."


def test_every_check_stands_on_the_cover_with_its_basis(tmp_path):
    found = (
        check("XC501"),
        check("XC502", basis="echo"),
        check("XC503", "skip", basis="not-supported-here"),
        check("XC504", "unknown", basis="behaviour"),
        check("XC505", "warn", basis="not-supported-here"),
    )

    shown = rows(render(tmp_path / "r", *found), "checks")

    bases = ["behaviour", "echo", "not proved", "not proved", "not proved"]
    assert [row[5] for row in shown] == bases
    assert shown[0][6] == f"{STEPS[0]}: h"


def test_what_is_not_proved_names_checks_steps_and_the_store_behind_a_stand_in(tmp_path):
    found = (check("XC501"), check("XC503", "skip", observed="pods were not asked"))

    shown = rows(render(tmp_path / "r", *found, endpoint_url="embedded"), "not-proved")

    assert shown[0][2:] == ["What Amazon S3 itself answers", "a stand-in"]
    assert [STEPS[0], "XC503", "XC503 holds", "pods were not asked"] in shown
    assert ["", "", f"What {STEPS[-1]} looks at", "not chosen"] in shown
    assert not [row for row in shown if "XC501" in row]


def test_contents_lead_to_every_part_and_tell_the_verdict_of_each_step(tmp_path):
    html = render(tmp_path / "r", check("XC501", "fail"))
    nav = html.split("<nav")[1].split("</nav>")[0]

    for name in re.findall(r'href="#([^"]+)"', nav):
        assert len(re.findall(f' id="{name}"', html)) == 1
    assert f'<a href="#{STEPS[0]}">{STEPS[0]}</a> ✖ fail' in nav
    assert {"not-proved", "checks", STEPS[0]} <= set(re.findall(r'href="#([^"]+)"', nav))


def test_same_run_gives_the_same_page(tmp_path):
    run = make_run(tmp_path / "r")

    assert page.render(run, ABOUT) == page.render(run, ABOUT)


def test_half_a_character_does_not_stop_the_record(tmp_path):
    run = make_run(tmp_path / "r", check(observed="half \ud83d", title="\udfff"))

    assert "half \\ud83d" in write_record(run).read_text()


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "image/png"])
def test_output_that_is_too_large_is_cut_and_said(tmp_path, kind):
    large = OUTPUT("display_data", data={kind: "QUJD" * 2_000_000})

    html = render(tmp_path / "r", outputs=[large])

    assert len(html) < 200_000
    assert "left out: too much for this page" in html


def test_page_stays_under_5_mb_whatever_a_service_answered(tmp_path):
    checks = [check("XC501", "unknown", observed='"' * 50_000, remedy="&" * 9_000)] * 700
    streams = [
        OUTPUT("stream", name=("stdout", "stderr")[n % 2], text="<&" * 5_000_000) for n in range(4)
    ]
    more = [
        OUTPUT("stream", name=("stdout", "stderr")[n % 2], text="<" * 299_000) for n in range(16)
    ]
    broken = OUTPUT("error", ename="E", evalue="e", traceback=["x" * 9_000_000])

    html = render(tmp_path / "r", *checks, outputs=[*streams, *more, broken])

    assert len(html.encode()) < 5_000_000
    assert "more are in record.json" in html
    assert "characters, whole in record.json" in html
    assert f"Left out, or this page would become too large: notebooks/{STEPS[0]}.ipynb" in html
    assert html.endswith("</main></body></html>\n")


@pytest.mark.parametrize(
    ("told", "shown"), [("ann (account 1)", "ann (account 1)"), (["x"], ""), (None, "")]
)
def test_caller_comes_from_the_evidence(tmp_path, told, shown):
    run = make_run(tmp_path / "r")
    tell_caller(run, told)

    html = write_record(run).read_text()

    assert dict(rows(html, "run"))["who"] == (shown or "not asked in these steps")


def test_caller_comes_from_the_check_where_no_evidence_names_one(tmp_path):
    run = make_run(tmp_path / "r", check("XC104", observed="bob in account 2"))
    (run.directory / f"evidence/{STEPS[0]}.json").write_text("broken")

    assert dict(rows(write_record(run).read_text(), "run"))["who"] == "bob in account 2"
