"""A stand-in's own endpoints under ``/_stand_in/``, open only to who holds the control key."""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.common.authority import TokenAuthority
from xcomkit.stand_ins.common.journal import Journal

PREFIX = "/_stand_in/"
KEY_HEADER = "x-stand-in-key"

Endpoint = Callable[[Request], object]
Endpoints = Mapping[tuple[str, str], Endpoint]


def handle(request: Request, *, key: str, endpoints: Endpoints) -> Response:
    """Return the answer to a control request, as JSON."""
    given = request.headers.get(KEY_HEADER, "").encode()
    if not hmac.compare_digest(given, key.encode()):
        return Response("", status=403)
    endpoint = endpoints.get((request.method, request.path.removeprefix(PREFIX)))
    if endpoint is None:
        return Response("", status=404)
    try:
        answer = endpoint(request)
    except (KeyError, TypeError, ValueError) as error:
        return Response(f"{type(error).__name__}: {error}", status=400)
    return Response(json.dumps(answer), content_type="application/json")


def common_endpoints(
    *, journal: Journal, authority: TokenAuthority, audience: str, secrets: Callable[[], list[str]]
) -> dict[tuple[str, str], Endpoint]:
    """Return what every stand-in offers: its journal, its secrets, and tokens of its cluster.

    Args:
        journal: what was asked of the stand-in.
        authority: the cluster's token issuer.
        audience: who a token is for when nobody says otherwise.
        secrets: returns every secret text beside the tokens minted here.
    """

    def mint(request: Request) -> object:
        body = read_body(request)
        return authority.mint(**{**body, "audience": body.get("audience") or audience})

    return {
        ("GET", "requests"): lambda request: journal.list_requests(
            since=int(request.args.get("since", "0"))
        ),
        ("GET", "secrets"): lambda _: [*authority.minted, *secrets()],
        ("POST", "token"): mint,
    }


def read_body(request: Request) -> dict[str, Any]:
    """Return the body of a control request.

    Raises:
        TypeError: it is no JSON object.
    """
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise TypeError("the body is not a JSON object")
    return body
