"""The objects of the bucket, read without Airflow, and their generations."""

from collections.abc import Iterator
from typing import Any, Literal

from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.objects import Objects, Version
from xcomkit.findings.model import ObjectDetails, StoredObject


class GcpObjects(Objects):
    """The objects of one bucket; a version is a generation."""

    _errors = staticmethod(gcp_errors)
    no_uploads = "not listed here: Google drops resumable ones after a week, its XML API has more"
    ca_variable = "REQUESTS_CA_BUNDLE"
    clients: Clients

    def _open_store(self, **options: Any) -> Any:
        from obstore.auth.google import GoogleCredentialProvider
        from obstore.store import GCSStore

        return GCSStore(
            self.settings.bucket,
            base_url=self.clients.storage.api_endpoint,
            credential_provider=GoogleCredentialProvider(self.clients.credentials),
            **options,
        )

    def _blobs(self, prefix: str, **options: Any) -> Any:
        return self.clients.storage.list_blobs(
            self.clients.bucket, prefix=prefix, **options, **patience()
        )

    def _list(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        for blob in self._blobs(prefix, start_offset=after or None):
            yield StoredObject(blob.name, int(blob.size or 0), blob.updated)

    def _read(self, key: str, *, limit: int) -> bytes:
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        end = {"end": limit - 1} if limit else {}
        try:
            body: bytes = self.clients.bucket.blob(key).download_as_bytes(
                raw_download=True, **end, **patience()
            )
        except RequestRangeNotSatisfiable:
            return b""  # an empty object has no first byte
        return body

    def _write(self, key: str, body: bytes) -> None:
        self.clients.bucket.blob(key).upload_from_string(  # one request up to 8 MiB
            body, content_type="application/octet-stream", **patience()
        )

    def _head(self, key: str) -> Any:
        blob = self.clients.bucket.blob(key)
        blob.reload(**patience())
        return blob

    def _details(self, key: str, head: Any) -> ObjectDetails:
        return ObjectDetails(
            key=key,
            size=int(head.size or 0),
            modified=head.updated,
            version=str(head.generation or ""),
            encryption=head.kms_key_name or "google-managed",
            tags=tuple(sorted((head.metadata or {}).items())),
        )

    def _list_versions(self, prefix: str) -> Iterator[Version]:
        for blob in self._blobs(prefix, versions=True):
            yield blob.name, int(blob.generation)

    def _list_old(self, prefix: str) -> Iterator[int | None]:
        for blob in self._blobs(prefix, versions=True):
            if blob.time_deleted:
                yield int(blob.size or 0)

    def _delete(self, key: str, version: int | Literal[""]) -> None:
        generation = None if version == "" else version
        self.clients.bucket.delete_blob(key, generation=generation, **patience())
