"""Each request is judged as the action and on the resource that AWS documents for it."""

from typing import Any

import pytest


def objects_of(bucket: str, prefix: str = "xcom") -> str:
    return f"arn:aws:s3:::{bucket}/{prefix}/*"


def test_head_bucket_needs_list_bucket_and_nothing_else(rig: Any, bucket: str) -> None:
    lister = rig.sign_in(rig.allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    writer = rig.sign_in(rig.allow("s3:PutObject", objects_of(bucket)))
    assert lister.head_bucket(Bucket=bucket)["BucketRegion"] == rig.REGION
    assert rig.refusal(writer.head_bucket, Bucket=bucket) == "403"


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("get_public_access_block", "s3:GetBucketPublicAccessBlock"),
        ("get_bucket_encryption", "s3:GetEncryptionConfiguration"),
        ("get_bucket_ownership_controls", "s3:GetBucketOwnershipControls"),
        ("get_bucket_lifecycle_configuration", "s3:GetLifecycleConfiguration"),
        ("get_bucket_policy", "s3:GetBucketPolicy"),
        ("get_bucket_tagging", "s3:GetBucketTagging"),
        ("get_bucket_versioning", "s3:GetBucketVersioning"),
        ("get_bucket_location", "s3:GetBucketLocation"),
        ("list_object_versions", "s3:ListBucketVersions"),
        ("list_multipart_uploads", "s3:ListBucketMultipartUploads"),
    ],
)
def test_each_bucket_setting_has_its_own_right(
    rig: Any, bucket: str, method: str, action: str
) -> None:
    without = rig.sign_in(
        rig.allow("s3:*", "*"), {"Effect": "Deny", "Action": action, "Resource": "*"}
    )
    assert rig.refusal(getattr(without, method), Bucket=bucket) == "AccessDenied"
    reader = rig.sign_in(rig.allow(action, f"arn:aws:s3:::{bucket}"))
    assert rig.status(getattr(reader, method), Bucket=bucket) in (200, 404)  # 404: not set


def test_encryption_setting_is_not_judged_as_bucket_creation(rig: Any, bucket: str) -> None:
    agent = rig.sign_in(rig.allow("s3:CreateBucket", "*"))
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    put = agent.put_bucket_encryption
    setting = {"Rules": [rule]}
    refused = rig.refusal(put, Bucket=bucket, ServerSideEncryptionConfiguration=setting)
    assert refused == "AccessDenied"


def test_secret_is_authorised_by_its_own_arn(rig: Any) -> None:
    admin = rig.client("secretsmanager")
    for name in ("airflow/connections/aws_default", "payroll/password"):
        admin.create_secret(Name=name, SecretString="aws://")
    pattern = f"arn:aws:secretsmanager:{rig.REGION}:{rig.ACCOUNT}:secret:airflow/connections/*"
    agent = rig.sign_in(
        rig.allow("secretsmanager:GetSecretValue", pattern), service="secretsmanager"
    )
    found = agent.get_secret_value(SecretId="airflow/connections/aws_default")
    assert found["SecretString"] == "aws://"
    get = agent.get_secret_value
    assert rig.refusal(get, SecretId="payroll/password") == "AccessDeniedException"
    assert rig.refusal(get, SecretId="airflow/connections/no") == "ResourceNotFoundException"
    assert rig.refusal(agent.list_secrets) == "AccessDeniedException"


def test_unknown_kms_alias_is_not_found_and_not_a_crash(rig: Any) -> None:
    kms = rig.client("kms")
    assert rig.refusal(kms.describe_key, KeyId="alias/not-there") == "NotFoundException"


def test_operation_moto_lacks_is_named_as_such(rig: Any) -> None:
    simulate = rig.iam.add_client_id_to_open_id_connect_provider
    arguments = {"OpenIDConnectProviderArn": rig.provider, "ClientID": "x"}
    assert rig.refusal(simulate, **arguments) == "NotImplemented"
