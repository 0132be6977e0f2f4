"""The AWS stand-in as its users see it: moto over https, with policies and tokens checked."""

import subprocess
from typing import ClassVar

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.common.stand_in import StandIn

FOREIGN_BUCKET = "bucket-of-somebody-else"
"""A bucket that exists from the start and belongs to another account."""
NEIGHBOUR_BUCKET = "bucket-of-another-team"
"""A bucket of the same account, which the agents' role must not reach."""


class AwsStandIn(StandIn):
    """A running stand-in for S3, IAM, STS, KMS and Secrets Manager."""

    cloud: ClassVar[CloudName] = "aws"
    server: ClassVar[str] = "xcomkit.stand_ins.aws.server"
    label: ClassVar[str] = (
        "our stand-in: moto with conditions evaluated and web-identity tokens checked; it proves"
        " our requests, what AWS answers is not proved here"
    )
    replaced: ClassVar[tuple[str, ...]] = (
        "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
        "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL_IAM",
        "AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_ENDPOINT_URL_STS", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    )  # fmt: skip

    def __init__(self, facts: dict[str, str], *, process: subprocess.Popen[str] | None) -> None:
        super().__init__(facts, process=process)
        self.http_url = facts["http_url"]

    @property
    def platform_environment(self) -> dict[str, str]:
        """Return where AWS is, and whom to trust."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_CA_BUNDLE": str(self.ca_bundle)}

    @property
    def administrator(self) -> dict[str, str]:
        """Return the administrator's key, without a region."""
        return {
            "AWS_ACCESS_KEY_ID": self.facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": self.facts["secret_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def expire_before_read(self, prefix: str) -> None:
        """Make objects below a key prefix vanish just before anybody but the administrator reads.

        This plays lifecycle expiry, which moto never runs. An empty prefix switches it off.
        """
        self.call("expire", prefix=prefix)

    def set_subresource(self, name: str, *, answer: str) -> None:
        """Make a bucket setting behave like that of an S3-compatible store.

        Args:
            name: publicAccessBlock, ownershipControls, tagging, lifecycle, encryption, versioning,
                policy, or delete for the bulk deletion of objects.
            answer: ``refuse`` (501 NotImplemented), ``refuse-without-body`` (405), ``deny`` (403),
                ``ignore`` (accepts and forgets), ``as-bucket`` (the name is not looked at: GET
                lists, PUT is malformed, DELETE deletes an empty bucket), or ``""`` (as AWS).
                Of publicAccessBlock also ``forbid-puts`` (BlockPublicAcls refuses every upload); of
                lifecycle ``prefix-apart`` (a prefix comes back beside ``And``, and is lost when it
                is put so) and ``keep-last`` (one rule is kept).
        """
        self.call("subresource", name=name, answer=answer)
