"""Azure's clients with bounded patience, and their errors in this project's words."""

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xcomkit.clouds.errors import error_for
from xcomkit.findings.errors import (
    CredentialsError,
    ServiceError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

ARM_SCOPE = "https://management.azure.com/.default"
STORAGE_SCOPE = "https://storage.azure.com/.default"
_PATIENCE: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 30,
    "retry_total": 2,
    "retry_backoff_factor": 0.4,
}

_HINTS = {
    "RedundancyConfigurationNotAvailableInRegion": "choose a region with availability zones, or"
    " create the account yourself with less redundancy (az storage account create --sku"
    " Standard_LRS ...): step 01 takes an account that is there as it is, and hardens it.",
    "RequestDisallowedByPolicy": "an Azure Policy forbids it: set what it allows, or ask its"
    " administrator for an exemption.",
}
"""What to do where the status alone would mislead, per error code of Resource Manager."""


class Clients:
    """Makes the clients of one target on first use; every call ends within a minute."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def credential(self) -> Any:
        """Return the caller's own credential chain (az login, service principal, ...)."""
        from azure.identity import DefaultAzureCredential

        logging.getLogger("azure.identity").setLevel(logging.ERROR)  # told once, by whoever asks
        return DefaultAzureCredential(process_timeout=20, **_PATIENCE)

    def read_claims(self) -> dict[str, str]:
        """Return the claims of the caller's own token; Entra signed them, nobody here checks."""
        with azure_errors("signing in"):
            token = self.credential.get_token(ARM_SCOPE).token
        body = token.split(".")[1]
        claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    @cached_property
    def storage(self) -> Any:
        """Return the storage part of Azure Resource Manager."""
        from azure.mgmt.storage import StorageManagementClient

        return StorageManagementClient(
            self.credential, self._settings.subscription_id, polling_interval=2, **_PATIENCE
        )

    @cached_property
    def identities(self) -> Any:
        """Return the managed-identity part of Azure Resource Manager."""
        from azure.mgmt.msi import ManagedServiceIdentityClient

        return ManagedServiceIdentityClient(
            self.credential, self._settings.subscription_id, **_PATIENCE
        )

    @cached_property
    def assignments(self) -> Any:
        """Return the role assignments of Azure Resource Manager."""
        from azure.mgmt.authorization import AuthorizationManagementClient

        return AuthorizationManagementClient(
            self.credential, self._settings.subscription_id, **_PATIENCE
        ).role_assignments

    @cached_property
    def blobs(self) -> "BlobServiceClient":
        """Return the blob client of the caller."""
        return self.blobs_as(self.credential)

    def blobs_as(self, credential: Any) -> "BlobServiceClient":
        """Return a blob client that signs with this credential."""
        from azure.storage.blob import BlobServiceClient

        url = f"https://{self._settings.storage_account}.blob.core.windows.net"
        return BlobServiceClient(
            url, credential=credential, connection_timeout=5, read_timeout=30, retry_total=1,
            initial_backoff=1,
        )  # fmt: skip

    @property
    def container(self) -> "ContainerClient":
        """Return the container of the settings; nothing is asked yet."""
        return self.blobs.get_container_client(self._settings.bucket)


@contextmanager
def azure_errors(doing: str) -> Iterator[None]:
    """Turn azure-core's errors into this project's, most specific first; HTTP status decides last.

    Raises:
        CredentialsError: nobody is signed in, or the credentials are refused (401).
        AccessDeniedError: HTTP 403.
        MissingError: HTTP 404.
        ConflictError: HTTP 409 and 412.
        UnreachableError: no answer.
        ServiceError: anything else.
    """
    from azure.core import exceptions as azure

    try:
        yield
    except XcomkitError:  # an inner one has spoken already
        raise
    except azure.ClientAuthenticationError as error:
        raise CredentialsError(
            f"While {doing}: {_reason(error)}",
            hint="sign in (az login), or look at which tokens the identity trusts.",
        ) from error
    except azure.HttpResponseError as error:
        raise _by_status(int(error.status_code or 0), doing, error) from error
    except (azure.ServiceRequestError, azure.ServiceResponseError, OSError) as error:
        raise UnreachableError(
            f"While {doing}: no answer from Azure ({type(error).__name__}).",
            hint="check network, proxy and REQUESTS_CA_BUNDLE.",
        ) from error
    except azure.AzureError as error:
        raise ServiceError(f"While {doing}: {_reason(error)}") from error


def _reason(error: Any) -> str:
    """Return what Azure says, in one line and bounded."""
    code = getattr(error, "error_code", "") or getattr(getattr(error, "error", None), "code", "")
    text = " ".join(str(getattr(error, "message", error)).split())
    at = text.find("AADSTS")  # what Entra says stands behind what each credential says
    text = text[at:] if at >= 0 else text
    return f"{code} {text}"[:300].strip()


def _by_status(status: int, doing: str, error: Any) -> ServiceError:
    """Return our error for a status; Azure's words are kept, they name right and scope."""
    text = f"While {doing}: Azure answered {status}: {_reason(error)}."
    hint = next((hint for code, hint in _HINTS.items() if code in text), "")
    return ServiceError(text, hint=hint) if hint else error_for(status, text)
