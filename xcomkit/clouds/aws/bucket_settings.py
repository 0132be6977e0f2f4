"""The table of bucket settings: how each is read, wanted and put, and the rule that judges it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.documents import Document
from xcomkit.model import Rule
from xcomkit.settings import Settings

_API = "Amazon S3 API reference"
_NEXT = "Run step 01 with apply: true."

EXISTS = Rule(
    id="XC201",
    title="The bucket exists and belongs to this account",
    severity="fail",
    why="Without it every push fails; in a stranger's bucket your data is theirs.",
    remedy="Run step 01 with apply: true, or choose another bucket name.",
    source=f"{_API}, HeadBucket with ExpectedBucketOwner",
    blocks=True,
)
REGION = Rule(
    id="XC202",
    title="The bucket is in the region of the settings",
    severity="fail",
    why="Agents sign for the region of the connection; another one costs redirects or fails.",
    remedy="Set region to the bucket's region, or choose another bucket.",
    source=f"{_API}, HeadBucket, x-amz-bucket-region",
)
SOONER = Rule(
    id="XC208",
    title="No other lifecycle rule expires XCom objects sooner",
    severity="fail",
    why="A reader of an expired object silently gets its path instead of the value.",
    remedy="Narrow or remove the named lifecycle rules, or accept a shorter retention_days.",
    source=f"{_API}, GetBucketLifecycleConfiguration; common-io deserialize_value",
)
PLAIN_HTTP = Rule(
    id="XC210",
    title="A request without TLS is refused",
    severity="fail",
    why="XCom values would cross the network in clear.",
    remedy=_NEXT,
    source="Amazon S3 User Guide, policy condition aws:SecureTransport",
)


@dataclass(frozen=True, slots=True)
class BucketSetting:
    """A sub-resource of the bucket: how it is read, wanted and put, and the rule that judges it."""

    name: str
    rule: Rule
    read: str
    member: str
    unset: str
    wanted: Callable[[Settings, Document], Document]
    nested: bool = True

    @property
    def put(self) -> str:
        """Return the name of the operation that writes it."""
        return self.read.replace("get_", "put_")


def _setting(  # noqa: PLR0917 - a table row reads best in one line
    rule_id: str,
    name: str,
    title: str,
    why: str,
    read: str,
    member: str,
    unset: str,
    wanted: Callable[[Settings, Document], Document],
    *,
    severity: Literal["fail", "warn"] = "fail",
    nested: bool = True,
) -> BucketSetting:
    camel = "".join(part.capitalize() for part in read.split("_"))
    rule = Rule(rule_id, title, severity, why, _NEXT, f"{_API}, {camel}")
    return BucketSetting(name, rule, read, member, unset, wanted, nested)


SETTINGS: tuple[BucketSetting, ...] = (
    _setting(
        "XC203", "public access block", "Public access is blocked",
        "A policy or list set by mistake could publish every XCom.",
        "get_public_access_block", "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration", documents.public_access_block,
    ),
    _setting(
        "XC204", "ownership", "Access control lists are off",
        "Lists can grant access past the bucket's policy.",
        "get_bucket_ownership_controls", "OwnershipControls",
        "OwnershipControlsNotFoundError", documents.ownership,
    ),
    _setting(
        "XC205", "versioning", "Versioning is on",
        "An overwritten or deleted XCom cannot be brought back.",
        "get_bucket_versioning", "VersioningConfiguration", "", documents.versioning, nested=False,
    ),
    _setting(
        "XC206", "encryption", "Default encryption is as set",
        "The backend cannot send encryption headers, so the bucket must encrypt.",
        "get_bucket_encryption", "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError", documents.encryption,
    ),
    _setting(
        "XC207", "lifecycle", "XCom objects expire, old versions and partial uploads too",
        "Airflow leaves objects behind on Dag deletion and db clean; the bucket grows for ever.",
        "get_bucket_lifecycle_configuration", "LifecycleConfiguration",
        "NoSuchLifecycleConfiguration", documents.lifecycle, nested=False,
    ),
    _setting(
        "XC209", "policy", "The bucket policy refuses requests without TLS",
        "XCom values would cross the network in clear.",
        "get_bucket_policy", "Policy", "NoSuchBucketPolicy", documents.bucket_policy,
    ),
    _setting(
        "XC211", "tags", "The bucket carries the tags of the settings",
        "Nobody can tell later what this bucket is for and who pays.",
        "get_bucket_tagging", "Tagging", "NoSuchTagSet", documents.tagging,
        severity="warn", nested=False,
    ),
)  # fmt: skip

RULES: tuple[Rule, ...] = (EXISTS, REGION, *(s.rule for s in SETTINGS), SOONER, PLAIN_HTTP)
