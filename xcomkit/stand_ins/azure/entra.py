"""Entra for the Azure stand-in: discovery, and tokens for secrets and federated assertions.

Sources: Microsoft identity platform, client credentials flow; workload identity federation, which
compares issuer, subject and audience to the letter; AADSTS error codes.
"""

import hmac

import jwt
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure.state import AzureState, Principal
from xcomkit.stand_ins.common.server import json_reply

HOST = "login.microsoftonline.com"
AUDIENCE = "api://AzureADTokenExchange"
_LIFETIME = 3600


def answer_entra(state: AzureState, request: Request) -> Response:
    """Answer login.microsoftonline.com."""
    tenant, _, rest = request.path.strip("/").partition("/")
    base = f"https://{HOST}/{tenant}"
    if tenant != state.tenant:
        return _refuse(90002, f"Tenant '{tenant}' not found.", error="invalid_tenant", status=400)
    if rest.endswith(".well-known/openid-configuration"):
        return json_reply(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        )
    if rest == "oauth2/v2.0/token" and request.method == "POST":
        return _token(state, request)
    return Response("", status=404)


def _token(state: AzureState, request: Request) -> Response:
    form = request.form
    principal = state.principals.get(form.get("client_id", ""))
    if principal is None:
        text = f"Application with identifier '{form.get('client_id')}' was not found."
        return _refuse(700016, text, error="unauthorized_client", status=400)
    if refusal := _prove(state, principal, request):
        return refusal
    resource = form.get("scope", "").removesuffix("/.default").rstrip("/")
    body = {"token_type": "Bearer", "expires_in": _LIFETIME, "ext_expires_in": _LIFETIME,
            "access_token": issue(state, principal, audience=resource)}  # fmt: skip
    return json_reply(body)


def _prove(state: AzureState, principal: Principal, request: Request) -> Response | None:
    """Return the refusal of a client that cannot prove who it is, or ``None``."""
    form, known = request.form, state.client_secrets.get(principal.client_id, "")
    if "client_assertion" not in form:
        given = form.get("client_secret", "")
        if known and hmac.compare_digest(given.encode(), known.encode()):
            return None
        return _refuse(7000215, "Invalid client secret provided.")
    try:
        claims = state.cluster.verify(form["client_assertion"], audience=AUDIENCE)
    except jwt.InvalidAudienceError:
        return _refuse(700212, "No matching federated identity record found for the audience.")
    except jwt.ExpiredSignatureError:
        return _refuse(700024, "Client assertion is not within its valid time range.")
    except jwt.InvalidTokenError as error:
        return _refuse(700211, f"No matching federated identity record found for issuer: {error}.")
    wanted = {"issuer": claims["iss"], "subject": claims["sub"], "audiences": [AUDIENCE]}
    for credential in state.credentials_of(principal):
        if wanted.items() <= credential["properties"].items():
            return None
    text = (
        "No matching federated identity record found for presented assertion subject"
        f" '{claims['sub']}'."
    )
    return _refuse(700213, text)


def issue(state: AzureState, principal: Principal, *, audience: str) -> str:
    """Return an access token of Entra for a resource."""
    return state.entra.mint(
        principal.object_id,
        audience=audience,
        issuer=f"https://sts.windows.net/{state.tenant}/",
        more={
            "aud": audience,  # one text: Azurite takes no list
            "oid": principal.object_id,
            "appid": principal.client_id,
            "tid": state.tenant,
        },
    )


def read_bearer(state: AzureState, request: Request, *, audiences: tuple[str, ...]) -> str:
    """Return the object id behind a request's token, ``""`` when the token is none of ours."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    issuer = f"https://sts.windows.net/{state.tenant}/"
    if scheme.lower() != "bearer":
        return ""
    try:
        return str(state.entra.verify(token, audience=audiences, issuer=issuer)["oid"])
    except jwt.InvalidTokenError:
        return ""


def _refuse(code: int, text: str, *, error: str = "invalid_client", status: int = 401) -> Response:
    body = {"error": error, "error_description": f"AADSTS{code}: {text}", "error_codes": [code]}
    return json_reply(body, status)
