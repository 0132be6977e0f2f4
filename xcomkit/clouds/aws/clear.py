"""Requests in clear: does the store answer without TLS? Tried, because a policy proves nothing.

Stores that speak S3 keep a policy on ``aws:SecureTransport`` and need not enforce it.
"""

from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.rules import PLAIN_HTTP, TLS_ONLY
from xcomkit.errors import AccessDeniedError, ServiceError
from xcomkit.model import Check
from xcomkit.settings import Settings

_HOW = "signed HeadBucket over http"


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
    # A port with TLS refuses such a request; one without it tells nothing by failing.
    told = "not known" if is_without_tls else "no answer in clear at this port"
    return TLS_ONLY.judge(
        False if is_clear else None if is_without_tls else True,
        expected="no answer without TLS",
        observed="answered in clear" if is_clear else f"{told}: {answer}",
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
    except ServiceError as error:
        return str(error)
    return "200"
