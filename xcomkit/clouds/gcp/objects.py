"""The objects of the bucket, read without Airflow, and their generations."""

from collections.abc import Iterator, Sequence
from typing import Any

from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.objects import Objects, Version
from xcomkit.findings.errors import MissingError
from xcomkit.findings.model import ObjectDetails, StoredObject


class GcpObjects(Objects):
    """The objects of one bucket; a version is a generation."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every live object below the prefix, 1,000 a page."""
        for blob in self._list(prefix):
            yield StoredObject(blob.name, int(blob.size or 0), blob.updated)

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the object's bytes as stored, at most ``limit`` of them where it is above 0."""
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        end = {"end": limit - 1} if limit else {}
        with gcp_errors(f"reading {key}"):
            try:
                body: bytes = self._clients.bucket.blob(key).download_as_bytes(
                    raw_download=True, **end, **patience()
                )
            except RequestRangeNotSatisfiable:
                return b""  # an empty object has no first byte
        return body

    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key, up to 8 MiB with one request; replace what is there."""
        with gcp_errors(f"writing {key}"):
            self._clients.bucket.blob(key).upload_from_string(
                body, content_type="application/octet-stream", **patience()
            )

    def describe_object(self, key: str) -> ObjectDetails:
        """Return size, time, generation, encryption and metadata of the object."""
        blob = self._clients.bucket.blob(key)
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

    def object_exists(self, key: str) -> bool:
        """Tell whether the object is there; raises where the caller may not look."""
        with gcp_errors(f"looking for {key}"):
            return bool(self._clients.bucket.blob(key).exists(**patience()))

    def _list_versions(self, prefix: str) -> Iterator[Version]:
        for blob in self._list(prefix, versions=True):
            yield blob.name, int(blob.generation)

    def _delete_versions(self, versions: Sequence[Version]) -> None:
        for key, generation in versions:
            try:
                with gcp_errors(f"deleting {key}"):
                    self._clients.bucket.delete_blob(key, generation=generation, **patience())
            except MissingError:
                continue  # a lifecycle rule was faster

    def _list(self, prefix: str, *, versions: bool = False) -> Iterator[Any]:
        with gcp_errors("listing objects"):
            yield from self._clients.storage.list_blobs(
                self._clients.bucket, prefix=prefix, versions=versions or None, **patience()
            )
