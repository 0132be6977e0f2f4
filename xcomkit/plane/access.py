"""Where an Airflow is and who may ask: URLs, tokens and paths, refused before anything is sent."""

import os
import re
from urllib.parse import quote

from xcomkit.findings.errors import CredentialsError, ServiceError, SettingsError
from xcomkit.settings.deployment import deployment_address

_TOKEN = re.compile(r"[\x21-\x7e]{8,}")


def checked_url(url: str) -> str:
    """Return the URL of an Airflow without ``/home``, ``/api/v2`` or a slash at its end.

    Raises:
        SettingsError: when it is no URL that may receive a token: https, or http to this machine.
    """
    try:
        address = deployment_address(url)
    except ValueError:
        address = ""
    if "://" not in address:
        raise SettingsError(
            "the URL of the Deployment is refused.",
            hint="accepted is https://HOST/PATH, or http://127.0.0.1:PORT for this machine.",
        )
    return address


def token_from_environment(name: str) -> str:
    """Return the token in the environment variable ``name``.

    Raises:
        CredentialsError: when it is not set, or holds what no token holds; never says what.
    """
    token = os.environ.get(name, "").strip()
    if not token:
        raise CredentialsError(
            f"the environment variable {name} holds no token.",
            hint=f"make an API token of the Deployment and export it as {name}.",
        )
    return checked_token(token)


def checked_token(token: object) -> str:
    """Return the token when it is one word.

    Raises:
        CredentialsError: when it is not; never says what it is.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise CredentialsError(
            "the token is too short or holds spaces, line ends or other signs no token holds.",
            hint="copy the token again, as one word.",
        )
    return token


def path_of(*parts: str | int) -> str:
    """Return ``/api/v2/...`` of the parts, each encoded so that it stays one part.

    Raises:
        ServiceError: when a part means another place in a path: empty, ``.``, ``..`` or ``~``,
            which is Airflow's word for all of them.
    """
    for part in parts:
        if part in {"", ".", "..", "~"}:
            raise ServiceError(
                f"{part!r} is no name that can be asked for.", hint="rename it in Airflow."
            )
    return "/api/v2/" + "/".join(quote(str(part), safe="", errors="replace") for part in parts)
