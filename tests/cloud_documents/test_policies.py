"""Policy documents allow and deny as IAM's evaluation logic says, and nothing in doubt."""

import json

import pytest

from xcomkit.cloud_documents.policies import (
    Caller,
    Standing,
    decide,
    find_policy_problem,
    read_statements,
)

USER = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:iam::123456789012:role/xcom"
CALLER = Caller(USER, (USER,), "123456789012")
KEY = "arn:aws:s3:::my-bucket/xcom/a"
ALLOW = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::my-bucket/*"}
IN_NETWORK = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
OF_USER = "arn:aws:s3:::my-bucket/${aws:username}/*"


def may(*documents: object, policy: object = None) -> bool:
    return Standing(CALLER, documents, {}).may("s3:PutObject", KEY, policy=policy)


@pytest.mark.parametrize(
    ("change", "is_allowed"),
    [
        ({}, True),
        ({"Action": ["s3:GetObject", "s3:*"]}, True),
        ({"Action": "S3:PUTOBJECT"}, True),
        ({"Action": "s3:GetObject"}, False),
        ({"Action": []}, False),
        ({"Action": None}, False),
        ({"Resource": "arn:aws:s3:::my.bucket/*"}, False),
        ({"Resource": "arn:aws:s3:::MY-BUCKET/*"}, False),
        ({"Resource": "arn:aws:s3:::my-bucket"}, False),
        ({"Resource": ["x", "arn:aws:s3:::my-bucket/xcom/?"]}, True),
        ({"Resource": OF_USER}, False),
        ({"Resource": None}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
        ({"Condition": IN_NETWORK}, False),
        ({"Effect": "allow"}, False),
    ],
)
def test_statement_allows_what_it_names_and_nothing_in_doubt(change, is_allowed) -> None:
    assert may({"Statement": [{**ALLOW, **change}]}) is is_allowed


@pytest.mark.parametrize(
    ("change", "is_allowed"),
    [
        ({}, False),
        ({"Action": "s3:GetObject"}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Condition": IN_NETWORK}, False),
        ({"Condition": "broken"}, False),
        ({"Resource": OF_USER}, False),
        ({"Resource": None}, False),
        ({"NotAction": "s3:Put*", "Action": None}, False),
    ],
)
def test_deny_wins_over_an_allow_also_in_doubt(change, is_allowed) -> None:
    denial = {**ALLOW, "Effect": "Deny", **change}
    assert may({"Statement": [ALLOW, denial]}) is is_allowed
    assert may({"Statement": ALLOW}, json.dumps({"Statement": denial})) is is_allowed
    of_bucket = {"Statement": {**denial, "Principal": "*"}}
    assert may({"Statement": ALLOW}, policy=of_bucket) is is_allowed


def test_not_action_and_not_resource_mean_everything_else() -> None:
    rest = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::other/*"}
    assert may({"Statement": rest})
    assert not may({"Statement": {**rest, "NotAction": "s3:Put*"}})
    assert not may({"Statement": {**rest, "NotResource": "*"}})
    assert not may({"Statement": {**rest, "NotResource": []}})


@pytest.mark.parametrize("document", ["", "{", "[]", '"x"', b"\xff", '{"Statement": ["x"]}', None])
def test_document_that_cannot_be_read_denies(document: object) -> None:
    assert not may({"Statement": ALLOW}, document)


@pytest.mark.parametrize(
    ("principal", "allows", "denies"),
    [
        ("*", True, True),
        ({"AWS": "*"}, True, True),
        ({"AWS": [ROLE, USER]}, True, True),
        ({"AWS": ROLE}, False, False),
        ({"AWS": "123456789012"}, False, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False, True),
        ({"AWS": "arn:aws:iam::210987654321:root"}, False, False),
        ({"Service": "s3.amazonaws.com"}, False, False),
        ({}, False, False),
        (None, False, True),
    ],
)
def test_principal_names_the_caller_or_not(principal, allows, denies) -> None:
    statement = {**ALLOW, "Principal": principal}
    if principal is None:  # the element that is not evaluated
        statement = {**ALLOW, "NotPrincipal": {"AWS": USER}}
    assert may(policy={"Statement": statement}) is allows
    denial = {**statement, "Effect": "Deny"}
    assert may({"Statement": ALLOW}, policy={"Statement": denial}) is not denies


def test_resource_policy_without_principal_allows_nobody() -> None:
    assert not may(policy={"Statement": ALLOW})


def test_role_is_assumed_only_when_both_sides_agree() -> None:
    action = "sts:AssumeRole"
    allowing = {"Statement": {"Effect": "Allow", "Action": action, "Resource": ROLE}}
    principal = {"AWS": "arn:aws:iam::123456789012:root"}
    trust = {"Statement": {"Effect": "Allow", "Action": action, "Principal": principal}}
    person = Standing(CALLER, (allowing,), {})
    assert person.may_assume(ROLE, trust=trust, action=action)
    assert not Standing(CALLER, (), {}).may_assume(ROLE, trust=trust, action=action)
    assert not person.may_assume(ROLE, trust=None, action=action)


@pytest.mark.parametrize(
    ("applies", "verdict"),
    [
        ((True, False), "allowed"),
        ((True, True), "denied"),
        ((None, True), "denied"),
        ((True, None), "unknown"),
        ((None, None), "unknown"),
        ((None, False), "unknown"),
        ((False, None), "missing"),
        ((False, False), "missing"),
    ],
)
def test_answer_to_an_allow_and_a_deny(applies, verdict) -> None:
    statements = read_statements({"Statement": [ALLOW, {**ALLOW, "Effect": "Deny"}]})
    found, because = decide(zip(statements, applies, strict=True))
    assert found == verdict
    open_ones = [s for s, one in zip(statements, applies, strict=True) if one is None]
    if verdict == "unknown":
        assert list(because) == open_ones


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        (["arn:aws:s3:::my-bucket", "arn:aws:s3:::my-bucket/*"], ""),
        (["arn:aws:s3:::my-bucket/xcom/*"], ""),
        (["arn:aws:s3:::my-bucket-2/*"], "Policy has invalid resource"),
    ],
)
def test_bucket_policy_is_well_formed_for_the_bucket_and_its_objects(resources, problem) -> None:
    text = json.dumps({"Statement": [{**ALLOW, "Principal": "*", "Resource": resources}]})
    assert find_policy_problem(text, bucket_arn="arn:aws:s3:::my-bucket") == problem
