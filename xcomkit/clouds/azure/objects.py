"""The blobs of the container, read without Airflow, and their versions."""

from collections.abc import Collection, Iterator
from typing import Any

from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.prefixes import narrowest_prefixes
from xcomkit.errors import MissingError
from xcomkit.model import ObjectDetails, StoredObject


def list_objects(clients: Clients, *, prefix: str) -> Iterator[StoredObject]:
    """Yield every current blob below the prefix, 5,000 a page."""
    for blob in _list(clients, prefix=prefix):
        yield StoredObject(blob.name, int(blob.size or 0), blob.last_modified)


def list_keys(clients: Clients, *, prefix: str) -> Iterator[str]:
    """Yield the keys below a prefix that have any version, each once."""
    last = ""
    for blob in _list(clients, prefix=prefix, versions=True):
        if blob.name != last:
            yield blob.name
        last = blob.name


def find_versions(clients: Clients, *, keys: Collection[str]) -> list[tuple[str, str]]:
    """Return key and version id of every version of the keys; no id where none are kept."""
    wanted = set(keys)
    return [
        (blob.name, blob.version_id or "")
        for prefix in narrowest_prefixes(wanted)
        for blob in _list(clients, prefix=prefix, versions=True)
        if blob.name in wanted
    ]


def delete_versions(clients: Clients, *, keys: Collection[str]) -> int:
    """Delete every version of exactly these keys; return how many there were.

    Deleting a blob makes its current version an earlier one, so that comes first. Soft-deleted
    copies stay until their retention is over; nobody can delete them sooner.

    Raises:
        ServiceError: a deletion was refused.
    """
    found = find_versions(clients, keys=keys)
    for key in {key for key, _ in found}:
        _delete(clients, key, version="")
    for key, version in found:
        if version:
            _delete(clients, key, version=version)
    return len(found)


def _delete(clients: Clients, key: str, *, version: str) -> None:
    which: dict[str, Any] = {"version_id": version} if version else {}
    try:
        with azure_errors(f"deleting {key}"):
            clients.container.get_blob_client(key).delete_blob(**which)
    except MissingError:
        return  # only earlier versions were left, or a lifecycle rule was faster


def read(clients: Clients, key: str, *, limit: int) -> bytes:
    """Return the blob's bytes, at most ``limit`` of them where it is above 0."""
    length: dict[str, Any] = {"offset": 0, "length": limit} if limit else {}
    with azure_errors(f"reading {key}"):
        body: bytes = clients.container.get_blob_client(key).download_blob(**length).readall()
    return body


def write(clients: Clients, key: str, body: bytes) -> None:
    """Put the bytes under the key; replace what is there."""
    with azure_errors(f"writing {key}"):
        clients.container.get_blob_client(key).upload_blob(body, overwrite=True)


def describe(clients: Clients, key: str) -> ObjectDetails:
    """Return size, time, version, encryption and metadata of the blob."""
    with azure_errors(f"describing {key}"):
        found = clients.container.get_blob_client(key).get_blob_properties()
    encrypted = "microsoft-managed" if found.server_encrypted else "none"
    return ObjectDetails(
        key=key,
        size=int(found.size),
        modified=found.last_modified,
        version=str(getattr(found, "version_id", None) or ""),
        encryption=str(found.encryption_key_sha256 or encrypted),
        tags=tuple(sorted((found.metadata or {}).items())),
    )


def exists(clients: Clients, key: str) -> bool:
    """Tell whether the blob is there.

    Raises:
        AccessDeniedError: the caller may not look, so nobody knows.
    """
    with azure_errors(f"looking for {key}"):
        return bool(clients.container.get_blob_client(key).exists())


def _list(clients: Clients, *, prefix: str, versions: bool = False) -> Iterator[Any]:
    with azure_errors("listing objects"):
        yield from clients.container.list_blobs(
            name_starts_with=prefix or None, include=["versions"] if versions else None
        )
