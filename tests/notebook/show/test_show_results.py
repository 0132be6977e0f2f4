import re
from dataclasses import replace

from xcomkit.findings.model import Change, Measurement, Plan, Rule, Spread
from xcomkit.notebook import show

HOSTILE = "<script>alert(1)</script>\"'&"
RULE = Rule("XC999", "A title", "fail", "because", "do this", "a page")


def judged(holds, observed="seen"):
    return RULE.judge(holds, expected="wanted", observed=observed, how="looked", basis="echo")


def test_status_is_a_word_and_a_mark_and_never_colour_alone():
    html = show.checks([judged(False)])._repr_html_()

    assert "✖ fail" in html
    assert ">status</th>" in html


def test_hostile_text_is_escaped_in_every_table():
    check, change = judged(False, HOSTILE), Change(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "create")
    for shown in (
        show.checks([check], caption=HOSTILE),
        show.plan(Plan(HOSTILE, (change,))),
        show.facts({HOSTILE: HOSTILE}, caption=HOSTILE),
        show.Text(HOSTILE),
        show.Text(HOSTILE, is_code=True),
    ):
        assert "<script" not in shown._repr_html_()


def test_long_value_is_folded_and_still_there_in_full():
    html = show.facts({"a": "x" * 500}, caption="c")._repr_html_()

    assert "<summary>" in html
    assert "x" * 500 in html.replace("<wbr>", "")


def test_remedy_is_shown_for_red_and_the_reason_for_what_is_accepted():
    green, red = judged(True), judged(False)
    accepted = replace(red, remedy="", accepted="known")

    assert "what to do" not in show.checks([green]).headers
    assert show.checks([green, red]).headers[-1] == "what to do"
    assert "do this" in repr(show.checks([judged(None)]))
    assert "fail (accepted)" in repr(show.checks([accepted]))
    assert "accepted: known" in repr(show.checks([accepted]))


def test_plain_text_fits_the_screen():
    text = repr(show.checks([judged(False, "y" * 500)]))

    assert max(len(line) for line in text.splitlines()) <= 100


def test_plan_says_how_much_would_change_and_names_its_rows_by_the_setting():
    rows = (
        Change("b", "versioning", "off", "on", "update", "aws cmd"),
        Change("b", "tags", "x", "x", "unchanged"),
    )

    table = show.plan(Plan("Bucket", rows))

    assert "1 to change" in repr(table)
    named = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', table._repr_html_())
    assert named == ["versioning", "tags"]


def test_measurement_without_a_count_of_requests_says_unknown():
    spread = Spread(1.0, 0.5, 2.0)
    one = Measurement("records", "none", 3, 1000, 500, spread, spread, spread, 4, None)

    assert "unknown" in repr(show.measurements([one], backend="stock"))


def test_empty_table_is_a_header_and_no_error():
    assert "id" in repr(show.checks([]))


def test_long_word_may_be_broken_where_no_style_sheet_is():
    html = show.facts({"arn": "x" * 50}, caption="c")._repr_html_()

    assert f"{'x' * 24}<wbr>{'x' * 24}<wbr>{'x' * 2}" in html


def test_headers_stand_above_their_columns_and_a_status_stays_on_one_line():
    html = show.Table("c", ("h",), ((show.status_cell("pass"),),))._repr_html_()

    assert '<th scope="col" style="text-align: left">' in html
    assert "white-space: nowrap" in html
