"""Entra for the Azure stand-in: discovery, and tokens for secrets and federated assertions.

Sources: Microsoft identity platform, client credentials flow; workload identity federation, which
compares issuer, subject and audience to the letter; AADSTS error codes.
"""

import hmac

import jwt
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure.world import AzureWorld, Principal
from xcomkit.stand_ins.common.replies import json_reply

HOST = "login.microsoftonline.com"
AUDIENCE = "api://AzureADTokenExchange"
_LIFETIME = 3600


def answer_entra(world: AzureWorld, request: Request) -> Response:
    """Answer login.microsoftonline.com."""
    tenant, _, rest = request.path.strip("/").partition("/")
    base = f"https://{HOST}/{tenant}"
    if rest == "discovery/instance":
        names = [HOST, "login.windows.net", "sts.windows.net"]
        entry = {"preferred_network": HOST, "preferred_cache": "login.windows.net",
                 "aliases": names}  # fmt: skip
        where = f"{base}/v2.0/.well-known/openid-configuration"
        return json_reply({"tenant_discovery_endpoint": where, "metadata": [entry]})
    if tenant != world.tenant:
        return _refuse(90002, f"Tenant '{tenant}' not found.", error="invalid_tenant", status=400)
    if rest.endswith(".well-known/openid-configuration"):
        return json_reply(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )
    if rest == "oauth2/v2.0/token" and request.method == "POST":
        return _token(world, request)
    return Response("", status=404)


def _token(world: AzureWorld, request: Request) -> Response:
    form = request.form
    principal = world.principals.get(form.get("client_id", ""))
    if form.get("grant_type") != "client_credentials":
        text = "The grant type is not supported."
        return _refuse(70003, text, error="unsupported_grant_type", status=400)
    if principal is None:
        text = f"Application with identifier '{form.get('client_id')}' was not found."
        return _refuse(700016, text, error="unauthorized_client", status=400)
    if refusal := _prove(world, principal, request):
        return refusal
    resource = form.get("scope", "").removesuffix("/.default").rstrip("/")
    body = {"token_type": "Bearer", "expires_in": _LIFETIME, "ext_expires_in": _LIFETIME,
            "access_token": issue(world, principal, audience=resource)}  # fmt: skip
    return json_reply(body)


def _prove(world: AzureWorld, principal: Principal, request: Request) -> Response | None:
    """Return the refusal of a client that cannot prove who it is, or ``None``."""
    form, known = request.form, world.client_secrets.get(principal.client_id, "")
    if "client_assertion" not in form:
        given = form.get("client_secret", "")
        if known and hmac.compare_digest(given.encode(), known.encode()):
            return None
        return _refuse(7000215, "Invalid client secret provided.")
    try:
        claims = world.cluster.verify(form["client_assertion"], audience=AUDIENCE)
    except jwt.InvalidAudienceError:
        return _refuse(700212, "No matching federated identity record found for the audience.")
    except jwt.ExpiredSignatureError:
        return _refuse(700024, "Client assertion is not within its valid time range.")
    except jwt.InvalidTokenError as error:
        return _refuse(700211, f"No matching federated identity record found for issuer: {error}.")
    wanted = {"issuer": claims["iss"], "subject": claims["sub"]}
    with world.lock:
        held = [
            document["properties"]
            for resource, document in world.resources.items()
            if "/federatedidentitycredentials/" in resource
            and world.resources[resource.partition("/federatedidentitycredentials/")[0]][
                "properties"
            ]["clientId"]
            == principal.client_id
        ]
    for one in held:
        if {k: one[k] for k in wanted} == wanted and AUDIENCE in one["audiences"]:
            return None
    text = (
        "No matching federated identity record found for presented assertion subject"
        f" '{claims['sub']}'."
    )
    return _refuse(700213, text)


def issue(world: AzureWorld, principal: Principal, *, audience: str) -> str:
    """Return an access token of Entra for a resource."""
    return world.entra.mint(
        principal.object_id,
        audience=audience,
        issuer=f"https://sts.windows.net/{world.tenant}/",
        more={
            "aud": audience,  # one text: Azurite takes no list
            "oid": principal.object_id,
            "appid": principal.client_id,
            "tid": world.tenant,
        },
    )


def read_bearer(world: AzureWorld, request: Request, *, audiences: tuple[str, ...]) -> str:
    """Return the object id behind a request's token, ``""`` when the token is none of ours."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    issuer = f"https://sts.windows.net/{world.tenant}/"
    if scheme.lower() != "bearer":
        return ""
    for audience in audiences:
        try:
            return str(world.entra.verify(token, audience=audience, issuer=issuer)["oid"])
        except jwt.InvalidTokenError:
            continue
    return ""


def _refuse(code: int, text: str, *, error: str = "invalid_client", status: int = 401) -> Response:
    body = {"error": error, "error_description": f"AADSTS{code}: {text}", "error_codes": [code]}
    return json_reply(body, status)
