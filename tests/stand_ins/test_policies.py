"""Policy documents allow and deny as IAM's evaluation logic says, and fail closed in doubt."""

import json
from typing import Any

import pytest

from xcomkit.cloud_documents.policies import (
    Caller,
    Question,
    Standing,
    effect_of,
    find_policy_problem,
)

USER = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:iam::123456789012:role/xcom"
CALLER = Caller(USER, (USER,), "123456789012")
KEY = "arn:aws:s3:::my-bucket/xcom/a"
ASKED = Question(CALLER, "s3:PutObject", KEY)
ALLOW = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::my-bucket/*"}
UNKNOWN = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({}, "allow"),
        ({"Effect": "Deny"}, "deny"),
        ({"Action": ["s3:GetObject", "s3:*"]}, "allow"),
        ({"Action": "S3:PUTOBJECT"}, "allow"),
        ({"Action": "s3:GetObject"}, "none"),
        ({"Resource": "arn:aws:s3:::my.bucket/*"}, "none"),
        ({"Resource": "arn:aws:s3:::MY-BUCKET/*"}, "none"),
        ({"Resource": "arn:aws:s3:::my-bucket"}, "none"),
        ({"Resource": ["x", "arn:aws:s3:::my-bucket/xcom/?"]}, "allow"),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, "none"),
        ({"Condition": UNKNOWN}, "none"),
        ({"Condition": UNKNOWN, "Effect": "Deny"}, "deny"),
        ({"Resource": "arn:aws:s3:::my-bucket/${aws:username}/*"}, "none"),
        ({"Resource": "arn:aws:s3:::my-bucket/${aws:username}/*", "Effect": "Deny"}, "deny"),
        ({"Effect": "allow"}, "deny"),
    ],
)
def test_statement_has_its_effect(change: dict[str, Any], effect: str) -> None:
    assert effect_of({"Statement": [{**ALLOW, **change}]}, ASKED) == effect


def test_not_action_and_not_resource_mean_everything_else() -> None:
    rest = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::other/*"}
    assert effect_of({"Statement": rest}, ASKED) == "allow"
    assert effect_of({"Statement": {**rest, "NotAction": "s3:Put*"}}, ASKED) == "none"
    assert effect_of({"Statement": {**rest, "NotResource": "*"}}, ASKED) == "none"


@pytest.mark.parametrize("document", ["", "{", "[]", '"x"', b"\xff", '{"Statement": ["x"]}', None])
def test_document_that_cannot_be_read_denies(document: object) -> None:
    assert effect_of(document, ASKED) == "deny"


def test_statement_without_resource_or_action_never_allows() -> None:
    for missing in ("Resource", "Action"):
        partial = {name: value for name, value in ALLOW.items() if name != missing}
        assert effect_of({"Statement": partial}, ASKED) == "none"


@pytest.mark.parametrize(
    ("principal", "allows", "denies"),
    [
        ("*", True, True),
        ({"AWS": "*"}, True, True),
        ({"AWS": USER}, True, True),
        ({"AWS": [ROLE, USER]}, True, True),
        ({"AWS": ROLE}, False, False),
        ({"AWS": "123456789012"}, False, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False, True),
        ({"AWS": "arn:aws:iam::210987654321:root"}, False, False),
        ({"Service": "s3.amazonaws.com"}, False, False),
        ({}, False, False),
    ],
)
def test_principal_names_the_caller_or_not(
    principal: Any,
    allows: bool,  # noqa: FBT001 - a table row
    denies: bool,  # noqa: FBT001 - a table row
) -> None:
    statement = {**ALLOW, "Principal": principal}
    allowed = effect_of({"Statement": statement}, ASKED, has_principals=True)
    denied = effect_of({"Statement": {**statement, "Effect": "Deny"}}, ASKED, has_principals=True)
    assert (allowed == "allow", denied == "deny") == (allows, denies)


def test_resource_policy_without_principal_fails_closed() -> None:
    assert effect_of({"Statement": ALLOW}, ASKED, has_principals=True) == "none"
    denying = {**ALLOW, "Effect": "Deny", "NotPrincipal": {"AWS": USER}}
    assert effect_of({"Statement": denying}, ASKED, has_principals=True) == "deny"


def test_deny_of_the_bucket_outweighs_the_identity_and_the_other_way_round() -> None:
    allowing = json.dumps({"Statement": ALLOW})
    denying = {"Statement": {**ALLOW, "Effect": "Deny", "Principal": "*"}}
    person = Standing(CALLER, (allowing,), {})
    assert person.may("s3:PutObject", KEY)
    assert not person.may("s3:PutObject", KEY, policy=denying)
    forbidden = Standing(CALLER, (allowing, {"Statement": {**ALLOW, "Effect": "Deny"}}), {})
    assert not forbidden.may("s3:PutObject", KEY, policy={"Statement": {**ALLOW, "Principal": "*"}})


def test_role_is_assumed_only_when_both_sides_agree() -> None:
    action = "sts:AssumeRole"
    allowing = {"Statement": {"Effect": "Allow", "Action": action, "Resource": ROLE}}
    principal = {"AWS": "arn:aws:iam::123456789012:root"}
    trust = {"Statement": {"Effect": "Allow", "Action": action, "Principal": principal}}
    may = Standing(CALLER, (allowing,), {})
    assert may.may_assume(ROLE, trust=trust, action=action)
    assert not Standing(CALLER, (), {}).may_assume(ROLE, trust=trust, action=action)
    assert not may.may_assume(ROLE, trust=None, action=action)


def test_bucket_policy_for_the_bucket_and_its_objects_is_well_formed() -> None:
    arn = "arn:aws:s3:::my-bucket"
    statement = {**ALLOW, "Principal": "*", "Resource": [arn, f"{arn}/*", f"{arn}/xcom/*"]}
    assert find_policy_problem(json.dumps({"Statement": [statement]}), bucket_arn=arn) == ""
    longer = {**statement, "Resource": f"{arn}-2/*"}
    problem = find_policy_problem(json.dumps({"Statement": [longer]}), bucket_arn=arn)
    assert problem == "Policy has invalid resource"
