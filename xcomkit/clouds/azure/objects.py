"""The blobs of the container, read without Airflow, and their versions."""

from collections.abc import Iterator, Sequence
from typing import Any

from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.objects import Objects, Version
from xcomkit.findings.errors import MissingError
from xcomkit.findings.model import ObjectDetails, StoredObject


class AzureObjects(Objects):
    """The blobs of one container; a version has no id where none are kept."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every current blob below the prefix, 5,000 a page."""
        for blob in self._list(prefix):
            yield StoredObject(blob.name, int(blob.size or 0), blob.last_modified)

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the blob's bytes, at most ``limit`` of them where it is above 0."""
        length: dict[str, Any] = {"offset": 0, "length": limit} if limit else {}
        with azure_errors(f"reading {key}"):
            body: bytes = self._blob(key).download_blob(**length).readall()
        return body

    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key, up to 64 MiB with one Put Blob; replace what is there."""
        with azure_errors(f"writing {key}"):
            self._blob(key).upload_blob(body, overwrite=True)

    def describe_object(self, key: str) -> ObjectDetails:
        """Return size, time, version, encryption and metadata of the blob."""
        with azure_errors(f"describing {key}"):
            found = self._blob(key).get_blob_properties()
        encrypted = "microsoft-managed" if found.server_encrypted else "none"
        return ObjectDetails(
            key=key,
            size=int(found.size),
            modified=found.last_modified,
            version=str(getattr(found, "version_id", None) or ""),
            encryption=str(found.encryption_key_sha256 or encrypted),
            tags=tuple(sorted((found.metadata or {}).items())),
        )

    def object_exists(self, key: str) -> bool:
        """Tell whether the blob is there; raises where the caller may not look."""
        with azure_errors(f"looking for {key}"):
            return bool(self._blob(key).exists())

    def _list_versions(self, prefix: str) -> Iterator[Version]:
        for blob in self._list(prefix, versions=True):
            yield blob.name, blob.version_id or ""

    def _delete_versions(self, versions: Sequence[Version]) -> None:
        """Delete the blobs first, which makes their current version an earlier one."""
        for key in {key for key, _ in versions}:
            self._delete(key)
        for key, version in versions:
            if version:
                self._delete(key, version_id=version)

    def _delete(self, key: str, **which: str) -> None:
        try:
            with azure_errors(f"deleting {key}"):
                self._blob(key).delete_blob(**which)
        except MissingError:
            return  # only earlier versions were left, or a lifecycle rule was faster

    def _blob(self, key: str) -> Any:
        return self._clients.container.get_blob_client(key)

    def _list(self, prefix: str, *, versions: bool = False) -> Iterator[Any]:
        with azure_errors("listing objects"):
            yield from self._clients.container.list_blobs(
                name_starts_with=prefix or None, include=["versions"] if versions else None
            )
