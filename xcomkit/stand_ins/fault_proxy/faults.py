"""Faults on the wire: which request of a store's API is hit, and what it is answered instead.

Sources: error responses of the S3, Blob service and Cloud Storage JSON APIs; multipart upload of
S3, Put Block and Put Block List, resumable uploads.
"""

import json
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs
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
_BLOB_CODES = {
    "403": "AuthorizationPermissionMismatch",
    "404": "BlobNotFound",
    "500": "InternalError",
    "503": "ServerBusy",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to requests: ``acts`` tells to which, ``times`` to how many, 0 to all."""

    kind: Kind
    acts: tuple[Act, ...]
    times: int = 0


def act_of(cloud: CloudName, *, method: str, path: str, query: str) -> Act:
    """Return what a request to the store is for; ``path`` is still percent-encoded."""
    match cloud:
        case "aws":
            return _act_on_s3(method, path, query)
        case "azure":
            return _act_on_blobs(method, path, query)
        case "gcp":
            return _act_on_gcs(method, path, query)


def _act_on_s3(method: str, path: str, query: str) -> Act:
    words = parse_qs(query, keep_blank_values=True)
    has_key = "/" in path.strip("/")
    match method:
        case "PUT" if has_key:
            return "part" if "uploadId" in words else "upload"
        case "POST" if "delete" in words:
            return "delete many"
        case "POST" if "uploadId" in words:
            return "complete"
        case "DELETE" if has_key:
            return "other" if "uploadId" in words else "delete"
        case "GET" if has_key:
            return "download"
        case "HEAD" if has_key:
            return "look"
    return "other"


def _act_on_blobs(method: str, path: str, query: str) -> Act:
    part = parse_qs(query).get("comp", [""])[0]
    has_blob = "/" in path.strip("/")
    match method:
        case "PUT" if has_blob:
            acts: dict[str, Act] = {"": "upload", "block": "part", "blocklist": "complete"}
            return acts.get(part, "other")
        case "GET" if has_blob and not part:
            return "download"
        case "HEAD" if has_blob:
            return "look"
        case "DELETE" if has_blob:
            return "delete"
    return "other"


def _act_on_gcs(method: str, path: str, query: str) -> Act:
    words = parse_qs(query)
    if path.startswith("/upload/"):
        if "upload_id" in words:
            return "part"
        return "other" if words.get("uploadType") == ["resumable"] else "upload"
    if path.startswith("/download/") or words.get("alt") == ["media"]:
        return "download"
    _, is_object, key = path.partition("/o/")
    if is_object and key:
        acts: dict[str, Act] = {"GET": "look", "DELETE": "delete"}
        return acts.get(method, "other")
    return "other"


def refuse(cloud: CloudName, kind: Kind, *, act: Act, key: str) -> Reply:
    """Return an error as the store itself would send it."""
    status = f"{kind} {_REASONS.get(kind, '')}"
    text = "Injected by the runbook."
    if cloud == "gcp":
        body = json.dumps({"error": {"code": int(kind), "message": text, "errors": [
            {"domain": "global", "reason": "forbidden", "message": text}]}})  # fmt: skip
        return status, [("Content-Type", "application/json; charset=UTF-8")], body.encode()
    if cloud == "azure":
        code = _BLOB_CODES[kind]
        xml = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
        headers = [("Content-Type", "application/xml"), ("x-ms-error-code", code)]
        return status, headers, xml.encode()
    if kind == "inside 200":
        inner = f"<Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>{text}</Message>"
        xml = f"<DeleteResult><Error>{inner}</Error></DeleteResult>"
        return "200 OK", [("Content-Type", "application/xml")], xml.encode()
    missing = "NoSuchBucket" if act == "upload" else "NoSuchUpload"
    is_write = act in ("upload", "part", "complete")
    code = missing if kind == "404" and is_write else _S3_CODES[kind]
    xml = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    return status, [("Content-Type", "application/xml")], xml.encode()
