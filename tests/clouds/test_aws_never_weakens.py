"""What is in a bucket when step 01 or 02 comes: stronger stays, weaker is raised, foreign stays."""

import json
from typing import Any

import pytest
from aws_rig import AwsRig
from rig import SUBJECTS, red

from xcomkit.clouds.aws.bucket_settings import SETTINGS

OTHER = "arn:aws:kms:eu-central-1:123456789012:key/0000aaaa-1111-2222-3333-444455556666"
DENY = {"Sid": "TlsVersion", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.3"}}}  # fmt: skip
COLD = {"ID": "cold", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
        "Transitions": [{"Days": 40, "StorageClass": "GLACIER"}]}  # fmt: skip


def block(*, all_on: bool) -> dict[str, Any]:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return {name: all_on or name == "BlockPublicPolicy" for name in names}


def sse(algorithm: str, key: str = "") -> dict[str, Any]:
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}


@pytest.fixture
def rig(new_target) -> AwsRig:
    made: AwsRig = new_target()
    made.make_bucket()
    return made


def state(rig: AwsRig) -> dict[str, Any]:
    bucket = rig.cloud._bucket
    return {setting.name: bucket.read(setting).document for setting in SETTINGS}


def put(rig: AwsRig, name: str, document: dict[str, Any]) -> None:
    setting = next(one for one in SETTINGS if one.name == name)
    text = json.dumps(document) if name == "policy" else document
    getattr(rig.client("s3"), setting.put)(**rig.where, **{setting.member: text})


@pytest.mark.parametrize(
    ("setting", "stronger"),
    [
        ("versioning", {"Status": "Enabled"}),
        ("encryption", sse("aws:kms", OTHER)),
        ("encryption", sse("aws:kms:dsse", OTHER)),
        ("encryption", sse("aws:kms")),
        ("encryption", sse("AES256")),
        ("tags", {"TagSet": [{"Key": "team", "Value": "data"}, {"Key": "cost", "Value": "7"}]}),
    ],
)
def test_equal_or_stronger_is_unchanged_in_plan_and_bucket(rig, setting, stronger):
    put(rig, setting, stronger)
    before = state(rig)

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    assert {change.action for change in plan.changes} == {"unchanged"}
    assert state(rig) == before
    assert not red(rig.bucket_checks())


def raise_one(rig: AwsRig, setting: str, weaker: dict[str, Any]) -> dict[str, Any]:
    """Return the setting after it was weaker, the one pending row, and nothing else moved."""
    put(rig, setting, weaker)
    before = state(rig)

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    after = state(rig)
    assert [change.setting for change in plan.pending] == [setting]
    assert {**after, setting: None} == {**before, setting: None}
    assert not red(rig.bucket_checks())
    found: dict[str, Any] = after[setting]
    return found


@pytest.mark.parametrize(
    ("setting", "weaker"),
    [
        ("public access block", block(all_on=False)),
        ("ownership", {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
        ("versioning", {"Status": "Suspended"}),
    ],
)
def test_weaker_is_raised_and_nothing_else_moves(rig, setting, weaker):
    strongest = state(rig)[setting]

    assert raise_one(rig, setting, weaker) == strongest


def test_rule_of_somebody_else_stays_byte_for_byte(rig):
    assert COLD in raise_one(rig, "lifecycle", {"Rules": [COLD]})["Rules"]


def test_statement_of_somebody_else_stays_byte_for_byte(rig):
    theirs = DENY | {"Resource": f"arn:aws:s3:::{rig.settings.bucket}/*"}
    weaker = {"Version": "2012-10-17", "Statement": [theirs]}

    assert theirs in raise_one(rig, "policy", weaker)["Statement"]


def test_tag_of_somebody_else_stays_and_ours_is_corrected(rig):
    weaker = {"TagSet": [{"Key": "team", "Value": "other"}, {"Key": "cost", "Value": "7"}]}

    found = raise_one(rig, "tags", weaker)["TagSet"]

    assert {one["Key"]: one["Value"] for one in found} == {"team": "data", "cost": "7"}


def test_key_of_a_customer_is_replaced_by_a_parameter_only_and_the_plan_says_so(rig, new_target):
    put(rig, "encryption", sse("aws:kms", OTHER))

    asked = new_target(bucket=rig.settings.bucket, encryption="sse-s3")
    (row,) = asked.cloud.plan_bucket().pending

    assert row.note == f"encryption is set, so it replaces the customer's key {OTHER}"


def test_two_layers_of_kms_fulfil_one(rig, new_target):
    put(rig, "encryption", sse("aws:kms:dsse", OTHER))

    asked = new_target(bucket=rig.settings.bucket, encryption="sse-kms", kms_key=OTHER)

    assert asked.cloud.plan_bucket().pending == ()
    assert asked.bucket_checks()["XC206"].status == "pass"


def test_first_key_comes_with_a_bucket_key_and_what_else_was_blocked(rig, new_target):
    default = sse("AES256")["Rules"][0] | {"BucketKeyEnabled": False}
    put(rig, "encryption", {"Rules": [default]})

    asked = new_target(bucket=rig.settings.bucket, encryption="sse-kms", kms_key=OTHER)
    asked.make_bucket()

    (rule,) = state(asked)["encryption"]["Rules"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == OTHER


@pytest.mark.parametrize(
    ("bucket", "option", "value"),
    [
        ("xcom-of-anybody", "--object-ownership", "BucketOwnerEnforced"),
        ("xcom-123456789012-eu-central-1-an", "--bucket-namespace", "account-regional"),
    ],
    ids=["without access lists", "in the account's own namespace"],
)
def test_bucket_is_from_the_creating_call_on(new_target, bucket, option, value):
    target, sent = new_target(bucket=bucket), []
    target.cloud._clients.s3.meta.events.register(
        "before-send.s3.CreateBucket", lambda request, **_: sent.append(dict(request.headers))
    )

    plan = target.cloud.plan_bucket()
    target.cloud.apply_bucket(plan)

    assert value.encode() in sent[0].values()
    assert f"{option} {value}" in plan.changes[0].command


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_trust_of_somebody_else_in_the_role_stays_and_is_named(rig, effect):
    rig.make_access()
    iam, name = rig.client("iam"), rig.settings.role_name
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    ours = trust["Statement"][0]
    root = {"Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    nobody = {"StringLike": {"sts:RoleSessionName": "nobody-*"}}
    theirs = {"Allow": root, "Deny": {**ours, "Condition": nobody}}[effect]
    theirs = {**theirs, "Sid": "Theirs", "Effect": effect}
    trust["Statement"] = [theirs, ours]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    one_less = SUBJECTS[:1]
    rig.cloud.apply_access(rig.cloud.plan_access(one_less), one_less)
    rig.make_access()

    after = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert after == trust
    check = rig.access_checks()["XC302"]
    assert (check.status, "Theirs" in check.observed) == ("fail", True)
    assert "trust" not in {change.setting for change in rig.cloud.plan_access(SUBJECTS).pending}
