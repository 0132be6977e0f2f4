"""Google's clients with bounded patience, and their errors in this project's words."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xcomkit.clouds.errors import error_for
from xcomkit.findings.errors import (
    AccessDeniedError,
    CredentialsError,
    ServiceError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from google.cloud.storage import Bucket, Client

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)
SECONDS = 30
_TOKENINFO = "https://oauth2.googleapis.com/tokeninfo"


class Clients:
    """Makes the clients of one target on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def credentials(self) -> Any:
        """Return the caller's application default credentials, with a token."""
        import google.auth
        from google.auth.transport.requests import Request

        # The project is a parameter here; that the credentials name none is no news.
        logging.getLogger("google.auth._default").setLevel(logging.ERROR)
        with gcp_errors("signing in"):
            found, _ = google.auth.default(scopes=SCOPES)
            found.refresh(Request())
        return found

    @cached_property
    def storage(self) -> "Client":
        """Return the storage client of the caller."""
        return self.storage_as(self.credentials)

    def storage_as(self, credentials: Any) -> "Client":
        """Return a storage client that signs with these credentials."""
        from google.cloud.storage import Client

        # A variable of the shell must not lead a real run, and its tokens, to another host.
        real = {"api_endpoint": "https://storage.googleapis.com"}
        return Client(
            project=self._settings.project,
            credentials=credentials,
            client_options=None if self._settings.is_embedded else real,
        )

    @property
    def bucket(self) -> "Bucket":
        """Return a handle of the bucket; nothing is asked yet."""
        return self.storage.bucket(self._settings.bucket)

    @cached_property
    def service_accounts(self) -> Any:
        """Return the service-account part of the IAM API."""
        import httplib2
        from google_auth_httplib2 import AuthorizedHttp  # type: ignore[import-untyped]
        from googleapiclient.discovery import build

        with gcp_errors("opening IAM"):
            # Left alone, httplib2 knows the CA of the moment when it was imported.
            trusted = os.environ.get("HTTPLIB2_CA_CERTS")
            plain = httplib2.Http(ca_certs=trusted, timeout=SECONDS)
            service = build(
                "iam", "v1", http=AuthorizedHttp(self.credentials, http=plain),
                static_discovery=True, cache_discovery=False,
            )  # fmt: skip
        return service.projects().serviceAccounts()

    def read_email(self) -> str:
        """Return the e-mail of the caller; the token travels in a body, never in a URL."""
        own = getattr(self.credentials, "service_account_email", "")
        if own and own != "default":
            return str(own)
        import requests

        with gcp_errors("asking who the caller is"):
            answer = requests.post(
                _TOKENINFO, data={"access_token": self.credentials.token}, timeout=SECONDS
            )
            answer.raise_for_status()
        body: dict[str, str] = answer.json()
        return body.get("email") or body.get("sub") or body.get("azp") or ""


def retry() -> Any:
    """Return the retry of the storage client, cut to seconds; faults still end in an error."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(15.0)


def patience() -> dict[str, Any]:
    """Return the arguments that bound a call of the storage client in time."""
    return {"timeout": SECONDS, "retry": retry()}


@contextmanager
def gcp_errors(doing: str) -> Iterator[None]:
    """Turn Google's errors into this project's, most specific first; HTTP status decides last.

    Raises:
        CredentialsError: nobody is signed in, or the credentials are refused.
        AccessDeniedError: HTTP 403.
        MissingError: HTTP 404.
        ConflictError: HTTP 409 and 412.
        UnreachableError: no answer.
        ServiceError: anything else.
    """
    import google.auth.exceptions as auth
    import httplib2
    import requests.exceptions
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from googleapiclient.errors import HttpError

    try:
        yield
    except XcomkitError:  # an inner one has spoken already; some are OSErrors as well
        raise
    except (GoogleAPICallError, HttpError) as error:
        status = int(getattr(error, "code", None) or getattr(error, "status_code", None) or 0)
        raise _by_status(status, doing, _reason(error)) from error
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise _by_status(status, doing, "") from error
    except auth.RefreshError as error:
        raise _refused(error, doing) from error
    except auth.DefaultCredentialsError as error:
        raise CredentialsError(
            f"While {doing}: no usable Google credentials.",
            hint="sign in (gcloud auth application-default login), then run again.",
        ) from error
    except (auth.TransportError, RetryError, requests.exceptions.RequestException,
            httplib2.HttpLib2Error, OSError) as error:  # fmt: skip
        raise UnreachableError(
            f"While {doing}: no answer from Google Cloud ({type(error).__name__}).",
            hint="check network, proxy and REQUESTS_CA_BUNDLE.",
        ) from error
    except auth.GoogleAuthError as error:
        raise CredentialsError(f"While {doing}: {error}"[:400]) from error


def _reason(error: Any) -> str:
    text = getattr(error, "message", None) or getattr(error, "reason", "") or ""
    return " ".join(str(text).split())[:300]


def _by_status(status: int, doing: str, reason: str) -> ServiceError:
    """Return our error for a status; Google's words are kept, they name right and resource."""
    text = (
        f"While {doing}: Google Cloud answered {status}" + (f": {reason}" if reason else "") + "."
    )
    if "constraints/" in reason:  # 412, and 403 for some
        return ServiceError(
            text,
            hint="an organization policy forbids it: set what it allows (region, kms_key,"
            " noncurrent_days), or ask its administrator for an exception.",
        )
    return error_for(status, text)


def _refused(error: Any, doing: str) -> ServiceError:
    """Return our error for a token that was not given; Google's reason stands in its body."""
    text = " ".join(str(part) for part in error.args)
    reason = " ".join(text.split())[:300]
    kind = AccessDeniedError if "403" in text or "PERMISSION_DENIED" in text else CredentialsError
    return kind(f"While {doing}: {reason}", hint="sign in again, or look at who may become whom.")
