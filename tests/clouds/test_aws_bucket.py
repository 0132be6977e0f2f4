import json
from uuid import uuid4

import pytest
from rig import red

from xcomkit.findings.errors import AccessDeniedError, ConflictError


def test_every_planned_change_shows_the_aws_command_that_does_the_same(target):
    commands = [change.command for change in target.cloud.plan_bucket().pending]

    assert commands[0].startswith(f"aws s3api create-bucket --bucket {target.settings.bucket}")
    assert "LocationConstraint" in commands[0]
    assert any(c.startswith("aws s3api put-bucket-lifecycle-configuration") for c in commands)


def test_us_east_1_takes_no_location_constraint(new_target):
    target = new_target(region="us-east-1")

    target.make_bucket()

    assert "LocationConstraint" not in target.cloud.plan_bucket().changes[0].command
    assert target.bucket_checks()["XC202"].status == "pass"


def test_versioning_suspended_by_somebody_is_shown_before_and_after(target):
    target.make_bucket()
    target.client("s3").put_bucket_versioning(
        Bucket=target.settings.bucket, VersioningConfiguration={"Status": "Suspended"}
    )

    (row,) = target.cloud.plan_bucket().pending

    assert (row.before, row.after) == ('{"Status": "Suspended"}', '{"Status": "Enabled"}')
    assert "XC205" in red(target.bucket_checks())


def test_missing_tls_policy_is_seen_by_behaviour_too(target):
    target.make_bucket()
    target.client("s3").delete_bucket_policy(Bucket=target.settings.bucket)

    assert target.bucket_checks()["XC210"].observed == "200: answered in clear"


def test_foreign_policy_statements_and_tags_are_kept(target):
    target.make_bucket()
    s3, bucket = target.client("s3"), target.settings.bucket
    statement = {"Sid": "Audit", "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketAcl",
                 "Resource": f"arn:aws:s3:::{bucket}"}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "owner", "Value": "ops"}]})

    target.make_bucket()

    kept = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert [s["Sid"] for s in kept] == ["Audit", "XcomkitTlsOnly"]
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {t["Key"]: t["Value"] for t in tags} == {"owner": "ops", "team": "data"}


def test_bucket_in_another_region_than_the_settings_say_is_red(new_target):
    made = new_target()
    made.make_bucket()
    other = new_target(bucket=made.settings.bucket, region="eu-west-1")

    check = other.bucket_checks()["XC202"]

    assert (check.status, check.expected, check.observed) == ("fail", "eu-west-1", "eu-central-1")
    assert [row.action for row in other.cloud.plan_bucket().changes] == ["keep"]


def test_setting_that_may_not_be_read_is_unknown_and_left_alone(target):
    target.make_bucket()
    bucket = target.settings.bucket
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetLifecycleConfiguration",
            "Resource": f"arn:aws:s3:::{bucket}"}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    target.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    rows = {c.setting: c for c in target.cloud.plan_bucket().changes}
    check = target.bucket_checks()["XC207"]

    assert (rows["lifecycle"].action, rows["lifecycle"].before) == ("keep", "unknown")
    assert (check.status, check.closes_gate) == ("unknown", True)


def test_missing_right_to_change_a_setting_is_a_clear_refusal(target):
    target.make_bucket()
    bucket = target.settings.bucket
    s3 = target.client("s3")
    s3.delete_bucket_lifecycle(Bucket=bucket)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutLifecycleConfiguration",
            "Resource": f"arn:aws:s3:::{bucket}"}  # fmt: skip
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    policy["Statement"].append(deny)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    with pytest.raises(AccessDeniedError, match="setting lifecycle: the service answered 403"):
        target.make_bucket()


def test_name_taken_between_plan_and_apply_is_a_clear_refusal(target):
    plan = target.cloud.plan_bucket()
    target.make_bucket()

    with pytest.raises(ConflictError, match="is taken"):
        target.cloud.apply_bucket(plan)


def test_kms_key_of_the_settings_becomes_the_default_encryption(new_target):
    plain = new_target()
    key = plain.client("kms").create_key()["KeyMetadata"]["Arn"]
    target = new_target(encryption="sse-kms", kms_key=key)

    target.make_bucket()

    assert target.bucket_checks()["XC206"].status == "pass"
    asked = new_target(bucket=target.settings.bucket, encryption="sse-s3")
    assert "XC206" in red(asked.bucket_checks())


def test_rule_with_a_date_is_judged_as_expiring_sooner(target):
    target.make_bucket()
    s3, where = target.client("s3"), {"Bucket": target.settings.bucket}
    rules = s3.get_bucket_lifecycle_configuration(**where)["Rules"]
    dated = {"ID": "purge", "Status": "Enabled", "Filter": {"Prefix": ""},
             "Expiration": {"Date": "2020-01-01T00:00:00Z"}}  # fmt: skip
    s3.put_bucket_lifecycle_configuration(
        **where, LifecycleConfiguration={"Rules": [*rules, dated]}
    )

    checks = target.bucket_checks()

    assert red(checks) == {"XC208"}
    assert checks["XC208"].observed == "rule purge deletes from 2020-01-01 on, however new"
    assert target.cloud.plan_bucket().pending == ()


def test_prefixes_that_differ_by_slash_and_dash_keep_their_own_rules(new_target):
    first = new_target(prefix="a/b")
    second = new_target(bucket=first.settings.bucket, prefix="a-b")
    first.make_bucket()
    second.make_bucket()

    assert first.bucket_checks()["XC207"].status == "pass"
    assert second.bucket_checks()["XC207"].status == "pass"


def test_missing_right_on_an_s3_compatible_store_is_not_told_as_unsupported(
    stand_in, new_target, monkeypatch
):
    admin = new_target()
    iam, name = admin.client("iam"), f"limited-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "s3:PutBucketPublicAccessBlock", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allowed, denied]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    target = new_target(endpoint_url=stand_in.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    with pytest.raises(AccessDeniedError):
        target.make_bucket()


def lifecycle_of(target):
    return target.client("s3").get_bucket_lifecycle_configuration(Bucket=target.settings.bucket)


def test_key_of_a_customer_stays_where_no_encryption_was_asked_for(new_target):
    plain = new_target()
    key = plain.client("kms").create_key()["KeyMetadata"]["Arn"]
    theirs = new_target(encryption="sse-kms", kms_key=key)
    theirs.make_bucket()
    target = new_target(bucket=theirs.settings.bucket)

    plan = target.cloud.plan_bucket()
    target.cloud.apply_bucket(plan)

    assert "encryption" not in {change.setting for change in plan.pending}
    assert target.bucket_checks()["XC206"].status == "pass"
    assert key in target.bucket_checks()["XC206"].observed


def test_least_size_of_foreign_transitions_is_sent_back_with_the_rules(target):
    target.make_bucket()
    s3, where = target.client("s3"), {"Bucket": target.settings.bucket}
    theirs = {"ID": "cold", "Status": "Enabled", "Filter": {"Prefix": "other/"},
              "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}  # fmt: skip
    s3.put_bucket_lifecycle_configuration(**where, LifecycleConfiguration={"Rules": [theirs]})
    kept, sent = lifecycle_of(target)["TransitionDefaultMinimumObjectSize"], []
    events = target.cloud._clients.s3.meta.events  # moto answers it, and takes no other
    events.register(
        "before-send.s3.PutBucketLifecycleConfiguration",
        lambda request, **_: sent.append(request.headers),
    )

    target.make_bucket()

    assert [one["x-amz-transition-default-minimum-object-size"].decode() for one in sent] == [kept]
    assert theirs in lifecycle_of(target)["Rules"]


def test_rule_of_the_older_form_gets_ours_in_the_same_form(target):
    target.make_bucket()
    s3, where = target.client("s3"), {"Bucket": target.settings.bucket}
    theirs = {"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 9}}
    s3.put_bucket_lifecycle_configuration(**where, LifecycleConfiguration={"Rules": [theirs]})

    target.make_bucket()

    rules = {rule["ID"]: rule for rule in lifecycle_of(target)["Rules"]}
    assert rules["old"] == theirs
    assert rules["xcomkit-astro/xcom"]["Prefix"] == "astro/xcom/"
    assert "Filter" not in rules["xcomkit-astro/xcom"]
    assert target.bucket_checks()["XC207"].status == "pass"
    assert target.cloud.plan_bucket().pending == ()


def test_policy_of_the_older_language_version_keeps_it(target):
    target.make_bucket()
    s3, where = target.client("s3"), {"Bucket": target.settings.bucket}
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketTagging",
              "Resource": f"arn:aws:s3:::{target.settings.bucket}"}  # fmt: skip
    s3.put_bucket_policy(
        **where, Policy=json.dumps({"Version": "2008-10-17", "Statement": [theirs]})
    )

    target.cloud.apply_bucket(target.cloud.plan_bucket())

    policy = json.loads(s3.get_bucket_policy(**where)["Policy"])
    assert policy["Version"] == "2008-10-17"
    assert theirs in policy["Statement"]
    assert target.bucket_checks()["XC209"].status == "pass"


def test_bucket_of_a_store_belongs_to_who_lists_it_and_not_to_who_reaches_it(stand_in, new_target):
    target = new_target(endpoint_url=stand_in.url)
    target.make_bucket()
    assert target.bucket_checks()["XC201"].status == "pass"

    shared = new_target(endpoint_url=stand_in.url, bucket=target.settings.bucket)
    none = ("somebody", frozenset())  # what the key of another account is answered
    shared.cloud._clients.own_buckets = lambda: none

    check = shared.bucket_checks()["XC201"]
    assert check.status == "fail"
    assert check.observed == "reachable, and not among the buckets of somebody"


@pytest.mark.parametrize(("door", "status"), [("url", "pass"), ("http_url", "fail")])
def test_tls_of_a_store_is_judged_by_a_request_in_clear(stand_in, new_target, door, status):
    target = new_target(endpoint_url=getattr(stand_in, door))

    target.make_bucket()

    check = target.bucket_checks()["XC209"]
    assert (check.status, check.basis) == (status, "behaviour")
    rows = {change.setting: change for change in target.cloud.plan_bucket().changes}
    assert rows["policy"].action == ("unchanged" if door == "url" else "keep")
