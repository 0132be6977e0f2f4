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


def test_accepted_risk_stays_visible_with_its_reason():
    table = show.checks([replace(judged(False), accepted="known")])

    assert "fail (accepted)" in repr(table)
    assert "accepted: known" in repr(table)


def test_remedy_is_shown_for_red_and_not_for_green():
    assert "do this" in repr(show.checks([judged(None)]))
    assert "do this" not in repr(show.checks([judged(True)]))


def test_column_of_remedies_is_there_only_where_there_is_one_to_read():
    green, red = judged(True), judged(False)

    assert "what to do" not in show.checks([green]).headers
    assert show.checks([green, red]).headers[-1] == "what to do"
    assert "what to do" in show.checks([replace(red, remedy="", accepted="known")]).headers


def test_plain_text_fits_the_screen():
    text = repr(show.checks([judged(False, "y" * 500)]))

    assert max(len(line) for line in text.splitlines()) <= 100


def test_plan_says_how_much_would_change():
    rows = (
        Change("b", "s", "x", "y", "update", "aws cmd"),
        Change("b", "t", "x", "x", "unchanged"),
    )

    assert "1 to change" in repr(show.plan(Plan("Bucket", rows)))


def measured(codec, payload="records", size=1000):
    spread = Spread(1.0, 0.5, 2.0)
    return Measurement(payload, codec, 3, size, size // 2, spread, spread, spread, 4, None)


def test_measurement_without_a_count_of_requests_says_unknown():
    assert "unknown" in repr(show.measurements([measured("none")], backend="stock"))


def test_empty_table_is_a_header_and_no_error():
    assert "id" in repr(show.checks([]))


def test_long_word_may_be_broken_where_no_style_sheet_is():
    html = show.facts({"arn": "x" * 50}, caption="c")._repr_html_()

    assert f"{'x' * 24}<wbr>{'x' * 24}<wbr>{'x' * 2}" in html


def test_plan_names_its_rows_by_the_setting():
    change = Change("bucket", "versioning", "off", "on", "update", "command")

    html = show.plan(Plan("Bucket", (change,)))._repr_html_()

    assert re.findall(r'<th scope="row"[^>]*>(.*?)</th>', html) == ["versioning"]


def test_headers_stand_above_their_columns_and_a_status_stays_on_one_line():
    html = show.Table("c", ("h",), ((show.status_cell("pass"),),))._repr_html_()

    assert '<th scope="col" style="text-align: left">' in html
    assert "white-space: nowrap" in html
