"""The Google Cloud stand-in as its users see it."""

from typing import ClassVar

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.common.stand_in import PROXY_VARIABLES, StandIn

FOREIGN_BUCKET = "bucket-of-somebody-else"
"""A bucket that exists from the start and belongs to another organisation's project."""
NEIGHBOUR_BUCKET = "bucket-of-another-team"
"""A bucket of whatever project the administrator works in, which agents must not reach."""


class GcpStandIn(StandIn):
    """A running stand-in for Cloud Storage, IAM, STS and the metadata servers of pods."""

    cloud: ClassVar[CloudName] = "gcp"
    server: ClassVar[str] = "xcomkit.stand_ins.gcp.server"
    label: ClassVar[str] = (
        "our stand-in: gcp-storage-emulator behind a door that checks tokens and IAM; IAM, STS and"
        " the metadata server are stubs, versions are not kept, and gcsfs runs without its gRPC"
        " part; it proves our requests, what Google Cloud answers is not proved here"
    )
    replaced: ClassVar[tuple[str, ...]] = (
        *PROXY_VARIABLES, "CLOUDSDK_CONFIG", "CLOUDSDK_CORE_PROJECT", "GCE_METADATA_HOST",
        "GCE_METADATA_IP", "GCE_METADATA_ROOT", "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT", "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
        "NO_GCE_CHECK",
    )  # fmt: skip

    @property
    def platform_environment(self) -> dict[str, str]:
        """Return where the cloud is, and whom to trust.

        gcsfs's HTTP session takes no proxy from the environment, so Cloud Storage has an address of
        its own; its gRPC part would wait for two minutes on any emulator, so it is off.
        """
        return {
            **self.door_environment,
            "STORAGE_EMULATOR_HOST": self.url,
            "HTTPLIB2_CA_CERTS": str(self.ca_bundle),
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }

    @property
    def administrator(self) -> dict[str, str]:
        """Return the administrator's application default credentials."""
        return {"GOOGLE_APPLICATION_CREDENTIALS": self.facts["administrator"]}

    def open_metadata(self, subject: str, email: str, pool: str) -> str:
        """Return ``host:port`` of the metadata server of a pod that wants to be an account.

        Args:
            subject: ``system:serviceaccount:<namespace>:<service account>`` of the pod.
            email: the service account its annotation names.
            pool: the workload identity pool of the pod's cluster.
        """
        return str(self.call("metadata", subject=subject, email=email, pool=pool))

    def constrain(self, project: str, **constraint: object) -> None:
        """Put a project under an organization policy: the allowed values per constraint."""
        named = {name.replace("_", ".", 1): allowed for name, allowed in constraint.items()}
        self.call("constraint", project=project, constraint=named)

    def add_user(self, email: str, *permissions: str) -> dict[str, str]:
        """Return application default credentials of a new person with these permissions alone."""
        found: dict[str, str] = self.call("user", email=email, permissions=permissions)
        return found
