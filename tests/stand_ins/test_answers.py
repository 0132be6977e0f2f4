"""Bucket settings behave like those of an S3-compatible store when the stand-in is asked to."""

import json
from typing import Any

import pytest

from xcomkit.findings.errors import ProcessError
from xcomkit.stand_ins.aws import AwsStandIn

EXPIRE = {"ID": "x", "Filter": {"Prefix": "x"}, "Status": "Enabled", "Expiration": {"Days": 1}}
SETTINGS = {
    "publicAccessBlock": (
        "public_access_block",
        {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
        "NoSuchPublicAccessBlockConfiguration",
    ),
    "ownershipControls": (
        "bucket_ownership_controls",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        "OwnershipControlsNotFoundError",
    ),
    "tagging": (
        "bucket_tagging",
        {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}},
        "NoSuchTagSet",
    ),
    "lifecycle": (
        "bucket_lifecycle_configuration",
        {
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "ID": "x",
                        "Filter": {"Prefix": "x/"},
                        "Status": "Enabled",
                        "Expiration": {"Days": 1},
                    }
                ]
            }
        },
        "NoSuchLifecycleConfiguration",
    ),
    "encryption": (
        "bucket_encryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        },
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    "policy": ("bucket_policy", {}, "NoSuchBucketPolicy"),
}


def arguments_for(name: str, bucket: str) -> dict[str, Any]:
    if name != "policy":
        return SETTINGS[name][1]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket"}
    resource = {"Resource": f"arn:aws:s3:::{bucket}"}
    return {"Policy": json.dumps({"Statement": [{**statement, **resource}]})}


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_is_refused_with_and_without_a_code(
    rig: Any, stand_in: AwsStandIn, bucket: str, name: str
) -> None:
    method = SETTINGS[name][0]
    put, get = getattr(rig.s3, f"put_{method}"), getattr(rig.s3, f"get_{method}")
    wanted = arguments_for(name, bucket)
    try:
        stand_in.set_subresource(name, answer="refuse")
        assert rig.refusal(put, Bucket=bucket, **wanted) == "NotImplemented"
        assert rig.refusal(get, Bucket=bucket) == "NotImplemented"
        assert rig.status(put, Bucket=bucket, **wanted) == 501
        stand_in.set_subresource(name, answer="refuse-without-body")
        assert rig.refusal(put, Bucket=bucket, **wanted) == "405"
        assert rig.refusal(get, Bucket=bucket) == "405"
    finally:
        stand_in.set_subresource(name, answer="")
    put(Bucket=bucket, **wanted)
    get(Bucket=bucket)


@pytest.mark.parametrize("name", SETTINGS)
def test_ignored_setting_is_accepted_and_reads_as_unset(
    rig: Any, stand_in: AwsStandIn, bucket: str, name: str
) -> None:
    method, _, unset = SETTINGS[name]
    put, get = getattr(rig.s3, f"put_{method}"), getattr(rig.s3, f"get_{method}")
    put(Bucket=bucket, **arguments_for(name, bucket))
    stand_in.set_subresource(name, answer="ignore")
    try:
        put(Bucket=bucket, **arguments_for(name, bucket))
        assert rig.refusal(get, Bucket=bucket) == unset
    finally:
        stand_in.set_subresource(name, answer="")
    get(Bucket=bucket)


def test_ignored_versioning_reads_as_never_switched_on(
    rig: Any, stand_in: AwsStandIn, bucket: str
) -> None:
    stand_in.set_subresource("versioning", answer="ignore")
    try:
        rig.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        assert "Status" not in rig.s3.get_bucket_versioning(Bucket=bucket)
    finally:
        stand_in.set_subresource("versioning", answer="")
    assert "Status" not in rig.s3.get_bucket_versioning(Bucket=bucket)


@pytest.mark.parametrize(("name", "answer"), [("acl", "refuse"), ("policy", "explode")])
def test_setting_outside_the_vocabulary_is_refused(
    stand_in: AwsStandIn, name: str, answer: str
) -> None:
    with pytest.raises(ProcessError, match="refused subresource: 400"):
        stand_in.set_subresource(name, answer=answer)
