"""The contract's target on AWS, and a hand in the account behind it through boto3."""

import json
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, ClassVar
from uuid import uuid4

import boto3
from rig import Rig

from xcomkit.clouds.aws.bucket_settings import SETTINGS
from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.aws import FOREIGN_BUCKET, AwsStandIn

POLICY = "xcom-objects"


KEY = "arn:aws:kms:eu-central-1:123456789012:key/0000aaaa-1111-2222-3333-444455556666"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def sse(algorithm: str, key: str = "", *, is_key_kept: bool = True) -> dict[str, Any]:
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": is_key_kept}
    return {"Rules": [rule]}


def tags(**values: str) -> dict[str, Any]:
    return {"TagSet": [{"Key": name, "Value": value} for name, value in values.items()]}


class AwsRig(Rig):
    cloud_name: ClassVar[CloudName] = "aws"
    cli: ClassVar[tuple[str, ...]] = ("aws ",)
    drifts: ClassVar[tuple[str, ...]] = (
        "XC203", "XC204", "XC205", "XC207", "XC209", "XC211",
    )  # fmt: skip
    weakenings: ClassVar[Mapping[str, frozenset[str]]] = {
        "s3:ListBucket": frozenset({"XC303", "XC305"}),
        "s3:PutObject": frozenset({"XC303", "XC306"}),
        "s3:GetObject": frozenset({"XC303", "XC307"}),
        "s3:DeleteObject": frozenset({"XC303", "XC308"}),
    }
    foreign_rules: ClassVar[list[dict[str, Any]]] = [
        {"ID": "cold", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
         "Transitions": [{"Days": 40, "StorageClass": "GLACIER"}]},
    ]  # fmt: skip
    stronger: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "versioning": ("versioning", {"Status": "Enabled"}),
        "S3's own key": ("encryption", sse("AES256")),
        "the account's key": ("encryption", sse("aws:kms")),
        "two layers of a customer's key": ("encryption", sse("aws:kms:dsse", KEY)),
        "customer's key": ("encryption", sse("aws:kms", KEY)),
        "tags of others": ("tags", tags(team="data", cost="7")),
    }
    weaker: ClassVar[tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]] = (
        ("public access block", "public access block",
         dict.fromkeys(BLOCKS, False) | {"BlockPublicPolicy": True}, dict.fromkeys(BLOCKS, True)),
        ("ownership", "ownership", {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
         {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}),
        ("versioning", "versioning", {"Status": "Suspended"}, {"Status": "Enabled"}),
        ("tags", "tags", tags(team="other", cost="7"), tags(team="data", cost="7")),
    )  # fmt: skip
    customers_key: ClassVar[tuple[str, Any, str]] = ("encryption", sse("aws:kms", KEY), KEY)
    other_encryptions: ClassVar[tuple[dict[str, object], ...]] = ({"encryption": "sse-s3"},)
    bad_names: ClassVar[tuple[str, ...]] = (
        *Rig.bad_names, "under_score", "a..b", "192.168.5.4", "xn--abc",
    )  # fmt: skip
    stand_in: AwsStandIn | None

    def practice_names(self, _unique: str) -> dict[str, object]:
        return {"region": "eu-central-1"}

    def unique_names(self, unique: str) -> dict[str, object]:
        return {"role_name": unique}

    @cached_property
    def client(self) -> Callable[[str], Any]:
        """Return what makes a service's client, each once: that takes longer than a request."""
        return cache(lambda service: boto3.client(service, region_name=self.settings.region))

    @property
    def where(self) -> dict[str, str]:
        return {"Bucket": self.settings.bucket}

    def put_object(self, key: str, body: bytes) -> None:
        self.client("s3").put_object(**self.where, Key=key, Body=body)

    def list_two_at_a_time(self) -> None:
        def two(params: dict[str, Any], **_: object) -> dict[str, Any]:
            return {**params, "MaxKeys": 2}

        for name in ("ListObjectsV2", "ListObjectVersions"):
            events = self.cloud.clients.s3.meta.events
            events.register(f"provide-client-params.s3.{name}", two)

    def drift(self, rule_id: str) -> None:
        s3 = self.client("s3")
        suspended = {"Status": "Suspended"}
        undo: dict[str, Callable[[], object]] = {
            "XC203": lambda: s3.delete_public_access_block(**self.where),
            "XC204": lambda: s3.delete_bucket_ownership_controls(**self.where),
            "XC205": lambda: s3.put_bucket_versioning(
                **self.where, VersioningConfiguration=suspended
            ),
            "XC207": lambda: s3.delete_bucket_lifecycle(**self.where),
            "XC209": lambda: s3.delete_bucket_policy(**self.where),
            "XC211": lambda: s3.delete_bucket_tagging(**self.where),
        }
        undo[rule_id]()

    def weaken(self, name: str) -> None:
        document = self.role_policy()
        for statement in document["Statement"]:
            statement["Action"] = [a for a in statement["Action"] if a != name]
        self.put_role_policy(document)

    def trust_another(self, subject: str) -> None:
        iam, name = self.client("iam"), self.settings.role_name
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        ((_, equals),) = trust["Statement"][0]["Condition"].items()
        key = next(key for key in equals if key.endswith(":sub"))
        equals[key] = [*equals[key], subject]
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    def set(self, part: str, value: dict[str, Any]) -> None:
        setting = next(one for one in SETTINGS if one.name == part)
        document: Any = json.dumps(value) if part == "policy" else value
        getattr(self.client("s3"), setting.put)(**self.where, **{setting.member: document})

    def state(self) -> dict[str, Any]:
        return {one.name: self.cloud.bucket.read(one).value for one in SETTINGS}

    def lifecycle_rule(self, *, days: int, prefix: str) -> dict[str, Any]:
        return {"ID": f"theirs-{days}", "Status": "Enabled", "Filter": {"Prefix": prefix},
                "Expiration": {"Days": days}}  # fmt: skip

    def put_lifecycle(self, rules: list[dict[str, Any]]) -> None:
        self.set("lifecycle", {"Rules": rules})

    def lifecycle_prefixes(self) -> list[str]:
        return [rule["Filter"]["Prefix"] for rule in self.lifecycle()]

    def lifecycle(self) -> list[dict[str, Any]]:
        s3 = self.client("s3")
        try:
            answer = s3.get_bucket_lifecycle_configuration(**self.where)
        except s3.exceptions.ClientError:
            return []
        rules: list[dict[str, Any]] = answer["Rules"]
        return rules

    def unmark_identity(self) -> None:
        self.client("iam").untag_role(RoleName=self.settings.role_name, TagKeys=["created-by"])

    def at_somebody_elses(self) -> "AwsRig":
        return AwsRig(self.stand_in, bucket=FOREIGN_BUCKET)

    def become_nobody(self, set_variable: Callable[[str, str], None], *policies: str) -> None:
        """Sign in as a new user with these policies, or none."""
        iam, name = self.client("iam"), f"nobody-{uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        for number, document in enumerate(policies):
            iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        set_variable("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        set_variable("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def sign_out(self, delete_variable: Callable[[str], None]) -> None:
        delete_variable("AWS_ACCESS_KEY_ID")
        delete_variable("AWS_SECRET_ACCESS_KEY")

    def put_role_policy(self, document: dict[str, Any], *, name: str = POLICY) -> None:
        self.client("iam").put_role_policy(
            RoleName=self.settings.role_name, PolicyName=name, PolicyDocument=json.dumps(document)
        )

    def role_policy(self) -> dict[str, Any]:
        answer = self.client("iam").get_role_policy(
            RoleName=self.settings.role_name, PolicyName=POLICY
        )
        document: dict[str, Any] = answer["PolicyDocument"]
        return document
