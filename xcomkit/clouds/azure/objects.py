"""The blobs of the container, read without Airflow, and their versions."""

from collections.abc import Iterator, Sequence
from typing import Any

from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.objects import Objects, Version
from xcomkit.findings.model import ObjectDetails, StoredObject


class AzureObjects(Objects):
    """The blobs of one container; a version has no id where none are kept."""

    _errors = staticmethod(azure_errors)
    page = 5_000
    no_uploads = "not listed here: Azure drops uncommitted blocks by itself after a week"
    ca_variable = "REQUESTS_CA_BUNDLE"
    clients: Clients

    def _open_store(self, **options: Any) -> Any:
        from obstore.auth.azure import AzureCredentialProvider
        from obstore.store import AzureStore

        return AzureStore(
            self.settings.bucket, account_name=self.settings.storage_account,
            endpoint=self.clients.blobs.url.rstrip("/"), **options,
            credential_provider=AzureCredentialProvider(self.clients.credential),
        )  # fmt: skip

    def _blob(self, key: str) -> Any:
        return self.clients.container.get_blob_client(key)

    def _list(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        start: dict[str, Any] = {"start_from": after} if after else {}
        for blob in self.clients.container.list_blobs(name_starts_with=prefix or None, **start):
            yield StoredObject(blob.name, int(blob.size or 0), blob.last_modified)

    def _read(self, key: str, *, limit: int) -> bytes:
        from azure.core.exceptions import HttpResponseError

        length: dict[str, Any] = {"offset": 0, "length": limit} if limit else {}
        try:
            body: bytes = self._blob(key).download_blob(**length).readall()
        except HttpResponseError as error:
            if error.status_code != 416:
                raise
            return b""  # an empty blob has no first byte
        return body

    def _write(self, key: str, body: bytes) -> None:
        self._blob(key).upload_blob(body, overwrite=True)  # one Put Blob up to 64 MiB

    def _head(self, key: str) -> Any:
        return self._blob(key).get_blob_properties()

    def _details(self, key: str, head: Any) -> ObjectDetails:
        encrypted = "microsoft-managed" if head.server_encrypted else "none"
        return ObjectDetails(
            key=key,
            size=int(head.size),
            modified=head.last_modified,
            version=str(getattr(head, "version_id", None) or ""),
            encryption=str(head.encryption_key_sha256 or encrypted),
            tags=tuple(sorted((head.metadata or {}).items())),
        )

    def _list_versions(self, prefix: str) -> Iterator[Version]:
        listed = self.clients.container.list_blobs(
            name_starts_with=prefix or None, include=["versions"]
        )
        for blob in listed:
            yield blob.name, blob.version_id or ""

    def _list_old(self, prefix: str) -> Iterator[int | None]:
        listed = self.clients.container.list_blobs(
            name_starts_with=prefix or None, include=["versions"]
        )
        for blob in listed:
            if blob.version_id and not blob.is_current_version:
                yield int(blob.size or 0)

    def _delete_versions(self, versions: Sequence[Version]) -> None:
        """Delete the blobs first, which makes their current version an earlier one."""
        blobs = dict.fromkeys((key, "") for key, _ in versions)
        super()._delete_versions([*blobs, *(one for one in versions if one[1])])

    def _delete(self, key: str, version: str) -> None:
        self._blob(key).delete_blob(**({"version_id": version} if version else {}))
