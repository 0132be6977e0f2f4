"""What the AWS stand-in remembers beside moto: the mischief asked of it, and requests under way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from xcomkit.stand_ins.aws.callers import list_secrets
from xcomkit.stand_ins.common.state import State

TRACE = "xcomkit.trace"
"""Key of the WSGI environment under which a request's Trace travels."""

UNSET_CODES = {
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
    "tagging": "NoSuchTagSet",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "policy": "NoSuchBucketPolicy",
    "versioning": "",
    "delete": "",
}
"""The settings that can behave as on another store, and the code S3 sends where one is not set."""
BEHAVIOURS = (
    "refuse", "refuse-without-body", "ignore", "as-bucket", "deny", "deny-put", "forbid-puts",
    "prefix-apart", "keep-last", "",
)  # fmt: skip


@dataclass(slots=True)
class Trace:
    """One request under way, and what is known of it so far.

    ``may_delete`` judges an object's ARN while a DeleteObjects request is under way.
    """

    is_secure: bool
    action: str = ""
    principal: str = ""
    may_delete: Callable[[str], bool] | None = None


@dataclass
class AwsState(State):
    """What is asked of the stand-in for tests, by bucket setting, key prefix and bucket."""

    administrator: str = ""
    expiring_prefix: str = ""
    subresources: dict[str, str] = field(default_factory=dict)
    lifecycles: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def expire(self, prefix: str) -> None:
        """Let objects below a prefix vanish before they are read; ``""`` undoes it."""
        self.expiring_prefix = prefix

    def set_subresource(self, name: str, answer: str) -> None:
        """Make a bucket setting behave like that of an S3-compatible store; ``""`` undoes it.

        Raises:
            ValueError: for a name or answer outside the vocabularies above.
        """
        if name not in UNSET_CODES or answer not in BEHAVIOURS:
            raise ValueError(f"{name!r} {answer!r} is not a subresource and an answer")
        self.subresources[name] = answer

    def secret_texts(self) -> list[str]:
        """Return every secret text there is, those that IAM and STS handed out included."""
        return [*super().secret_texts(), *list_secrets()]
