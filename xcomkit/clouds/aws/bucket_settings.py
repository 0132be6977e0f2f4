"""The table of bucket settings: how each is read, wanted and put, and the rule that judges it."""

import json
from dataclasses import dataclass, field
from typing import ClassVar

from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.session import (
    Clients,
    aws_errors,
    error_code,
    http_status,
    is_unsupported,
)
from xcomkit.clouds.bucket import Reading, Setting
from xcomkit.clouds.rules import (
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    PUBLIC,
    TAGS,
    TLS_ONLY,
    VERSIONING,
)
from xcomkit.findings.errors import AccessDeniedError, ServiceError


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSetting(Setting):
    """A sub-resource of the bucket.

    ``read`` names the operation that reads it, ``member`` its document in a request, ``unset`` the
    error code where there is none; ``off`` takes it back where no operation removes it.
    """

    new: Document = field(default_factory=dict)
    read: str
    member: str
    unset: str = ""
    is_nested: bool = True
    off: Document = field(default_factory=dict)

    minimum: ClassVar[str] = "TransitionDefaultMinimumObjectSize"
    """What S3 answers beside a lifecycle."""

    @property
    def put(self) -> str:
        """Return the name of the operation that writes it."""
        return self.read.replace("get_", "put_")

    @property
    def delete(self) -> str:
        """Return the name of the operation that removes it; versioning has none."""
        name = self.read.replace("get_", "delete_").removesuffix("_configuration")
        return "" if self.off else name

    def reading(self, clients: Clients, *, target: Document) -> Reading:
        """Return the present document; never raises for a refusal.

        Args:
            clients: of the caller.
            target: ``Bucket``, and ``ExpectedBucketOwner`` where there is an account.

        Raises:
            ServiceError: no answer, or one that says nothing of the setting.
        """
        from botocore.exceptions import ClientError

        try:
            with aws_errors(f"reading {self.name}"):
                answer: Document = getattr(clients.s3, self.read)(**target)
        except AccessDeniedError:
            return Reading({}, "denied", f"403 to {self.read}")
        except ServiceError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError):
                raise
            if error_code(cause) == self.unset:
                return Reading({}, "unset")
            if clients.is_compatible_store and is_unsupported(error):
                return Reading({}, "unsupported", f"{http_status(cause)} {error_code(cause)}")
            raise
        document = answer.get(self.member, {}) if self.is_nested else self._body(answer)
        if isinstance(document, str):
            try:
                document = json.loads(document)
            except ValueError:
                return Reading({}, "unsupported", "the answer is no policy")
        if self.rule is PUBLIC and not any(document.values()):
            document = {}  # how a Ceph gateway says that it has none
        beside = {self.minimum: answer[self.minimum]} if answer.get(self.minimum) else {}
        return Reading(document, "set" if document else "unset", beside=beside)

    def _body(self, answer: Document) -> Document:
        """Return an answer that has no wrapping member, without what boto3 and S3 add to it."""
        extra = ("ResponseMetadata", self.minimum)
        return {name: value for name, value in answer.items() if name not in extra}


SETTINGS: tuple[AwsSetting, ...] = (
    AwsSetting(
        name="public access block",
        rule=PUBLIC,
        read="get_public_access_block",
        member="PublicAccessBlockConfiguration",
        unset="NoSuchPublicAccessBlockConfiguration",
        wanted=documents.public_access_block,
    ),
    AwsSetting(
        name="ownership",
        rule=OWNERSHIP,
        read="get_bucket_ownership_controls",
        member="OwnershipControls",
        unset="OwnershipControlsNotFoundError",
        wanted=documents.ownership,
    ),
    AwsSetting(
        name="versioning",
        rule=VERSIONING,
        read="get_bucket_versioning",
        member="VersioningConfiguration",
        wanted=documents.versioning,
        is_nested=False,
        off={"Status": "Suspended"},
    ),
    AwsSetting(
        name="encryption",
        rule=ENCRYPTION,
        read="get_bucket_encryption",
        member="ServerSideEncryptionConfiguration",
        unset="ServerSideEncryptionConfigurationNotFoundError",
        wanted=documents.encryption,
        note=documents.replaced_key,
    ),
    AwsSetting(
        name="lifecycle",
        rule=LIFECYCLE,
        read="get_bucket_lifecycle_configuration",
        member="LifecycleConfiguration",
        unset="NoSuchLifecycleConfiguration",
        wanted=documents.lifecycle,
        is_nested=False,
        items="Rules",
        note=documents.shortened,
    ),
    AwsSetting(
        name="policy",
        rule=TLS_ONLY,
        read="get_bucket_policy",
        member="Policy",
        unset="NoSuchBucketPolicy",
        wanted=documents.bucket_policy,
        items="Statement",
    ),
    AwsSetting(
        name="tags",
        rule=TAGS,
        read="get_bucket_tagging",
        member="Tagging",
        unset="NoSuchTagSet",
        wanted=documents.tagging,
        is_nested=False,
        items="TagSet",
    ),
)
