"""Runs the Azure stand-in: ``python -m xcomkit.stand_ins.azure.server DIRECTORY``.

Everything is reached through a CONNECT door under its real name: storage accounts, Resource Manager
and Entra. Azurite lives as long as this process.
"""

import ssl
import sys
import uuid
from pathlib import Path

import trustme
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.azure import FOREIGN_ACCOUNT, azurite
from xcomkit.stand_ins.azure.arm import HOST as ARM
from xcomkit.stand_ins.azure.arm import ResourceManager
from xcomkit.stand_ins.azure.blobs import SUFFIX, BlobDoor
from xcomkit.stand_ins.azure.entra import AUDIENCE, answer_entra
from xcomkit.stand_ins.azure.entra import HOST as ENTRA
from xcomkit.stand_ins.azure.state import OWNER, AzureState, Document
from xcomkit.stand_ins.common.server import Answer, Application, serve
from xcomkit.stand_ins.common.upstream import Upstream


def is_known(host: str) -> bool:
    """Tell whether the stand-in speaks for a host."""
    return host.lower() in (ARM, ENTRA) or host.lower().endswith(SUFFIX)


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    state = AzureState()
    state.taken.add(FOREIGN_ACCOUNT)
    administrator = state.add_principal("administrator", with_secret=True)
    state.administrator = administrator.object_id
    properties = {"principalId": administrator.object_id, "scope": "", "roleDefinitionId": OWNER}
    state.resources[f"/roleassignments/{uuid.uuid4()}"] = {"properties": properties}
    authority = trustme.CA()
    port, node = azurite.start(directory, authority=authority)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    door = BlobDoor(state, azurite=Upstream(port, context=context))
    manager = ResourceManager(state, change_container=door.change_container)

    def dispatch(request: Request) -> Answer:
        host = request.host.partition(":")[0].lower()
        if host == ENTRA:
            return answer_entra(state, request), "sign-in", request.form.get("client_id", "")
        if host == ARM:
            return manager.answer(request)
        if host.endswith(SUFFIX):
            return door.answer(request)
        return Response("The stand-in does not know this host.", status=501), "", ""

    def add_principal(name: str, roles: list[Document]) -> dict[str, str]:
        made = state.add_principal(name, with_secret=True)
        state.granted[made.object_id] = roles
        secret = state.client_secrets[made.client_id]
        return {"client_id": made.client_id, "client_secret": secret}

    application = Application(
        state, dispatch=dispatch, endpoints={"principal": add_principal}, audience=AUDIENCE
    )
    facts = {
        "tenant": state.tenant,
        "client_id": administrator.client_id,
        "client_secret": state.client_secrets[administrator.client_id],
    }
    serve(
        directory, application, authority=authority, facts=facts, is_known=is_known, stop=node.kill
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
