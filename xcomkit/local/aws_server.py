"""Runs the AWS stand-in: ``python -m xcomkit.local.aws_server DIRECTORY``.

moto behind https with its own CA, and on a second port without TLS, both on the same state and on
loopback only. Prints one JSON line when ready, then nothing. Lives as long as its stdin is open, so
it dies with the process that started it, however that ends.
"""

import json
import os
import shutil
import ssl
import sys
import threading
import time
from io import BytesIO
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import trustme
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from werkzeug.exceptions import InternalServerError
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from xcomkit.local import control, enforcement
from xcomkit.local.answers import refuse
from xcomkit.local.aws import FOREIGN_BUCKET, NEIGHBOUR_BUCKET
from xcomkit.local.callers import ACCOUNT
from xcomkit.local.world import TRACE, Trace, World

HOST = "127.0.0.1"
"""A literal address: SDKs then put the bucket in the path, without being told to."""
SERVICES = ("iam", "kms", "s3", "secretsmanager", "sts")
MOTO_DOORS = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
"""moto's own endpoints: they would reset the state, switch enforcement off or hand out keys."""
ALLOW_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'

Reply = tuple[str, list[tuple[str, str]], bytes]


class Application:
    """The stand-in behind HTTP: control endpoints, moto, and a record of every AWS request."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moto = DomainDispatcherApplication(_create_service)

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return status line, headers and body for a request."""
        path = environ["PATH_INFO"]
        if path.startswith(control.PREFIX):
            return _run(control.handle(self._world, Request(environ)), environ)
        if path.startswith(MOTO_DOORS):
            return _run(Response("", status=404), environ)
        is_secure = environ["wsgi.url_scheme"] == "https"
        trace = Trace(environ["REQUEST_METHOD"], environ["RAW_URI"], is_secure=is_secure)
        reply = _run(self._moto, {**environ, TRACE: trace})
        self._world.record(trace, status=int(reply[0].split()[0]))
        return reply


class Handler(MotoRequestHandler):  # type: ignore[misc] # moto has no types
    """Keeps connections open, which werkzeug's development server refuses to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Server"

    def run_wsgi(self) -> None:
        """Read one request whole, so that the next one starts where it should, and answer it."""
        environ = self.make_environ()
        if environ.pop("wsgi.input_terminated", False):
            body = environ["wsgi.input"].read()
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        self._send(*self.server.application.answer(environ))

    def handle_expect_100(self) -> bool:
        """Tell a waiting client to send its body, now rather than when the buffer is full."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return bool(proceed)

    def log_request(self, *_: object) -> None:
        """Say nothing: requests are in the stand-in's own log."""

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        has_body = self.command != "HEAD" and code not in ("204", "304")
        for name, value in headers:
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingMixIn, TCPServer):
    """A thread per connection; TLS is negotiated there, so that no client holds up another."""

    daemon_threads = True
    request_queue_size = 128
    multithread = True
    multiprocess = False
    _server_version = "xcomkit-stand-in"

    def __init__(self, application: Application, *, ssl_context: ssl.SSLContext | None) -> None:
        self.application = application
        self.ssl_context = ssl_context
        super().__init__((HOST, 0), Handler)

    @property
    def port(self) -> int:
        """Return the port the kernel chose."""
        return int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        """Return the next connection, inside TLS where this port speaks it."""
        connection, address = super().get_request()
        if self.ssl_context:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    world = World()
    enforcement.install(world)
    keys = _create_account(world)
    authority = trustme.CA()
    ca_bundle = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    application = Application(world)
    servers = [Server(application, ssl_context=each) for each in (context, None)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ready = {
        "url": f"https://{HOST}:{servers[0].port}",
        "http_url": f"http://{HOST}:{servers[1].port}",
        "issuer": world.authority.issuer,
        "ca_bundle": str(ca_bundle),
        "control_key": world.control_key,
        **keys,
    }
    print(json.dumps(ready), flush=True)  # noqa: T201 - the protocol with the parent
    os.dup2(2, 1)  # moto prints now and then, and nobody reads this pipe any more
    parent = os.getppid()
    sys.stdin.buffer.read()
    shutil.rmtree(directory, ignore_errors=True)
    for _ in range(8):
        if os.getppid() == parent:
            break
        time.sleep(0.5)  # its kernels find out within a second, and write here until then
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


def _run(application: Any, environ: dict[str, Any]) -> Reply:
    parts, status, headers = run_wsgi_app(application, environ, buffered=True)
    return status, list(headers), b"".join(parts)


def _create_service(service: str | None) -> Any:
    """Return moto's application for one AWS service; a crash in it is an answer, too."""
    if service not in SERVICES:
        return Response("The stand-in does not serve this service.", status=501)

    def report(error: InternalServerError) -> Any:
        if isinstance(error.original_exception, NotImplementedError):
            message = "The stand-in does not know this operation"
            return refuse(service, "NotImplemented", message, status=501).response
        return refuse(service, "InternalFailure", "The stand-in crashed", status=500).response

    application = create_backend_app(service)
    application.debug = False
    application.register_error_handler(InternalServerError, report)
    return application


def _create_account(world: World) -> dict[str, str]:
    """Create the administrator, the cluster's OIDC provider and two buckets nobody asked for."""
    iam = iam_backends[ACCOUNT]["aws"]
    user = iam.create_user("us-east-1", "administrator")
    iam.put_user_policy("administrator", "everything", ALLOW_ALL)
    key = iam.create_access_key("administrator")
    iam.create_open_id_connect_provider(
        url=world.authority.issuer,
        thumbprint_list=["0" * 40],
        client_id_list=["sts.amazonaws.com"],
        tags=[],
    )
    s3_backends["210987654321"]["aws"].create_bucket(FOREIGN_BUCKET, "us-east-1")
    s3_backends[ACCOUNT]["aws"].create_bucket(NEIGHBOUR_BUCKET, "us-east-1")
    world.administrator = user.arn
    return {"access_key": key.access_key_id, "secret_key": key.secret_access_key}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
