"""Google Cloud: who may become a service account, and what roles on a bucket allow."""

import re

BECOME = "roles/iam.workloadIdentityUser"
OBJECTS = "roles/storage.objectUser"
READER = "roles/storage.legacyBucketReader"
_VIEW = frozenset({"storage.objects.get", "storage.objects.list"})
_CREATE = frozenset({"storage.objects.create"})
_USE = _VIEW | _CREATE | {"storage.objects.delete", "storage.objects.update"}
_READ = frozenset({"storage.buckets.get", "storage.objects.list"})
_WRITE = _READ | _CREATE | {"storage.objects.delete"}
PERMISSIONS: dict[str, frozenset[str]] = {
    "roles/storage.objectViewer": _VIEW,
    "roles/storage.objectCreator": _CREATE,
    OBJECTS: _USE,
    "roles/storage.objectAdmin": _USE,
    "roles/storage.bucketViewer": frozenset({"storage.buckets.get"}),
    READER: _READ,
    "roles/storage.legacyBucketWriter": _WRITE,
    "roles/storage.legacyBucketOwner": _WRITE,
    "roles/storage.legacyObjectReader": frozenset({"storage.objects.get"}),
    "roles/storage.legacyObjectOwner": frozenset({"storage.objects.get"}),
    "roles/storage.admin": _USE
    | {"storage.buckets.get", "storage.buckets.update", "storage.buckets.delete"}
    | {"storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"},
}
"""What a role allows on a bucket and its objects (Cloud Storage, IAM roles)."""
_BELOW = re.compile(r"\s*resource\.name\.startsWith\(\s*(['\"])([^'\"\\]*)\1\s*\)\s*")


def condition_start(expression: str | None) -> str | None:
    """Return how the names of the resources begin for which a condition is met.

    Without a condition that is ``""``; ``None`` is a condition that only a request decides.
    """
    if expression is None:
        return ""
    match = _BELOW.fullmatch(expression)
    return match[2] if match else None
