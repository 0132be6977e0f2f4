"""The Azure stand-in as its users see it."""

import sys
from functools import partial
from typing import Any, ClassVar, Self

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.azure import azurite
from xcomkit.stand_ins.common import npm
from xcomkit.stand_ins.common.stand_in import PROXY_VARIABLES, StandIn

FOREIGN_ACCOUNT = "accountofsomebodyelse"
"""A storage account that exists from the start and belongs to another subscription."""
NEIGHBOUR_CONTAINER = "container-of-another-team"
"""A container in every account, which agents must not reach."""


class AzureStandIn(StandIn):
    """A running stand-in for Blob Storage, Resource Manager, Entra and managed identities."""

    cloud: ClassVar[CloudName] = "azure"
    server: ClassVar[str] = "xcomkit.stand_ins.azure.server"
    label: ClassVar[str] = (
        "our stand-in: Azurite behind a door that checks tokens, roles and account settings;"
        " Resource Manager and Entra are stubs, and versions are not kept; it proves our requests,"
        " what Azure answers is not proved here"
    )
    replaced: ClassVar[tuple[str, ...]] = (
        *PROXY_VARIABLES, "AZURE_AUTHORITY_HOST", "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_FEDERATED_TOKEN_FILE", "AZURE_PASSWORD", "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ANON", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_TOKEN_CREDENTIALS", "AZURE_USERNAME", "IDENTITY_ENDPOINT", "MSI_ENDPOINT",
    )  # fmt: skip

    @classmethod
    def start(cls) -> Self:
        """Return a new stand-in; Azurite is installed first where it is missing."""
        npm.install(azurite.MANIFEST, say=partial(print, file=sys.stderr))
        return super().start()

    @property
    def platform_environment(self) -> dict[str, str]:
        """Return the door, through which Azure's real host names lead here, and its CA."""
        return self.door_environment

    @property
    def administrator(self) -> dict[str, str]:
        """Return the administrator's service principal, for EnvironmentCredential."""
        return {
            "AZURE_TENANT_ID": self.facts["tenant"],
            "AZURE_CLIENT_ID": self.facts["client_id"],
            "AZURE_CLIENT_SECRET": self.facts["client_secret"],
        }

    def add_principal(self, name: str, *roles: dict[str, Any]) -> dict[str, str]:
        """Return client id and secret of a new service principal with these custom roles alone."""
        found: dict[str, str] = self.call("principal", name=name, roles=roles)
        return found
