"""A cloud whose every request is refused, in which single answers are put."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from rig import SUBJECTS

from xcomkit.cloud_documents.access.aws import AUDIENCE
from xcomkit.cloud_documents.access.azure import CONTRIBUTOR
from xcomkit.cloud_documents.access.gcp import BECOME
from xcomkit.clouds import Caller, Platform, open_cloud
from xcomkit.findings.errors import (
    AccessDeniedError,
    CredentialsError,
    ServiceError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings

CLOUDS = ("aws", "azure", "gcp")
VALUES: dict[str, dict[str, object]] = {
    "aws": {"bucket": "acme", "region": "eu-central-1", "connection_store": "secrets-manager"},
    "azure": {"bucket": "acme", "subscription_id": "00000000-0000-4000-8000-000000000001",
              "resource_group": "xcom", "storage_account": "acmexcom", "region": "westeurope"},
    "gcp": {"bucket": "acme", "project": "my-project", "region": "europe-west1"},
}  # fmt: skip
DENIED = AccessDeniedError("403")
UNKNOWN = [DENIED, CredentialsError("401"), UnreachableError("no answer"), ServiceError("500")]
_CLIENTS = ("s3", "iam", "sts", "secrets_manager", "storage", "identities", "assignments",
            "service_accounts", "credentials", "blobs")  # fmt: skip


class Refusing:
    """A client of whatever service that is refused before it could ask for anything."""

    def __init__(self, error: XcomkitError) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Any:
        raise self._error


def raising(error: XcomkitError) -> Callable[..., Any]:
    def read(*_: object, **__: object) -> Any:
        raise error

    return read


def settings_of(cloud: str, **changes: object) -> Settings:
    return Settings.from_mapping({"cloud": cloud, **VALUES[cloud], **changes})


def cloud_of(name: str, error: XcomkitError = DENIED, **changes: object) -> Any:
    """Return a cloud of which each client is refused with this error."""
    platform = Platform("test", "https://oidc.example.com", mint_token=lambda *_, **__: "token")
    cloud: Any = open_cloud(settings_of(name, **changes), platform=platform)
    cloud.__dict__["_caller"] = Caller("1", "somebody", "by name")
    for client in _CLIENTS:
        cloud.clients.__dict__[client] = Refusing(error)
    return cloud


def good_access(name: str) -> Any:
    """Return the access of a cloud in which everything was read, and is as it should be."""
    access = cloud_of(name).access
    if name == "aws":
        found = {
            "read_provider": {"ClientIDList": [AUDIENCE]},
            "read_identity": {"AssumeRolePolicyDocument": access._trust(SUBJECTS)},
            "read_policy": access._permissions(),
            "read_other_policies": (),
            "read_secret": access._connection,
        }
    elif name == "azure":
        found = {
            "read_identity": {"principal_id": "p", "client_id": "c", "tenant_id": "t", "tags": {}},
            "read_credentials": access._wanted(SUBJECTS),
            "read_assignments": [{"role": CONTRIBUTOR, "scope": access.scope, "condition": ""}],
        }
    else:
        trust = {"role": BECOME, "members": access._trusted(SUBJECTS)}
        found = {"read_identity": {"email": access.name}, "read_trust": {"bindings": [trust]}}
        policy = SimpleNamespace(bindings=access.rights._rights())
        access.rights._read = lambda: policy
    for reader, answer in found.items():
        setattr(access, reader, lambda *_, answer=answer: answer)
    return access


def statuses(look: Callable[[], tuple[Check, ...]]) -> dict[str, str]:
    """Return the status of each check; none where the step says that it could not do its work."""
    try:
        return {check.id: check.status for check in look()}
    except XcomkitError:
        return {}
