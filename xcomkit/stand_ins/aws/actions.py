"""Names requests the way IAM does: the action, the resource's ARN and the condition keys.

moto names several S3 requests by actions that do not exist (``s3:HeadBucket``, and
``s3:CreateBucket`` for an encryption setting) and gives most services no resource at all.
Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3",
"... AWS Secrets Manager", "... AWS KMS", "... IAM".
"""

import json
from collections.abc import Mapping
from typing import Any

from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.datastructures import Headers

from xcomkit.cloud_documents.conditions import Context

_BUCKET_SETTINGS = {
    "encryption": "EncryptionConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "publicAccessBlock": "BucketPublicAccessBlock",
}
_RENAMED = {"HeadBucket": "ListBucket"}
_LIST_KEYS = ("prefix", "delimiter", "max-keys")
_ENCRYPTION_HEADER = "x-amz-server-side-encryption"


def name_s3_action(found: str, *, method: str, query: Mapping[str, Any], key: str) -> str:
    """Return the IAM action of an S3 request; ``found`` is moto's idea of it."""
    for subresource, name in _BUCKET_SETTINGS.items():
        if not key and subresource in query:
            return f"s3:{'Get' if method == 'GET' else 'Put'}{name}"
    if key and method == "HEAD" and "versionId" in query:
        return "s3:GetObjectVersion"
    return f"s3:{_RENAMED.get(found, found)}"


def read_s3_context(action: str, *, query: Mapping[str, Any], headers: Headers) -> Context:
    """Return the condition keys S3 adds to a request."""
    context: dict[str, tuple[str, ...]] = {}
    if action in ("s3:ListBucket", "s3:ListBucketVersions"):
        context |= {f"s3:{name}": (_first(query[name]),) for name in _LIST_KEYS if name in query}
    if algorithm := headers.get(_ENCRYPTION_HEADER):
        context[f"s3:{_ENCRYPTION_HEADER}"] = (algorithm,)
    return context


def name_resource(
    service: str, *, data: Mapping[str, Any], body: object, account: str, region: str
) -> str:
    """Return the ARN a request of another service than S3 is about.

    It is ``*`` for IAM, whose requests only the administrator makes here.
    """
    wanted = {name: _first(value) for name, value in data.items()} | _read_json(body)
    match service:
        case "sts":
            return str(wanted.get("RoleArn", "*"))
        case "secretsmanager":
            return _secret_resource(wanted, account=account, region=region)
        case "kms" if "KeyId" in wanted:
            return kms_key_arn(str(wanted["KeyId"]), account=account, region=region)
        case _:
            return "*"


def kms_key_arn(key_id: str, *, account: str, region: str) -> str:
    """Return the ARN of a KMS key given by id, ARN, alias or alias ARN."""
    if ":key/" in key_id:
        return key_id
    alias = key_id.rpartition(":")[2]
    for key in kms_backends[account][region].keys.values():
        if key_id == key.id or alias in key.aliases:
            return str(key.arn)
    return f"arn:aws:kms:{region}:{account}:{alias if '/' in alias else f'key/{alias}'}"


def kms_key_exists(arn: str, *, account: str) -> bool:
    """Tell whether a key is there; of a key of another account nothing is known here."""
    _, _, _, region, owner, name = arn.split(":", 5)
    return owner != account or name.removeprefix("key/") in kms_backends[account][region].keys


def _secret_resource(wanted: Mapping[str, Any], *, account: str, region: str) -> str:
    name = str(wanted.get("SecretId") or wanted.get("Name") or "")
    secret = secretsmanager_backends[account][region].secrets.get(name)
    if secret is not None:
        return str(secret.arn)
    if not name or name.startswith("arn:"):
        return name or "*"
    # AWS appends six random characters to the name; a policy for name-* must fit here too.
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-AAAAAA"


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) and value else value)


def _read_json(body: object) -> dict[str, Any]:
    if not isinstance(body, str | bytes) or body.lstrip()[:1] not in ("{", b"{"):
        return {}
    try:
        loaded = json.loads(body)
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}
