"""One contract for every cloud, and the only door to their SDKs.

A cloud plans, applies and verifies the bucket and the access to it, and reads objects back
independently of Airflow. The SDK is imported inside the cloud's own package, on first use.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from xcomkit.clouds.objects import Objects
from xcomkit.findings.model import Check, Plan, WorkerIdentity
from xcomkit.settings.settings import Settings


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


class Bucket(Protocol):
    """The bucket of a target with its settings."""

    def plan(self) -> Plan:
        """Return what would be done to the bucket and its settings."""
        ...

    def apply(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes in order; return what was not made, each with the reason."""
        ...

    def verify(self) -> tuple[Check, ...]:
        """Return the checks of the bucket, each read back from the cloud."""
        ...


class Access(Protocol):
    """The identity of the agents and what it may do."""

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return what would be done so that exactly these subjects may use the prefix."""
        ...

    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan, in its order."""
        ...


class Cloud(Objects):
    """What a step may ask of a cloud; the bucket and the access to it are its own classes."""

    agent_packages: tuple[str, ...]
    rival_variables: tuple[str, ...]
    """Variables that stand over, or in place of, the workload identity in an agent's pod."""
    annotation_is_needed: bool = True
    """Whether a pod whose account lacks the annotation is nobody at all."""

    @property
    @abstractmethod
    def _bucket(self) -> Bucket: ...

    @property
    @abstractmethod
    def _access(self) -> Access: ...

    @abstractmethod
    def who_am_i(self) -> Caller:
        """Return the caller as the cloud sees it."""

    def plan_bucket(self) -> Plan:
        """Return what would be done to the bucket and its settings."""
        return self._bucket.plan()

    def apply_bucket(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes in order; return what was not made, each with the reason."""
        return self._bucket.apply(plan)

    def verify_bucket(self) -> tuple[Check, ...]:
        """Return the checks of the bucket, each read back from the cloud."""
        return self._bucket.verify()

    def plan_access(self, subjects: tuple[str, ...]) -> Plan:
        """Return what would be done so that exactly these subjects may use the prefix."""
        return self._access.plan(subjects)

    def apply_access(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan, in its order."""
        self._access.apply(plan, subjects)

    @abstractmethod
    def verify_access(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks of the access, by behaviour wherever a token can be had."""

    @abstractmethod
    def plan_tear_down(self) -> Plan:
        """Return what deleting bucket and identity would do, and what stays."""

    @abstractmethod
    def apply_tear_down(self, plan: Plan) -> None:
        """Delete what the plan names; never a bucket that still holds objects."""

    @abstractmethod
    def connection(self) -> Mapping[str, object]:
        """Return the Airflow connection for workload identity; it holds no secret."""

    @abstractmethod
    def annotations(self) -> Mapping[str, str]:
        """Return the annotations that tie the service accounts to the identity."""

    def labels(self) -> Mapping[str, str]:
        """Return the labels that every pod needs for its workload identity."""
        return {}

    def agent_environment(self) -> Mapping[str, str]:
        """Return what the identity needs in commonEnv beside the connection; no secret."""
        return {}

    def secrets_backend(self) -> Mapping[str, str]:
        """Return ``class`` and ``kwargs`` (JSON) of Airflow's secrets backend of this cloud."""
        return {}  # the connection holds no secret and stands in the values

    @abstractmethod
    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:
        """Return who an agent's process is; a token is written into the private directory."""

    @abstractmethod
    def sign_in(self, identity: WorkerIdentity) -> None:
        """Exchange the worker's token for the identity once; nothing to do for the caller's own.

        A filesystem may try a refused exchange again for minutes; here the refusal has its reason.

        Raises:
            CredentialsError: the token is refused.
            AccessDeniedError: the identity does not trust the subject.
        """


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
