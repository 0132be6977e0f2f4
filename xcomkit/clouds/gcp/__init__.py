"""Cloud Storage and IAM: the Google Cloud side of the contract in ``xcomkit.clouds``."""

import os
import shlex
from collections.abc import Mapping
from functools import cached_property

from xcomkit.clouds import Caller, Cloud, Platform
from xcomkit.clouds.gcp.access import MARKER, Access, email, pool
from xcomkit.clouds.gcp.behaviour import TRIED, Behaviour, ask_metadata
from xcomkit.clouds.gcp.bucket import Bucket
from xcomkit.clouds.gcp.objects import GcpObjects
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.tear_down import bucket_row, identity_row
from xcomkit.findings.model import Check, Plan, WorkerIdentity
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import TERMS

_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"


class GcpCloud(GcpObjects, Cloud):
    """The bucket, the service account and the objects of one target on Google Cloud."""

    agent_packages: tuple[str, ...] = (
        "apache-airflow-providers-google",
        "apache-airflow-providers-common-io",
        "gcsfs",
    )
    rival_variables: tuple[str, ...] = TERMS["gcp"].rivals

    def __init__(self, settings: Settings, *, platform: Platform) -> None:
        self._settings = settings
        self._platform = platform
        super().__init__(Clients(settings))

    @cached_property
    def _caller(self) -> Caller:
        who = self._clients.read_email()
        how = "e-mail of the caller's own token (tokeninfo)"
        return Caller(self._settings.project, who, how=how)

    def who_am_i(self) -> Caller:
        """Return the caller by the claims of its own token, which needs no right at all."""
        return self._caller

    @cached_property
    def _access(self) -> Access:
        return Access(self._settings, clients=self._clients)

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self._settings, clients=self._clients)

    def verify_access(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return what IAM says of the account, and what the account can do."""
        documents = self._access.verify_documents(subjects)
        if self._platform.mint_token is None:
            observed = "not proved: only the cluster can mint a service-account token"
            how = "needs the STS exchange with a token of the cluster"
            untried = (r.skip(expected=r.title, observed=observed, how=how) for r in TRIED)
            return (*documents, *untried)
        tried = Behaviour(
            self._settings,
            clients=self._clients,
            access=self._access,
            issuer=self._platform.issuer,
            mint_token=self._platform.mint_token,
            delete=self.delete_keys,
        ).verify(subjects)
        return (*documents, *tried)

    def plan_tear_down(self) -> Plan:
        """Return what deleting service account and bucket would do, and what stays."""
        account, name = self._access.read_account(), self._settings.bucket
        delete = ["gcloud", "iam", "service-accounts", "delete", self._access.email]
        identity = identity_row(
            self._access.email,
            "service account",
            is_ours=None if account is None else account.get("description") == MARKER,
            command=shlex.join(delete),
        )
        is_there = self._bucket.find() is not None
        bucket = bucket_row(
            name,
            is_used=any(True for _ in self.list_keys_ever("")) if is_there else None,
            command=shlex.join(["gcloud", "storage", "buckets", "delete", f"gs://{name}"]),
        )
        return Plan(f"Tear down {name} and {self._access.email}", (identity, bucket))

    def apply_tear_down(self, plan: Plan) -> None:
        """Delete account and bucket where the plan says so; a bucket in use is refused."""
        for change in plan.pending:
            if change.setting == "service account":
                self._access.rights.withdraw()
                self._access.delete()
            else:
                with gcp_errors("deleting the bucket"):
                    self._clients.bucket.delete(**patience())

    def connection(self) -> Mapping[str, object]:
        """Return the connection for workload identity; it holds no secret.

        Source: google provider, Google Cloud connection; without a key the metadata server signs.
        """
        extra = {"project": self._settings.project}
        return {"conn_type": "google_cloud_platform", "extra": extra}

    def annotations(self) -> Mapping[str, str]:
        """Return the annotation that ties a Kubernetes account to the service account (GKE)."""
        return {TERMS["gcp"].annotation: email(self._settings)}

    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:  # noqa: ARG002 - GKE projects no token file
        """Return what GKE gives the subject's pod, or the caller's own credentials without it."""
        if self._platform.open_metadata is None:
            return self._caller_as_worker()
        host = self._platform.open_metadata(subject, self._access.email, pool(self._settings))
        environment = {**self._platform.environment, "GCE_METADATA_HOST": host,
                       "GCE_METADATA_IP": host}  # fmt: skip
        proves = f"the agents' service account {self._access.email} as {subject}"
        return WorkerIdentity(subject, environment, proves=proves)

    def sign_in(self, identity: WorkerIdentity) -> None:
        """Ask the pod's metadata server for a token once, so that a refusal has a reason.

        Raises:
            AccessDeniedError: the account does not trust the subject.
        """
        if identity.agents:
            ask_metadata(identity.environment["GCE_METADATA_HOST"])

    def _caller_as_worker(self) -> WorkerIdentity:
        """Return where the caller's credentials lie; the worker's HOME is a private one."""
        environment = dict(self._platform.environment)
        home = os.environ.get("CLOUDSDK_CONFIG", os.path.expanduser("~/.config/gcloud"))  # noqa: PTH111 - a path for another process
        file = os.environ.get(_CREDENTIALS, f"{home}/application_default_credentials.json")
        if os.path.exists(file):  # noqa: PTH110 - else the metadata server of this machine signs
            environment[_CREDENTIALS] = file
        return WorkerIdentity(
            self._caller.principal,
            environment,
            proves=f"the caller {self._caller.principal} in place of the agents' account",
            agents=False,
        )
