"""Condition blocks are met, not met or undecidable as the IAM User Guide says."""

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
    "aws:sourcevpc": None,
}
ROLE = "arn:aws:iam::123456789012:role/"


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "verdict"),
    [
        ("StringEquals", "S3:Prefix", "xcom/dag", True),
        ("StringEquals", "s3:prefix", "XCOM/dag", False),
        ("StringEqualsIgnoreCase", "s3:prefix", "XCOM/dag", True),
        ("StringEquals", "s3:prefix", ["no", "xcom/dag"], True),
        ("StringEquals", "s3:prefix", "xcom/*", False),
        ("StringLike", "s3:prefix", "xcom/*", True),
        ("StringLike", "s3:prefix", "xcom?dag", True),
        ("StringLike", "s3:prefix", ["a*", "b*"], False),
        ("StringNotEquals", "s3:prefix", "other", True),
        ("StringNotEquals", "s3:prefix", ["other", "xcom/dag"], False),
        ("StringNotLike", "s3:prefix", ["other", "xcom/*"], False),
        ("Bool", "aws:SecureTransport", True, True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("NumericLessThanEquals", "s3:max-keys", "100", True),
        ("NumericLessThan", "s3:max-keys", 100, False),
        ("NumericGreaterThan", "s3:max-keys", "99.5", True),
        ("NumericGreaterThanEquals", "s3:max-keys", "101", False),
        ("NumericNotEquals", "s3:max-keys", "7", True),
        ("NumericEquals", "s3:max-keys", "many", None),
        ("ArnEquals", "aws:PrincipalArn", f"{ROLE}agents/*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/agents/xcom", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*xcom", False),
        ("ArnNotLike", "aws:PrincipalArn", f"{ROLE}other*", True),
        # keys the request does not have
        ("StringEquals", "aws:absent", "1", False),
        ("StringLike", "aws:absent", "1", False),
        ("Bool", "aws:absent", "1", False),
        ("NumericLessThan", "aws:absent", "1", False),
        ("StringNotEquals", "aws:absent", "1", True),
        ("ArnNotEquals", "aws:absent", "1", True),
        ("StringEqualsIfExists", "aws:absent", "1", True),
        ("ForAllValues:StringEquals", "aws:absent", "1", True),
        ("ForAnyValue:StringEquals", "aws:absent", "1", False),
        ("ForAnyValue:StringNotEquals", "aws:absent", "1", False),
        ("ForAnyValue:StringEqualsIfExists", "aws:absent", "1", True),
        ("Null", "s3:prefix", "true", False),
        ("Null", "s3:prefix", "false", True),
        ("Null", "aws:absent", True, True),
        ("Null", "aws:absent", "false", False),
        # keys with several values
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["team", "x"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["x", "y"], False),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["team", "x"], False),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["team", "cost", "x"], True),
        ("ForAllValues:StringNotEquals", "aws:TagKeys", ["team"], False),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["team"], True),
        ("ForAllValues:StringNotLike", "aws:TagKeys", ["x*"], True),
        # what is not evaluated, and values nobody knows
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", None),
        ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", None),
        ("ForSomeValues:StringEquals", "s3:prefix", "xcom/dag", None),
        ("StringEquals", "s3:prefix", "${aws:username}", None),
        ("StringLike", "s3:prefix", "home/${aws:username}/*", None),
        ("StringEquals", "aws:SourceVpc", "vpc-1", None),
        ("StringNotEqualsIfExists", "aws:SourceVpc", "vpc-1", None),
        ("Null", "aws:SourceVpc", "true", None),
    ],
)
def test_condition_is_met_or_not_or_undecidable(operator, key, wanted, verdict) -> None:
    assert evaluate({operator: {key: wanted}}, CONTEXT) is verdict


@pytest.mark.parametrize("block", [{"StringEquals": "s3:prefix"}, ["StringEquals"], "StringEquals"])
def test_block_of_no_known_shape_is_undecidable(block) -> None:
    assert evaluate(block, CONTEXT) is None


@pytest.mark.parametrize("empty", [None, {}])
def test_no_block_is_met(empty) -> None:
    assert evaluate(empty, CONTEXT) is True


def test_one_clear_no_settles_a_block_that_is_undecidable_otherwise() -> None:
    block = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": {"aws:SecureTransport": "false"}}
    assert evaluate(block, CONTEXT) is False
    block["Bool"] = {"aws:SecureTransport": "true"}
    assert evaluate(block, CONTEXT) is None
    assert (
        evaluate({"StringEquals": {"s3:prefix": "xcom/dag", "s3:max-keys": "7"}}, CONTEXT) is False
    )


@given(st.text(), st.text())
def test_pattern_covers_itself_and_a_star_covers_anything(one: str, other: str) -> None:
    literal = one.replace("*", "").replace("?", "").replace("${", "")
    assert matches(literal, literal) is True
    assert matches(literal, f"{literal}x") is False
    assert matches("a*z", f"a{one}\n{other}z") is True


@given(st.lists(st.sampled_from([True, False, None])))
def test_three_valued_and_is_the_or_of_the_opposites(verdicts: list[bool | None]) -> None:
    opposites = [None if v is None else not v for v in verdicts]
    answer = either(opposites)
    assert both(verdicts) is (None if answer is None else not answer)
