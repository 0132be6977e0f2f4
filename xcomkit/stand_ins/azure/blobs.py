"""The door in front of Azurite: who asks, whether they may, and which account is meant.

Azurite takes any well-formed token and knows one account here; containers of several accounts
have different names in it. Sources: Blob service REST API, its error codes, and
authorization with Microsoft Entra ID, shared keys and anonymous access.
"""

import hashlib
import re
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure.entra import issue, read_bearer
from xcomkit.stand_ins.azure.state import AzureState, Document, Principal
from xcomkit.stand_ins.common.http_server import RAW_HEADERS
from xcomkit.stand_ins.common.upstream import Upstream

SUFFIX = ".blob.core.windows.net"
AUDIENCE = "https://storage.azure.com"
_STORE = "devstoreaccount1"
_DROPPED = ("host", "connection", "content-length", "transfer-encoding", "expect")
_BLOB_PARTS = ("", "block", "blocklist", "metadata", "properties")
_VERSION = "2024-11-04"


def blob_error(status: int, code: str, message: str) -> Response:
    """Return an error as the Blob service sends it."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(
        body, status=status, content_type="application/xml", headers={"x-ms-error-code": code}
    )


class BlobDoor:
    """Answers for ``ACCOUNT.blob.core.windows.net`` in front of an Azurite on a loopback port."""

    def __init__(self, state: AzureState, *, azurite: Upstream) -> None:
        self._state = state
        self._azurite = azurite
        self._owner = Principal("stand-in", "stand-in", "stand-in")

    def answer(self, request: Request) -> tuple[Response, str, str]:
        """Return the answer, the action it was judged as, and who asked."""
        name = request.host.partition(".")[0]
        account = self._state.account(name)
        container, _, blob = request.path.lstrip("/").partition("/")
        action = _action(request, has_blob=bool(blob))
        if account is None:
            return blob_error(404, "ResourceNotFound", "No such account."), action, ""
        signed = read_bearer(self._state, request, audiences=(AUDIENCE, f"https://{name}{SUFFIX}"))
        principal = self._state.by_object_id(signed)
        if principal is None:
            return _unsigned(request, account["properties"]), action, ""
        scope = f"{account['id']}/blobServices/default/containers/{container}"
        if not container or not action or not self._state.may(principal, action, scope=scope):
            text = "This request is not authorized to perform this operation using this permission."
            denied = blob_error(403, "AuthorizationPermissionMismatch", text)
            return denied, action, principal.object_id
        return self._forward(request, name, container), action, principal.object_id

    def _forward(self, request: Request, account: str, container: str) -> Response:
        raw: list[tuple[str, str]] = request.environ[RAW_HEADERS]
        headers = {k: v for k, v in raw if k.lower() not in _DROPPED}
        path, mark, query = str(request.environ["RAW_URI"]).partition("?")
        inside = _name_inside(account, container)
        _, slash, blob = path.lstrip("/").partition("/")
        uri = f"/{_STORE}/{inside}{slash}{blob}{mark}{query}"
        answer = self._azurite.ask(request.method, uri, body=request.get_data(), headers=headers)
        if answer is None:
            return blob_error(500, "InternalError", "Azurite gave no answer.")
        if answer.mimetype == "application/xml":
            text = answer.get_data().replace(inside.encode(), container.encode())
            address = f"https://{account}{SUFFIX}"
            answer.set_data(re.sub(rb"https://[^/]+/devstoreaccount1", address.encode(), text))
        return answer

    def change_container(self, method: str, account: str, name: str) -> None:
        """Make or drop (``PUT``, ``DELETE``) a container of an account."""
        token = issue(self._state, self._owner, audience=AUDIENCE)
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": _VERSION}
        uri = f"/{_STORE}/{_name_inside(account, name)}?restype=container"
        self._azurite.ask(method, uri, headers=headers)


def _unsigned(request: Request, properties: Document) -> Response:
    """Return the answer to a request that no token of ours signs."""
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("bearer "):
        text = "Server failed to authenticate the request."
        return blob_error(401, "InvalidAuthenticationInfo", text)
    if header or "sig" in request.args:
        if properties["allowSharedKeyAccess"]:
            return blob_error(403, "AuthenticationFailed", "The signature is not known here.")
        text = "Key based authentication is not permitted on this storage account."
        return blob_error(403, "KeyBasedAuthenticationNotPermitted", text)
    if properties["allowBlobPublicAccess"]:
        return blob_error(404, "ResourceNotFound", "The specified resource does not exist.")
    text = "Public access is not permitted on this storage account."
    return blob_error(409, "PublicAccessNotPermitted", text)


def _name_inside(account: str, container: str) -> str:
    """Return the name under which Azurite keeps an account's container."""
    return "c" + hashlib.sha256(f"{account}/{container}".encode()).hexdigest()[:40]


def _action(request: Request, *, has_blob: bool) -> str:
    """Return the data action of a request, ``""`` for what nobody may do here."""
    part = request.args.get("comp", "")
    method, is_listing = request.method, part == "list"
    known = _BLOB_PARTS if has_blob else ("", "list", "metadata")
    if part not in known or "x-ms-copy-source" in request.headers:
        return ""  # tags, leases, lists and copies have rights of their own
    if has_blob or is_listing:
        reads = {"GET": "blobs/read", "HEAD": "blobs/read"}
        writes = {"PUT": "blobs/write", "DELETE": "blobs/delete"}
        return (reads if is_listing else reads | writes).get(method, "")
    names = {"GET": "read", "HEAD": "read", "PUT": "write", "DELETE": "delete"}
    return f"containers/{names[method]}" if method in names else ""
