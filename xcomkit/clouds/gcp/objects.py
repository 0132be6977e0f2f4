"""The objects of the bucket, read without Airflow, and their generations."""

from collections.abc import Collection, Iterator
from typing import Any

from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.prefixes import narrowest_prefixes
from xcomkit.errors import MissingError
from xcomkit.model import ObjectDetails, StoredObject


def list_objects(clients: Clients, *, prefix: str) -> Iterator[StoredObject]:
    """Yield every live object below the prefix, 1,000 a page."""
    for blob in _list(clients, prefix=prefix):
        yield StoredObject(blob.name, int(blob.size or 0), blob.updated)


def list_keys(clients: Clients, *, prefix: str) -> Iterator[str]:
    """Yield the keys below a prefix that have any generation, each once."""
    last = ""
    for blob in _list(clients, prefix=prefix, versions=True):
        if blob.name != last:
            yield blob.name
        last = blob.name


def find_generations(clients: Clients, *, keys: Collection[str]) -> list[tuple[str, int]]:
    """Return key and generation of every live and noncurrent version of the keys."""
    wanted = set(keys)
    return [
        (blob.name, int(blob.generation))
        for prefix in narrowest_prefixes(wanted)
        for blob in _list(clients, prefix=prefix, versions=True)
        if blob.name in wanted
    ]


def delete_generations(clients: Clients, *, keys: Collection[str]) -> int:
    """Delete every generation of exactly these keys; return how many there were.

    Soft-deleted copies stay until their retention is over; nobody can delete them sooner.

    Raises:
        ServiceError: a deletion was refused.
    """
    found = find_generations(clients, keys=keys)
    for key, generation in found:
        try:
            with gcp_errors(f"deleting {key}"):
                clients.bucket.delete_blob(key, generation=generation, **patience())
        except MissingError:
            continue  # a lifecycle rule was faster
    return len(found)


def read(clients: Clients, key: str, *, limit: int) -> bytes:
    """Return the object's bytes as stored, at most ``limit`` of them where it is above 0."""
    from google.api_core.exceptions import RequestRangeNotSatisfiable

    end = {"end": limit - 1} if limit else {}
    with gcp_errors(f"reading {key}"):
        try:
            body: bytes = clients.bucket.blob(key).download_as_bytes(
                raw_download=True, **end, **patience()
            )
        except RequestRangeNotSatisfiable:
            return b""  # an empty object has no first byte
    return body


def write(clients: Clients, key: str, body: bytes) -> None:
    """Put the bytes under the key; replace what is there."""
    with gcp_errors(f"writing {key}"):
        clients.bucket.blob(key).upload_from_string(
            body, content_type="application/octet-stream", **patience()
        )


def describe(clients: Clients, key: str) -> ObjectDetails:
    """Return size, time, generation, encryption and metadata of the object."""
    blob = clients.bucket.blob(key)
    with gcp_errors(f"describing {key}"):
        blob.reload(**patience())
    return ObjectDetails(
        key=key,
        size=int(blob.size or 0),
        modified=blob.updated,
        version=str(blob.generation or ""),
        encryption=blob.kms_key_name or "google-managed",
        tags=tuple(sorted((blob.metadata or {}).items())),
    )


def exists(clients: Clients, key: str) -> bool:
    """Tell whether the object is there.

    Raises:
        AccessDeniedError: the caller may not look, so nobody knows.
    """
    with gcp_errors(f"looking for {key}"):
        return bool(clients.bucket.blob(key).exists(**patience()))


def _list(clients: Clients, *, prefix: str, versions: bool = False) -> Iterator[Any]:
    with gcp_errors("listing objects"):
        yield from clients.storage.list_blobs(
            clients.bucket, prefix=prefix, versions=versions or None, **patience()
        )
