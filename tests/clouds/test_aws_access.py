import json
from uuid import uuid4

import pytest
from rig import SUBJECTS, red

from xcomkit.backend.sign_in import check_untrusted, check_worker
from xcomkit.findings.errors import CredentialsError


@pytest.fixture
def made(target):
    target.make_bucket()
    target.make_access()
    return target


def test_right_outside_the_prefix_and_over_everything_is_red(made):
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    made.put_role_policy({"Version": "2012-10-17", "Statement": [everything]})

    checks = made.access_checks()

    assert red(checks) == {"XC303", "XC309", "XC310", "XC311"}
    assert "stopped only by the state of the bucket" in checks["XC311"].observed
    assert made.bucket_checks()["XC201"].status == "pass"
    assert list(made.cloud.list_keys_ever("")) == []


def test_trust_with_a_wildcard_lets_an_untrusted_account_in_and_is_red(made):
    iam, name = made.client("iam"), made.settings.role_name
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    (statement,) = trust["Statement"]
    ((_, equals),) = statement["Condition"].items()
    audience, subject = sorted(equals)
    statement["Condition"] = {"StringEquals": {audience: equals[audience]},
                              "StringLike": {subject: "*:*"}}  # fmt: skip
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    assert {"XC302", "XC312"} <= red(made.access_checks())


def test_further_policy_on_the_role_is_red_and_named(made):
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}]}  # fmt: skip
    made.put_role_policy(document, name="leftover")

    check = made.access_checks()["XC303"]

    assert (check.status, check.observed) == ("fail", "further policies grant more: leftover")


def test_policy_and_trust_equal_to_ours_under_other_statement_ids_pass(made):
    policy = made.role_policy()
    for statement in policy["Statement"]:
        statement.pop("Sid")
    policy["Statement"].reverse()
    made.put_role_policy(policy)
    iam, name = made.client("iam"), made.settings.role_name
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Sid"] = "Agents"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    checks = made.access_checks()

    assert {checks["XC302"].status, checks["XC303"].status} == {"pass"}
    assert not made.cloud.access.plan(SUBJECTS).pending


def test_issuer_the_account_does_not_know_is_red_and_the_command_is_shown(new_target):
    target = new_target(oidc_issuer="https://oidc.eks.eu-central-1.amazonaws.com/id/UNKNOWN")
    target.make_bucket()

    row = target.cloud.access.plan(SUBJECTS).changes[0]
    check = target.access_checks()["XC301"]

    assert (row.action, row.before) == ("keep", "absent")
    assert row.command.startswith("aws iam create-open-id-connect-provider")
    assert (check.status, check.observed) == ("fail", "absent")


def test_connection_in_secrets_manager_is_made_and_read_by_the_role(new_target):
    target = new_target(connection_store="secrets-manager", connection_id=f"aws_{id(new_target)}")
    target.make_bucket()
    target.make_access()

    checks = target.access_checks()

    assert checks["XC314"].status == "pass"
    assert (checks["XC313"].status, checks["XC313"].basis) == ("pass", "behaviour")


def test_connection_that_the_role_may_not_read_is_red(new_target):
    target = new_target(connection_store="secrets-manager", connection_id=f"c{uuid4().hex}")
    target.make_bucket()
    target.make_access()
    policy = target.role_policy()
    kept = [one for one in policy["Statement"] if "secretsmanager" not in json.dumps(one)]
    target.put_role_policy({**policy, "Statement": kept})

    assert red(target.access_checks()) == {"XC303", "XC313"}


def test_untrusted_account_that_the_role_trusts_after_all_is_red_when_it_signs_in(made, tmp_path):
    name = "system:serviceaccount:astro:xcomkit-untrusted"
    untrusted = made.cloud.worker_identity(name, directory=str(tmp_path))
    worker = check_worker(untrusted, sign_in=lambda _: None)
    assert check_untrusted(untrusted, sign_in=made.cloud.sign_in, worker=worker).status == "pass"

    made.trust_another(name)

    check = check_untrusted(untrusted, sign_in=made.cloud.sign_in, worker=worker)
    assert (check.id, check.status) == ("XC514", "fail")


def test_expired_or_unknown_credentials_are_told_apart_from_missing_rights(target, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK" + "IA" + "X" * 16)

    with pytest.raises(CredentialsError, match="sign in again"):
        target.open().who_am_i()


@pytest.mark.parametrize("stored", ['{"login": "a", "password": "hush"}', "aws://a:hush@/"])
def test_foreign_connection_is_red_and_its_text_never_shown(new_target, stored):
    target = new_target(connection_store="secrets-manager", connection_id=f"c{uuid4().hex}")
    name = f"airflow/connections/{target.settings.connection_id}"
    target.client("secretsmanager").create_secret(Name=name, SecretString=stored)
    target.make_bucket()

    plan, check = target.cloud.access.plan(SUBJECTS), target.access_checks()["XC314"]

    assert check.status == "fail"
    assert "hush" not in f"{plan}{check}"
    target.make_access()
    kept = target.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    assert kept == stored


def test_key_that_does_not_exist_makes_the_put_red(new_target):
    key = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    target = new_target(encryption="sse-kms", kms_key=key)
    target.make_bucket()
    target.make_access()

    assert "XC306" in red(target.access_checks())


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_trust_of_somebody_else_in_the_role_stays_and_is_named(made, effect):
    iam, name = made.client("iam"), made.settings.role_name
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    ours = trust["Statement"][0]
    root = {"Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    nobody = {"StringLike": {"sts:RoleSessionName": "nobody-*"}}
    theirs = {"Allow": root, "Deny": {**ours, "Condition": nobody}}[effect]
    theirs = {**theirs, "Sid": "Theirs", "Effect": effect}
    trust["Statement"] = [theirs, ours]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    one_less = SUBJECTS[:1]
    made.cloud.access.apply(made.cloud.access.plan(one_less), one_less)
    made.make_access()

    after = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert after == trust
    check = made.access_checks()["XC302"]
    assert (check.status, "Theirs" in check.observed) == ("fail", True)
    assert "trust" not in {change.setting for change in made.cloud.access.plan(SUBJECTS).pending}
