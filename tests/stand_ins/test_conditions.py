"""Condition blocks are met, not met or undecidable as the IAM User Guide says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.cloud_documents.conditions import both, either, evaluate, matches

CONTEXT = {
    "s3:prefix": ("xcom/dag",),
    "aws:securetransport": ("true",),
    "s3:max-keys": ("100",),
    "aws:principalarn": ("arn:aws:iam::123456789012:role/agents/xcom",),
    "aws:tagkeys": ("team", "cost"),
}
ROLE = "arn:aws:iam::123456789012:role/"


@pytest.mark.parametrize(
    ("block", "verdict"),
    [
        ({}, True),
        (None, True),
        ({"StringEquals": {"s3:prefix": "xcom/dag"}}, True),
        ({"StringEquals": {"S3:Prefix": "xcom/dag"}}, True),
        ({"StringEquals": {"s3:prefix": "XCOM/dag"}}, False),
        ({"StringEqualsIgnoreCase": {"s3:prefix": "XCOM/dag"}}, True),
        ({"StringEquals": {"s3:prefix": ["no", "xcom/dag"]}}, True),
        ({"StringEquals": {"s3:prefix": "xcom/*"}}, False),
        ({"StringLike": {"s3:prefix": "xcom/*"}}, True),
        ({"StringLike": {"s3:prefix": "xcom?dag"}}, True),
        ({"StringLike": {"s3:prefix": ["a*", "b*"]}}, False),
        ({"StringNotEquals": {"s3:prefix": "other"}}, True),
        ({"StringNotEquals": {"s3:prefix": ["other", "xcom/dag"]}}, False),
        ({"StringNotLike": {"s3:prefix": ["other", "xcom/*"]}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Bool": {"aws:SecureTransport": False}}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "100"}}, True),
        ({"NumericLessThan": {"s3:max-keys": 100}}, False),
        ({"NumericGreaterThan": {"s3:max-keys": "99.5"}}, True),
        ({"NumericGreaterThanEquals": {"s3:max-keys": "101"}}, False),
        ({"NumericNotEquals": {"s3:max-keys": "7"}}, True),
        ({"NumericEquals": {"s3:max-keys": "many"}}, None),
        ({"ArnEquals": {"aws:PrincipalArn": f"{ROLE}agents/*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/agents/xcom"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*xcom"}}, False),
        ({"ArnNotLike": {"aws:PrincipalArn": f"{ROLE}other*"}}, True),
        ({"StringEquals": {"s3:prefix": "xcom/dag", "s3:max-keys": "7"}}, False),
        ({"StringEquals": {"s3:prefix": "xcom/dag"}, "Bool": {"aws:SecureTransport": "no"}}, False),
    ],
)
def test_block_is_met_or_not(block: Any, verdict: bool | None) -> None:  # noqa: FBT001 - a table row
    assert evaluate(block, CONTEXT) is verdict


@pytest.mark.parametrize(
    ("operator", "verdict"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("Bool", False),
        ("NumericLessThan", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotEquals", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_key_that_the_request_does_not_have(operator: str, verdict: bool) -> None:  # noqa: FBT001 - a table row
    assert evaluate({operator: {"aws:absent": "1"}}, CONTEXT) is verdict


@pytest.mark.parametrize(
    ("key", "wanted", "verdict"),
    [
        ("s3:prefix", "true", False),
        ("s3:prefix", "false", True),
        ("aws:absent", True, True),
        ("aws:absent", "false", False),
    ],
)
def test_null_asks_whether_the_key_is_absent(key: str, wanted: Any, verdict: bool) -> None:  # noqa: FBT001 - a table row
    assert evaluate({"Null": {key: wanted}}, CONTEXT) is verdict


@pytest.mark.parametrize(
    ("operator", "wanted", "verdict"),
    [
        ("ForAnyValue:StringEquals", ["team", "x"], True),
        ("ForAnyValue:StringEquals", ["x", "y"], False),
        ("ForAllValues:StringEquals", ["team", "x"], False),
        ("ForAllValues:StringEquals", ["team", "cost", "x"], True),
        ("ForAllValues:StringNotEquals", ["team"], False),
        ("ForAnyValue:StringNotEquals", ["team"], True),
        ("ForAllValues:StringNotLike", ["x*"], True),
    ],
)
def test_keys_with_several_values(operator: str, wanted: list[str], verdict: bool) -> None:  # noqa: FBT001 - a table row
    assert evaluate({operator: {"aws:TagKeys": wanted}}, CONTEXT) is verdict


@pytest.mark.parametrize(
    "block",
    [
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
        {"ForSomeValues:StringEquals": {"s3:prefix": "xcom/dag"}},
        {"StringEquals": {"s3:prefix": "${aws:username}"}},
        {"StringLike": {"s3:prefix": "home/${aws:username}/*"}},
        {"StringEquals": "s3:prefix"},
        ["StringEquals"],
        "StringEquals",
    ],
)
def test_what_we_do_not_evaluate_is_undecidable(block: Any) -> None:
    assert evaluate(block, CONTEXT) is None


def test_one_clear_no_settles_a_block_that_is_undecidable_otherwise() -> None:
    unknown = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    assert evaluate({**unknown, "Bool": {"aws:SecureTransport": "false"}}, CONTEXT) is False
    assert evaluate({**unknown, "Bool": {"aws:SecureTransport": "true"}}, CONTEXT) is None


@given(st.text())
def test_pattern_without_wildcards_covers_only_itself(text: str) -> None:
    plain = text.replace("*", "").replace("?", "").replace("${", "")
    assert matches(plain, plain) is True
    assert matches(plain, f"{plain}x") is False


@given(st.text(), st.text())
def test_star_covers_anything_even_line_breaks(before: str, after: str) -> None:
    assert matches("a*z", f"a{before}\n{after}z") is True
    assert matches("*", before + after) is True


@given(st.lists(st.sampled_from([True, False, None])))
def test_three_valued_and_is_the_or_of_the_opposites(verdicts: list[bool | None]) -> None:
    opposites = [None if v is None else not v for v in verdicts]
    answer = either(opposites)
    assert both(verdicts) is (None if answer is None else not answer)
