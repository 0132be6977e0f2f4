import re
from dataclasses import replace
from html import escape

import pytest

from xcomkit.findings.model import Change, Measurement, Plan, Rule, Spread
from xcomkit.notebook import show
from xcomkit.steps.rule_index import RULES_BY_ID

HOSTILE = "<script>alert(1)</script>\"'&"
RULE = Rule("XC999", "A title", "fail", "because", "do this", "a page")


def judged(holds, observed="seen"):
    return RULE.judge(holds, expected="wanted", observed=observed, how="looked", basis="echo")


def test_status_is_a_word_and_a_mark_and_never_colour_alone():
    html = show.checks([judged(False)])._repr_html_()

    assert "✖ fail" in html


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


def test_what_does_not_hold_stands_first_worst_first_and_what_holds_is_folded_by_question():
    fail, warn = RULES_BY_ID["XC203"], RULES_BY_ID["XC404"]
    found = [
        RULES_BY_ID[rule_id].judge(True, observed="seen", how="looked", basis="echo")
        for rule_id in ("XC801", "XC205", "XC206", "XC207")
    ]
    found.append(RULES_BY_ID["XC402"].skip(observed="no helm", how="looked"))
    found += [
        rule.judge(False, observed="seen", how="looked", basis="echo") for rule in (warn, fail)
    ]
    found.append(judged(None))
    shown = show.checks(found, caption="All")

    assert [check.id for check, _ in shown.blocks] == ["XC203", "XC999", "XC404"]
    assert [(name, len(pairs)) for name, pairs in shown.groups] == [
        ("Is the bucket private and encrypted?", 2),
        ("What is left behind?", 2),
        ("Not proved", 1),
    ]
    html, text = shown._repr_html_(), repr(shown)
    for said in (html, text):
        assert said.index("Public access") < said.index("annotation") < said.index("Versioning is")
    assert html.index(fail.remedy) < html.index("<details>") < html.index(fail.why)
    assert "All: 8 checks, 1 fail, 1 unknown, 1 warn, 4 pass, 1 skip" in html


def test_block_says_where_and_what_to_paste_and_in_which_step():
    check = RULES_BY_ID["XC507"].judge(
        False, observed="seen", how="h", basis="rule", where="values.yaml:12", paste="a:\n  b: 1"
    )
    html, text = show.checks([check])._repr_html_(), repr(show.checks([check], steps=["04_x"]))

    assert "values.yaml:12" in html.replace("<wbr>", "")
    assert "a:\n  b: 1</pre>" in html
    assert "      a:\n        b: 1\n" in text
    assert "(in step 02)" in text
    assert "Step: 04_x" in text


def test_accepted_risk_stands_behind_what_is_open_with_its_reason():
    shown = show.checks([replace(judged(False, "one"), accepted="known"), judged(False, "two")])

    assert [check.observed for check, _ in shown.blocks] == ["two", "one"]
    assert "fail (accepted)" in repr(shown)
    assert "Accepted: known" in repr(shown)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ('{"Status": "Enabled"}', "Versioning: enabled"),
        (
            '{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}',
            "Encryption: AES-256",
        ),
        ('{"TagSet": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]}', "a: b | c: d"),
        ('{"Statement": [{"Effect": "Deny"}], "Version": "1"}', "Effect: Deny | Version: 1"),
        ('{"a": {"BlockPublicAcls": true}}', "A block public acls: yes"),
        ("[]", "[]"),
        ("{no document", "{no document"),
        ("403", "403"),
    ],
)
def test_setting_is_read_in_words_and_its_document_is_a_fold_deeper(document, words):
    html = show.checks([judged(True, document)])._repr_html_()

    assert f"XC999: {escape(words)}" in html
    assert ("Observed, as it is" in html) is (words != document)


def test_plain_text_fits_the_screen():
    text = repr(show.checks([judged(False, "y" * 500)]))

    assert max(len(line) for line in text.splitlines()) <= 100


def test_plan_says_how_much_would_change_and_names_its_rows_by_what_is_done():
    rows = (
        Change("b", "versioning", "off", "on", "update", "aws cmd"),
        Change("b", "tags", "x", "x", "unchanged"),
    )

    table = show.plan(Plan("Bucket", rows))

    assert "1 to change" in repr(table)
    named = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', table._repr_html_())
    assert named == ["update versioning of b", "unchanged tags of b"]
    assert "<summary>equivalent command</summary>" in table._repr_html_()


def test_measurement_without_a_count_of_requests_says_unknown():
    spread = Spread(1.0, 0.5, 2.0)
    one = Measurement("records", "none", 3, 1000, 500, spread, spread, spread, 4, None)

    assert "unknown" in repr(show.measurements([one], backend="stock"))


def test_no_check_at_all_is_said_in_words():
    assert repr(show.checks([])) == "Checks: nothing was checked"


def test_long_word_may_be_broken_where_no_style_sheet_is():
    html = show.facts({"arn": "x" * 50}, caption="c")._repr_html_()

    assert f"{'x' * 24}<wbr>{'x' * 24}<wbr>{'x' * 2}" in html


def test_long_name_is_broken_behind_its_separators_and_not_inside_a_part():
    html = show.facts({"arn": "arn:aws:iam::1:role/XComObjectStorageBackend"}, caption="c")

    assert "arn:<wbr>aws:<wbr>iam::<wbr>1:<wbr>role/<wbr>XCom<wbr>Object<wbr>" in html._repr_html_()


def test_command_in_a_hidden_folder_is_not_broken_behind_its_dot():
    html = show.facts({"next": "then: .venv/bin/xcomkit run"}, caption="c")

    assert "then: .venv/<wbr>bin/<wbr>xcomkit run" in html._repr_html_()


def test_headers_stand_above_their_columns_and_a_status_stays_on_one_line():
    html = show.Table("c", ("h",), ((show.status_cell("pass"),),))._repr_html_()

    assert '<th scope="col" style="text-align: left">' in html
    assert "white-space: nowrap" in html
