"""Faults on the way to a store: which request is hit, and what it is answered instead.

Sources: error responses of the S3, Blob service and Cloud Storage JSON APIs; multipart upload of
S3, Put Block and Put Block List, resumable uploads.
"""

import json
import re
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from xcomkit.findings.model import CloudName

Act = Literal["look", "download", "upload", "part", "complete", "delete", "delete many", "other"]
Kind = Literal[
    "403", "404", "500", "503", "reset", "truncated", "short", "empty", "slow", "inside 200"
]  # fmt: skip
Reply = tuple[str, list[tuple[str, str]], bytes]

SLOW_SECONDS = 5.0
_REASONS = {"403": "Forbidden", "404": "Not Found", "500": "Internal Server Error",
            "503": "Service Unavailable"}  # fmt: skip
_S3_CODES = {"403": "AccessDenied", "404": "NoSuchKey", "500": "InternalError", "503": "SlowDown"}
_BLOB_CODES = {"403": "AuthorizationPermissionMismatch", "404": "BlobNotFound",
               "500": "InternalError", "503": "ServerBusy"}  # fmt: skip
_KEY = r"/[^/?]+/[^?]+"
_ACTS: dict[CloudName, tuple[tuple[str, Act], ...]] = {
    "aws": (
        (rf"PUT {_KEY}\?(.*&)?uploadId=.*", "part"),
        (rf"PUT {_KEY}.*", "upload"),
        (r"POST [^?]*\?(.*&)?delete\b.*", "delete many"),
        (r"POST [^?]*\?(.*&)?uploadId=.*", "complete"),
        (rf"DELETE {_KEY}\?(.*&)?uploadId=.*", "other"),
        (rf"DELETE {_KEY}.*", "delete"),
        (rf"GET {_KEY}.*", "download"),
        (rf"HEAD {_KEY}.*", "look"),
    ),
    "azure": (
        (rf"PUT {_KEY}\?(.*&)?comp=block(&.*)?", "part"),
        (rf"PUT {_KEY}\?(.*&)?comp=blocklist(&.*)?", "complete"),
        (rf"(PUT|GET) {_KEY}\?(.*&)?comp=.*", "other"),
        (rf"PUT {_KEY}.*", "upload"),
        (rf"GET {_KEY}.*", "download"),
        (rf"HEAD {_KEY}.*", "look"),
        (rf"DELETE {_KEY}.*", "delete"),
    ),
    "gcp": (
        (r"\S+ /upload/.*\?(.*&)?upload_id=.*", "part"),
        (r"\S+ /upload/.*\?(.*&)?uploadType=resumable\b.*", "other"),
        (r"\S+ /upload/.*", "upload"),
        (r"\S+ /download/.*", "download"),
        (r"\S+ .*\?(.*&)?alt=media\b.*", "download"),
        (r"GET [^?]*/o/[^?]+.*", "look"),
        (r"DELETE [^?]*/o/[^?]+.*", "delete"),
    ),
}
"""What a request is for, by method, path and query; the first that fits."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to requests: ``acts`` tells to which, ``times`` to how many, 0 to all."""

    kind: Kind
    acts: tuple[Act, ...]
    times: int = 0


def act_of(cloud: CloudName, *, method: str, uri: str) -> Act:
    """Return what a request to the store is for; ``uri`` is still percent-encoded."""
    request = f"{method} {uri}"
    return next((act for pattern, act in _ACTS[cloud] if re.fullmatch(pattern, request)), "other")


def refuse(cloud: CloudName, kind: Kind, *, act: Act, key: str) -> Reply:
    """Return an error as the store itself would send it."""
    status = f"{kind} {_REASONS.get(kind, '')}"
    text = "Injected by the runbook."
    if cloud == "gcp":
        body = json.dumps({"error": {"code": int(kind), "message": text, "errors": [
            {"domain": "global", "reason": "forbidden", "message": text}]}})  # fmt: skip
        return status, [("Content-Type", "application/json; charset=UTF-8")], body.encode()
    headers = [("Content-Type", "application/xml")]
    if cloud == "azure":
        code = _BLOB_CODES[kind]
        headers.append(("x-ms-error-code", code))
    elif kind == "inside 200":
        inner = f"<Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>{text}</Message>"
        xml = f"<DeleteResult><Error>{inner}</Error></DeleteResult>"
        return "200 OK", headers, xml.encode()
    elif kind == "404" and act in ("upload", "part", "complete"):
        code = "NoSuchBucket" if act == "upload" else "NoSuchUpload"
    else:
        code = _S3_CODES[kind]
    xml = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    return status, headers, xml.encode()
