"""Runs the AWS stand-in: ``python -m xcomkit.stand_ins.aws.server DIRECTORY``.

moto behind https with its own CA, and on a second port without TLS, both on the same state.
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

from xcomkit.stand_ins.aws import FOREIGN_BUCKET, NEIGHBOUR_BUCKET, enforcement
from xcomkit.stand_ins.aws.answers import refuse
from xcomkit.stand_ins.aws.callers import ACCOUNT
from xcomkit.stand_ins.aws.state import TRACE, AwsState, Trace
from xcomkit.stand_ins.common.http_server import Handler
from xcomkit.stand_ins.common.server import Answer, Application, Endpoint, serve

SERVICES = ("iam", "kms", "s3", "secretsmanager", "sts")
MOTO_DOORS = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
"""moto's own endpoints: they would reset the state, switch enforcement off or hand out keys."""
ALLOW_ALL = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


class MotoHandler(Handler, MotoRequestHandler):  # type: ignore[misc] # moto has no types
    """Keeps header names as moto needs them: S3 metadata may hold underscores."""


def main(directory: Path) -> None:
    """Serve until stdin ends, then remove the directory."""
    state = AwsState()
    enforcement.install(state)
    keys = _create_account(state)
    moto = DomainDispatcherApplication(_create_service)

    def dispatch(request: Request) -> Answer:
        if request.path.startswith(MOTO_DOORS):
            return Response("", status=404), "", ""
        trace = Trace(is_secure=request.scheme == "https")
        response = Response.from_app(moto, {**request.environ, TRACE: trace}, buffered=True)
        return response, trace.action, trace.principal

    endpoints: dict[str, Endpoint] = {"expire": state.expire, "subresource": state.set_subresource}
    application = Application(
        state, dispatch=dispatch, endpoints=endpoints, audience="sts.amazonaws.com"
    )
    serve(directory, application, authority=trustme.CA(), facts=keys, handler=MotoHandler)


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


def _create_account(state: AwsState) -> dict[str, str]:
    """Create the administrator, the cluster's OIDC provider and two buckets nobody asked for."""
    iam = iam_backends[ACCOUNT]["aws"]
    user = iam.create_user("us-east-1", "administrator")
    iam.put_user_policy("administrator", "everything", ALLOW_ALL)
    key = iam.create_access_key("administrator")
    iam.create_open_id_connect_provider(
        url=state.cluster.issuer,
        thumbprint_list=["0" * 40],
        client_id_list=["sts.amazonaws.com"],
        tags=[],
    )
    s3_backends["210987654321"]["aws"].create_bucket(FOREIGN_BUCKET, "us-east-1")
    s3_backends[ACCOUNT]["aws"].create_bucket(NEIGHBOUR_BUCKET, "us-east-1")
    state.administrator = user.arn
    return {"access_key": key.access_key_id, "secret_key": key.secret_access_key}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
