"""A server on loopback that answers as it is told and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Any


@dataclass
class Reply:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


Answering = Callable[[Request], Reply]


@dataclass
class ScriptedAirflow:
    """``answers`` maps ``GET /api/v2/...`` to replies, used up in order; the last one stays."""

    url: str = ""
    answers: dict[str, list[Reply | Answering]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def on(self, place: str, *replies: Reply | Answering) -> None:
        self.answers[place] = list(replies)

    def asked(self, place: str) -> list[Request]:
        return [one for one in self.requests if f"{one.method} {one.path}" == place]

    def reply_to(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self.answers.get(f"{request.method} {request.path}")
        if not replies:
            return Reply({"detail": "Not Found"}, status=404)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(request) if callable(reply) else reply


@contextmanager
def scripted_airflow() -> Iterator[ScriptedAirflow]:
    airflow = ScriptedAirflow()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            body = json.loads(sent) if sent else None
            reply = airflow.reply_to(Request(self.command, parts.path, query, token, body))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):
                for chunk in chunks_of(reply.body):
                    self.wfile.write(chunk)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        airflow.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield airflow
        finally:
            server.shutdown()
            thread.join()


def chunks_of(body: Any) -> Iterator[bytes]:
    if body is None:
        return
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, Iterator):
        yield from body
    else:
        yield json.dumps(body).encode()
