import json
from pathlib import Path
from uuid import uuid4

import pytest
from rig import SUBJECTS, red

from xcomkit.backend.sign_in import check_untrusted, check_worker
from xcomkit.findings.errors import CredentialsError, SettingsError


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


def test_bucket_survives_a_role_that_may_delete_it(made):
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    made.put_role_policy({"Version": "2012-10-17", "Statement": [everything]})

    made.access_checks()

    assert made.bucket_checks()["XC201"].status == "pass"


def test_trust_with_a_wildcard_lets_a_stranger_in_and_is_red(made):
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
    assert not made.cloud.plan_access(SUBJECTS).pending


def test_issuer_the_account_does_not_know_is_red_and_the_command_is_shown(new_target):
    target = new_target(oidc_issuer="https://oidc.eks.eu-central-1.amazonaws.com/id/UNKNOWN")
    target.make_bucket()

    row = target.cloud.plan_access(SUBJECTS).changes[0]
    check = target.access_checks()["XC301"]

    assert (row.action, row.before) == ("keep", "absent")
    assert row.command.startswith("aws iam create-open-id-connect-provider")
    assert (check.status, check.observed) == ("fail", "absent")


def test_missing_issuer_is_refused_with_the_command_that_finds_it(new_target):
    target = new_target()
    target.settings = target.settings.model_copy(update={"endpoint_url": ""})
    cloud = target.open(can_mint=False)
    cloud._issuer = ""

    with pytest.raises(SettingsError, match="describe-cluster"):
        cloud.plan_access(SUBJECTS)


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


def test_stranger_that_the_role_trusts_after_all_is_red_when_it_signs_in(made, tmp_path):
    name = "system:serviceaccount:astro:xcomkit-stranger"
    stranger = made.cloud.worker_identity(name, directory=str(tmp_path))
    worker = check_worker(stranger, sign_in=lambda _: None)
    assert check_untrusted(stranger, sign_in=made.cloud.sign_in, worker=worker).status == "pass"

    made.trust_stranger(name)

    check = check_untrusted(stranger, sign_in=made.cloud.sign_in, worker=worker)
    assert (check.id, check.status) == ("XC514", "fail")


def test_where_no_token_can_be_minted_the_trust_is_not_proved_and_rights_are_unknown(made):
    checks = {c.id: c for c in made.open(can_mint=False).verify_access(SUBJECTS)}

    assert checks["XC304"].status == "skip"
    assert "not proved" in checks["XC304"].observed
    # The stand-in cannot simulate policies, and a failure to look is never a pass.
    assert (checks["XC306"].status, checks["XC306"].basis) == ("unknown", "simulation")


def test_s3_compatible_store_has_no_roles_and_says_so(stand_in, new_target):
    target = new_target(endpoint_url=stand_in.url)

    assert {c.status for c in target.cloud.verify_access(SUBJECTS)} == {"skip"}
    assert target.cloud.plan_access(SUBJECTS).changes[0].action == "unsupported"
    assert target.cloud.connection()["extra"]["endpoint_url"] == stand_in.url


def test_worker_gets_the_role_and_a_token_file_only_its_owner_reads(made, tmp_path):
    identity = made.cloud.worker_identity(SUBJECTS[0], directory=str(tmp_path))

    token = Path(identity.environment["AWS_WEB_IDENTITY_TOKEN_FILE"])
    assert token.stat().st_mode & 0o077 == 0
    assert identity.environment["AWS_ROLE_ARN"].endswith(f"role/{made.settings.role_name}")
    assert "AWS_ACCESS_KEY_ID" not in identity.environment
    assert token.read_text() not in repr(identity)


def test_expired_or_unknown_credentials_are_told_apart_from_missing_rights(target, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK" + "IA" + "X" * 16)

    with pytest.raises(CredentialsError, match="sign in again"):
        target.open().who_am_i()


class TestObjects:
    def test_delete_takes_every_version_and_no_neighbour(self, made):
        s3, bucket = made.client("s3"), made.settings.bucket
        for key in ("astro/xcom/a", "astro/xcom/a", "astro/xcom/ab"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
        s3.delete_object(Bucket=bucket, Key="astro/xcom/a")

        assert made.cloud.delete_keys(["astro/xcom/a"]) == 3
        assert made.cloud.find_left(["astro/xcom/a", "astro/xcom/ab"]) == ("astro/xcom/ab",)
        assert [o.key for o in made.cloud.list_objects("astro/")] == ["astro/xcom/ab"]

    def test_description_names_version_encryption_and_tags(self, made):
        made.client("s3").put_object(
            Bucket=made.settings.bucket, Key="astro/xcom/a", Body=b"{}", Tagging="team=data"
        )

        details = made.cloud.describe_object("astro/xcom/a")

        assert details.version
        assert details.encryption == "AES256"
        assert details.tags == (("team", "data"),)


@pytest.mark.parametrize("stored", ['{"login": "a", "password": "hush"}', "aws://a:hush@/"])
def test_foreign_connection_is_red_and_its_text_never_shown(new_target, stored):
    target = new_target(connection_store="secrets-manager", connection_id=f"c{uuid4().hex}")
    name = f"airflow/connections/{target.settings.connection_id}"
    target.client("secretsmanager").create_secret(Name=name, SecretString=stored)
    target.make_bucket()

    plan, check = target.cloud.plan_access(SUBJECTS), target.access_checks()["XC314"]

    assert check.status == "fail"
    assert "hush" not in f"{plan}{check}"
    target.make_access()
    kept = target.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    assert kept == stored


def test_bucket_that_is_not_there_leaves_rights_unknown_without_an_exception(target):
    target.make_access()

    checks = target.access_checks()

    assert {"XC306", "XC307", "XC308", "XC309", "XC310", "XC311"} <= red(checks)
    assert checks["XC307"].status == "unknown"


def test_key_that_does_not_exist_makes_the_put_red(new_target):
    key = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    target = new_target(encryption="sse-kms", kms_key=key)
    target.make_bucket()
    target.make_access()

    assert "XC306" in red(target.access_checks())


def test_stranger_whom_no_role_could_let_in_proves_nothing(target):
    target.make_bucket()

    check = target.access_checks()["XC312"]

    assert (check.status, check.observed) == ("unknown", "not tried: the role could not be assumed")


def test_nobody_who_could_become_the_role_is_no_pass(made):
    checks = {check.id: check for check in made.cloud.verify_access(())}

    assert checks["XC304"].status == "fail"
