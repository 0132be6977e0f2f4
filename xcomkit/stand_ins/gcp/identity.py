"""Tokens and identities of the Google Cloud stand-in: OAuth, STS, IAM, and pods' metadata servers.

Errors have the shape of Google's JSON APIs. Sources: OAuth 2.0 token exchange (RFC 8693) at
sts.googleapis.com, iamcredentials generateAccessToken, IAM projects.serviceAccounts, and the
metadata server's reference.
"""

import re
import secrets
from collections.abc import Callable, Mapping

import jwt
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.common.server import json_reply
from xcomkit.stand_ins.gcp.state import Document, GcpState

LIFETIME = 3600
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
           404: "NOT_FOUND", 409: "ALREADY_EXISTS", 501: "UNIMPLEMENTED"}  # fmt: skip
_VERBS = {"GET": "get", "POST": "create", "DELETE": "delete"}
_FLAVOUR = {"Metadata-Flavor": "Google"}
_MAY_NOT_BECOME = (
    "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
)
_ACCOUNT = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/serviceAccounts(?:/(?P<email>[^:/]+))?(?::(?P<verb>\w+))?"
)
_SUBJECT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_EMAIL_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_ROLE = re.compile(r"(?:roles|projects/[^/]+/roles|organizations/\d+/roles)/[\w.]+")
_PRINCIPAL = re.compile(
    r"(?:user|group|domain|serviceAccount|principal|principalSet):\S+|allUsers|allAuth\w+"
)


def google_error(code: int, message: str) -> Response:
    """Return an error as Google's JSON APIs send it."""
    status = _STATUS.get(code, "UNKNOWN")
    reasons = [{"message": message, "reason": status.lower()}]
    error = {"code": code, "message": message, "status": status, "errors": reasons}
    return json_reply({"error": error}, status=code)


def answer_oauth(state: GcpState, request: Request) -> Response:
    """Answer oauth2.googleapis.com: a person's access token, and who a token speaks for."""
    form = request.form
    if request.path == "/token" and form.get("grant_type") == "refresh_token":
        email = state.people.get(form.get("refresh_token", ""))
        if email is None:
            return json_reply({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
        return _token_reply(state.issue(f"user:{email}"))
    if request.path == "/tokeninfo":
        member = state.member(f"Bearer {form.get('access_token', '')}")
        if not member:
            return json_reply({"error_description": "Invalid Value"}, 400)
        return json_reply({"email": member.partition(":")[2], "expires_in": str(LIFETIME)})
    return google_error(501, "The stand-in does not know this request.")


def answer_sts(state: GcpState, request: Request) -> Response:
    """Answer sts.googleapis.com: a federated token for a cluster's service-account token."""
    form = request.form
    pool = re.fullmatch(r"identitynamespace:([^:]+):(.+)", form.get("audience", ""))
    if request.path != "/v1/token" or pool is None:
        return json_reply({"error": "invalid_request"}, 400)
    if pool[2] != state.cluster.issuer:
        return _sts_refusal("Identity Pool does not know the issuer.")
    try:
        claims = state.cluster.verify(form.get("subject_token", ""), audience=pool[1])
    except jwt.InvalidTokenError as error:
        return _sts_refusal(f"Error verifying the ID Token: {error}.")
    member = _member(str(claims["sub"]), pool=pool[1])
    if not member:
        return _sts_refusal("The subject is no service account.")
    return _token_reply(state.issue(member))


def answer_credentials(state: GcpState, request: Request) -> Response:
    """Answer iamcredentials.googleapis.com: a token of a service account for who may become it."""
    found = re.fullmatch(r"/v1/projects/-/serviceAccounts/([^:/]+):generateAccessToken",
                         request.path)  # fmt: skip
    if found is None:
        return google_error(404, "Not found.")  # allowedLocations, asked for in the background
    member = state.member(request.headers.get("Authorization", ""))
    if not member:
        return google_error(401, "Request had invalid authentication credentials.")
    if not state.may_become(member, found[1]):
        return google_error(403, _MAY_NOT_BECOME)
    token = state.issue(f"serviceAccount:{found[1]}")
    return json_reply({"accessToken": token, "expireTime": "2099-01-01T00:00:00Z"})


def answer_iam(state: GcpState, request: Request) -> Response:
    """Answer iam.googleapis.com: service accounts and who may become them."""
    member = state.member(request.headers.get("Authorization", ""))
    if not member:
        return google_error(401, "Request had invalid authentication credentials.")
    found = _ACCOUNT.fullmatch(request.path)
    if found is None:
        return google_error(501, "The stand-in does not know this request.")
    email, verb = found["email"] or "", found["verb"] or ""
    permission = f"iam.serviceAccounts.{verb or _VERBS.get(request.method, '')}"
    if not state.may_in_project(member, permission):
        return google_error(403, f"Permission '{permission}' denied on resource.")
    body: Document = request.get_json(silent=True) or {}
    with state.lock:
        if not email and request.method == "POST":
            return _create_account(state, found["project"], body)
        if email not in state.accounts:
            return google_error(404, f"Unknown service account: {email}.")
        match request.method, verb:
            case "GET", "":
                return json_reply(state.accounts[email])
            case "DELETE", "":
                del state.accounts[email]
                state.account_policies.pop(email, None)
                return json_reply({})
            case (("GET" | "POST"), "getIamPolicy"):
                return json_reply(state.account_policies.get(email, {"etag": "ACAB"}))
            case "POST", "setIamPolicy":
                return set_policy(state.account_policies, email, body.get("policy"))
    return google_error(501, "The stand-in does not know this request.")


def set_policy(policies: dict[str, Document], name: str, policy: object) -> Response:
    """Store an IAM policy after the checks IAM makes: shape, members, roles, and the etag."""
    bindings = policy.get("bindings", []) if isinstance(policy, dict) else None
    if not isinstance(policy, dict) or not isinstance(bindings, list):
        return google_error(400, "Invalid JSON payload: policy.")
    for binding in bindings:
        role, members = binding.get("role", ""), binding.get("members", [])
        if not _ROLE.fullmatch(role):
            return google_error(400, f"Role {role} is not supported for this resource.")
        if not members or not all(isinstance(m, str) and _PRINCIPAL.fullmatch(m) for m in members):
            return google_error(400, "Invalid argument: 'Invalid members'.")
        if "condition" in binding and policy.get("version") != 3:
            return google_error(400, "Conditions need policy version 3.")
        if "condition" in binding and role.startswith("roles/storage.legacy"):
            return google_error(400, "Legacy roles do not support conditions.")
    known = policies.get(name, {}).get("etag", "ACAB")
    if policy.get("etag") not in (None, known):
        return google_error(409, "There were concurrent policy changes. Please retry.")
    etag = secrets.token_urlsafe(6)
    policies[name] = {"version": policy.get("version", 1), "bindings": bindings, "etag": etag}
    return json_reply(policies[name])


def _create_account(state: GcpState, project: str, body: Document) -> Response:
    name = str(body.get("accountId", ""))
    if not _EMAIL_ID.fullmatch(name):
        return google_error(
            400, f"The account ID {name!r} does not have a length between 6 and 30."
        )
    email = f"{name}@{project}.iam.gserviceaccount.com"
    if email in state.accounts:
        return google_error(409, f"Service account {name} already exists within project {project}.")
    state.accounts[email] = {
        **{k: v for k, v in body.get("serviceAccount", {}).items() if isinstance(v, str)},
        "name": f"projects/{project}/serviceAccounts/{email}",
        "projectId": project,
        "uniqueId": str(secrets.randbelow(10**20)),
        "email": email,
    }
    return json_reply(state.accounts[email])


def metadata_server(
    state: GcpState, *, subject: str, email: str, pool: str
) -> Callable[[Request], Response]:
    """Return what answers for the metadata server of one pod on GKE.

    The pod's account is annotated with ``email``; a token is given only to who may become it.
    """
    own = "/computeMetadata/v1/instance/service-accounts/default/"
    scope = "https://www.googleapis.com/auth/cloud-platform"
    texts = {
        "/": "computeMetadata/",
        "/computeMetadata/v1/project/project-id": email.partition("@")[2].partition(".")[0],
        f"{own}email": email,
        f"{own}scopes": scope,
    }

    def answer(request: Request) -> Response:
        state.record(
            method=request.method, path=f"metadata:{request.path}", action="metadata",
            principal=subject, status=200,
        )  # fmt: skip
        if request.path != "/" and request.headers.get("Metadata-Flavor") != "Google":
            return Response("Missing required header", status=403)
        if request.path in texts:
            return Response(texts[request.path], headers=_FLAVOUR)
        if request.path == own:
            body = {"aliases": ["default"], "email": email, "scopes": [scope]}
            return json_reply(body, headers=_FLAVOUR)
        if request.path != f"{own}token":
            return Response("Not Found", status=404, headers=_FLAVOUR)
        if not state.may_become(_member(subject, pool=pool), email):
            text = f"Unable to generate access token; IAM returned 403 Forbidden: {_MAY_NOT_BECOME}"
            return Response(text, status=403, headers=_FLAVOUR)
        return _token_reply(state.issue(f"serviceAccount:{email}"), headers=_FLAVOUR)

    return answer


def _member(subject: str, *, pool: str) -> str:
    """Return the IAM member of a Kubernetes service account, ``""`` for another subject."""
    found = _SUBJECT.fullmatch(subject)
    return f"serviceAccount:{pool}[{found[1]}/{found[2]}]" if found else ""


def _token_reply(token: str, *, headers: Mapping[str, str] | None = None) -> Response:
    body = {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}  # fmt: skip
    return json_reply(body, headers=headers)


def _sts_refusal(reason: str) -> Response:
    return json_reply({"error": "invalid_grant", "error_description": reason}, 400)


HOSTS: dict[str, Callable[[GcpState, Request], Response]] = {
    "oauth2.googleapis.com": answer_oauth,
    "sts.googleapis.com": answer_sts,
    "iamcredentials.googleapis.com": answer_credentials,
    "iam.googleapis.com": answer_iam,
}
"""The hosts beside Cloud Storage's own."""
