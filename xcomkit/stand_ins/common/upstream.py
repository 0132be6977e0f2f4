"""Requests passed on: to the emulator behind a stand-in's door, or to the store behind a proxy."""

import ssl
from collections.abc import Mapping

import urllib3
from werkzeug.wrappers import Response

from xcomkit.stand_ins.common.http_server import HOST

HOP_HEADERS = ("connection", "keep-alive", "transfer-encoding", "date", "server")
"""Headers that speak of one connection or one server, and are not passed on."""
IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE")
_ONCE_MORE = urllib3.Retry(1, respect_retry_after_header=False)


def pass_on(
    pool: urllib3.HTTPConnectionPool,
    method: str,
    uri: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
) -> urllib3.BaseHTTPResponse:
    """Return the answer as it was sent.

    A connection in the pool may have been closed meanwhile, so what changes nothing is asked once
    more. What else is asked may have been done all the same, so it is never repeated.

    Raises:
        urllib3.exceptions.HTTPError: there is no whole answer.
    """
    retries = _ONCE_MORE if method in IDEMPOTENT else False
    return pool.urlopen(
        method, uri, body or None, headers, retries, redirect=False, decode_content=False
    )


class Upstream:
    """An emulator at a port, over TLS where a context is given."""

    def __init__(self, port: int, *, context: ssl.SSLContext | None = None) -> None:
        manager = urllib3.PoolManager(ssl_context=context, maxsize=20, timeout=30)
        self._pool = manager.connection_from_host(HOST, port, "https" if context else "http")

    def ask(
        self, method: str, uri: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> Response | None:
        """Return what the emulator answers, or ``None`` when it gives no answer."""
        try:
            answer = pass_on(self._pool, method, uri, body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            return None
        headers_left = [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP_HEADERS]
        # As a list, because werkzeug would give an answer to HEAD the length of what is not sent.
        return Response([answer.data], answer.status, headers_left)
