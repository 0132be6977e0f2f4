"""Resource Manager for the Azure stand-in: stores and returns resources, refuses malformed bodies.

The administrator manages, and whoever has a custom role with the operation; others get 403. Paths
are compared without case, as Azure does.
"""

import re
from collections.abc import Callable

from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure import NEIGHBOUR_CONTAINER
from xcomkit.stand_ins.azure.entra import read_bearer
from xcomkit.stand_ins.azure.resources import (
    ACCOUNT,
    ASSIGNMENT,
    CONTAINER,
    IDENTITY,
    RESOURCE_TYPES,
    Place,
    Refused,
    ResourceType,
)
from xcomkit.stand_ins.azure.state import AzureState, Document
from xcomkit.stand_ins.common.server import Answer, json_reply

HOST = "management.azure.com"
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
_CHECK_NAME = r"/subscriptions/[^/]+/providers/microsoft\.storage/checknameavailability"


class ResourceManager:
    """Answers for management.azure.com.

    ``change_container`` makes or drops (``PUT``, ``DELETE``) a container of an account.
    """

    def __init__(
        self, state: AzureState, *, change_container: Callable[[str, str, str], None]
    ) -> None:
        self._state = state
        self._change_container = change_container

    def answer(self, request: Request) -> Answer:
        """Return the answer, what it was judged as, and who asked."""
        caller = read_bearer(self._state, request, audiences=AUDIENCES)
        if not caller:
            answer = _arm_error(401, "InvalidAuthenticationToken", "The access token is invalid.")
            answer.headers["WWW-Authenticate"] = 'Bearer authorization_uri="https://login"'
            return answer, "", ""
        action = f"{request.method} {request.path}"
        is_administrator = caller == self._state.administrator
        if not is_administrator and not self._state.is_granted(caller, _operation(request)):
            text = f"The client '{caller}' has no authorization to perform '{action}'."
            return _arm_error(403, "AuthorizationFailed", text), action, caller
        try:
            with self._state.lock:
                return self._route(request), action, caller
        except Refused as refused:
            answer = _arm_error(refused.status, refused.code, refused.message)
            return answer, action, caller

    def _route(self, request: Request) -> Response:
        path = request.path.rstrip("/")
        version = request.args.get("api-version", "")
        if not re.fullmatch(r"20\d\d-\d\d-\d\d(?:-preview)?", version):
            text = f"The api-version '{version}' is invalid."
            raise Refused(400, "InvalidApiVersionParameter", text)
        if re.fullmatch(_CHECK_NAME, path.lower()):
            taken = request.get_json()["name"] in self._state.taken
            reason = {"reason": "AlreadyExists"} if taken else {}
            return json_reply({"nameAvailable": not taken, **reason})
        for kind in RESOURCE_TYPES:
            if found := re.fullmatch(kind.pattern, path.lower()):
                above = found.groupdict().get("parent") or found.groupdict().get("scope") or ""
                parent, name = path[: len(above)], path.rpartition("/")[2] if found["name"] else ""
                held = self._state.resources.get(path.lower())
                return self._handle(request, kind, Place(path, parent, name, held))
        raise Refused(404, "InvalidResourceType", f"The stand-in does not know {path}.")

    def _handle(self, request: Request, kind: ResourceType, place: Place) -> Response:
        held, method = place.held, request.method
        if "<parent>" in kind.pattern and place.parent.lower() not in self._state.resources:
            raise Refused(404, "ResourceNotFound", f"The Resource '{place.parent}' was not found.")
        if not place.name:
            is_scoped = kind is ASSIGNMENT
            found = self._at_scope(request, place) if is_scoped else self._state.below(place.path)
            return json_reply({"value": found})
        if method == "PUT" or (method == "PATCH" and held):
            document = kind.make(self._state, place, request.get_json(silent=True) or {})
            return self._store(kind, place, document)
        if method == "DELETE" and kind is not ACCOUNT:
            return self._delete(kind, place, held) if held else Response("", status=204)
        if method not in ("GET", "PATCH"):
            raise Refused(405, "MethodNotAllowed", f"The stand-in has no {method} here.")
        there = held or kind.empty
        if there is None:
            raise Refused(404, kind.missing, f"The Resource '{place.path}' was not found.")
        return json_reply({"id": place.path, "name": place.name, **there})

    def _store(self, kind: ResourceType, place: Place, document: Document) -> Response:
        stored = {"id": place.path, "name": place.name, **document}
        self._state.resources[place.path.lower()] = stored
        if kind is CONTAINER:
            self._change_container("PUT", place.parent.rpartition("/")[2], place.name)
        elif kind is ACCOUNT and place.held is None:
            path = f"{place.path}/blobServices/default/containers/{NEIGHBOUR_CONTAINER}"
            neighbour = Place(path, place.path, NEIGHBOUR_CONTAINER, None)
            self._store(CONTAINER, neighbour, {"properties": {}})
        return json_reply(stored, 200 if place.held else kind.created)

    def _delete(self, kind: ResourceType, place: Place, held: Document) -> Response:
        del self._state.resources[place.path.lower()]
        if kind is CONTAINER:
            self._change_container("DELETE", place.parent.rpartition("/")[2], place.name)
        elif kind is IDENTITY:
            self._state.principals.pop(held["properties"]["clientId"], None)
            for one in self._state.below(f"{place.path}/federatedIdentityCredentials"):
                del self._state.resources[one["id"].lower()]
        return json_reply(held)

    def _at_scope(self, request: Request, place: Place) -> list[Document]:
        """Return the role assignments at, above and below a scope, of one principal if asked."""
        wanted = re.search(
            r"(?:principalId eq |assignedTo\()'([^']+)'", request.args.get("$filter", "")
        )
        return [
            one
            for one in self._state.assignments()
            if _are_related(one["properties"]["scope"], place.parent)
            and (wanted is None or one["properties"]["principalId"] == wanted[1])
        ]


def _operation(request: Request) -> str:
    """Return the operation as role definitions name it: ``Microsoft.X/types/of/the/path/read``."""
    provider, *parts = request.path.rpartition("/providers/")[2].rstrip("/").split("/")
    verb = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}.get(request.method, "read")
    return "/".join((provider, *parts[::2], verb))


def _arm_error(status: int, code: str, message: str) -> Response:
    return json_reply({"error": {"code": code, "message": message}}, status)


def _are_related(one: str, other: str) -> bool:
    """Tell whether one scope lies at, above or below the other."""
    first, second = f"{one}/".lower(), f"{other}/".lower()
    return first.startswith(second) or second.startswith(first)
