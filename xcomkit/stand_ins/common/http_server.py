"""HTTP of every stand-in: threads, TLS, persistent connections, and a door for real host names.

The door is a CONNECT proxy (RFC 9110, section 9.3.6) that ends TLS itself, with certificates of the
stand-in's own CA. With ``HTTPS_PROXY`` and that CA, SDKs use the cloud's real host names, so the
configuration that is being proved holds nothing about the stand-in.
"""

import ssl
import threading
from collections.abc import Callable
from functools import cache
from io import BytesIO
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NamedTuple

import trustme
from werkzeug.serving import WSGIRequestHandler
from werkzeug.test import run_wsgi_app

HOST = "127.0.0.1"
"""A literal address: SDKs then put the bucket in the path, of themselves."""

RAW_HEADERS = "xcomkit.headers"
"""Key of the WSGI environment for all headers as sent; WSGI itself loses names with underscores."""

Reply = tuple[str, list[tuple[str, str]], bytes]
"""Status line, headers and body."""


@cache
def tls_context(authority: trustme.CA, host: str) -> ssl.SSLContext:
    """Return the TLS context with which a server may call itself ``host``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


class Handler(WSGIRequestHandler):
    """Keeps connections open, which werkzeug's development server refuses to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Server"  # type: ignore[assignment] # what it asks of a server, ours has
    _is_tunnel = False

    def run_wsgi(self) -> None:
        """Read one request whole, so that the next one starts where it should, and answer it."""
        environ = self.make_environ()
        environ[RAW_HEADERS] = self.headers.items()
        if self._is_tunnel:
            environ["wsgi.url_scheme"] = "https"
        if environ.pop("wsgi.input_terminated", False):
            body = environ["wsgi.input"].read()
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        self._send(*self.server.answer(environ))

    def do_CONNECT(self) -> None:  # noqa: N802 - http.server's name for it
        """Answer for the host a client wants to reach, or refuse the tunnel."""
        host = self.path.rpartition(":")[0]
        if self.server.tunnels is None or not self.server.tunnels.is_known(host):
            self._send("403 Forbidden", [], b"The stand-in does not speak for this host.")
            self.close_connection = True
            return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        context = tls_context(self.server.tunnels.authority, host)
        self.connection = self.request = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb", self.wbufsize)
        self._is_tunnel, self.close_connection = True, False

    def handle_expect_100(self) -> bool:
        """Tell a waiting client to send its body, now rather than when the buffer is full."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return bool(proceed)

    def log_request(self, *_: object) -> None:
        """Say nothing: requests are in the stand-in's own log."""

    def _send(
        self, status: str, headers: list[tuple[str, str]], body: bytes, *, keep_back: int = 0
    ) -> None:
        """Send an answer, all of it but the last ``keep_back`` bytes."""
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
            self.wfile.write(body[: len(body) - keep_back])
        self.wfile.flush()


class Tunnels(NamedTuple):
    """Which hosts the door speaks for, and who signs its certificates."""

    is_known: Callable[[str], bool]
    authority: trustme.CA


class Server(ThreadingMixIn, TCPServer):
    """A thread per connection; TLS is negotiated there, so that no client holds up another.

    ``answer`` takes the WSGI environment of a request. ``tunnels`` makes it a door: what comes
    through a CONNECT to a known host is answered alike.
    """

    daemon_threads = True
    request_queue_size = 128
    multithread = True
    multiprocess = False
    _server_version = "xcomkit-stand-in"

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], Reply],
        *,
        ssl_context: ssl.SSLContext | None = None,
        tunnels: Tunnels | None = None,
        handler: type[Handler] = Handler,
    ) -> None:
        self.answer = answer
        self.ssl_context = ssl_context
        self.tunnels = tunnels
        super().__init__((HOST, 0), handler)

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

    def start(self) -> None:
        """Serve in a thread of its own, until the process ends."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


def run_application(application: Any, environ: dict[str, Any]) -> Reply:
    """Return what a WSGI application answers."""
    parts, status, headers = run_wsgi_app(application, environ, buffered=True)
    return status, list(headers), b"".join(parts)
