"""Writes the stand-in's own answers in the dialect of each AWS protocol."""

import json
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

JSON_SERVICES = frozenset({"kms", "secretsmanager"})
_JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


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
