"""What a setting of a bucket is now, whatever kind of store answers."""

import json
from dataclasses import dataclass, field
from typing import Literal

from xcomkit.clouds.aws.bucket_settings import BucketSetting
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.session import (
    Clients,
    aws_errors,
    error_code,
    http_status,
    is_unsupported,
)
from xcomkit.clouds.rules import PUBLIC
from xcomkit.findings.errors import AccessDeniedError, ServiceError

_MINIMUM = "TransitionDefaultMinimumObjectSize"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a setting is now: its document, or why there is none.

    ``beside`` is what S3 keeps beside the document, and forgets unless it is sent along.
    """

    state: Literal["set", "unset", "denied", "unsupported"]
    document: Document
    detail: str = ""
    beside: Document = field(default_factory=dict)


def read(setting: BucketSetting, *, clients: Clients, target: Document) -> Reading:
    """Return a setting's present document; never raises for a refusal.

    Args:
        setting: which.
        clients: of the caller.
        target: ``Bucket``, and ``ExpectedBucketOwner`` where there is an account.

    Raises:
        ServiceError: no answer, or one that says nothing of the setting.
    """
    from botocore.exceptions import ClientError

    try:
        with aws_errors(f"reading {setting.name}"):
            answer: Document = getattr(clients.s3, setting.read)(**target)
    except AccessDeniedError:
        return Reading("denied", {}, f"403 to {setting.read}")
    except ServiceError as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError):
            raise
        if error_code(cause) == setting.unset:
            return Reading("unset", {})
        if clients.is_compatible_store and is_unsupported(error):
            return Reading("unsupported", {}, f"{http_status(cause)} {error_code(cause)}")
        raise
    document = answer.get(setting.member, {}) if setting.nested else _body(answer)
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return Reading("unsupported", {}, "the answer is no policy")
    if setting.rule is PUBLIC and not any(document.values()):
        document = {}  # how a Ceph gateway says that it has none
    beside = {_MINIMUM: answer[_MINIMUM]} if answer.get(_MINIMUM) else {}
    return Reading("set" if document else "unset", document, beside=beside)


def shown(document: Document) -> str:
    """Return a document in one line, in a fixed order; an empty one is unset."""
    # a rule's Date is a datetime
    return json.dumps(document, sort_keys=True, default=str) if document else "unset"


def _body(answer: Document) -> Document:
    """Return an answer that has no wrapping member, without what boto3 and S3 add to it."""
    extra = ("ResponseMetadata", _MINIMUM)
    return {name: value for name, value in answer.items() if name not in extra}
