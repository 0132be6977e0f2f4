"""Cloud Storage and IAM: the Google Cloud side of the contract in ``xcomkit.clouds``."""

import os
from collections.abc import Mapping

from xcomkit.clouds import Caller, Cloud
from xcomkit.clouds.gcp.access import GcpAccess, email, pool
from xcomkit.clouds.gcp.bucket import GcpBucket
from xcomkit.clouds.gcp.objects import GcpObjects
from xcomkit.clouds.gcp.session import Clients, gcp_errors
from xcomkit.findings.errors import MissingError
from xcomkit.findings.model import WorkerIdentity
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

    clients_class = Clients
    bucket_class = GcpBucket
    access_class = GcpAccess

    def _ask_who_am_i(self) -> Caller:
        how = "e-mail of the caller's own token (tokeninfo)"
        return Caller(self.settings.project, self.clients.read_email(), how=how)

    def connection(self) -> Mapping[str, object]:
        """Return the connection for workload identity; it holds no secret.

        Source: google provider, Google Cloud connection; without a key the metadata server signs.
        """
        extra = {"project": self.settings.project}
        return {"conn_type": "google_cloud_platform", "extra": extra}

    def annotations(self) -> Mapping[str, str]:
        """Return the annotation that ties a Kubernetes account to the service account (GKE)."""
        return {TERMS["gcp"].annotation: email(self.settings)}

    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:  # noqa: ARG002 - GKE projects no token file
        """Return what GKE gives the subject's pod, or the caller's own credentials without it."""
        if self.platform.open_metadata is None:
            # The worker's HOME is a private one; without a file this machine's metadata signs.
            home = os.environ.get("CLOUDSDK_CONFIG", os.path.expanduser("~/.config/gcloud"))  # noqa: PTH111 - a path for another process
            file = os.environ.get(_CREDENTIALS, f"{home}/application_default_credentials.json")
            found = {_CREDENTIALS: file} if os.path.exists(file) else {}  # noqa: PTH110
            return self._caller_as_worker(found, whose="account")
        name = self.access.name
        host = self.platform.open_metadata(subject, name, pool(self.settings))
        environment = {**self.platform.environment, "GCE_METADATA_HOST": host,
                       "GCE_METADATA_IP": host}  # fmt: skip
        proves = f"the agents' service account {name} as {subject}"
        return WorkerIdentity(subject, environment, proves=proves)

    def sign_in(self, identity: WorkerIdentity) -> None:
        """Ask the pod's metadata server for a token once, as every Google client does.

        Raises:
            AccessDeniedError: the account does not trust the subject.
        """
        if not identity.agents:
            return
        import requests

        host = identity.environment["GCE_METADATA_HOST"]
        url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
        with gcp_errors("asking the metadata server for a token"):
            answer = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=5)
            if answer.status_code == 404:
                raise MissingError(f"The metadata server at {host} has no service account.")
            answer.raise_for_status()
