"""Runs the AWS stand-in: ``python -m xcomkit.stand_ins.aws.server DIRECTORY``.

moto behind https with its own CA, and on a second port without TLS, both on the same state and on
loopback only. Prints one JSON line when ready, then nothing. Lives as long as its stdin is open, so
it dies with the process that started it, however that ends.
"""

import sys
from pathlib import Path
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
from werkzeug.wrappers import Request, Response

from xcomkit.stand_ins.aws import FOREIGN_BUCKET, NEIGHBOUR_BUCKET
from xcomkit.stand_ins.common import control, enforcement
from xcomkit.stand_ins.common.answers import refuse
from xcomkit.stand_ins.common.callers import ACCOUNT, list_secrets
from xcomkit.stand_ins.common.http_server import (
    HOST,
    Certificates,
    Handler,
    Reply,
    Server,
    run_application,
)
from xcomkit.stand_ins.common.lifetime import serve_until_parent_ends
from xcomkit.stand_ins.common.world import TRACE, Trace, World

SERVICES = ("iam", "kms", "s3", "secretsmanager", "sts")
MOTO_DOORS = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
"""moto's own endpoints: they would reset the state, switch enforcement off or hand out keys."""
ALLOW_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


class Application:
    """The stand-in behind HTTP: control endpoints, moto, and a record of every AWS request."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moto = DomainDispatcherApplication(_create_service)

    def answer(self, environ: dict[str, Any]) -> Reply:
        """Return status line, headers and body for a request."""
        path = environ["PATH_INFO"]
        if path.startswith(control.PREFIX):
            request = Request(environ)
            answer = control.handle(
                request, key=self._world.control_key, endpoints=_endpoints(self._world)
            )
            return run_application(answer, environ)
        if path.startswith(MOTO_DOORS):
            return run_application(Response("", status=404), environ)
        is_secure = environ["wsgi.url_scheme"] == "https"
        trace = Trace(environ["REQUEST_METHOD"], environ["RAW_URI"], is_secure=is_secure)
        reply = run_application(self._moto, {**environ, TRACE: trace})
        self._world.record(trace, status=int(reply[0].split()[0]))
        return reply


class MotoHandler(Handler, MotoRequestHandler):  # type: ignore[misc] # moto has no types
    """Keeps header names as moto needs them: S3 metadata may hold underscores."""


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    world = World()
    enforcement.install(world)
    keys = _create_account(world)
    authority = trustme.CA()
    ca_bundle = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_bundle))
    application = Application(world)
    secure = Server(
        application, ssl_context=Certificates(authority).context(HOST), handler=MotoHandler
    )
    plain = Server(application, handler=MotoHandler)
    secure.start()
    plain.start()
    ready = {
        "url": f"https://{HOST}:{secure.port}",
        "http_url": f"http://{HOST}:{plain.port}",
        "issuer": world.authority.issuer,
        "ca_bundle": str(ca_bundle),
        "control_key": world.control_key,
        **keys,
    }
    serve_until_parent_ends(directory, ready)


def _endpoints(world: World) -> control.Endpoints:
    """Return the control endpoints: what all stand-ins have, and mischief to be asked for."""

    def expire(request: Request) -> object:
        world.expiring_prefix = str(control.read_body(request)["prefix"])
        return world.expiring_prefix

    def set_subresource(request: Request) -> object:
        body = control.read_body(request)
        world.set_subresource(body["name"], body["answer"])
        return body

    common = control.common_endpoints(
        journal=world.journal,
        authority=world.authority,
        audience="sts.amazonaws.com",
        secrets=lambda: [world.control_key, *list_secrets()],
    )
    return {
        **common,
        ("POST", "expire"): expire,
        ("POST", "subresource"): set_subresource,
    }


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
