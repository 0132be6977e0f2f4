import json
import re
from dataclasses import asdict

import nbformat
import pytest
from record_samples import check, make_run, render

from xcomkit.findings import evidence
from xcomkit.findings.model import Check, FaultPair
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
    assert "h (seen to happen)" in below
    assert "h (the service returned the setting)" in below
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
    assert ["", "", f"What {', '.join(STEPS[1:])} look at", "not chosen"] in displayed
    assert not [row for row in displayed if "XC501" in row]


def test_observed_is_cut_behind_a_word_and_stands_without_the_title_which_is_folded(tmp_path):
    observed = "the reference " * 30

    (row,) = rows(render(make_run(tmp_path / "r", check(status="fail", observed=observed))),
                  "findings")  # fmt: skip

    words, _, expected = row[2].partition(" …")
    assert set(words.split()) == {"the", "reference"}
    assert expected == "expectedXC201 holds"


def test_many_findings_and_open_questions_are_counted_and_leave_room_for_the_rest(tmp_path):
    red = [check(f"XC5{number:02}", "fail") for number in range(14)]
    skips = [check(f"XC7{n:02}", "skip", observed=f"reason {n // 2}") for n in range(20)]

    html = render(make_run(tmp_path / "r", *red, *skips))
    findings, left_open = rows(html, "findings"), rows(html, "not-proved")

    assert len(findings) == len(left_open) == 7
    assert findings[-1][2] == "and 8 more among all checks"
    assert left_open[1][1:] == ["XC700, XC701", "XC700 holds; XC701 holds", "reason 0"]
    assert left_open[-1][2] == "and 10 more among all checks"


def test_facts_say_accepted_risks_backend_and_parameters_in_words(tmp_path):
    run = make_run(tmp_path / "none", workers="a,b", tags="team=data")
    assert dict(rows(render(run), "run"))["accepted risks"] == "none"
    parameters = dict(rows(render(run), "parameters"))
    assert (parameters["workers"], parameters["tags"]) == ("a, b", "team=data")

    twice = [check("XC015", "fail", accepted="we move in Q1")] * 2
    run = make_run(tmp_path / "r", *twice, step=STEPS[4], endpoint_url="embedded")
    facts = {
        "configured": ["durable", "none"],
        "compared": [asdict(FaultPair("push", "403", "raised", "raised"))],
    }
    evidence.write_evidence(run.directory, step=STEPS[4], content={"facts": facts})
    html = write_record(run).read_text()
    said = dict(rows(html, "run"))

    assert said["accepted risks"] == "XC015: we move in Q1"
    assert said["configured"] == "backend durable, no compression"
    assert "▲ warn: Practice run" in html
    assert "<p>Of 1 faults, 0 lose something" in html  # and no table without a row


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
    html = html.replace("<wbr>", "")  # names may break at their separators
    assert "more are in record.json" in html
    assert "characters, whole in record.json" in html
    assert f"Left out, or this page would become too large: notebooks/{STEPS[0]}.ipynb" in html
    assert html.endswith("</main></body></html>\n")


@pytest.mark.parametrize(
    ("text", "who"),
    [
        (json.dumps({"schema": 1, "facts": {"caller": "ann (account 1)"}}), "ann (account 1)"),
        (json.dumps({"schema": 1, "facts": {"caller": ["x"]}}), "bob in account 2"),
        ("broken", "bob in account 2"),
    ],
    ids=["of the evidence", "none in the evidence", "evidence is broken"],
)
def test_caller_comes_from_the_evidence_or_the_check(tmp_path, text, who):
    run = make_run(tmp_path / "r", check("XC104", observed="bob in account 2"))
    (run.directory / f"evidence/{STEPS[0]}.json").write_text(text)

    assert dict(rows(write_record(run).read_text(), "run"))["who ran it"] == who
