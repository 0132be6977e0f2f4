"""The JSON documents AWS gets: bucket settings, the role's trust and its least rights.

Each ``wanted_*`` function takes the present document and returns it unchanged when it already
does what is needed; otherwise the document to put, with everything foreign in it kept.
Sources: Amazon S3 API reference (PutBucket* operations), IAM user guide (web identity
federation), and what s3fs asks for in practice: HEAD bucket, its location, then the objects.
"""

from collections.abc import Mapping
from typing import Any

from xcomkit.cloud_documents import items
from xcomkit.clouds.bucket import replaces_key
from xcomkit.clouds.lifecycle import expires_sooner, our_rules, with_ours
from xcomkit.settings.settings import Settings

Document = dict[str, Any]

TLS_ONLY_SID = "XcomkitTlsOnly"
CONNECTIONS_PREFIX = "airflow/connections"
MARKER = {"created-by": "xcomkit"}
_PARTITIONS = {
    "cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc", "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b", "eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f",
}  # fmt: skip


def partition(region: str) -> str:
    """Return the ARN partition of a region (AWS General Reference, "ARN format")."""
    named = (name for start, name in _PARTITIONS.items() if region.startswith(start))
    return next(named, "aws")


def bucket_arn(settings: Settings) -> str:
    """Return the ARN of the bucket."""
    return f"arn:{partition(settings.region)}:s3:::{settings.bucket}"


def role_arn(settings: Settings, *, account: str) -> str:
    """Return the ARN of the agents' role."""
    return f"arn:{partition(settings.region)}:iam::{account}:role/{settings.role_name}"


def public_access_block(_settings: Settings, _present: Document) -> Document:
    """Return all four switches on."""
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return dict.fromkeys(names, True)


def ownership(_settings: Settings, _present: Document) -> Document:
    """Return ownership without access control lists."""
    return {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def versioning(_settings: Settings, present: Document) -> Document:
    """Return versioning on, leaving an MFA setting alone."""
    return present if present.get("Status") == "Enabled" else {"Status": "Enabled"}


def encryption(settings: Settings, present: Document) -> Document:
    """Return default encryption; agents cannot send SSE headers, so the bucket must do it.

    Where nothing was asked for, whatever the bucket has stays: a customer's key above all.
    """
    if present.get("Rules") and not settings.encryption:
        return present
    algorithm = "aws:kms" if settings.encryption == "sse-kms" else "AES256"
    wanted: Document = {"SSEAlgorithm": algorithm}
    if settings.kms_key:
        wanted["KMSMasterKeyID"] = settings.kms_key
    for rule in present.get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        # Two layers of KMS with the same key are more than one.
        default = {name: str(value).removesuffix(":dsse") for name, value in default.items()}
        if all(default.get(name) == value for name, value in wanted.items()):
            return present
    (so_far,) = (present.get("Rules") or [{}])[:1]
    rule = {**so_far, "ApplyServerSideEncryptionByDefault": wanted}
    had_key = "kms" in str(so_far.get("ApplyServerSideEncryptionByDefault"))
    if algorithm == "aws:kms" and not had_key:  # what they chose for a key of theirs stays
        rule["BucketKeyEnabled"] = True
    return {"Rules": [rule]}


def replaced_key(_settings: Settings, present: Document, wanted: Document) -> str:
    """Return in words which customer's key is replaced, or ``""``."""
    before, after = (
        rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", "")
        for rules in (present.get("Rules") or [{}], wanted["Rules"])
    )
    return replaces_key(before) if before and after != before else ""


def shortened(settings: Settings, present: Document, wanted: Document) -> str:
    """Return in words that objects expire sooner than so far, or ``""``."""
    return expires_sooner(settings, present.get("Rules", []), wanted["Rules"])


def lifecycle(settings: Settings, present: Document) -> Document:
    """Return all foreign rules plus ours: expire, expire noncurrent, abort multipart."""
    rules = present.get("Rules", [])
    # One id per prefix, so that several Deployments can share a bucket.
    (ours,) = our_rules(settings, name=f"xcomkit-{settings.prefix}")
    # S3 takes no document that mixes rules with a Filter and rules of the older form without.
    if any("Filter" not in rule for rule in rules):
        ours |= ours.pop("Filter")

    def is_former(rule: Document) -> bool:
        # stores may add fields of their own
        says_the_same = all(rule.get(name) == value for name, value in ours.items())
        return rule.get("ID") == ours["ID"] and not says_the_same

    return {"Rules": with_ours(settings, rules, ours=[ours], is_former=is_former)}


def rules_that_cannot_be_put_back(present: Document) -> tuple[str, ...]:
    """Return rules that S3 would not take as they were read, so nothing beside them can be put.

    Some stores answer a filter of prefix and tags with the prefix beside ``And``; put like that it
    loses the prefix, and the rule then expires every object with the tags.
    """
    rules = present.get("Rules", [])
    return tuple(str(r.get("ID") or "unnamed") for r in rules if len(r.get("Filter", {})) > 1)


def tls_only_statement(settings: Settings) -> Document:
    """Return the statement that refuses every request without TLS."""
    arn = bucket_arn(settings)
    return {
        "Sid": TLS_ONLY_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def bucket_policy(settings: Settings, present: Document) -> Document:
    """Return the bucket policy with our statement, every foreign statement kept."""
    ours = tls_only_statement(settings)
    statements = items(present.get("Statement"))
    if ours in statements:
        return present
    kept = [statement for statement in statements if statement.get("Sid") != TLS_ONLY_SID]
    # Another version would change what the variables in foreign statements mean.
    version = {} if present else {"Version": "2012-10-17"}
    return {**version, **present, "Statement": [*kept, ours]}


def tagging(settings: Settings, present: Document) -> Document:
    """Return the tag set with ours added or corrected, foreign tags kept."""
    tags = {tag["Key"]: tag["Value"] for tag in present.get("TagSet", [])}
    if all(tags.get(name) == value for name, value in settings.tags.items()):
        return present
    return {"TagSet": tag_list({**tags, **settings.tags})}


def tag_list(tags: Mapping[str, str]) -> list[Document]:
    """Return tags in the form the API takes."""
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def secret_name(settings: Settings) -> str:
    """Return the name under which Airflow's SecretsManagerBackend looks for the connection."""
    return f"{CONNECTIONS_PREFIX}/{settings.connection_id}"


def secret_arn(settings: Settings, *, account: str) -> str:
    """Return the ARN of the connection's secret; AWS ends it in a dash and six characters."""
    place = f"arn:{partition(settings.region)}:secretsmanager:{settings.region}:{account}"
    return f"{place}:secret:{secret_name(settings)}-??????"


def permissions(settings: Settings, *, account: str) -> Document:
    """Return the least rights of an agent.

    ListBucket and GetBucketLocation carry no condition: s3fs probes the bucket itself, and an
    ``s3:prefix`` condition makes that probe fail.
    """
    arn = bucket_arn(settings)
    objects = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload")
    below = [f"{arn}/{prefix}/*" for prefix in settings.prefixes]
    statements = [
        _allow("Bucket", ["s3:ListBucket", "s3:GetBucketLocation"], arn),
        _allow("Objects", [f"s3:{one}" for one in objects], below[0] if len(below) == 1 else below),
    ]
    if settings.encryption == "sse-kms":
        statements.append(_allow("Key", ["kms:GenerateDataKey", "kms:Decrypt"], settings.kms_key))
    if settings.connection_store == "secrets-manager":
        secret = secret_arn(settings, account=account)
        statements.append(_allow("Connection", "secretsmanager:GetSecretValue", secret))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, action: str | list[str], resource: str | list[str]) -> Document:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
