"""Runs a stand-in in its process: the control endpoints, two ports, and a life as its starter's.

It says once that it is ready, in one line of JSON, and lives as long as its stdin is open, so it
dies with the process that started it, however that ends. All on loopback and in memory.
"""

import hmac
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import trustme
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.common.http_server import (
    HOST,
    Handler,
    Reply,
    Server,
    Tunnels,
    run_application,
    tls_context,
)
from xcomkit.stand_ins.common.state import State

PREFIX = "/_stand_in/"
KEY_HEADER = "x-stand-in-key"

Answer = tuple[Response, str, str]
"""An answer, the action it was judged as, and who asked."""
Endpoint = Callable[..., object]
"""Takes the members of a JSON object, and returns a JSON value."""


def json_reply(
    body: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a body as JSON."""
    return Response(json.dumps(body), status, headers, content_type="application/json")


class Application:
    """The stand-in behind HTTP: control endpoints, the cloud, and a record of requests.

    The endpoints below ``/_stand_in/`` are open only to who holds the control key.
    """

    def __init__(
        self,
        state: State,
        *,
        dispatch: Callable[[Request], Answer],
        endpoints: Mapping[str, Endpoint],
        audience: str,
    ) -> None:
        def mint(audience: str = audience, **claims: Any) -> str:
            return state.cluster.mint(audience=audience, **claims)

        self.state = state
        self._dispatch = dispatch
        self._endpoints: Mapping[str, Endpoint] = {
            "requests": state.list_requests,
            "secrets": state.secret_texts,
            "token": mint,
            **endpoints,
        }

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return status line, headers and body for a request."""
        request = Request(environ)
        if request.path.startswith(PREFIX):
            return run_application(self._control(request), environ)
        response, action, principal = self._dispatch(request)
        self.state.record(
            method=request.method,
            path=str(environ["RAW_URI"]),
            action=action,
            principal=principal,
            status=response.status_code,
        )
        return run_application(response, environ)

    def _control(self, request: Request) -> Response:
        given = request.headers.get(KEY_HEADER, "").encode()
        if not hmac.compare_digest(given, self.state.control_key.encode()):
            return Response("", status=403)
        endpoint = self._endpoints.get(request.path.removeprefix(PREFIX))
        if endpoint is None:
            return Response("", status=404)
        try:
            return json_reply(endpoint(**request.get_json(force=True)))
        except (KeyError, TypeError, ValueError) as error:
            return Response(f"{type(error).__name__}: {error}", status=400)


def serve(
    directory: Path,
    application: Application,
    *,
    authority: trustme.CA,
    facts: Mapping[str, str],
    is_known: Callable[[str], bool] = lambda _: False,
    handler: type[Handler] = Handler,
    stop: Callable[[], None] = lambda: None,
) -> None:
    """Answer at a port with TLS and at one without; when stdin ends, remove the directory.

    The port without TLS is a CONNECT proxy for the hosts that ``is_known``. ``facts`` is what the
    parent needs to know beside addresses and keys, ``stop`` ends what this stand-in has started.
    """
    ca_bundle = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_bundle))
    answer = application.answer
    secure = Server(answer, ssl_context=tls_context(authority, HOST), handler=handler)
    door = Server(answer, tunnels=Tunnels(is_known, authority), handler=handler)
    secure.start()
    door.start()
    ready = {
        "url": f"https://{HOST}:{secure.port}",
        "http_url": f"http://{HOST}:{door.port}",
        "issuer": application.state.cluster.issuer,
        "ca_bundle": str(ca_bundle),
        "control_key": application.state.control_key,
        **facts,
    }
    print(json.dumps(ready), flush=True)  # noqa: T201 - the protocol with the parent
    os.dup2(2, 1)  # libraries print now and then, and nobody reads this pipe any more
    parent = os.getppid()
    sys.stdin.buffer.read()
    stop()
    shutil.rmtree(directory, ignore_errors=True)
    for _ in range(8):
        if os.getppid() == parent:
            break
        time.sleep(0.5)  # its kernels find out within a second, and write here until then
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)
