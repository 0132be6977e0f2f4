"""Runs the Google Cloud stand-in: ``python -m xcomkit.stand_ins.gcp.server DIRECTORY``.

Cloud Storage has an https address of its own, everything else is reached through a CONNECT door
under its real name.
"""

import json
import sys
from pathlib import Path

import trustme
from gcp_storage_emulator.server import create_server
from werkzeug.wrappers import Request

from xcomkit.stand_ins.common.http_server import HOST, Server, run_application
from xcomkit.stand_ins.common.server import Answer, Application, Endpoint, serve
from xcomkit.stand_ins.gcp import FOREIGN_BUCKET, NEIGHBOUR_BUCKET
from xcomkit.stand_ins.gcp.identity import HOSTS, google_error, metadata_server
from xcomkit.stand_ins.gcp.state import ADMINISTRATOR, FOREIGN_PROJECT, Document, GcpState
from xcomkit.stand_ins.gcp.storage import StorageDoor

STORAGE = "storage.googleapis.com"


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    state = GcpState()
    emulator = create_server(HOST, 0, in_memory=True)
    emulator.start()
    while emulator._api._httpd is None:  # noqa: SLF001 - its port is nowhere else
        pass
    door = StorageDoor(state, port=emulator._api._httpd.server_address[1])  # noqa: SLF001
    door.add_bucket(FOREIGN_BUCKET, project=FOREIGN_PROJECT)
    door.add_bucket(NEIGHBOUR_BUCKET, project="*")
    credentials = directory / "administrator.json"
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(state.add_person(ADMINISTRATOR)), encoding="ascii")

    def dispatch(request: Request) -> Answer:
        host = request.host.partition(":")[0]
        if host in (HOST, STORAGE):
            return door.answer(request)
        if host in HOSTS:
            return HOSTS[host](state, request), host, ""
        return google_error(501, "The stand-in does not know this host."), "", ""

    def open_metadata(subject: str, email: str, pool: str) -> str:
        answer = metadata_server(state, subject=subject, email=email, pool=pool)
        server = Server(lambda environ: run_application(answer(Request(environ)), environ))
        server.start()
        return f"{HOST}:{server.port}"

    def constrain(project: str, constraint: Document) -> None:
        state.constraints.setdefault(project, {}).update(constraint)

    endpoints: dict[str, Endpoint] = {
        "metadata": open_metadata, "constraint": constrain, "user": state.add_person,
    }  # fmt: skip
    application = Application(
        state, dispatch=dispatch, endpoints=endpoints, audience="stand-in.svc.id.goog"
    )
    serve(
        directory, application, authority=trustme.CA(),
        facts={"administrator": str(credentials)}, is_known={*HOSTS, STORAGE}.__contains__,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
