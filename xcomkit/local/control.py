"""The stand-in's own endpoints under ``/_stand_in/``, open only to who holds the control key."""

import hmac
import json
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from xcomkit.local.callers import list_secrets
from xcomkit.local.world import World

PREFIX = "/_stand_in/"
KEY_HEADER = "x-stand-in-key"
AUDIENCE = "sts.amazonaws.com"


def handle(world: World, request: Request) -> Response:
    """Return the answer to a control request, as JSON."""
    key = request.headers.get(KEY_HEADER, "").encode()
    if not hmac.compare_digest(key, world.control_key.encode()):
        return Response("", status=403)
    endpoint = _ENDPOINTS.get((request.method, request.path.removeprefix(PREFIX)))
    if endpoint is None:
        return Response("", status=404)
    try:
        answer = endpoint(world, request)
    except (KeyError, TypeError, ValueError) as error:
        return Response(f"{type(error).__name__}: {error}", status=400)
    return Response(json.dumps(answer), content_type="application/json")


def _list_requests(world: World, request: Request) -> object:
    return world.journal.list_requests(since=int(request.args.get("since", "0")))


def _list_secrets(world: World, _: Request) -> object:
    return [world.control_key, *world.authority.minted, *list_secrets()]


def _mint_token(world: World, request: Request) -> object:
    body = _read_body(request)
    return world.authority.mint(**{**body, "audience": body.get("audience") or AUDIENCE})


def _expire(world: World, request: Request) -> object:
    world.expiring_prefix = str(_read_body(request)["prefix"])
    return world.expiring_prefix


def _set_subresource(world: World, request: Request) -> object:
    body = _read_body(request)
    world.set_subresource(body["name"], body["answer"])
    return body


def _read_body(request: Request) -> dict[str, Any]:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise TypeError("the body is not a JSON object")
    return body


_ENDPOINTS: dict[tuple[str, str], Callable[[World, Request], object]] = {
    ("GET", "requests"): _list_requests,
    ("GET", "secrets"): _list_secrets,
    ("POST", "token"): _mint_token,
    ("POST", "expire"): _expire,
    ("POST", "subresource"): _set_subresource,
}
