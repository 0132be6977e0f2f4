import pytest
from aws_rig import KEY, sse
from rig import red

from xcomkit.findings.errors import AccessDeniedError, ConflictError


def test_us_east_1_takes_no_location_constraint(new_target):
    target = new_target(region="us-east-1")

    target.make_bucket()

    assert "LocationConstraint" not in target.cloud.bucket.plan().changes[0].command
    assert target.bucket_checks()["XC202"].status == "pass"


def test_missing_tls_policy_is_seen_by_behaviour_too(target):
    target.make_bucket()
    target.client("s3").delete_bucket_policy(Bucket=target.settings.bucket)

    assert target.bucket_checks()["XC210"].observed == "200: answered in clear"


def test_bucket_in_another_region_than_the_settings_say_is_red(new_target):
    made = new_target()
    made.make_bucket()
    other = new_target(bucket=made.settings.bucket, region="eu-west-1")

    check = other.bucket_checks()["XC202"]

    assert (check.status, check.expected, check.observed) == ("fail", "eu-west-1", "eu-central-1")
    assert [row.action for row in other.cloud.bucket.plan().changes] == ["keep"]


def test_name_taken_between_plan_and_apply_is_a_clear_refusal(target):
    plan = target.cloud.bucket.plan()
    target.make_bucket()

    with pytest.raises(ConflictError, match="is taken"):
        target.cloud.bucket.apply(plan)


def test_kms_key_of_the_settings_becomes_the_default_encryption(new_target):
    plain = new_target()
    key = plain.client("kms").create_key()["KeyMetadata"]["Arn"]
    target = new_target(encryption="sse-kms", kms_key=key)

    target.make_bucket()

    checks = target.bucket_checks()
    assert [checks[name].status for name in ("XC206", "XC214")] == ["pass", "pass"]
    asked = new_target(bucket=target.settings.bucket, encryption="sse-s3")
    assert "XC206" in red(asked.bucket_checks())


def test_bucket_whose_key_is_not_there_is_red(new_target):
    target = new_target(encryption="sse-kms", kms_key=KEY)
    target.make_bucket()

    found = target.bucket_checks()["XC214"]

    assert (found.status, found.observed) == ("fail", f"{KEY}: absent")


@pytest.mark.parametrize(("door", "status"), [("url", "pass"), ("http_url", "fail")])
def test_tls_of_a_store_is_judged_by_a_request_in_clear(stand_in, new_target, door, status):
    target = new_target(endpoint_url=getattr(stand_in, door))

    target.make_bucket()

    check = target.bucket_checks()["XC209"]
    assert (check.status, check.basis) == (status, "behaviour")
    rows = {change.setting: change for change in target.cloud.bucket.plan().changes}
    assert rows["policy"].action == ("unchanged" if door == "url" else "keep")


@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17"])
def test_statement_of_somebody_else_stays_byte_for_byte_and_in_its_language(target, version):
    target.make_bucket()
    theirs = {"Sid": "TlsVersion", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
              "Resource": f"arn:aws:s3:::{target.settings.bucket}/*",
              "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.3"}}}  # fmt: skip
    target.set("policy", {"Version": version, "Statement": [theirs]})

    target.make_bucket()

    policy = target.state()["policy"]
    assert (policy["Version"], policy["Statement"][0]) == (version, theirs)
    assert target.bucket_checks()["XC209"].status == "pass"


def test_two_layers_of_kms_fulfil_one(target, new_target):
    target.make_bucket()
    target.set("encryption", sse("aws:kms:dsse", KEY))

    asked = new_target(bucket=target.settings.bucket, encryption="sse-kms", kms_key=KEY)

    assert asked.cloud.bucket.plan().pending == ()
    assert asked.bucket_checks()["XC206"].status == "pass"


def test_first_key_comes_with_a_bucket_key(target, new_target):
    target.make_bucket()
    target.set("encryption", sse("AES256", is_key_kept=False))

    asked = new_target(bucket=target.settings.bucket, encryption="sse-kms", kms_key=KEY)
    asked.make_bucket()

    assert asked.state()["encryption"] == sse("aws:kms", KEY)


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
    target.cloud.clients.s3.meta.events.register(
        "before-send.s3.CreateBucket", lambda request, **_: sent.append(dict(request.headers))
    )

    plan = target.cloud.bucket.plan()
    target.cloud.bucket.apply(plan)

    assert value.encode() in sent[0].values()
    assert f"{option} {value}" in plan.changes[0].command


def deny(target, action):
    """Let the bucket's policy refuse everybody an action."""
    policy = target.state()["policy"]
    refusal = {"Effect": "Deny", "Principal": "*", "Action": action,
               "Resource": f"arn:aws:s3:::{target.settings.bucket}"}  # fmt: skip
    target.set("policy", {**policy, "Statement": [*policy["Statement"], refusal]})


def test_setting_that_may_not_be_read_is_unknown_and_left_alone(target):
    target.make_bucket()
    deny(target, "s3:GetLifecycleConfiguration")

    rows = {c.setting: c for c in target.cloud.bucket.plan().changes}
    checks = target.bucket_checks()

    assert (rows["lifecycle"].action, rows["lifecycle"].before) == ("keep", "unknown")
    assert red(checks) == {"XC207", "XC208", "XC439"}
    assert checks["XC207"].status == "unknown"


def test_missing_right_to_change_a_setting_is_a_clear_refusal(target):
    target.make_bucket()
    target.drift("XC207")
    deny(target, "s3:PutLifecycleConfiguration")

    with pytest.raises(AccessDeniedError, match="setting lifecycle: the service answered 403"):
        target.make_bucket()


def test_least_size_of_foreign_transitions_is_sent_back_with_the_rules(target):
    target.make_bucket()
    target.put_lifecycle(target.foreign_rules)
    answer = target.client("s3").get_bucket_lifecycle_configuration(**target.where)
    kept, sent = answer["TransitionDefaultMinimumObjectSize"], []
    target.cloud.clients.s3.meta.events.register(  # moto answers it, and takes no other
        "before-send.s3.PutBucketLifecycleConfiguration",
        lambda request, **_: sent.append(request.headers),
    )

    target.make_bucket()

    assert [one["x-amz-transition-default-minimum-object-size"].decode() for one in sent] == [kept]


def test_rule_of_the_older_form_gets_ours_in_the_same_form(target):
    target.make_bucket()
    theirs = {"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 9}}
    target.put_lifecycle([theirs])

    target.make_bucket()

    kept, ours = target.lifecycle()
    assert kept == theirs
    assert (ours["Prefix"], "Filter" in ours) == ("astro/xcom/", False)
    assert target.bucket_checks()["XC207"].status == "pass"
    assert target.cloud.bucket.plan().pending == ()
