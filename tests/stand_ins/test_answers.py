"""Bucket settings behave like those of an S3-compatible store when the stand-in is asked to."""

import pytest

from xcomkit.findings.errors import ProcessError

RULE = {"ID": "x", "Filter": {"Prefix": "x/"}, "Status": "Enabled", "Expiration": {"Days": 1}}
AES = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
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
        "bucket_tagging", {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}, "NoSuchTagSet",
    ),
    "lifecycle": (
        "bucket_lifecycle_configuration",
        {"LifecycleConfiguration": {"Rules": [RULE]}},
        "NoSuchLifecycleConfiguration",
    ),
    "encryption": (
        "bucket_encryption",
        {"ServerSideEncryptionConfiguration": {"Rules": [AES]}},
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_is_refused_or_forgotten_as_long_as_it_is_asked_to_be(rig, stand_in, bucket, name):
    method, wanted, unset = SETTINGS[name]
    put, get = getattr(rig.s3, f"put_{method}"), getattr(rig.s3, f"get_{method}")
    try:
        stand_in.set_subresource(name, answer="ignore")
        put(Bucket=bucket, **wanted)
        assert rig.refusal(get, Bucket=bucket) == unset
        for answer, code in (("refuse", "NotImplemented"), ("refuse-without-body", "405")):
            stand_in.set_subresource(name, answer=answer)
            assert rig.refusal(put, Bucket=bucket, **wanted) == code
            assert rig.refusal(get, Bucket=bucket) == code
    finally:
        stand_in.set_subresource(name, answer="")
    put(Bucket=bucket, **wanted)
    get(Bucket=bucket)


def test_ignored_versioning_reads_as_never_switched_on(rig, stand_in, bucket):
    stand_in.set_subresource("versioning", answer="ignore")
    try:
        rig.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        assert "Status" not in rig.s3.get_bucket_versioning(Bucket=bucket)
    finally:
        stand_in.set_subresource("versioning", answer="")
    assert "Status" not in rig.s3.get_bucket_versioning(Bucket=bucket)


@pytest.mark.parametrize(("name", "answer"), [("acl", "refuse"), ("policy", "explode")])
def test_setting_outside_the_vocabulary_is_refused(stand_in, name, answer):
    with pytest.raises(ProcessError, match="refused subresource: 400"):
        stand_in.set_subresource(name, answer=answer)
