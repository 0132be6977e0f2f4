"""What ``deployment`` accepts: ``local`` for this machine, or a Deployment's own address."""

import re

from xcomkit.settings.validators import ADDRESS_ALONE, BESIDE_ADDRESS, hidden

LOCAL = "local"
_LOOPBACK = ("localhost", "127.0.0.1")  # a port-forward; the token stays on this machine
_ASTRO_UI = "cloud.astronomer.io"
_ADDRESS = re.compile(
    r"(?P<plane>(?P<scheme>https?)://(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9._~%-]+)*?)(?:/home|/api/v2)?/*"
)


def deployment_address(value: str) -> str:
    """Return ``LOCAL``, or the address without a last slash, ``/home`` and ``/api/v2``.

    Raises:
        ValueError: when no token should be sent to that address, or none can be.
    """
    if value == LOCAL:
        return value
    beside = BESIDE_ADDRESS.search(value)
    match = _ADDRESS.fullmatch(value[: beside.start()] if beside else value)
    if match and match["host"].lower() == _ASTRO_UI:
        reason = (
            "must be the Deployment's own Airflow, the URL behind Open Airflow, such as"
            " https://<org>.astronomer.run/<id>; this is the Astro UI"
        )
    elif beside:
        reason = ADDRESS_ALONE
    elif match is None or int(match["port"] or 0) > 65_535:
        reason = f"must be {LOCAL} or the https:// URL of a Deployment"
    elif match["scheme"] == "http" and match["host"].lower() not in _LOOPBACK:
        reason = "must be https://, because the token would travel in clear; http:// is for "
        reason += " and ".join(_LOOPBACK)
    else:
        return match["plane"]
    raise hidden(reason) if beside else ValueError(reason)
