"""Blob Storage and managed identities: the Azure side of the contract in ``xcomkit.clouds``."""

import os
from collections.abc import Mapping
from pathlib import Path

from xcomkit.cloud_documents.access.azure import AUDIENCE
from xcomkit.clouds import Caller, Cloud, write_token
from xcomkit.clouds.azure.access import AzureAccess
from xcomkit.clouds.azure.bucket import AzureBucket
from xcomkit.clouds.azure.objects import AzureObjects
from xcomkit.clouds.azure.permission_tests import exchange
from xcomkit.clouds.azure.session import Clients
from xcomkit.findings.errors import MissingError
from xcomkit.findings.model import Change, Plan, WorkerIdentity
from xcomkit.settings.terms import TERMS

_AUTHORITY = "https://login.microsoftonline.com/"
_CALLERS = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET")


class AzureCloud(AzureObjects, Cloud):
    """The container, the managed identity and the objects of one target on Azure."""

    agent_packages: tuple[str, ...] = (
        "apache-airflow-providers-microsoft-azure",
        "apache-airflow-providers-common-io",
        "adlfs",
    )
    rival_variables: tuple[str, ...] = TERMS["azure"].rivals

    clients_class = Clients
    bucket_class = AzureBucket
    access_class = AzureAccess

    def _ask_who_am_i(self) -> Caller:
        claims = self.clients.read_claims()
        names = ("upn", "unique_name", "appid", "oid")
        who = next((claims[name] for name in names if claims.get(name)), "")
        how = "claims of the caller's own token, issued by Entra"
        return Caller(self.settings.subscription_id, who, how=how)

    def plan_tear_down(self) -> Plan:
        """Return what deleting identity and container would do; the account always stays."""
        plan = super().plan_tear_down()
        note = "the account stays: other containers may live in it"
        account = self.settings.storage_account
        row = Change(account, "account", "present", "present", "unchanged", note=note)
        return Plan(plan.title, (*plan.changes, row))

    def connection(self) -> Mapping[str, object]:
        """Return the connection for workload identity; it holds no secret.

        ``anon`` must be a boolean: adlfs takes any text for yes (azure provider, fs/adls).
        """
        extra = {"account_name": self.settings.storage_account, "anon": False}
        return {"conn_type": "azure_data_lake", "extra": extra}

    def annotations(self) -> Mapping[str, str]:
        """Return the client id for the service accounts (AKS); nothing before there is one."""
        identity = self.access.read_identity()
        return {TERMS["azure"].annotation: str(identity["client_id"])} if identity else {}

    def labels(self) -> Mapping[str, str]:
        """Return the label without which the webhook leaves a pod alone (AKS)."""
        return {"azure.workload.identity/use": "true"}

    def agent_environment(self) -> Mapping[str, str]:
        """Return what cuts azure-identity's chain from eight credentials to one.

        Where the pod's token is refused, none of the other seven may sign in its place.
        """
        return {"AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential"}

    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:
        """Return what AKS injects for the subject, or the caller's own credentials without it."""
        if self.platform.mint_token is None:
            return self._caller_as_worker(_own_credentials(), whose="identity")
        identity = self.access.read_identity()
        if identity is None:
            raise MissingError(
                f"There is no managed identity {self.settings.managed_identity}.",
                hint="run step 02 with apply: true.",
                fix_in="02",
            )
        token = self.platform.mint_token(subject, audience=AUDIENCE)
        file = write_token(token, Path(directory) / "service-account-token")
        environment = {
            **self.platform.environment,
            "AZURE_CLIENT_ID": str(identity["client_id"]),
            "AZURE_TENANT_ID": str(identity["tenant_id"]),
            "AZURE_FEDERATED_TOKEN_FILE": str(file),
            "AZURE_AUTHORITY_HOST": _AUTHORITY,
        }
        proves = f"the agents' identity {self.settings.managed_identity} as {subject}"
        return WorkerIdentity(subject, environment, proves=proves)

    def sign_in(self, identity: WorkerIdentity) -> None:
        """Exchange the worker's token at Entra once, so that a refusal has a reason.

        Raises:
            CredentialsError: no federated credential matches.
        """
        if identity.agents:
            exchange(
                tenant=identity.environment["AZURE_TENANT_ID"],
                client_id=identity.environment["AZURE_CLIENT_ID"],
                token_file=Path(identity.environment["AZURE_FEDERATED_TOKEN_FILE"]),
            )


def _own_credentials() -> dict[str, str]:
    """Return how the caller signs in, for a process with a private HOME."""
    # The values name a credential that only pods have.
    if all(os.environ.get(name) for name in _CALLERS):
        found = {name: os.environ[name] for name in _CALLERS}
        return {**found, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}
    folder = os.environ.get("AZURE_CONFIG_DIR", str(Path.home() / ".azure"))
    return {"AZURE_CONFIG_DIR": folder, "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"}
