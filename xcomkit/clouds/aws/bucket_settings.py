"""The table of bucket settings: how each is read, wanted and put, and the rule that judges it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.notes import Note, no_note
from xcomkit.clouds.rules import (
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    PUBLIC,
    TAGS,
    TLS_ONLY,
    VERSIONING,
)
from xcomkit.findings.model import Rule
from xcomkit.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class BucketSetting:
    """A sub-resource of the bucket: how it is read, wanted and put, and the rule that judges it.

    ``items`` is the list in its document that may hold what is not ours, ``note`` says what a
    change from present to wanted takes away, ``off`` takes it back where no operation removes it.
    """

    name: str
    rule: Rule
    read: str
    member: str
    unset: str
    wanted: Callable[[Settings, Document], Document]
    nested: bool = True
    items: str = ""
    note: Note = no_note
    off: Document = field(default_factory=dict)

    @property
    def put(self) -> str:
        """Return the name of the operation that writes it."""
        return self.read.replace("get_", "put_")

    @property
    def delete(self) -> str:
        """Return the name of the operation that removes it; versioning has none."""
        name = self.read.replace("get_", "delete_").removesuffix("_configuration")
        return "" if self.off else name


SETTINGS: tuple[BucketSetting, ...] = (
    BucketSetting(
        "public access block", PUBLIC,
        "get_public_access_block", "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration", documents.public_access_block,
    ),
    BucketSetting(
        "ownership", OWNERSHIP,
        "get_bucket_ownership_controls", "OwnershipControls",
        "OwnershipControlsNotFoundError", documents.ownership,
    ),
    BucketSetting(
        "versioning", VERSIONING,
        "get_bucket_versioning", "VersioningConfiguration", "", documents.versioning, nested=False,
        off={"Status": "Suspended"},
    ),
    BucketSetting(
        "encryption", ENCRYPTION,
        "get_bucket_encryption", "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError", documents.encryption,
        note=documents.replaced_key,
    ),
    BucketSetting(
        "lifecycle", LIFECYCLE,
        "get_bucket_lifecycle_configuration", "LifecycleConfiguration",
        "NoSuchLifecycleConfiguration", documents.lifecycle, nested=False,
        items="Rules", note=documents.shortened,
    ),
    BucketSetting(
        "policy", TLS_ONLY,
        "get_bucket_policy", "Policy", "NoSuchBucketPolicy", documents.bucket_policy,
        items="Statement",
    ),
    BucketSetting(
        "tags", TAGS,
        "get_bucket_tagging", "Tagging", "NoSuchTagSet", documents.tagging, nested=False,
        items="TagSet",
    ),
)  # fmt: skip
