import json
import re

import nbformat
import pytest
from record_samples import check, make_run, render

from xcomkit.findings.model import Check
from xcomkit.notebook import show
from xcomkit.record.write import write_record
from xcomkit.steps.opening import STEPS

OUTPUT = nbformat.v4.new_output


def rows(html, part):
    """Return the texts of the cells of the table below a heading of the cover."""
    table = html.split(f'<h2 id="{part}">')[1].split("</table>")[0]
    found = (re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row) for row in table.split("<tr>")[2:])
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in found]


def test_cover_says_target_who_when_commit_and_what_was_changed(tmp_path):
    run = make_run(tmp_path / "r", apply=False)
    facts = dict(rows(render(run), "run"))

    assert facts["target"] == "s3://some-bucket/xcom (us-east-1)"
    assert facts["who ran it"] == "ann in account 1"
    assert facts["when (UTC)"] == "2026-01-01 08:00:00"
    assert facts["run"] == "r; runbook abc"
    assert facts["changes"] == "apply was off: plans were displayed only"
    assert render(run) == render(run)


def test_every_check_stands_once_below_the_cover_with_its_basis_and_not_in_the_notebook_again(
    tmp_path,
):
    found = (check("XC501"), check("XC502", "fail", basis="echo"), check("XC503", "skip"))
    shown = show.checks([Check(**one) for one in found])._repr_html_()
    cell = OUTPUT("execute_result", data={"text/html": shown, "text/plain": "as text"})

    html = render(make_run(tmp_path / "r", *found, outputs=[cell]))

    below = html.split('id="checks"')[1]
    assert [below.count(f"{one['id']} holds") for one in found] == [1, 1, 1]
    assert "h [behaviour]" in below
    assert "h [echo]" in below
    assert 'href="#checks"' in below  # in the cell


def test_failed_checks_come_first_then_warnings_and_what_was_accepted_with_its_reason(tmp_path):
    found = (
        check("XC501"),
        check("XC502", "warn", remedy="do this"),
        check("XC503", "fail", accepted="it is known"),
        check("XC504", "unknown", remedy="look there"),
    )

    displayed = rows(render(make_run(tmp_path / "r", *found)), "findings")

    assert [(row[0], row[3]) for row in displayed] == [
        ("XC504", "look there"), ("XC503", "accepted: it is known"), ("XC502", "do this")
    ]  # fmt: skip
    assert "(accepted)" in displayed[1][1]


def test_what_is_not_proved_names_checks_steps_and_the_store_behind_a_stand_in(tmp_path):
    found = (check("XC501"), check("XC503", "skip", observed="pods were not asked"),
             check("XC504", "unknown", observed="no answer"), check("XC505", "fail"),
             check("XC506", "warn", basis="not-supported-here", observed="no such"))  # fmt: skip

    displayed = rows(
        render(make_run(tmp_path / "r", *found, endpoint_url="embedded")), "not-proved"
    )

    assert displayed[0][2:] == ["What Amazon S3 itself answers", "a stand-in"]
    assert ["00", "XC503", "XC503 holds", "pods were not asked"] in displayed
    assert sorted(row[1] for row in displayed if row[1]) == ["XC503", "XC504", "XC506"]
    assert ["", "", f"What {STEPS[-1]} looks at", "not chosen"] in displayed
    assert not [row for row in displayed if "XC501" in row]


def test_contents_lead_to_every_part_and_tell_the_verdict_of_each_step(tmp_path):
    html = render(make_run(tmp_path / "r", check("XC501", "fail")))
    nav = html.split("<nav")[1].split("</nav>")[0]
    names = re.findall(r'href="#([^"]+)"', nav)

    assert all(len(re.findall(f' id="{name}"', html)) == 1 for name in names)
    assert {"checks", "files", STEPS[0]} <= set(names)
    assert f'<a href="#{STEPS[0]}">{STEPS[0]}</a> ✖ fail' in nav


def test_half_a_character_does_not_stop_the_record(tmp_path):
    run = make_run(tmp_path / "r", check(observed="half \ud83d", title="\udfff"))

    assert "half \\ud83d" in write_record(run).read_text()


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "image/png"])
def test_output_that_is_too_large_is_left_out_and_said(tmp_path, kind):
    large = OUTPUT("display_data", data={kind: "QUJD" * 2_000_000})

    html = render(make_run(tmp_path / "r", outputs=[large]))

    assert len(html) < 200_000
    assert "left out: too much for this page" in html


def test_page_stays_under_5_mb_whatever_a_service_answered(tmp_path):
    checks = [check("XC501", "unknown", observed='"' * 50_000, remedy="&" * 9_000)] * 700
    sizes = (*[5_000_000] * 4, *[290_000] * 16)
    streams = [OUTPUT("stream", name=("stdout", "stderr")[n % 2], text="<" * size)
               for n, size in enumerate(sizes)]  # fmt: skip
    broken = OUTPUT("error", ename="E", evalue="e", traceback=["x" * 9_000_000])

    html = render(make_run(tmp_path / "r", *checks, outputs=[*streams, broken]))

    assert len(html.encode()) < 5_000_000
    assert "more are in record.json" in html
    assert "characters, whole in record.json" in html
    assert f"Left out, or this page would become too large: notebooks/{STEPS[0]}.ipynb" in html
    assert html.endswith("</main></body></html>\n")


@pytest.mark.parametrize(
    ("evidence", "who"),
    [
        (json.dumps({"schema": 1, "facts": {"caller": "ann (account 1)"}}), "ann (account 1)"),
        (json.dumps({"schema": 1, "facts": {"caller": ["x"]}}), "bob in account 2"),
        ("broken", "bob in account 2"),
    ],
    ids=["of the evidence", "none in the evidence", "evidence is broken"],
)
def test_caller_comes_from_the_evidence_or_the_check(tmp_path, evidence, who):
    run = make_run(tmp_path / "r", check("XC104", observed="bob in account 2"))
    (run.directory / f"evidence/{STEPS[0]}.json").write_text(evidence)

    assert dict(rows(write_record(run).read_text(), "run"))["who ran it"] == who
