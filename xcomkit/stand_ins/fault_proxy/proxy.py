"""A proxy between one process and its store that passes everything on but what it disturbs.

It speaks for every host under a CA of its own, so it works in front of a stand-in and in front of
the real store alike; ``HTTPS_PROXY`` and the CA variables of the SDKs lead the process here. What
is disturbed is chosen per object key: the task id in a key names its fault, so any number of them
can be tried at the same time.
"""

import os
import re
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import certifi
import trustme
import urllib3

from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.common.http_server import (
    HOST,
    RAW_HEADERS,
    Handler,
    Server,
    Tunnels,
    tls_context,
)
from xcomkit.stand_ins.common.upstream import HOP_HEADERS, IDEMPOTENT, pass_on
from xcomkit.stand_ins.fault_proxy.faults import SLOW_SECONDS, Act, Fault, Reply, act_of, refuse

UPSTREAM_SECONDS = 60
CA_VARIABLES = ("AWS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_GCS = "https://storage.googleapis.com"
_GCS_VARIABLE = "STORAGE_EMULATOR_HOST"
_KEPT_CONNECTIONS = 50
_PLAIN = "http://"
_RESET, _TRUNCATED = "000 reset", "x-xcomkit-truncated"
_SEARCHED_BYTES = 4_000
_SUMS = ("x-amz-checksum", "x-goog-hash", "content-md5", "x-ms-content-crc64", "etag")
"""A store that holds half an object has the sums of that half."""


class FaultProxy:
    """A running proxy; ``environment`` leads a process through it, ``hits`` counts what it did."""

    def __init__(
        self, cloud: CloudName, *, directory: Path, environment: Mapping[str, str]
    ) -> None:
        self._cloud = cloud
        self._faults: dict[str, Fault] = {}
        self._uploads: dict[str, str] = {}
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._mark = re.compile("(?!)")
        self.hits: Counter[str] = Counter()
        self._proxy = environment.get("HTTPS_PROXY", "")
        self._past_proxy = {"no": environment.get("NO_PROXY", "")}
        authority = trustme.CA()
        trusted = [environment.get(name, "") for name in CA_VARIABLES] + [certifi.where()]
        bundle = directory / "proxy-ca.pem"
        known = [Path(name).read_bytes() for name in dict.fromkeys(filter(None, trusted))]
        bundle.write_bytes(b"\n".join(known))
        context = ssl.create_default_context(cafile=str(bundle))
        self._pools: dict[str, Any] = {
            "ssl_context": context, "maxsize": _KEPT_CONNECTIONS, "timeout": UPSTREAM_SECONDS,
        }  # fmt: skip
        with bundle.open("ab") as file:
            file.write(authority.cert_pem.bytes())
        tunnels, context_of_ours = Tunnels(lambda _: True, authority), tls_context(authority, HOST)
        self._door = Server(self.answer, tunnels=tunnels, handler=_Handler)
        self._direct = Server(self.answer, ssl_context=context_of_ours, handler=_Handler)
        self._store = environment.get(_GCS_VARIABLE, _GCS)
        self.environment = {
            **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), f"http://{HOST}:{self._door.port}"),
            "NO_PROXY": "",
            **dict.fromkeys(CA_VARIABLES, str(bundle)),
        }
        if cloud == "gcp":  # gcsfs takes no proxy from its environment, but another address
            self.environment |= {
                _GCS_VARIABLE: f"https://{HOST}:{self._direct.port}",
                "NO_PROXY": f"{HOST},localhost",
            }
        self._straight, self._around = self._open_pools(proxy=""), self._open_pools(self._proxy)
        self._door.start()
        self._direct.start()

    def disturb(self, place: str, faults: Mapping[str, Fault]) -> None:
        """Spoil requests for keys ``<place>/<name>/...``, each name by its own fault."""
        self._faults = dict(faults)
        self._mark = re.compile(re.escape(place) + r"/([^/\s\"?&]+)/")

    def stop(self) -> None:
        """Stop listening."""
        for server in (self._door, self._direct):
            server.shutdown()
            server.server_close()

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return the store's answer, or what is to be taken for it."""
        method, uri = str(environ["REQUEST_METHOD"]), _path_of(str(environ["RAW_URI"]))
        body: bytes = environ["wsgi.input"].read()
        name = self._name_of(uri, body)
        fault = self._faults.get(name)
        act: Act = act_of(self._cloud, method=method, uri=uri) if fault else "other"
        if fault is None or not self._is_due(name, fault, act):
            return self._forward(environ, method, uri, body, name)
        self.hits[name] += 1
        match fault.kind:
            case "reset":
                return _RESET, [], b""
            case "slow":
                time.sleep(SLOW_SECONDS)
                return self._forward(environ, method, uri, body, name)
            case "truncated" | "short" | "empty":
                status, headers, content = self._forward(environ, method, uri, body, name)
                if fault.kind == "truncated":
                    return status, [*headers, (_TRUNCATED, "1")], content
                headers = [(k, v) for k, v in headers if not k.lower().startswith(_SUMS)]
                size = len(content) // 2 if fault.kind == "short" else 0
                return status, headers, content[:size]
        return refuse(
            self._cloud, fault.kind, act=act, key=unquote(uri.partition("?")[0]).strip("/")
        )

    def _name_of(self, uri: str, body: bytes) -> str:
        """Return the name in the key a request is about: in its address, upload id or body."""
        upload = _upload_id(uri)
        if upload in self._uploads:
            return self._uploads[upload]
        text = unquote(uri) + " " + body[:_SEARCHED_BYTES].decode("utf-8", "replace")
        found = self._mark.search(text)
        return found[1] if found else ""

    def _is_due(self, name: str, fault: Fault, act: Act) -> bool:
        if act not in fault.acts:
            return False
        with self._lock:
            self._seen[name] += 1
            return not fault.times or self._seen[name] <= fault.times

    def _forward(
        self, environ: dict[str, Any], method: str, uri: str, body: bytes, name: str
    ) -> Reply:
        host = str(environ.get("HTTP_HOST", ""))
        is_direct = host == f"{HOST}:{self._direct.port}"
        target = urlsplit(self._store).netloc if is_direct else host
        raw: list[tuple[str, str]] = environ[RAW_HEADERS]
        dropped = (*HOP_HEADERS, "proxy-connection", "content-length", "host", "expect")
        headers = urllib3.HTTPHeaderDict((k, v) for k, v in raw if k.lower() not in dropped)
        headers["Host"] = target
        pool = self._pool(environ, target, is_repeatable=method in IDEMPOTENT)
        try:
            answer = pass_on(pool, method, uri, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            text = f"the fault proxy could not reach {target}: {type(error).__name__}"
            return "502 Bad Gateway", [("Content-Type", "text/plain")], text.encode()
        return self._reply(answer, is_direct=is_direct, name=name, method=method)

    def _pool(
        self, environ: dict[str, Any], target: str, *, is_repeatable: bool
    ) -> urllib3.HTTPConnectionPool:
        """Return connections to a host, through the platform's own proxy if any.

        What is not idempotent has a new connection, because it is never repeated.
        """
        is_plain = str(environ["RAW_URI"]).startswith(_PLAIN)  # a proxy is asked so, without TLS
        is_straight = is_plain or bool(proxy_bypass_environment(target, self._past_proxy))
        pools = self._straight if is_straight else self._around
        if not is_repeatable:
            pools = self._open_pools("" if is_straight else self._proxy)
        host, _, port = target.partition(":")
        scheme, usual = ("http", 80) if is_plain else ("https", 443)
        return pools.connection_from_host(host, int(port or usual), scheme)

    def _open_pools(self, proxy: str) -> urllib3.PoolManager:
        if proxy:
            return urllib3.ProxyManager(proxy, **self._pools)
        return urllib3.PoolManager(**self._pools)

    def _reply(
        self, answer: urllib3.BaseHTTPResponse, *, is_direct: bool, name: str, method: str
    ) -> Reply:
        # The length of what is sent is counted again, but for HEAD, where nothing is sent.
        dropped = HOP_HEADERS if method == "HEAD" else (*HOP_HEADERS, "content-length")
        headers = [(k, v) for k, v in answer.headers.items() if k.lower() not in dropped]
        if is_direct:
            here = f"https://{HOST}:{self._direct.port}"
            headers = [(k, v.replace(self._store, here)) if k.lower() == "location" else (k, v)
                       for k, v in headers]  # fmt: skip
        if name and (upload := _upload_id(answer.headers.get("location", ""))):
            self._uploads[upload] = name
        return f"{answer.status} {answer.reason}", headers, answer.data


def _upload_id(address: str) -> str:
    """Return the id of a resumable upload to Cloud Storage in an address."""
    return parse_qs(urlsplit(address).query).get("upload_id", [""])[0]


def _path_of(uri: str) -> str:
    """Return path and query of a request's address, which has a host where a proxy is asked."""
    return "/" + uri.removeprefix(_PLAIN).partition("/")[2] if uri.startswith(_PLAIN) else uri


class _Handler(Handler):
    """Can break off, which no proper answer does."""

    def _send(
        self, status: str, headers: list[tuple[str, str]], body: bytes, *, keep_back: int = 0
    ) -> None:
        is_truncated = (_TRUNCATED, "1") in headers
        keep_back = len(body) // 2 if is_truncated else keep_back
        if status != _RESET:
            whole = [(name, text) for name, text in headers if name != _TRUNCATED]
            super()._send(status, whole, body, keep_back=keep_back)
        if status == _RESET or is_truncated:
            self._break_off()

    def _break_off(self) -> None:
        """End the connection with a RST, as a dying host or a firewall does."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.connection.detach())


@contextmanager
def open_fault_proxy(cloud: CloudName, *, environment: Mapping[str, str]) -> Iterator[FaultProxy]:
    """Start a proxy for a process that would otherwise have ``environment``.

    Args:
        cloud: whose requests and errors are spoken.
        environment: tells the way to the store: a proxy, CA bundles, an address.

    Raises:
        ProcessError: gcsfs is given an address without TLS, or a CA bundle of the environment
            cannot be read here, so no fault can be injected.
    """
    address = environment.get(_GCS_VARIABLE, "")
    if address.startswith(_PLAIN):
        raise ProcessError(
            f"Faults cannot be injected on the way to {address}, which is not https.",
            hint="give the store a certificate, or judge the codec by rule.",
        )
    with tempfile.TemporaryDirectory(prefix="xcomkit-faults-") as private:
        try:
            proxy = FaultProxy(cloud, directory=Path(private), environment=environment)
        except OSError as error:
            raise ProcessError(
                f"Faults cannot be injected: {error.strerror or error}, {error.filename}.",
                hint=f"give this machine the CA bundle that {' or '.join(CA_VARIABLES)} names.",
            ) from None
        try:
            yield proxy
        finally:
            proxy.stop()
