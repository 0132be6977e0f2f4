"""Runs the Azure stand-in: ``python -m xcomkit.stand_ins.azure.server DIRECTORY``.

Everything is reached through a CONNECT door under its real name: storage accounts, Resource Manager
and Entra. All on loopback, in memory, with a CA of its own. Prints one JSON line when ready. Lives
as long as its stdin is open, and Azurite as long as this process.
"""

import ssl
import sys
from pathlib import Path
from typing import Any

import trustme
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure import FOREIGN_ACCOUNT, azurite
from xcomkit.stand_ins.azure.arm import HOST as ARM
from xcomkit.stand_ins.azure.arm import ResourceManager
from xcomkit.stand_ins.azure.blobs import SUFFIX, BlobDoor
from xcomkit.stand_ins.azure.entra import AUDIENCE, answer_entra
from xcomkit.stand_ins.azure.entra import HOST as ENTRA
from xcomkit.stand_ins.azure.world import OWNER, AzureWorld
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


class Application:
    """The stand-in behind HTTP: control endpoints, the cloud's hosts, and a journal of requests."""

    def __init__(self, world: AzureWorld, door: BlobDoor) -> None:
        self._world = world
        self._door = door
        self.arm = ResourceManager(world, self._make_container)
        self._control = _endpoints(world)

    def _make_container(self, method: str, account: str, name: str) -> bool:
        return self._door.container(method, account, name)

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return status line, headers and body for a request."""
        request = Request(environ)
        if request.path.startswith(control.PREFIX):
            key = self._world.control_key
            found = control.handle(request, key=key, endpoints=self._control)
            return run_application(found, environ)
        response, action, principal = self._dispatch(request)
        self._world.journal.record(
            method=request.method,
            path=str(environ["RAW_URI"]),
            action=action,
            principal=principal,
            status=response.status_code,
        )
        return run_application(response, environ)

    def _dispatch(self, request: Request) -> tuple[Response, str, str]:
        host = request.host.partition(":")[0].lower()
        if host == ENTRA:
            return answer_entra(self._world, request), "sign-in", request.form.get("client_id", "")
        if host == ARM:
            return self.arm.answer(request)
        if host.endswith(SUFFIX):
            return self._door.answer(request)
        return Response("The stand-in does not know this host.", status=501), "", ""


def _endpoints(world: AzureWorld) -> control.Endpoints:
    def add_principal(request: Request) -> object:
        made = world.add_principal(str(control.read_body(request)["name"]), with_secret=True)
        return {"client_id": made.client_id, "client_secret": world.client_secrets[made.client_id]}

    return {
        **control.common_endpoints(
            journal=world.journal,
            authority=world.cluster,
            audience=AUDIENCE,
            secrets=world.secret_texts,
        ),
        ("POST", "principal"): add_principal,
    }


def is_known(host: str) -> bool:
    """Tell whether the stand-in speaks for a host."""
    return host.lower() in (ARM, ENTRA) or host.lower().endswith(SUFFIX)


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    world = AzureWorld()
    world.taken.add(FOREIGN_ACCOUNT)
    administrator = world.add_principal("administrator", with_secret=True)
    world.administrator = administrator
    authority = trustme.CA()
    ca_bundle, chain, key = (directory / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca_bundle))
    own = authority.issue_cert(HOST)
    chain.write_bytes(b"".join(part.bytes() for part in own.cert_chain_pems))
    key.touch(mode=0o600)
    own.private_key_pem.write_to_path(str(key))
    port, node = azurite.start(directory, certificate=chain, key=key)
    context = ssl.create_default_context(cafile=str(ca_bundle))
    application = Application(world, BlobDoor(world, port=port, context=context))
    application.arm.grant(administrator.object_id, OWNER, scope="")
    certificates = Certificates(authority)
    secure = Server(application, ssl_context=certificates.context(HOST))
    proxy = Server(application, tunnels=Tunnels(is_known, certificates))
    secure.start()
    proxy.start()
    ready = {
        "url": f"https://{HOST}:{secure.port}",
        "proxy_url": f"http://{HOST}:{proxy.port}",
        "issuer": world.cluster.issuer,
        "ca_bundle": str(ca_bundle),
        "control_key": world.control_key,
        "tenant": world.tenant,
        "client_id": administrator.client_id,
        "client_secret": world.client_secrets[administrator.client_id],
    }
    serve_until_parent_ends(directory, ready, stop=node.kill)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
