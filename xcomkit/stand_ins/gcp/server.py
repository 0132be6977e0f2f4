"""Runs the Google Cloud stand-in: ``python -m xcomkit.stand_ins.gcp.server DIRECTORY``.

Cloud Storage has an https address of its own, everything else is reached through a CONNECT door
under its real name. All on loopback, in memory, with a CA of its own. Prints one JSON line when
ready. Lives as long as its stdin is open, so it dies with the process that started it.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from gcp_storage_emulator.server import create_server
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.common import control
from xcomkit.stand_ins.common.http_server import (
    HOST,
    Certificates,
    Reply,
    Server,
    Tunnels,
    run_application,
)
from xcomkit.stand_ins.common.lifetime import serve_until_parent_ends
from xcomkit.stand_ins.gcp import FOREIGN_BUCKET, NEIGHBOUR_BUCKET
from xcomkit.stand_ins.gcp.identity import (
    answer_credentials,
    answer_iam,
    answer_oauth,
    answer_sts,
    google_error,
    metadata_server,
)
from xcomkit.stand_ins.gcp.storage import StorageDoor
from xcomkit.stand_ins.gcp.world import ADMINISTRATOR, FOREIGN_PROJECT, GcpWorld

HOSTS: dict[str, Callable[[GcpWorld, Request], Response]] = {
    "oauth2.googleapis.com": answer_oauth,
    "sts.googleapis.com": answer_sts,
    "iamcredentials.googleapis.com": answer_credentials,
    "iam.googleapis.com": answer_iam,
}


class Application:
    """The stand-in behind HTTP: control endpoints, the cloud's hosts, and a journal of requests."""

    def __init__(self, world: GcpWorld, door: StorageDoor) -> None:
        self._world = world
        self._door = door
        self._control = _endpoints(world)

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return status line, headers and body for a request."""
        request = Request(environ)
        if request.path.startswith(control.PREFIX):
            key = self._world.control_key
            found = control.handle(request, key=key, endpoints=self._control)
            return run_application(found, environ)
        host = request.host.partition(":")[0]
        if host in (HOST, "storage.googleapis.com"):
            response, action, principal = self._door.answer(request)
        elif host in HOSTS:
            action, principal = host, ""
            response = HOSTS[host](self._world, request)
        else:
            action, principal = "", ""
            response = google_error(501, "The stand-in does not know this host.")
        self._world.journal.record(
            method=request.method,
            path=str(environ["RAW_URI"]),
            action=action,
            principal=principal,
            status=response.status_code,
        )
        return run_application(response, environ)


class Pod:
    """The metadata server of one pod, as an application."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return status line, headers and body for a request."""
        return run_application(self._answer(Request(environ)), environ)


def _endpoints(world: GcpWorld) -> control.Endpoints:
    def open_metadata(request: Request) -> object:
        body = control.read_body(request)
        server = Server(
            Pod(
                metadata_server(
                    world, **{name: str(body[name]) for name in ("subject", "email", "pool")}
                )
            )
        )
        server.start()
        return f"{HOST}:{server.port}"

    def constrain(request: Request) -> object:
        body = control.read_body(request)
        return world.constraints.setdefault(body["project"], {}).update(body["constraint"])

    return {
        **control.common_endpoints(
            journal=world.journal,
            authority=world.authority,
            audience="stand-in.svc.id.goog",
            secrets=world.secrets,
        ),
        ("POST", "metadata"): open_metadata,
        ("POST", "constraint"): constrain,
        ("POST", "user"): lambda r: world.add_person(str(control.read_body(r)["email"])),
    }


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    world = GcpWorld()
    emulator = create_server(HOST, 0, in_memory=True)
    emulator.start()
    while emulator._api._httpd is None:  # noqa: SLF001 - it tells its port nowhere else
        pass
    door = StorageDoor(world, port=emulator._api._httpd.server_address[1])  # noqa: SLF001
    door.create_foreign(FOREIGN_BUCKET, project=FOREIGN_PROJECT)
    door.create_foreign(NEIGHBOUR_BUCKET, project="*")
    authority = trustme.CA()
    ca_bundle, credentials = directory / "ca.pem", directory / "administrator.json"
    authority.cert_pem.write_to_path(str(ca_bundle))
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(world.add_person(ADMINISTRATOR)), encoding="ascii")
    certificates = Certificates(authority)
    application = Application(world, door)
    secure = Server(application, ssl_context=certificates.context(HOST))
    hosts = {*HOSTS, "storage.googleapis.com"}
    proxy = Server(application, tunnels=Tunnels(hosts.__contains__, certificates))
    secure.start()
    proxy.start()
    url = f"https://{HOST}:{secure.port}"
    ready = {
        "url": url,
        "storage_url": url,
        "proxy_url": f"http://{HOST}:{proxy.port}",
        "issuer": world.authority.issuer,
        "ca_bundle": str(ca_bundle),
        "administrator": str(credentials),
        "control_key": world.control_key,
    }
    serve_until_parent_ends(directory, ready)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
