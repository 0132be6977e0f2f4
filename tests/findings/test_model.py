from dataclasses import replace

import pytest

from xcomkit.findings.model import Change, Plan, Rule, worst

RULE = Rule("XC999", "t", "fail", "why", "remedy", "source")
WARN = replace(RULE, severity="warn")


def judged(holds, rule=RULE):
    return rule.judge(holds, expected="e", observed="o", how="h", basis="echo")


def test_what_could_not_be_seen_is_unknown_and_closes_the_gate():
    assert (judged(None).status, judged(None).closes_gate) == ("unknown", True)


def test_warning_does_not_close_the_gate():
    assert (judged(False, WARN).status, judged(False, WARN).closes_gate) == ("warn", False)


def test_accepted_failure_stays_a_failure_and_opens_the_gate():
    check = replace(judged(False), accepted="reason")

    assert (check.status, check.closes_gate) == ("fail", False)


def test_verdict_is_the_worst_of_the_checks():
    accepted = replace(judged(False), accepted="reason")

    assert worst([judged(True), judged(False), judged(None)]) == "fail"
    assert worst([judged(True), judged(None)]) == "unknown"
    assert worst([judged(True), accepted]) == "warn"
    assert worst([judged(True), judged(False, WARN)]) == "warn"
    assert worst([judged(True)]) == "pass"
    assert worst([]) == "skip"


def test_only_changes_are_pending():
    rows = tuple(Change("r", a, "b", "c", a) for a in ("create", "unchanged", "keep", "delete"))

    assert [c.action for c in Plan("p", rows).pending] == ["create", "delete"]


@pytest.mark.parametrize(
    ("holds", "given", "fix_in"),
    [
        (True, {}, ""),
        (False, {}, "03"),
        (None, {"remedy": "sign in"}, ""),
        (False, {"remedy": "make the bucket", "fix_in": "01"}, "01"),
    ],
    ids=["passed", "the rule's own remedy", "a remedy for here", "a remedy for elsewhere"],
)
def test_place_of_the_fix_belongs_to_the_remedy(holds, given, fix_in):
    rule = Rule("XC999", "t", "fail", why="w", remedy="r", source="s", fix_in="03")

    check = rule.judge(holds, expected="e", observed="o", how="h", basis="rule", **given)

    assert check.fix_in == fix_in
