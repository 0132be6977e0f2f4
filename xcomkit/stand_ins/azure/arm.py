"""Resource Manager for the Azure stand-in: stores and returns resources, refuses malformed bodies.

Only the administrator manages; agents and strangers get 403. Paths are compared without case, as
Azure does. Sources: Resource Manager REST reference for Microsoft.Storage, ManagedIdentity and
Authorization.
"""

import re
import uuid
from collections.abc import Callable

from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure import NEIGHBOUR_CONTAINER
from xcomkit.stand_ins.azure.bodies import (
    ACCOUNT_DEFAULTS,
    BLOB_PROPERTIES,
    NO_ZONES,
    account_problem,
    is_rule,
)
from xcomkit.stand_ins.azure.entra import read_bearer
from xcomkit.stand_ins.azure.world import AzureWorld, Document
from xcomkit.stand_ins.common.replies import json_reply

HOST = "management.azure.com"
AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
_GROUP = r"/subscriptions/[0-9a-f-]{36}/resourcegroups/[\w().-]+"
_ACCOUNT = rf"{_GROUP}/providers/microsoft\.storage/storageaccounts/(?P<account>[^/]+)"
_IDENTITY = rf"{_GROUP}/providers/microsoft\.managedidentity/userassignedidentities/(?P<id>[^/]+)"
_ASSIGNMENTS = r"(?P<scope>.*)/providers/microsoft\.authorization/roleassignments"
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_CREDENTIALS = 20
ContainerHook = Callable[[str, str, str], bool]
"""Makes, drops or finds (``PUT``, ``DELETE``, ``GET``) a container of an account in the store."""


def arm_error(status: int, code: str, message: str) -> Response:
    """Return an error as Resource Manager sends it."""
    return json_reply({"error": {"code": code, "message": message}}, status)


class ResourceManager:
    """Answers for management.azure.com."""

    def __init__(self, world: AzureWorld, container: ContainerHook) -> None:
        self._world = world
        self._container = container

    def answer(self, request: Request) -> tuple[Response, str, str]:
        """Return the answer, what it was judged as, and who asked."""
        caller = read_bearer(self._world, request, audiences=AUDIENCES)
        if not caller:
            answer = arm_error(401, "InvalidAuthenticationToken", "The access token is invalid.")
            answer.headers["WWW-Authenticate"] = 'Bearer authorization_uri="https://login"'
            return answer, "", ""
        path, action = request.path.rstrip("/"), f"{request.method} {request.path}"
        administrator = self._world.administrator
        if administrator is None or caller != administrator.object_id:
            text = (
                f"The client '{caller}' does not have authorization to perform action '{action}'."
            )
            return arm_error(403, "AuthorizationFailed", text), action, caller
        with self._world.lock:
            return self._route(request, path), action, caller

    def _route(self, request: Request, path: str) -> Response:
        body: Document = request.get_json(silent=True) or {}
        key, version = path.lower(), request.args.get("api-version", "")
        if not re.fullmatch(r"20\d\d-\d\d-\d\d(?:-preview)?", version):
            text = f"The api-version '{version}' is invalid."
            return arm_error(400, "InvalidApiVersionParameter", text)
        routes: tuple[tuple[str, Callable[[re.Match[str]], Response]], ...] = (
            (rf"{_ACCOUNT}/blobservices/default/containers(?:/(?P<name>[^/]+))?",
             lambda m: self._containers(request, path, m)),
            (rf"{_ACCOUNT}/blobservices/default",
             lambda _: self._blob_service(request, path, body)),
            (rf"{_ACCOUNT}/managementpolicies/default",
             lambda _: self._policy(request, path, body)),
            (_ACCOUNT, lambda m: self._account(request, path, body, m)),
            (r"/subscriptions/[^/]+/providers/microsoft\.storage/checknameavailability",
             lambda _: self._check_name(body)),
            (rf"{_IDENTITY}/federatedidentitycredentials(?:/(?P<name>[^/]+))?",
             lambda m: self._credentials(request, path, body, m)),
            (_IDENTITY, lambda _: self._identity(request, path, body)),
            (rf"{_ASSIGNMENTS}(?:/(?P<name>[^/]+))?",
             lambda m: self._assignments(request, path, body, m)),
        )  # fmt: skip
        for pattern, act in routes:
            if found := re.fullmatch(pattern, key):
                return act(found)
        return arm_error(404, "InvalidResourceType", f"The stand-in does not know {path}.")

    def _stored(self, path: str) -> Response:
        held = self._world.resources.get(path.lower())
        if held is None:
            return arm_error(404, "ResourceNotFound", f"The Resource '{path}' was not found.")
        return json_reply(held)

    def _store(self, path: str, document: Document, *, status: int = 200) -> Response:
        name = path.rpartition("/")[2]
        self._world.resources[path.lower()] = {"id": path, "name": name, **document}
        return json_reply(self._world.resources[path.lower()], status)

    def _account(
        self, request: Request, path: str, body: Document, found: re.Match[str]
    ) -> Response:
        held, name = self._world.resources.get(path.lower()), found["account"]
        if request.method == "GET" or (request.method == "PATCH" and held is None):
            return self._stored(path)
        if request.method not in ("PUT", "PATCH"):
            return arm_error(405, "MethodNotAllowed", "The stand-in deletes no account.")
        if problem := account_problem(name, body, is_new=held is None):
            return arm_error(400, "InvalidRequest", problem)
        if held is None and name in self._world.taken:
            return arm_error(409, "StorageAccountAlreadyTaken", f"The account {name} is taken.")
        sku = (body.get("sku") or {}).get("name", "")
        if held is None and sku.endswith("ZRS") and body["location"] in NO_ZONES:
            text = f"Sku: {sku}, Kind: {body['kind']} - not available in selected Region"
            return arm_error(
                400,
                "RedundancyConfigurationNotAvailableInRegion",
                "The storage account failed to create due to redundancy configuration -"
                f" {text} - {body['location']}.",
            )
        if held and body.get("location", held["location"]) != held["location"]:
            return arm_error(409, "InvalidResourceLocation", "The account is elsewhere.")
        before = held or {"properties": dict(ACCOUNT_DEFAULTS)}
        merged = {**before, **{k: v for k, v in body.items() if k != "properties"}}
        merged["properties"] = {**before["properties"], **(body.get("properties") or {})}
        answer = self._store(path, merged)
        if held is None:
            self._world.taken.add(name)
            self._container("PUT", name, NEIGHBOUR_CONTAINER)
            below = f"{path}/blobServices/default/containers/{NEIGHBOUR_CONTAINER}"
            self._store(below, {"properties": {}})
        return answer

    def _check_name(self, body: Document) -> Response:
        name = str(body.get("name", ""))
        taken = name in self._world.taken
        answer = {"nameAvailable": not taken}
        return json_reply({**answer, "reason": "AlreadyExists"} if taken else answer)

    def _blob_service(self, request: Request, path: str, body: Document) -> Response:
        account = path.lower().partition("/blobservices/")[0]
        if account not in self._world.resources:
            return self._stored(account)
        if request.method == "PUT":
            if unknown := (body.get("properties") or {}).keys() - BLOB_PROPERTIES:
                return arm_error(400, "InvalidRequest", f"Unknown properties: {unknown}.")
            for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
                policy = (body.get("properties") or {}).get(name) or {}
                days = policy.get("days")
                if policy.get("enabled") and not (isinstance(days, int) and 1 <= days <= 365):
                    return arm_error(400, "InvalidRequest", f"{name}: days must be 1 to 365.")
            return self._store(path, {"properties": body.get("properties") or {}})
        if path.lower() not in self._world.resources:
            return json_reply({"id": path, "name": "default", "properties": {}})
        return self._stored(path)

    def _policy(self, request: Request, path: str, body: Document) -> Response:
        if request.method == "DELETE":
            self._world.resources.pop(path.lower(), None)
            return Response("", status=200)
        if request.method != "PUT":
            return self._stored(path)
        if path.lower().partition("/managementpolicies/")[0] not in self._world.resources:
            return self._stored(path.partition("/managementPolicies/")[0])
        rules = ((body.get("properties") or {}).get("policy") or {}).get("rules")
        if not rules or not all(is_rule(rule) for rule in rules):
            return arm_error(400, "InvalidRequest", "The policy needs valid rules.")
        if len({rule["name"] for rule in rules}) < len(rules):
            return arm_error(400, "InvalidRequest", "Rule names must be unique.")
        return self._store(path, {"properties": body["properties"]})

    def _containers(self, request: Request, path: str, found: re.Match[str]) -> Response:
        account = path.lower().partition("/blobservices/")[0]
        if account not in self._world.resources:
            return self._stored(account)
        name = found["name"]
        if name is None:
            start = f"{path.lower()}/"
            held = [r for i, r in self._world.resources.items() if i.startswith(start)]
            return json_reply({"value": held})
        if request.method == "PUT":
            if not re.fullmatch(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*", name):
                return arm_error(400, "InvalidResourceName", "The container name is not valid.")
            is_new = path.lower() not in self._world.resources
            self._container("PUT", found["account"], name)
            properties = (request.get_json(silent=True) or {}).get("properties") or {}
            return self._store(path, {"properties": properties}, status=201 if is_new else 200)
        if request.method == "DELETE":
            if self._world.resources.pop(path.lower(), None) is None:
                return Response("", status=204)
            self._container("DELETE", found["account"], name)
            return Response("", status=200)
        if path.lower() not in self._world.resources:
            text = "The specified container does not exist."
            return arm_error(404, "ContainerNotFound", text)
        return self._stored(path)

    def _identity(self, request: Request, path: str, body: Document) -> Response:
        held = self._world.resources.get(path.lower())
        if request.method == "DELETE":
            return self._delete_identity(path)
        if request.method != "PUT":
            return self._stored(path)
        if not body.get("location"):
            return arm_error(400, "LocationRequired", "The location property is required.")
        if held is None:
            principal = self._world.add_principal(path.rpartition("/")[2], with_secret=False)
            properties = {
                "clientId": principal.client_id,
                "principalId": principal.object_id,
                "tenantId": self._world.tenant,
            }
        else:
            properties = held["properties"]
        document = {**body, "properties": properties}
        return self._store(path, document, status=200 if held else 201)

    def _delete_identity(self, path: str) -> Response:
        start, held = f"{path.lower()}/", self._world.resources.pop(path.lower(), None)
        if held is None:
            return Response("", status=204)
        self._world.principals.pop(held["properties"]["clientId"], None)
        for key in [key for key in self._world.resources if key.startswith(start)]:
            del self._world.resources[key]
        return Response("", status=200)

    def _credentials(
        self, request: Request, path: str, body: Document, found: re.Match[str]
    ) -> Response:
        identity, _, _ = path.lower().partition("/federatedidentitycredentials")
        if identity not in self._world.resources:
            return self._stored(identity)
        start = f"{identity}/federatedidentitycredentials/"
        held = [r for i, r in self._world.resources.items() if i.startswith(start)]
        if found["name"] is None:
            return json_reply({"value": held})
        if request.method == "DELETE":
            gone = self._world.resources.pop(path.lower(), None)
            return Response("", status=200 if gone else 204)
        if request.method != "PUT":
            return self._stored(path)
        properties = body.get("properties") or {}
        audiences = properties.get("audiences")
        if not (
            str(properties.get("issuer", "")).startswith("https://")
            and properties.get("subject")
            and isinstance(audiences, list)
            and len(audiences) == 1
        ):
            text = "Issuer, subject and one audience are required."
            return arm_error(400, "BadRequest", text)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{2,119}", found["name"]):
            return arm_error(400, "BadRequest", "The name is not valid.")
        is_new = path.lower() not in self._world.resources
        if is_new and len(held) >= _MOST_CREDENTIALS:
            text = f"Too many Federated Identity Credentials: at most {_MOST_CREDENTIALS}."
            return arm_error(400, "BadRequest", text)
        pairs = [(r["properties"]["issuer"], r["properties"]["subject"]) for r in held]
        if is_new and (properties["issuer"], properties["subject"]) in pairs:
            text = "Issuer and subject combination already exists for this Managed Identity."
            return arm_error(409, "Conflict", text)
        return self._store(path, {"properties": properties}, status=201 if is_new else 200)

    def _assignments(
        self, request: Request, path: str, body: Document, found: re.Match[str]
    ) -> Response:
        held, scope = self._world.assignments, path[: len(found["scope"])]
        if found["name"] is None:
            wanted = request.args.get("$filter", "")
            principal = re.search(r"(?:principalId eq |assignedTo\()'([^']+)'", wanted)
            value = [
                one
                for one in held.values()
                if _are_related(one["properties"]["scope"], scope)
                and (principal is None or one["properties"]["principalId"] == principal[1])
            ]
            return json_reply({"value": value})
        key = path.lower()
        if request.method == "DELETE":
            gone = held.pop(key, None)
            return json_reply(gone) if gone else Response("", status=204)
        if request.method != "PUT":
            there = held.get(key)
            missing = arm_error(404, "RoleAssignmentNotFound", f"'{found['name']}' is not found.")
            return json_reply(there) if there else missing
        return self._assign(path, scope, found["name"], body)

    def _assign(self, path: str, scope: str, name: str, body: Document) -> Response:
        properties = body.get("properties") or {}
        role = str(properties.get("roleDefinitionId", ""))
        if not _UUID.fullmatch(name) or not _UUID.fullmatch(role.rpartition("/")[2]):
            text = "The role assignment ID must be a GUID, and the role a definition."
            return arm_error(400, "InvalidRoleAssignmentId", text)
        if self._world.by_object_id(str(properties.get("principalId"))) is None:
            text = f"Principal {properties.get('principalId')} does not exist in the directory."
            return arm_error(400, "PrincipalNotFound", text)
        twin = {"principalId": properties["principalId"], "roleDefinitionId": role, "scope": scope}
        for one in self._world.assignments.values():
            if twin.items() <= one["properties"].items() and one["id"].lower() != path.lower():
                text = "The role assignment already exists."
                return arm_error(409, "RoleAssignmentExists", text)
        document = {"id": path, "name": name, "properties": {**properties, "scope": scope}}
        self._world.assignments[path.lower()] = document
        return json_reply(document, 201)

    def grant(self, object_id: str, role: str, *, scope: str) -> None:
        """Assign a role as if the portal had done it."""
        name = str(uuid.uuid4())
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        where = f"/subscriptions/{uuid.UUID(int=0)}/providers/Microsoft.Authorization"
        properties = {"principalId": object_id, "scope": scope,
                      "roleDefinitionId": f"{where}/roleDefinitions/{role}"}  # fmt: skip
        document = {"id": path, "name": name, "properties": properties}
        self._world.assignments[path.lower()] = document


def _are_related(one: str, other: str) -> bool:
    """Tell whether one scope lies at, above or below the other."""
    first, second = f"{one}/".lower(), f"{other}/".lower()
    return first.startswith(second) or second.startswith(first)
