"""JSON answers of the stand-ins."""

import json
from collections.abc import Mapping

from werkzeug.wrappers import Response


def json_reply(
    body: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a body as JSON."""
    return Response(
        json.dumps(body), status=status, content_type="application/json", headers=headers
    )
