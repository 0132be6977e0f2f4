"""One contract for every cloud, and the only door to their SDKs.

A cloud plans, applies and verifies the bucket and the access to it, and reads objects back
independently of Airflow. The SDK is imported inside the cloud's own package, on first use.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from xcomkit.model import Check, ObjectDetails, Plan, StoredObject, WorkerIdentity
from xcomkit.settings import Settings


@dataclass(frozen=True, slots=True)
class Caller:
    """Who runs the runbook, as the cloud itself says; ``account`` is empty where there is none.

    ``account`` is the AWS account, Azure subscription or GCP project; ``how`` names the request.
    """

    account: str
    principal: str
    how: str


@dataclass(frozen=True, slots=True)
class Platform:
    """What Kubernetes gives a pod: the token issuer, injected variables, and a way to mint tokens.

    ``mint_token`` takes a subject such as ``system:serviceaccount:astro:agent``, may be told an
    ``audience``, and is ``None`` where the caller of the runbook cannot make a service-account
    token. ``plain_http_url`` is an unencrypted door to the same store, for proving that a TLS-only
    policy refuses it.
    ``open_metadata`` takes a subject, a service account's e-mail and the cluster's workload
    identity pool, and returns the ``host:port`` of the metadata server GKE would run for the pod.
    """

    label: str
    issuer: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    mint_token: Callable[..., str] | None = None
    plain_http_url: str = ""
    open_metadata: Callable[[str, str, str], str] | None = None
    instance: str = ""
    """Tells one stand-in from another; of a real cloud there is but one."""


class Cloud(Protocol):
    """What a step may ask of a cloud."""

    agent_packages: tuple[str, ...]
    rival_variables: tuple[str, ...]
    """Variables that stand over, or in place of, the workload identity in an agent's pod."""
    annotation_is_needed: bool
    """Whether a pod whose account lacks the annotation is nobody at all."""

    def who_am_i(self) -> Caller:
        """Return the caller as the cloud sees it."""
        ...

    def plan_bucket(self) -> Plan:
        """Return what would be done to the bucket and its settings."""
        ...

    def apply_bucket(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes in order; return what was not made, each with the reason."""
        ...

    def verify_bucket(self) -> tuple[Check, ...]:
        """Return the checks of the bucket, each read back from the cloud."""
        ...

    def plan_access(self, subjects: tuple[str, ...]) -> Plan:
        """Return what would be done so that exactly these subjects may use the prefix."""
        ...

    def apply_access(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan, in its order."""
        ...

    def verify_access(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks of the access, by behaviour wherever a token can be had."""
        ...

    def plan_tear_down(self) -> Plan:
        """Return what deleting bucket and identity would do, and what stays."""
        ...

    def apply_tear_down(self, plan: Plan) -> None:
        """Delete what the plan names; never a bucket that still holds objects."""
        ...

    def connection(self) -> Mapping[str, object]:
        """Return the Airflow connection for workload identity; it holds no secret."""
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the annotations that tie the service accounts to the identity."""
        ...

    def labels(self) -> Mapping[str, str]:
        """Return the labels that every pod needs for its workload identity."""
        ...

    def agent_environment(self) -> Mapping[str, str]:
        """Return what the identity needs in commonEnv beside the connection; no secret."""
        ...

    def secrets_backend(self) -> Mapping[str, str]:
        """Return ``class`` and ``kwargs`` (JSON) of Airflow's secrets backend of this cloud."""
        ...

    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:
        """Return who an agent's process is; a token is written into the private directory."""
        ...

    def sign_in(self, identity: WorkerIdentity) -> None:
        """Exchange the worker's token for the identity once; nothing to do for the caller's own.

        A filesystem may try a refused exchange again for minutes; here the refusal has its reason.

        Raises:
            CredentialsError: the token is refused.
            AccessDeniedError: the identity does not trust the subject.
        """
        ...

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object below the prefix, page by page."""
        ...

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the object's bytes, at most ``limit`` of them where it is above 0."""
        ...

    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key, in one request where they are small; replace what is there.

        Nothing but the bytes is sent: encryption is left to what the bucket does by default.
        """
        ...

    def describe_object(self, key: str) -> ObjectDetails:
        """Return what the store says of the object beside its bytes."""
        ...

    def object_exists(self, key: str) -> bool:
        """Tell whether the object is there."""
        ...

    def list_keys_ever(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, also those of which only old versions are left."""
        ...

    def find_left(self, keys: Collection[str]) -> tuple[str, ...]:
        """Return those of the keys that still have any version."""
        ...

    def delete_keys(self, keys: Collection[str]) -> int:
        """Delete every version of exactly these keys; return how many there were."""
        ...


def open_cloud(settings: Settings, *, platform: Platform) -> Cloud:
    """Return the cloud the settings name."""
    match settings.cloud:
        case "aws":
            from xcomkit.clouds.aws import AwsCloud

            return AwsCloud(settings, platform=platform)
        case "azure":
            from xcomkit.clouds.azure import AzureCloud

            return AzureCloud(settings, platform=platform)
        case "gcp":
            from xcomkit.clouds.gcp import GcpCloud

            return GcpCloud(settings, platform=platform)
        case _:
            assert_never(settings.cloud)
