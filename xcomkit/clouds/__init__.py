"""One contract for every cloud, and the only door to their SDKs.

A cloud plans, applies and verifies the bucket and the access to it, and reads objects back
independently of Airflow. The SDK is imported inside the cloud's own package, on first use.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, assert_never

from xcomkit.clouds.access import Access
from xcomkit.clouds.bucket import Bucket
from xcomkit.clouds.objects import Objects
from xcomkit.findings.model import Plan, WorkerIdentity
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


class Cloud(Objects):
    """What a step may ask of a cloud: its bucket, the access to it, and the objects in it."""

    agent_packages: tuple[str, ...]
    rival_variables: tuple[str, ...]
    """Variables that stand over, or in place of, the workload identity in an agent's pod."""
    annotation_is_needed: bool = True
    """Whether a pod whose account lacks the annotation is nobody at all."""
    clients_class: ClassVar[type[Any]]
    bucket_class: ClassVar[type[Bucket]]
    access_class: ClassVar[type[Access]]

    def __init__(self, settings: Settings, *, platform: Platform) -> None:
        self.settings = settings
        self.platform = platform
        self.clients = self.clients_class(settings)

    @cached_property
    def bucket(self) -> Bucket:
        """Return the bucket of the target with its settings."""
        return self.bucket_class(self)

    @cached_property
    def access(self) -> Access:
        """Return the identity of the agents and what it may do."""
        return self.access_class(self)

    @abstractmethod
    def _ask_who_am_i(self) -> Caller: ...

    @cached_property
    def _caller(self) -> Caller:
        return self._ask_who_am_i()

    def who_am_i(self) -> Caller:
        """Return the caller as the cloud sees it, by a request that needs no right at all."""
        return self._caller

    def plan_tear_down(self) -> Plan:
        """Return what deleting bucket and identity would do, and what stays."""
        rows = (*self.access.plan_removal(), *self.bucket.plan_removal())
        return Plan(f"Tear down {' and '.join(row.resource for row in rows)}", rows)

    def apply_tear_down(self, plan: Plan) -> None:
        """Delete what the plan names; never a bucket that still holds objects."""
        for change in plan.pending:
            if change.setting != "bucket":
                self.access.delete()
            elif not self.holds_objects():
                self.bucket.delete()

    def holds_objects(self) -> bool:
        """Tell whether any version of any object is left in the bucket."""
        return any(True for _ in self.list_keys_ever(""))

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

    def _caller_as_worker(self, environment: Mapping[str, str], *, whose: str) -> WorkerIdentity:
        """Return the caller in place of the agents, where no token of theirs can be had."""
        who = self._caller.principal
        proves = f"the caller {who} in place of the agents' {whose}"
        variables = {**self.platform.environment, **environment}
        return WorkerIdentity(who, variables, proves=proves, agents=False)

    @abstractmethod
    def sign_in(self, identity: WorkerIdentity) -> None:
        """Exchange the worker's token for the identity once; nothing to do for the caller's own.

        A filesystem may try a refused exchange again for minutes; here the refusal has its reason.

        Raises:
            CredentialsError: the token is refused.
            AccessDeniedError: the identity does not trust the subject.
        """


def write_token(token: str, file: Path) -> Path:
    """Write a service-account token where only its owner reads it."""
    file.touch(mode=0o600)
    file.write_text(token, encoding="ascii")
    return file


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
