"""The door in front of the Cloud Storage emulator: who asks, whether they may, and what it lacks.

The emulator keeps objects and bucket properties. Here are the bearer check, IAM, projects, pages,
error bodies, and the refusal of bucket properties that Cloud Storage would refuse.
"""

import json
import re
from urllib.parse import parse_qs, quote, unquote, urlencode
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.common.http_server import RAW_HEADERS
from xcomkit.stand_ins.common.server import Answer, json_reply
from xcomkit.stand_ins.common.upstream import Upstream
from xcomkit.stand_ins.gcp.identity import google_error, set_policy
from xcomkit.stand_ins.gcp.state import FOREIGN_PROJECT, Document, GcpState

PAGE = 1000
_PATH = re.compile(
    r"/(?:(?P<upload>upload|resumable/upload)/|download/)?storage/v1/b"
    r"(?:/(?P<bucket>[^/]+)(?:/(?P<part>o|iam|iam/testPermissions)(?:/(?P<key>.+))?)?)?"
)
_XML_LIST = re.compile(r"/(?P<bucket>[^/]+)")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_KMS = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LIFECYCLE_ACTIONS = ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload")
_DROPPED = ("authorization", "host", "connection", "content-length", "accept-encoding")
_CREATE, _LIST = "storage.objects.create", "storage.objects.list"
_RIGHTS = {
    "": {"GET": "storage.buckets.list", "POST": "storage.buckets.create"},
    "bucket": {
        "GET": "storage.buckets.get",
        "PATCH": "storage.buckets.update",
        "DELETE": "storage.buckets.delete",
    },
    "iam": {"GET": "storage.buckets.getIamPolicy", "PUT": "storage.buckets.setIamPolicy"},
    "iam/testPermissions": {"GET": "storage.buckets.get"},
    "o": {"GET": _LIST},
    "object": {
        "GET": "storage.objects.get",
        "DELETE": "storage.objects.delete",
        "PATCH": "storage.objects.update",
    },
    "upload": {"POST": _CREATE, "PUT": _CREATE},
}
"""The IAM permission a request needs; one that is not here is given to nobody."""


class StorageDoor:
    """Answers for storage.googleapis.com in front of an emulator on a loopback port."""

    def __init__(self, state: GcpState, *, port: int) -> None:
        self._state = state
        self._emulator = Upstream(port)
        self._uploads: dict[str, str] = {}

    def answer(self, request: Request) -> Answer:
        """Return the answer, the permission it was judged by, and who asked."""
        path = request.environ["RAW_URI"].partition("?")[0]
        found = _PATH.fullmatch(path)
        is_xml = not found and request.method == "GET" and "list-type" in request.args
        found = _XML_LIST.fullmatch(path) if is_xml else found
        member = self._state.member(request.headers.get("Authorization", ""))
        if found is None:
            return google_error(501, "The stand-in does not know this request."), "", member
        if not member and "Authorization" in request.headers:
            return google_error(401, "Invalid Credentials"), "", ""
        parts = {name: unquote(text) for name, text in found.groupdict("").items()}
        bucket, key = parts["bucket"], parts.get("key", "")
        part = "o" if is_xml else parts["part"]
        kind = (
            "upload" if parts.get("upload") else "object" if key else part or (bucket and "bucket")
        )
        right = _RIGHTS[kind].get(request.method, "")
        if denied := self._find_missing(member, right, bucket, key, request):
            who = member.partition(":")[2] or "Anonymous caller"
            text = f"{who} does not have {denied} access to {bucket}/{key}, or it may not exist."
            return google_error(403 if member else 401, text), right, member
        answer = self._serve(request, bucket, part, key)
        return _to_xml(answer) if is_xml else answer, right, member

    def _find_missing(
        self, member: str, right: str, bucket: str, key: str, request: Request
    ) -> str:
        """Return the permission that whoever asks lacks, or ``""``."""
        is_allowed = self._state.may_in_project(member, right)
        lacking = right or "this"
        if not bucket:
            is_own = request.args.get("project") != FOREIGN_PROJECT
            return "" if is_allowed and is_own else lacking
        if bucket not in self._state.projects:
            # Who has no right in any project does not learn whether a bucket exists.
            return lacking if member.startswith("user:") and not is_allowed else ""
        key = "" if right == _LIST else key or self._key_of_upload(request)
        if not self._state.may(member, right, bucket=bucket, key=key):
            return lacking
        overwrite = "storage.objects.delete"
        if (
            right == _CREATE
            and not self._state.may(member, overwrite, bucket=bucket, key=key)
            and self._exists(bucket, key)
        ):
            return overwrite
        return ""

    def _serve(self, request: Request, bucket: str, part: str, key: str) -> Response:
        if not bucket:
            return self._create(request) if request.method == "POST" else self._buckets(request)
        if bucket not in self._state.projects:
            return google_error(404, "The specified bucket does not exist.")
        match part, request.method:
            case "iam", "GET":
                return json_reply(self._state.bucket_policies.get(bucket, {"etag": "ACAB"}))
            case "iam", "PUT":
                return self._set_policy(bucket, request)
            case "iam/testPermissions", "GET":
                asked = request.args.getlist("permissions")
                member = self._state.member(request.headers.get("Authorization", ""))
                held = [p for p in asked if self._state.may(member, p, bucket=bucket)]
                return json_reply({"permissions": held})
            case "", "PATCH":
                if problem := _bucket_problem(request.get_json(silent=True) or {}):
                    return google_error(400, problem)
            case "", "DELETE":
                return self._delete_bucket(request, bucket)
            case "o", "GET" if not key:
                return self._list(request, bucket)
        return self._forward(request)

    def _create(self, request: Request) -> Response:
        body: Document = request.get_json(silent=True) or {}
        name, project = str(body.get("name", "")), request.args.get("project", "")
        if not _BUCKET_NAME.fullmatch(name) or not project:
            return google_error(400, f"Invalid bucket name: '{name}'")
        if problem := _bucket_problem(body):
            return google_error(400, problem)
        if problem := _policy_problem(body, self._state.constraints.get(project, {})):
            return google_error(412, problem)
        with self._state.lock:
            if self._state.projects.get(name) == project:
                text = "Your previous request to create the named bucket succeeded and you already"
                return google_error(409, f"{text} own it.")
            if name in self._state.projects:
                return google_error(409, "The requested bucket name is not available.")
            self.add_bucket(name, project=project)
        given = {k: v for k, v in body.items() if k != "name"}
        given["location"] = str(given.get("location", "US")).upper()
        given["labels"] = given.get("labels") or {}
        return self._ask("PATCH", f"/storage/v1/b/{name}", given)

    def add_bucket(self, name: str, *, project: str) -> None:
        """Make a bucket in a project."""
        self._state.projects[name] = project
        self._ask("POST", "/storage/v1/b", {"name": name})

    def _buckets(self, request: Request) -> Response:
        start, project = request.args.get("prefix", ""), request.args.get("project")
        with self._state.lock:
            own = [name for name, p in self._state.projects.items() if p in (project, "*")]
        names = [name for name in sorted(own) if name.startswith(start)]
        items = [self._ask("GET", f"/storage/v1/b/{name}").get_json() for name in names]
        return json_reply({"kind": "storage#buckets", "items": items})

    def _set_policy(self, bucket: str, request: Request) -> Response:
        with self._state.lock:
            answer = set_policy(self._state.bucket_policies, bucket, request.get_json(silent=True))
        return google_error(412, "Precondition Failed") if answer.status_code == 409 else answer

    def _delete_bucket(self, request: Request, bucket: str) -> Response:
        listed = self._ask("GET", f"/storage/v1/b/{bucket}/o").get_json()
        if listed.get("items"):
            return google_error(409, "The bucket you tried to delete is not empty.")
        self._forward(request)
        with self._state.lock:
            del self._state.projects[bucket]
            self._state.bucket_policies.pop(bucket, None)
        return Response("", status=204)

    def _list(self, request: Request, bucket: str) -> Response:
        """Return one page, as either API asks for it; the emulator knows no pages and no order."""
        query = {k: v for k, v in request.args.items() if k in ("prefix", "delimiter")}
        path = f"/storage/v1/b/{bucket}/o?{urlencode(query, quote_via=quote)}"
        body: Document = self._ask("GET", path).get_json()
        after = request.args.get("pageToken") or request.args.get("continuation-token")
        start = request.args.get("startOffset", "").encode().hex()
        after = after or request.args.get("start-after", "").encode().hex()
        items = sorted(body.get("items") or [], key=lambda item: str(item["name"]).encode())
        for item in items:
            del item["mediaLink"]  # it leads to the emulator, past this door
        rest = [item for item in items if item["name"].encode().hex() > after]
        rest = [item for item in rest if item["name"].encode().hex() >= start]
        most = min(int(request.args.get("maxResults", PAGE)), PAGE)
        page = {"kind": "storage#objects", "items": rest[:most],
                "prefixes": body.get("prefixes") or []}  # fmt: skip
        if len(rest) > most:
            page["nextPageToken"] = rest[most - 1]["name"].encode().hex()
        return json_reply(page)

    def _exists(self, bucket: str, key: str) -> bool:
        path = f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}"
        return bool(key) and self._ask("GET", path).status_code == 200

    def _key_of_upload(self, request: Request) -> str:
        """Return the object an upload is for: named in the query, or in the JSON of its body."""
        if "upload_id" in request.args:
            return self._uploads.get(request.args["upload_id"], "")
        start = request.get_data().find(b"{")
        if "name" in request.args or request.method != "POST" or start < 0:
            return request.args.get("name", "")
        text = request.get_data()[start : start + 20_000].decode("utf-8", "replace")
        try:
            return str(json.JSONDecoder().raw_decode(text)[0].get("name", ""))
        except ValueError:
            return ""

    def _forward(self, request: Request) -> Response:
        raw: list[tuple[str, str]] = request.environ[RAW_HEADERS]
        headers = {k: v for k, v in raw if k.lower() not in _DROPPED}
        if request.args.get("uploadType") == "media":  # the emulator would parse a JSON body
            headers["Content-Type"] = "application/octet-stream"
        headers["Host"] = request.host  # resumable uploads are answered with an address of ours
        uri = str(request.environ["RAW_URI"])
        answer = self._call(request.method, uri, request.get_data(), headers)
        if answer.mimetype == "application/json" and "alt=media" not in uri:
            clear, secure = f"http://{request.host}/", f"https://{request.host}/"
            answer.set_data(answer.get_data().replace(clear.encode(), secure.encode()))
        if location := answer.headers.get("Location"):
            answer.headers["Location"] = location.replace("http://", "https://", 1)
            upload = parse_qs(location.partition("?")[2]).get("upload_id", [""])[0]
            self._uploads[upload] = self._key_of_upload(request)
        if answer.status_code < 400 or answer.get_data():
            return answer
        texts = {404: "No such object.", 416: "Request range not satisfiable"}
        return google_error(answer.status_code, texts.get(answer.status_code, "Refused."))

    def _ask(self, method: str, path: str, body: Document | None = None) -> Response:
        content = b"" if body is None else json.dumps(body).encode()
        return self._call(method, path, content, {"Content-Type": "application/json"})

    def _call(self, method: str, uri: str, body: bytes, headers: dict[str, str]) -> Response:
        answer = self._emulator.ask(method, uri, body=body, headers=headers)
        return answer or google_error(500, "The emulator crashed over this request.")


def _to_xml(answer: Response) -> Response:
    """Return a page of the JSON API as the XML API has it."""
    if answer.status_code != 200:
        return answer
    page: Document = answer.get_json()
    following = page.get("nextPageToken", "")
    parts = [f"<IsTruncated>{str(bool(following)).lower()}</IsTruncated>"]
    if following:
        parts.append(f"<NextContinuationToken>{following}</NextContinuationToken>")
    parts += [
        f"<Contents><Key>{escape(item['name'])}</Key><LastModified>{item['updated']}</LastModified>"
        f"<ETag>{escape(item['etag'])}</ETag><Size>{item['size']}</Size></Contents>"
        for item in page["items"]
    ]
    text = f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>{''.join(parts)}"
    return Response(f"{text}</ListBucketResult>", mimetype="application/xml")


def _bucket_problem(body: Document) -> str:
    """Return why Cloud Storage would refuse the properties of a bucket, or ``""``."""
    duration = int((body.get("softDeletePolicy") or {}).get("retentionDurationSeconds") or 0)
    if duration and not 604_800 <= duration <= 7_776_000:
        return "Soft delete policies must be 0 or between 7 and 90 days."
    key = (body.get("encryption") or {}).get("defaultKmsKeyName")
    if key and not _KMS.fullmatch(key):
        return f"Malformed Cloud KMS crypto key: {key}"
    for rule in (body.get("lifecycle") or {}).get("rule") or []:
        known = rule.get("action", {}).get("type") in _LIFECYCLE_ACTIONS
        if not known or not rule.get("condition"):
            return "A lifecycle management rule needs a known action and a condition."
    if not all(_LABEL.fullmatch(name) for name in body.get("labels") or {}):
        return "Invalid label key."
    return ""


def _policy_problem(body: Document, constraints: Document) -> str:
    """Return which organization policy constraint a creating request violates, or ``""``."""
    access = (body.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    uniform, places = "storage.uniformBucketLevelAccess", "gcp.resourceLocations"
    if uniform in constraints and not access.get("enabled"):
        return f"Request violates constraint 'constraints/{uniform}'"
    where = str(body.get("location", "us")).lower()
    if places in constraints and where not in constraints[places]:
        return f"'{where}' violates constraint 'constraints/{places}'"
    return ""
