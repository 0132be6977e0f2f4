from dataclasses import replace

import pytest

from xcomkit.findings.model import Change, Plan, Rule, worst

RULE = Rule("XC999", "t", "fail", "why", "remedy", "source", fix_in="03")
WARN = replace(RULE, severity="warn")


def judged(holds, rule=RULE, **given):
    return rule.judge(holds, observed="o", how="h", basis="echo", **given)


FAILED, UNKNOWN, PASSED = judged(False), judged(None), judged(True)
WARNED, ACCEPTED = judged(False, WARN), replace(FAILED, accepted="reason")


@pytest.mark.parametrize(
    ("check", "status", "closes"),
    [
        (PASSED, "pass", False),
        (FAILED, "fail", True),
        (UNKNOWN, "unknown", True),
        (judged(None, WARN), "unknown", True),
        (WARNED, "warn", False),
        (ACCEPTED, "fail", False),
    ],
    ids=["passed", "failed", "unknown", "unknown warning", "warning", "accepted"],
)
def test_red_and_unknown_close_the_gate_until_they_are_accepted(check, status, closes):
    assert (check.status, check.closes_gate) == (status, closes)


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([PASSED, FAILED, UNKNOWN], "fail"),
        ([PASSED, UNKNOWN], "unknown"),
        ([PASSED, ACCEPTED], "warn"),
        ([PASSED, WARNED], "warn"),
        ([PASSED], "pass"),
        ([], "skip"),
    ],
)
def test_verdict_is_the_worst_of_the_checks(checks, verdict):
    assert worst(checks) == verdict


def test_only_changes_are_pending():
    rows = tuple(Change("r", a, "b", "c", a) for a in ("create", "unchanged", "keep", "delete"))

    assert [c.action for c in Plan("p", rows).pending] == ["create", "delete"]


@pytest.mark.parametrize(
    ("holds", "given", "remedy", "fix_in"),
    [
        (True, {}, "", ""),
        (False, {}, "remedy", "03"),
        (None, {"remedy": "sign in"}, "sign in", ""),
        (False, {"remedy": "make the bucket", "fix_in": "01"}, "make the bucket", "01"),
    ],
    ids=["passed", "the rule's own remedy", "a remedy for here", "a remedy for elsewhere"],
)
def test_place_of_the_fix_belongs_to_the_remedy(holds, given, remedy, fix_in):
    check = judged(holds, **given)

    assert (check.remedy, check.fix_in, check.expected) == (remedy, fix_in, "t")
