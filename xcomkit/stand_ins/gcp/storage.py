"""The door in front of the Cloud Storage emulator: who asks, whether they may, and what it lacks.

The emulator keeps objects and bucket properties. Here are the bearer check, IAM, projects, pages,
error bodies, and the refusal of bucket properties that Cloud Storage would refuse.
"""

import json
import re
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.common.http_server import RAW_HEADERS
from xcomkit.stand_ins.common.replies import json_reply
from xcomkit.stand_ins.gcp.identity import google_error, set_policy
from xcomkit.stand_ins.gcp.world import ADMINISTRATOR, FOREIGN_PROJECT, Document, GcpWorld

PAGE = 1000
_PATH = re.compile(
    r"/(?:(?P<upload>upload|resumable/upload)/|(?P<download>download)/)?storage/v1/b"
    r"(?:/(?P<bucket>[^/]+)(?:/(?P<part>o|iam|iam/testPermissions)(?:/(?P<key>.+))?)?)?"
)
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_KMS = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_DROPPED = ("authorization", "host", "connection", "content-length", "accept-encoding")
_OBJECT_RIGHTS = {
    "GET": "storage.objects.get",
    "DELETE": "storage.objects.delete",
    "PATCH": "storage.objects.update",
}
_BUCKET_RIGHTS = {
    "GET": "storage.buckets.get",
    "PATCH": "storage.buckets.update",
    "DELETE": "storage.buckets.delete",
}


class StorageDoor:
    """Answers for storage.googleapis.com in front of an emulator on a loopback port."""

    def __init__(self, world: GcpWorld, *, port: int) -> None:
        self._world = world
        self._port = port
        self._uploads: dict[str, str] = {}

    def answer(self, request: Request) -> tuple[Response, str, str]:
        """Return the answer, the permission it was judged by, and who asked."""
        raw = request.environ["RAW_URI"].partition("?")[0]
        found = _PATH.fullmatch(raw)
        member = self._world.member(request.headers.get("Authorization", ""))
        if found is None:
            return google_error(501, "The stand-in does not know this request."), "", member
        parts = {name: unquote(text) for name, text in found.groupdict("").items()}
        if not member and "Authorization" in request.headers:
            return google_error(401, "Invalid Credentials"), "", ""
        right = _right(request.method, parts)
        refusal = self._judge(member, right, parts, request)
        if refusal is not None:
            return refusal, right, member
        return self._serve(request, parts, member), right, member

    def _judge(
        self, member: str, right: str, parts: dict[str, str], request: Request
    ) -> Response | None:
        bucket, key = parts["bucket"], parts["key"] or self._key_of_upload(request)
        if right in ("storage.buckets.list", "storage.buckets.create"):
            is_own = request.args.get("project") != FOREIGN_PROJECT
            if member == f"user:{ADMINISTRATOR}" and is_own:
                return None
            return _denied(member, right, f"project {request.args.get('project')}")
        resource = bucket if not key or right == "storage.objects.list" else f"{bucket}/{key}"
        place = "" if right == "storage.objects.list" else key
        if bucket not in self._world.projects:
            # Whether a bucket exists is told to nobody without any right in a project.
            if member.startswith("user:") and member != f"user:{ADMINISTRATOR}":
                return _denied(member, right, resource)
            return None
        if not self._world.may(member, right, bucket=bucket, key=place):
            return _denied(member, right, resource)
        overwrites = right == "storage.objects.create" and self._exists(bucket, key)
        if overwrites and not self._world.may(
            member, "storage.objects.delete", bucket=bucket, key=place
        ):
            return _denied(member, "storage.objects.delete", resource)
        return None

    def _serve(self, request: Request, parts: dict[str, str], member: str) -> Response:
        bucket, part, key = parts["bucket"], parts["part"], parts["key"]
        if not bucket:
            return self._create(request) if request.method == "POST" else self._buckets(request)
        if bucket not in self._world.projects:
            return google_error(404, "The specified bucket does not exist.")
        match part, request.method:
            case "iam", "GET":
                return json_reply(self._world.bucket_policies.get(bucket, {"etag": "ACAB"}))
            case "iam", "PUT":
                return self._set_policy(bucket, request)
            case "iam/testPermissions", "GET":
                asked = request.args.getlist("permissions")
                held = [p for p in asked if self._world.may(member, p, bucket=bucket)]
                return json_reply({"permissions": held})
            case "", "PATCH":
                if problem := _bucket_problem(request.get_json(silent=True) or {}):
                    return google_error(400, problem)
            case "", "DELETE":
                return self._delete_bucket(request, bucket)
            case "o", "GET" if not key:
                return self._list(request, bucket)
        return _with_error_body(self._forward(request))

    def _create(self, request: Request) -> Response:
        body: Document = request.get_json(silent=True) or {}
        name, project = str(body.get("name", "")), request.args.get("project", "")
        if not _BUCKET_NAME.fullmatch(name) or not project:
            return google_error(400, f"Invalid bucket name: '{name}'")
        if problem := _bucket_problem(body):
            return google_error(400, problem)
        if problem := _policy_problem(body, self._world.constraints.get(project, {})):
            return google_error(412, problem)
        with self._world.lock:
            if name in self._world.projects:
                if self._world.projects[name] == project:
                    text = "Your previous request to create the named bucket succeeded and you"
                    return google_error(409, f"{text} already own it.")
                return google_error(409, "The requested bucket name is not available.")
            self._world.projects[name] = project
        self._ask("POST", "/storage/v1/b", {"name": name})
        given = {k: v for k, v in body.items() if k != "name"}
        given["location"] = str(given.get("location", "US")).upper()
        given["labels"] = given.get("labels") or {}
        return self._ask("PATCH", f"/storage/v1/b/{name}", given)

    def create_foreign(self, name: str, *, project: str) -> None:
        """Make a bucket that nobody asked for."""
        self._world.projects[name] = project
        self._ask("POST", "/storage/v1/b", {"name": name})

    def _buckets(self, request: Request) -> Response:
        start = request.args.get("prefix", "")
        with self._world.lock:
            names = [n for n, p in self._world.projects.items() if p != FOREIGN_PROJECT]
        project = request.args.get("project")
        own = [
            name for name in sorted(names)
            if name.startswith(start) and self._world.projects[name] in (project, "*")
        ]  # fmt: skip
        items = [self._ask("GET", f"/storage/v1/b/{name}").get_json() for name in own]
        return json_reply({"kind": "storage#buckets", "items": items})

    def _set_policy(self, bucket: str, request: Request) -> Response:
        with self._world.lock:
            answer = set_policy(self._world.bucket_policies, bucket, request.get_json(silent=True))
        return google_error(412, "Precondition Failed") if answer.status_code == 409 else answer

    def _delete_bucket(self, request: Request, bucket: str) -> Response:
        listed = self._ask("GET", f"/storage/v1/b/{bucket}/o").get_json()
        if listed.get("items"):
            return google_error(409, "The bucket you tried to delete is not empty.")
        answer = _with_error_body(self._forward(request))
        if answer.status_code < 300:
            with self._world.lock:
                del self._world.projects[bucket]
                self._world.bucket_policies.pop(bucket, None)
            return Response("", status=204)
        return answer

    def _list(self, request: Request, bucket: str) -> Response:
        """Return one page; the emulator itself knows no pages and no order."""
        query = {k: v for k, v in request.args.items() if k in ("prefix", "delimiter")}
        words = "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items())
        body: Document = self._ask("GET", f"/storage/v1/b/{bucket}/o?{words}").get_json()
        after = request.args.get("pageToken", "")
        items = sorted(body.get("items") or [], key=lambda item: str(item["name"]).encode())
        for item in items:
            del item["mediaLink"]  # it leads to the emulator, past this door
        rest = [item for item in items if item["name"].encode().hex() > after]
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
            plain, secure = f"http://{request.host}/", f"https://{request.host}/"
            answer.set_data(answer.get_data().replace(plain.encode(), secure.encode()))
        if location := answer.headers.get("Location"):
            answer.headers["Location"] = location.replace("http://", "https://", 1)
            upload = parse_qs(location.partition("?")[2]).get("upload_id", [""])[0]
            self._uploads[upload] = self._key_of_upload(request)
        return answer

    def _ask(self, method: str, path: str, body: Document | None = None) -> Response:
        content = b"" if body is None else json.dumps(body).encode()
        return self._call(method, path, content, {"Content-Type": "application/json"})

    def _call(self, method: str, uri: str, body: bytes, headers: dict[str, str]) -> Response:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, uri, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            return google_error(500, "The emulator crashed over this request.")
        finally:
            connection.close()
        kept = [(k, v) for k, v in answer.getheaders()
                if k.lower() not in ("content-length", "connection", "server", "date")]  # fmt: skip
        return Response(content, status=answer.status, headers=kept)


def _right(method: str, parts: dict[str, str]) -> str:
    """Return the IAM permission that a request needs; an unknown one is given to nobody."""
    match parts["part"]:
        case "" if not parts["bucket"]:
            return {"GET": "storage.buckets.list", "POST": "storage.buckets.create"}.get(method, "")
        case "":
            return _BUCKET_RIGHTS.get(method, "")
        case "iam":
            return f"storage.buckets.{'get' if method == 'GET' else 'set'}IamPolicy"
        case "iam/testPermissions":
            return "storage.buckets.get"
        case _ if parts["upload"] and method in ("POST", "PUT"):
            return "storage.objects.create"
        case _ if parts["key"]:
            return _OBJECT_RIGHTS.get(method, "")
        case _:
            return "storage.objects.list" if method == "GET" else ""


def _denied(member: str, right: str, resource: str) -> Response:
    who = member.partition(":")[2] or "Anonymous caller"
    code = 403 if member else 401
    text = f"{who} does not have {right or 'this'} access to {resource}, or it may not exist."
    return google_error(code, text)


def _bucket_problem(body: Document) -> str:
    """Return why Cloud Storage would refuse the properties of a bucket, or ``""``."""
    duration = (body.get("softDeletePolicy") or {}).get("retentionDurationSeconds")
    if duration is not None and int(duration) and not 604_800 <= int(duration) <= 7_776_000:
        return "Soft delete policies must be 0 or between 7 and 90 days."
    key = (body.get("encryption") or {}).get("defaultKmsKeyName")
    if key and not _KMS.fullmatch(key):
        return f"Malformed Cloud KMS crypto key: {key}"
    for rule in (body.get("lifecycle") or {}).get("rule") or []:
        if rule.get("action", {}).get("type") not in (
            "Delete", "SetStorageClass", "AbortIncompleteMultipartUpload",
        ) or not rule.get("condition"):  # fmt: skip
            return "A lifecycle management rule needs a known action and a condition."
    names: Any = body.get("labels") or {}
    if not all(re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name) for name in names):
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


def _with_error_body(answer: Response) -> Response:
    """Return an answer whose error has Google's shape; the emulator leaves some empty."""
    if answer.status_code < 400 or answer.get_data():
        return answer
    texts = {404: "No such object.", 416: "Request range not satisfiable"}
    return google_error(answer.status_code, texts.get(answer.status_code, "Refused."))
