"""Writes the stand-in's own answers in the dialect of each AWS protocol."""

import json
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from xcomkit.local.world import Behaviour, Subresource

JSON_SERVICES = frozenset({"kms", "secretsmanager"})
_JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
_UNSET: dict[Subresource, str] = {
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
    "tagging": "NoSuchTagSet",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "policy": "NoSuchBucketPolicy",
}
_NO_VERSIONING = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'


class Answer(HTTPException):
    """An HTTP answer given instead of moto's, raised from inside moto's own dispatch."""

    def __init__(self, status: int, body: str = "", *, media_type: str = "text/xml") -> None:
        response = Response(body, status=status, content_type=media_type)
        super().__init__(description=body, response=response)
        self.code = status
        self._media_type = media_type

    def get_headers(self, *_: object, **__: object) -> list[tuple[str, str]]:
        """Return the headers, for the protocols where moto writes the response itself."""
        return [("Content-Type", self._media_type)]


def refuse(service: str, code: str, message: str, *, status: int = 403) -> Answer:
    """Return an error answer in the protocol of the service."""
    if service in JSON_SERVICES:
        body = json.dumps({"__type": _JSON_CODES.get(code, code), "message": message})
        return Answer(
            400 if status == 403 else status, body, media_type="application/x-amz-json-1.1"
        )
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    request_id = f"<RequestId>{uuid4()}</RequestId>"
    if service == "s3":
        return Answer(status, f"<Error>{error}{request_id}</Error>")
    return Answer(
        status,
        f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error>{request_id}</ErrorResponse>",
    )


def answer_subresource(name: Subresource, behaviour: Behaviour, *, method: str) -> Answer | None:
    """Return what an S3-compatible store answers for a bucket setting it does not have."""
    if behaviour == "refuse":
        message = "A header you provided implies functionality that is not implemented"
        return refuse("s3", "NotImplemented", message, status=501)
    if behaviour == "refuse-without-body":
        return Answer(405)
    if behaviour != "ignore":
        return None
    if method != "GET":
        return Answer(200 if method == "PUT" else 204)
    if name == "versioning":
        return Answer(200, _NO_VERSIONING)
    return refuse("s3", _UNSET[name], "The configuration does not exist", status=404)
