"""Blob Storage and managed identities: the Azure side of the contract in ``xcomkit.clouds``."""

import os
import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from xcomkit.cloud_documents.access.azure import AUDIENCE
from xcomkit.clouds import Caller, Cloud, Platform
from xcomkit.clouds.azure.access import MARKER, Access
from xcomkit.clouds.azure.behaviour import TRIED, Behaviour, exchange
from xcomkit.clouds.azure.bucket import Bucket
from xcomkit.clouds.azure.objects import AzureObjects
from xcomkit.clouds.azure.session import Clients
from xcomkit.clouds.tear_down import bucket_row, identity_row
from xcomkit.clouds.trying import untried
from xcomkit.findings.errors import MissingError, SettingsError
from xcomkit.findings.model import Change, Check, Plan, WorkerIdentity
from xcomkit.settings.settings import Settings
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

    def __init__(self, settings: Settings, *, platform: Platform) -> None:
        self._settings = settings
        self._platform = platform
        super().__init__(Clients(settings))

    @cached_property
    def _issuer(self) -> str:
        return self._settings.oidc_issuer or self._platform.issuer

    @cached_property
    def _caller(self) -> Caller:
        claims = self._clients.read_claims()
        names = ("upn", "unique_name", "appid", "oid")
        who = next((claims[name] for name in names if claims.get(name)), "")
        how = "claims of the caller's own token, issued by Entra"
        return Caller(self._settings.subscription_id, who, how=how)

    def who_am_i(self) -> Caller:
        """Return the caller by the claims of its own token, which needs no right at all."""
        return self._caller

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self._settings, clients=self._clients)

    @cached_property
    def _access(self) -> Access:
        if not self._issuer:
            raise SettingsError(
                "oidc_issuer: '' is refused: a federated credential needs the cluster's issuer.",
                hint="az aks show --query oidcIssuerProfile.issuerUrl --name NAME -g GROUP",
            )
        return Access(self._settings, clients=self._clients, issuer=self._issuer)

    def verify_access(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return what Azure says of the identity, and what the identity can do."""
        documents = self._access.verify_documents(subjects)
        if self._platform.mint_token is None:
            observed = "not proved: only the cluster can mint a service-account token"
            how = "needs a client assertion with a token of the cluster"
            return (
                *documents,
                *(r.skip(expected=r.title, observed=observed, how=how) for r in TRIED),
            )
        identity = self._access.read_identity()
        if identity is None:
            return (*documents, *untried(TRIED, "there is no managed identity"))
        tried = Behaviour(
            self._settings,
            clients=self._clients,
            identity=identity,
            mint_token=self._platform.mint_token,
            delete=self.delete_keys,
        ).verify(subjects)
        return (*documents, *tried)

    def plan_tear_down(self) -> Plan:
        """Return what deleting identity and container would do; the account always stays."""
        rows: list[Change] = []
        name, group = self._settings.managed_identity, self._settings.resource_group
        if self._issuer:
            identity = self._access.read_identity()
            is_ours = None if identity is None else MARKER.items() <= identity["tags"].items()
            delete = ["az", "identity", "delete", "--name", name, "--resource-group", group]
            command = shlex.join(delete)
            rows.append(identity_row(name, "managed identity", is_ours=is_ours, command=command))
        is_there = self._bucket.find_account() is not None and self._bucket.has_container()
        delete = ["az", "storage", "container-rm", "delete", "--name", self._settings.bucket,
                  "--storage-account", self._settings.storage_account]  # fmt: skip
        rows.append(
            bucket_row(
                self._settings.bucket,
                is_used=any(True for _ in self.list_keys_ever("")) if is_there else None,
                command=shlex.join(delete),
                kind="container",
                note=f"our lifecycle rule goes with it; soft delete keeps the container"
                f" {self._settings.noncurrent_days} days",
            )
        )
        note = "the account stays: other containers may live in it"
        account = self._settings.storage_account
        rows.append(Change(account, "account", "present", "present", "unchanged", note=note))
        return Plan(f"Tear down {self._settings.bucket} and {name}", tuple(rows))

    def apply_tear_down(self, plan: Plan) -> None:
        """Delete identity and container where the plan says so, if the container is still empty."""
        for change in plan.pending:
            if change.setting == "managed identity":
                self._access.delete()
            elif not any(True for _ in self.list_keys_ever("")):
                self._bucket.delete()

    def connection(self) -> Mapping[str, object]:
        """Return the connection for workload identity; it holds no secret.

        ``anon`` must be a boolean: adlfs takes any text for yes (azure provider, fs/adls).
        """
        extra = {"account_name": self._settings.storage_account, "anon": False}
        return {"conn_type": "azure_data_lake", "extra": extra}

    def annotations(self) -> Mapping[str, str]:
        """Return the client id for the service accounts (AKS); nothing before there is one."""
        identity = self._access.read_identity()
        if identity is None:
            return {}
        return {TERMS["azure"].annotation: str(identity["client_id"])}

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
        if self._platform.mint_token is None:
            return self._caller_as_worker()
        identity = self._access.read_identity()
        if identity is None:
            raise MissingError(
                f"There is no managed identity {self._settings.managed_identity}.",
                hint="run step 02 with apply: true.",
                fix_in="02",
            )
        token = Path(directory) / "service-account-token"
        token.touch(mode=0o600)
        token.write_text(self._platform.mint_token(subject, audience=AUDIENCE), encoding="ascii")
        environment = {
            **self._platform.environment,
            "AZURE_CLIENT_ID": str(identity["client_id"]),
            "AZURE_TENANT_ID": str(identity["tenant_id"]),
            "AZURE_FEDERATED_TOKEN_FILE": str(token),
            "AZURE_AUTHORITY_HOST": _AUTHORITY,
        }
        proves = f"the agents' identity {self._settings.managed_identity} as {subject}"
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

    def _caller_as_worker(self) -> WorkerIdentity:
        """Return how the caller signs in, for a process with a private HOME."""
        environment = dict(self._platform.environment)
        if all(os.environ.get(name) for name in _CALLERS):
            environment |= {name: os.environ[name] for name in _CALLERS}
            way = "EnvironmentCredential"
        else:
            folder = os.environ.get("AZURE_CONFIG_DIR", str(Path.home() / ".azure"))
            environment["AZURE_CONFIG_DIR"] = folder
            way = "AzureCliCredential"
        environment["AZURE_TOKEN_CREDENTIALS"] = way  # the values name one that only pods have
        return WorkerIdentity(
            self._caller.principal,
            environment,
            proves=f"the caller {self._caller.principal} in place of the agents' identity",
            agents=False,
        )
