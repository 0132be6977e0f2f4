"""Cloud Storage and IAM: the Google Cloud side of the contract in ``xcomkit.clouds``."""

import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from xcomkit.clouds import Caller, Platform
from xcomkit.clouds.gcp import objects
from xcomkit.clouds.gcp.access import MARKER, Access, email, pool
from xcomkit.clouds.gcp.behaviour import TRIED, Behaviour, ask_metadata
from xcomkit.clouds.gcp.bucket import Bucket
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.model import Change, Check, ObjectDetails, Plan, StoredObject, WorkerIdentity
from xcomkit.settings import Settings
from xcomkit.terms import TERMS

_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"


class GcpCloud:
    """The bucket, the service account and the objects of one target on Google Cloud."""

    agent_packages: tuple[str, ...] = (
        "apache-airflow-providers-google",
        "apache-airflow-providers-common-io",
        "gcsfs",
    )
    rival_variables: tuple[str, ...] = TERMS["gcp"].rivals
    annotation_is_needed: bool = True

    def __init__(self, settings: Settings, *, platform: Platform) -> None:
        self._settings = settings
        self._platform = platform
        self._clients = Clients(settings)

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

    def plan_bucket(self) -> Plan:
        """Return what would be done to the bucket and its settings."""
        return self._bucket.plan()

    def apply_bucket(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes of the plan, in its order; a refusal raises."""
        self._bucket.apply(plan)
        return ()

    def verify_bucket(self) -> tuple[Check, ...]:
        """Return the checks of the bucket, each read back from Cloud Storage."""
        return self._bucket.verify()

    def plan_access(self, subjects: tuple[str, ...]) -> Plan:
        """Return what would be done to service account, trust and bindings."""
        return self._access.plan(subjects)

    def apply_access(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan."""
        self._access.apply(plan, subjects)

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
        ours = account is not None and account.get("description") == MARKER
        delete = ["gcloud", "iam", "service-accounts", "delete", self._access.email]
        rows = [
            Change(
                resource=self._access.email,
                setting="service account",
                before="absent" if account is None else "present",
                after="absent" if account is None or ours else "present",
                action="unchanged" if account is None else "delete" if ours else "keep",
                command=shlex.join(delete),
                note="" if ours or account is None else "was not made by xcomkit",
            )
        ]
        present = self._bucket.find() is not None
        used = present and next(objects.list_keys(self._clients, prefix=""), None) is not None
        note = "objects that this run did not make stay, and so does the bucket"
        rows.append(
            Change(
                resource=name,
                setting="bucket",
                before="absent" if not present else "holds objects" if used else "empty",
                after="present" if used else "absent",
                action="unchanged" if not present else "keep" if used else "delete",
                command=shlex.join(["gcloud", "storage", "buckets", "delete", f"gs://{name}"]),
                note=note if used else "",
            )
        )
        return Plan(f"Tear down {name} and {self._access.email}", tuple(rows))

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

    def labels(self) -> Mapping[str, str]:
        """Return nothing: GKE looks at the service account only."""
        return {}

    def agent_environment(self) -> Mapping[str, str]:
        """Return nothing: google-auth finds the metadata server without being told."""
        return {}

    def secrets_backend(self) -> Mapping[str, str]:
        """Return nothing: the connection holds no secret and stands in the values."""
        return {}

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

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every live object below the prefix, 1,000 a page."""
        return objects.list_objects(self._clients, prefix=prefix)

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the object's bytes, at most ``limit`` of them where it is above 0."""
        return objects.read(self._clients, key, limit=limit)

    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key, up to 8 MiB with one request; replace what is there."""
        objects.write(self._clients, key, body)

    def describe_object(self, key: str) -> ObjectDetails:
        """Return size, time, generation, encryption and metadata of the object."""
        return objects.describe(self._clients, key)

    def object_exists(self, key: str) -> bool:
        """Tell whether the object is there; raises where the caller may not look."""
        return objects.exists(self._clients, key)

    def list_keys_ever(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, also those of which only old generations are left."""
        return objects.list_keys(self._clients, prefix=prefix)

    def find_left(self, keys: Collection[str]) -> tuple[str, ...]:
        """Return those of the keys that still have any generation."""
        found = objects.find_generations(self._clients, keys=keys)
        return tuple(sorted({key for key, _ in found}))

    def delete_keys(self, keys: Collection[str]) -> int:
        """Delete every generation of exactly these keys; return how many there were."""
        return objects.delete_generations(self._clients, keys=keys)
