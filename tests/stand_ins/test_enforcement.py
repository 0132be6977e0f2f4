"""Requests to the stand-in pass or fail as the policies say, for the reasons AWS publishes."""

import pytest


def objects_of(bucket: str, prefix: str = "xcom") -> str:
    return f"arn:aws:s3:::{bucket}/{prefix}/*"


def test_role_may_do_exactly_what_its_policy_says(rig, bucket):
    agent = rig.sign_in(
        rig.allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
        rig.allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects_of(bucket)),
    )
    key = "xcom/dag/manual__2026-01-01T00:00:00+00:00/task/ä b?#%/x.json"
    agent.put_object(Bucket=bucket, Key=key, Body=b"1")
    assert [o["Key"] for o in agent.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert agent.get_object(Bucket=bucket, Key=key)["Body"].read() == b"1"
    agent.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in rig.s3.list_objects_v2(Bucket=bucket)

    elsewhere = rig.make_bucket()
    rig.s3.put_object(Bucket=bucket, Key="other/a", Body=b"1")
    assert rig.refusal(agent.put_object, Bucket=bucket, Key="other/b", Body=b"") == "AccessDenied"
    assert rig.refusal(agent.put_object, Bucket=bucket, Key="xcom", Body=b"") == "AccessDenied"
    assert rig.refusal(agent.get_object, Bucket=bucket, Key="other/a") == "AccessDenied"
    assert rig.refusal(agent.delete_object, Bucket=bucket, Key="other/a") == "AccessDenied"
    assert rig.refusal(agent.put_object, Bucket=elsewhere, Key="xcom/a", Body=b"") == "AccessDenied"
    assert rig.refusal(agent.list_objects_v2, Bucket=elsewhere) == "AccessDenied"
    assert rig.refusal(agent.delete_bucket, Bucket=bucket) == "AccessDenied"
    assert rig.refusal(agent.list_buckets) == "AccessDenied"


def test_session_may_what_its_role_may_at_the_moment(rig, bucket):
    role = rig.make_role()
    name = role.rpartition("/")[2]
    document = rig.document(rig.allow("s3:PutObject", objects_of(bucket)))
    policy = rig.iam.create_policy(PolicyName=f"p-{name}", PolicyDocument=document)["Policy"]["Arn"]
    agent = rig.client("s3", who=rig.assume(role, token=rig.stand_in.mint_token(rig.AGENT)))
    put = {"Bucket": bucket, "Key": "xcom/a", "Body": b""}

    assert rig.refusal(agent.put_object, **put) == "AccessDenied"
    rig.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    agent.put_object(**put)
    rig.iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    assert rig.refusal(agent.put_object, **put) == "AccessDenied"
    rig.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
    agent.put_object(**put)
    rig.iam.delete_role_policy(RoleName=name, PolicyName="inline")
    rig.iam.delete_role(RoleName=name)
    assert rig.refusal(agent.put_object, **put) == "AccessDenied"


def test_prefix_condition_limits_the_listing_and_closes_head_bucket(rig, bucket):
    condition = {"StringLike": {"s3:prefix": ["xcom/*", "xcom"]}}
    agent = rig.sign_in(rig.allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=condition))
    agent.list_objects_v2(Bucket=bucket, Prefix="xcom/dag/")
    assert rig.refusal(agent.list_objects_v2, Bucket=bucket, Prefix="other/") == "AccessDenied"
    assert rig.refusal(agent.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert rig.refusal(agent.head_bucket, Bucket=bucket) == "403"


def test_bulk_deletion_is_judged_key_by_key_and_version_by_version(rig, bucket):
    rig.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = rig.s3.put_object(Bucket=bucket, Key="xcom/a", Body=b"1")["VersionId"]
    rig.s3.put_object(Bucket=bucket, Key="other/b", Body=b"1")
    agent = rig.sign_in(rig.allow("s3:DeleteObject", objects_of(bucket)))
    assert rig.refusal(agent.delete_object, Bucket=bucket, Key="other/b") == "AccessDenied"
    answer = agent.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "xcom/a"}, {"Key": "other/b"}]}
    )
    assert [item["Key"] for item in answer["Deleted"]] == ["xcom/a"]
    assert [item["Key"] for item in answer["Errors"]] == ["other/b"]
    one = {"Objects": [{"Key": "xcom/a", "VersionId": version}]}
    assert agent.delete_objects(Bucket=bucket, Delete=one)["Errors"][0]["Code"] == "AccessDenied"
    remover = rig.sign_in(rig.allow("s3:DeleteObjectVersion", objects_of(bucket)))
    assert remover.delete_objects(Bucket=bucket, Delete=one)["Deleted"][0]["VersionId"] == version


def test_tls_only_policy_denies_plain_http_even_to_the_administrator(rig, bucket):
    rig.put_policy(
        bucket,
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
    unencrypted = rig.client("s3", url=rig.stand_in.http_url)
    assert rig.refusal(unencrypted.put_object, Bucket=bucket, Key="a", Body=b"") == "AccessDenied"
    assert rig.refusal(unencrypted.head_bucket, Bucket=bucket) == "403"
    rig.s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert rig.s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
    rig.s3.delete_bucket_policy(Bucket=bucket)
    assert unencrypted.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_bucket_policy_alone_can_let_a_role_in(rig, bucket):
    role = rig.make_role()
    agent = rig.client("s3", who=rig.assume(role, token=rig.stand_in.mint_token(rig.AGENT)))
    statement = rig.allow("s3:PutObject", objects_of(bucket), Principal={"AWS": role})
    rig.put_policy(bucket, statement)
    agent.put_object(Bucket=bucket, Key="xcom/a", Body=b"")
    account = {"AWS": f"arn:aws:iam::{rig.ACCOUNT}:root"}
    rig.put_policy(bucket, {**statement, "Principal": account})
    assert rig.refusal(agent.put_object, Bucket=bucket, Key="xcom/a", Body=b"") == "AccessDenied"


def test_malformed_bucket_policy_is_refused_and_not_stored(rig, bucket):
    text = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "x/*"}}'
    assert rig.refusal(rig.s3.put_bucket_policy, Bucket=bucket, Policy=text) == "MalformedPolicy"
    assert rig.refusal(rig.s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


def test_missing_key_is_forbidden_to_who_may_not_list(rig, bucket):
    reader = rig.sign_in(rig.allow("s3:GetObject", objects_of(bucket)))
    lister = rig.sign_in(
        rig.allow("s3:GetObject", objects_of(bucket)),
        rig.allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
    )
    assert rig.refusal(reader.get_object, Bucket=bucket, Key="xcom/no") == "AccessDenied"
    assert rig.refusal(reader.head_object, Bucket=bucket, Key="xcom/no") == "403"
    assert rig.refusal(lister.get_object, Bucket=bucket, Key="xcom/no") == "NoSuchKey"
    assert rig.refusal(lister.head_object, Bucket=bucket, Key="xcom/no") == "404"


def test_copy_which_would_need_rights_on_its_source_is_refused(rig, bucket):
    copy = {"Bucket": bucket, "Key": "xcom/a", "CopySource": f"{bucket}/private/a"}
    assert rig.refusal(rig.s3.copy_object, **copy) == "NotImplemented"


def test_bucket_of_another_account_is_foreign_even_to_the_administrator(rig):
    theirs = "bucket-of-somebody-else"
    place = {"LocationConstraint": rig.REGION}
    assert rig.refusal(rig.s3.head_bucket, Bucket=theirs) == "403"
    assert rig.refusal(rig.s3.list_objects_v2, Bucket=theirs) == "AccessDenied"
    create = rig.s3.create_bucket
    refused = rig.refusal(create, Bucket=theirs, CreateBucketConfiguration=place)
    assert refused == "BucketAlreadyExists"


def test_wrong_secret_is_refused_everywhere(rig, bucket):
    known = rig.stand_in.environment["AWS_ACCESS_KEY_ID"]
    liar = {"AccessKeyId": known, "SecretAccessKey": "wrong" * 8}
    s3, sts, kms = (rig.client(service, who=liar) for service in ("s3", "sts", "kms"))
    assert rig.refusal(s3.list_objects_v2, Bucket=bucket) == "SignatureDoesNotMatch"
    assert rig.refusal(sts.get_caller_identity) == "SignatureDoesNotMatch"
    assert rig.refusal(kms.list_keys) == "InvalidSignatureException"


def test_unknown_key_and_unsigned_requests_are_refused_until_a_bucket_policy_lets_everybody_in(
    rig, bucket
):
    nobody = {"AccessKeyId": "AKIA" + "Q" * 16, "SecretAccessKey": "x" * 40}
    assert rig.refusal(rig.client("sts", who=nobody).get_caller_identity) == "InvalidClientTokenId"
    unknown = rig.client("s3", who=nobody)
    assert rig.refusal(unknown.list_objects_v2, Bucket=bucket) == "InvalidAccessKeyId"
    unsigned = rig.client("s3", signed=False)
    rig.s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert rig.refusal(unsigned.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert rig.refusal(unsigned.list_objects_v2, Bucket=bucket) == "AccessDenied"
    rig.put_policy(bucket, rig.allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*"))
    assert unsigned.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
    assert rig.refusal(unsigned.put_object, Bucket=bucket, Key="b", Body=b"") == "AccessDenied"


def test_bucket_with_a_kms_key_needs_the_rights_on_the_key(rig, bucket):
    kms = rig.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    rig.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    stored = rig.s3.put_object(Bucket=bucket, Key="xcom/a", Body=b"1")
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", key)
    on_bucket = rig.allow(["s3:GetObject", "s3:PutObject"], objects_of(bucket))
    without = rig.sign_in(on_bucket)
    assert rig.refusal(without.put_object, Bucket=bucket, Key="xcom/b", Body=b"") == "AccessDenied"
    assert rig.refusal(without.get_object, Bucket=bucket, Key="xcom/a") == "AccessDenied"
    agent = rig.sign_in(on_bucket, rig.allow(["kms:GenerateDataKey", "kms:Decrypt"], key))
    agent.put_object(Bucket=bucket, Key="xcom/b", Body=b"2")
    assert agent.get_object(Bucket=bucket, Key="xcom/b")["Body"].read() == b"2"


def test_motos_back_doors_are_closed(rig):
    import urllib3

    with urllib3.PoolManager(ca_certs=str(rig.stand_in.ca_bundle)) as pool:
        for path in ("/moto-api/reset", "/moto-api/reset-auth", "/moto-api/state"):
            assert pool.request("POST", rig.stand_in.url + path, body=b"0").status == 404
    assert rig.client("sts").get_caller_identity()["Account"] == rig.ACCOUNT


def test_presigned_url_is_not_a_way_in(rig, bucket):
    import urllib3

    rig.s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    url = rig.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    with urllib3.PoolManager(ca_certs=str(rig.stand_in.ca_bundle)) as pool:
        assert pool.request("GET", url).status == 403


def test_head_bucket_needs_list_bucket_and_nothing_else(rig, bucket):
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
def test_each_bucket_setting_has_its_own_right(rig, bucket, method, action):
    without = rig.sign_in(
        rig.allow("s3:*", "*"), {"Effect": "Deny", "Action": action, "Resource": "*"}
    )
    assert rig.refusal(getattr(without, method), Bucket=bucket) == "AccessDenied"
    reader = rig.sign_in(rig.allow(action, f"arn:aws:s3:::{bucket}"))
    assert rig.status(getattr(reader, method), Bucket=bucket) in (200, 404)  # 404: not set


def test_secret_is_authorised_by_its_own_arn(rig):
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


def test_unknown_kms_alias_is_not_found_and_not_a_crash(rig):
    kms = rig.client("kms")
    assert rig.refusal(kms.describe_key, KeyId="alias/not-there") == "NotFoundException"


def test_operation_moto_lacks_is_named_as_such(rig):
    simulate = rig.iam.add_client_id_to_open_id_connect_provider
    arguments = {"OpenIDConnectProviderArn": rig.provider, "ClientID": "x"}
    assert rig.refusal(simulate, **arguments) == "NotImplemented"
