"""Reads from moto's state who a caller is and which policies speak for them."""

from typing import Any

from moto.iam.access_control import IAMUserAccessKey
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Policy, iam_backends
from moto.sts.models import sts_backends

from xcomkit.cloud_documents.conditions import Context
from xcomkit.cloud_documents.policies import Caller, Standing

ACCOUNT = "123456789012"
"""The stand-in's account: moto's default."""


def read_standing(access_key: Any, *, is_secure: bool) -> Standing:
    """Return who asks, with their policies and condition keys; nobody without an access key."""
    transport = {"aws:securetransport": (str(is_secure).lower(),)}
    if access_key is None:
        return Standing(Caller(), (), transport)
    names, context = _describe(access_key)
    caller = Caller(access_key.arn, names, access_key.account_id)
    return Standing(caller, _list_documents(access_key), {**transport, **context})


def find_provider(issuer: str) -> Any:
    """Return moto's OIDC provider for an issuer, or ``None``."""
    providers = iam_backends[ACCOUNT]["aws"].open_id_providers.values()
    return next((one for one in providers if one.url == issuer.removeprefix("https://")), None)


def read_trust(role_arn: str) -> object | None:
    """Return a role's trust policy as stored, or ``None`` when there is no such role."""
    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    return next((r.assume_role_policy_document for r in roles if r.arn == role_arn), None)


def list_secrets() -> list[str]:
    """Return every secret key and session token IAM and STS have handed out."""
    users = iam_backends[ACCOUNT]["aws"].users.values()
    sessions = sts_backends[ACCOUNT]["aws"].assumed_roles
    return [
        *(key.secret_access_key for user in users for key in user.access_keys),
        *(session.secret_access_key for session in sessions),
        *(session.session_token for session in sessions),
    ]


def _find_session(access_key: Any) -> Any:
    """Return moto's AssumedRole behind a session's access key, or ``None`` for a user's."""
    if isinstance(access_key, IAMUserAccessKey):
        return None
    backend = sts_backends[access_key.account_id][access_key.partition]
    return backend.get_assumed_role_from_access_key(access_key.create_credentials().access_key)


def _describe(access_key: Any) -> tuple[tuple[str, ...], Context]:
    """Return the caller's ARNs and condition keys (IAM, "Global condition keys")."""
    session = _find_session(access_key)
    if session is not None:
        keys = {"aws:principalarn": (session.role_arn,), "aws:userid": (session.user_id,)}
        return (access_key.arn, session.role_arn), keys
    return (access_key.arn,), {"aws:principalarn": (access_key.arn,)}


def _list_documents(access_key: Any) -> tuple[object, ...]:
    """Return every policy document of the caller's identity; a deleted role has none."""
    try:
        found = access_key.collect_policies()
    except NotFoundException:
        return ()
    return tuple(_read(policy) for policy in found)


def _read(policy: Any) -> object:
    """Return a policy document out of the three shapes moto keeps policies in."""
    if isinstance(policy, Policy):
        return next(version.document for version in policy.versions if version.is_default)
    return policy if isinstance(policy, str) else policy["policy_document"]
