"""What the agents' managed identity can really do, tried with a service-account token."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xcomkit.cloud_documents.access.azure import AUDIENCE
from xcomkit.clouds import write_token
from xcomkit.clouds.azure.session import STORAGE_SCOPE, azure_errors
from xcomkit.clouds.permission_tests import Call, PermissionTests
from xcomkit.clouds.rules import DELETE, DROP, GET, LIST, OTHER, OUTSIDE, PUT
from xcomkit.findings.errors import AccessDeniedError, CredentialsError, MissingError
from xcomkit.findings.model import Rule


def exchange(*, tenant: str, client_id: str, token_file: Path) -> Any:
    """Return the credential of a pod, after Entra has taken its token once.

    Raises:
        CredentialsError: no federated credential matches issuer, subject and audience.
    """
    from azure.identity import WorkloadIdentityCredential

    # A refusal is a result here, and comes with its reason; the library would warn of it as well.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    with azure_errors("exchanging the service-account token"):
        credential = WorkloadIdentityCredential(
            tenant_id=tenant, client_id=client_id, token_file_path=str(token_file),
            retry_total=1, connection_timeout=5, read_timeout=20,
        )  # fmt: skip
        credential.get_token(STORAGE_SCOPE)
    return credential


class AzurePermissionTests(PermissionTests):
    """Tries the identity's rights; Entra refuses a subject nobody named with a 401."""

    errors = staticmethod(azure_errors)
    exchange = "client assertion at Entra"
    refusals = (AccessDeniedError, CredentialsError)
    unlimited = {  # noqa: RUF012 - a constant
        OUTSIDE: "the role holds for the whole container, so give agents one of their own",
        DROP: "the role may delete its container; soft delete of containers (XC212) brings it back",
    }

    def become(self, subject: str) -> Any:
        """Return the credential of the managed identity for a pod of the subject."""
        if self._identity is None:
            raise MissingError("There is no managed identity.")
        token = self._mint_token(subject, audience=AUDIENCE)
        with tempfile.TemporaryDirectory(prefix="xcomkit-token-") as private:
            return exchange(
                tenant=self._identity["tenant_id"],
                client_id=self._identity["client_id"],
                token_file=write_token(token, Path(private, "token")),
            )

    def requests(self, credentials: Any, *, inside: str, outside: str) -> dict[Rule, Call]:  # noqa: ARG002 - not limited
        """Return one request per right that can be limited."""
        service = self._clients.blobs_as(credentials)
        container = service.get_container_client(self._settings.bucket)
        probe = container.get_blob_client(inside)

        def first(container: Any, prefix: str = "") -> object:
            listed = container.list_blobs(name_starts_with=prefix, results_per_page=1)
            return next(iter(listed), None)

        return {
            LIST: lambda: first(container, f"{self._settings.prefix}/"),
            PUT: lambda: probe.upload_blob(b"{}", overwrite=True),
            GET: lambda: probe.download_blob().readall(),
            DELETE: probe.delete_blob,
            OTHER: lambda name: first(service.get_container_client(name)),
        }

    def list_buckets(self) -> Iterable[str]:
        """Yield the names of the account's containers."""
        where = (self._settings.resource_group, self._settings.storage_account)
        return (one.name for one in self._clients.storage.blob_containers.list(*where))
