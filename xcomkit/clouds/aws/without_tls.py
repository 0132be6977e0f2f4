"""Requests without TLS: does the store answer without TLS? Tried, because a policy proves nothing.

Stores that speak S3 keep a policy on ``aws:SecureTransport`` and need not enforce it.
"""

from xcomkit.clouds.aws.session import Clients, aws_errors, http_status
from xcomkit.clouds.rules import PLAIN_HTTP, TLS_ONLY
from xcomkit.findings.errors import (
    AccessDeniedError,
    CredentialsError,
    ServiceError,
    UnreachableError,
)
from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings

_HOW = "signed HeadBucket over http"
_REFUSALS = ("301", "302", "307", "308", "400", "403", "426")


def verify_refused(settings: Settings, *, clients: Clients, url: str) -> Check:
    """Return whether a policy refuses a request in clear at ``url`` (XC210)."""
    answer = _ask(settings, clients=clients, url=url)
    return PLAIN_HTTP.judge(
        {"200": False, "403": True}.get(answer),
        expected="403 over http",
        observed="200: answered in clear" if answer == "200" else answer,
        how=_HOW,
        basis="behaviour",
    )


def verify_store(settings: Settings, *, clients: Clients) -> Check:
    """Return whether an S3-compatible store answers in clear where agents ask it (XC209)."""
    endpoint = settings.endpoint_url
    is_without_tls = endpoint.startswith("http://")
    answer = _ask(settings, clients=clients, url=endpoint.replace("https://", "http://", 1))
    is_clear = answer == "200" or (is_without_tls and answer == "403")
    # Other answers, such as a 404 or 503, came in clear as well, and say nothing of the data; nor
    # does a port without TLS that does not answer.
    is_refused = not is_without_tls and (answer in _REFUSALS or not answer.isdigit())
    other = f"no answer in clear at this port: {answer}" if is_refused else f"{answer} in clear"
    return TLS_ONLY.judge(
        False if is_clear else True if is_refused else None,
        expected="no answer without TLS",
        observed="answered in clear" if is_clear else other,
        how=_HOW,
        basis="behaviour",
        remedy="Give endpoint_url as https://, and let the store listen without TLS nowhere.",
    )


def _ask(settings: Settings, *, clients: Clients, url: str) -> str:
    """Return the status of a request in clear, or in words why there was none."""
    client = clients.client("s3", endpoint_url=url)
    try:
        with aws_errors("asking without TLS"):
            client.head_bucket(Bucket=settings.bucket)
    except AccessDeniedError:
        return "403"
    except (CredentialsError, UnreachableError) as error:
        return str(error)
    except ServiceError as error:
        response = getattr(error.__cause__, "response", None)
        return str(http_status(error.__cause__)) if response else str(error)
    return "200"
