"""The objects of the bucket, read and written without Airflow, and their versions."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any

from xcomkit.clouds.aws.session import Clients, aws_errors, is_unsupported
from xcomkit.clouds.objects import Objects, Version
from xcomkit.findings.errors import AccessDeniedError, MissingError, ServiceError, UnreachableError
from xcomkit.findings.model import ObjectDetails, StoredObject, Upload

_BULK = 1000
"""Objects one DeleteObjects call may name (Amazon S3 API reference)."""
_MEASURED = 100
"""Unfinished uploads whose parts are listed, which takes up to ten requests each."""


class AwsObjects(Objects):
    """The objects of one bucket; a delete marker counts as a version."""

    _errors = staticmethod(aws_errors)
    ca_variable = "AWS_CA_BUNDLE"
    clients: Clients

    def _open_store(self, **options: Any) -> Any:
        from obstore.auth.boto3 import Boto3CredentialProvider
        from obstore.store import S3Store

        bucket = self.settings.bucket
        # Of a bucket on AWS the name is part of the host, where no dot forbids it.
        place: dict[str, Any] = {"virtual_hosted_style_request": "." not in bucket}
        if self.settings.endpoint_url:
            url = os.environ["AWS_ENDPOINT_URL"] if self.settings.is_embedded else ""
            place = {"endpoint": url or self.settings.endpoint_url}
        return S3Store(
            bucket, region=self.settings.region, **place, **options,
            credential_provider=Boto3CredentialProvider(self.clients.session),
        )  # fmt: skip

    def _list(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        paginator = self.clients.s3.get_paginator("list_objects_v2")
        start: dict[str, Any] = {"StartAfter": after} if after else {}
        for page in paginator.paginate(Bucket=self.settings.bucket, Prefix=prefix, **start):
            for entry in page.get("Contents", ()):
                yield StoredObject(entry["Key"], entry["Size"], entry["LastModified"])

    def _read(self, key: str, *, limit: int) -> bytes:
        answer = self.clients.s3.get_object(Bucket=self.settings.bucket, Key=key)
        return answer["Body"].read(limit or None)

    def _write(self, key: str, body: bytes) -> None:
        self.clients.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=body)

    def _head(self, key: str) -> Any:
        return self.clients.s3.head_object(Bucket=self.settings.bucket, Key=key)

    def _details(self, key: str, head: Any) -> ObjectDetails:
        try:
            with aws_errors(f"reading the tags of {key}"):
                answer = self.clients.s3.get_object_tagging(Bucket=self.settings.bucket, Key=key)
                tags = answer["TagSet"]
        except ServiceError as error:
            if not (self.clients.is_compatible_store and is_unsupported(error)):
                raise
            tags = []
        return ObjectDetails(
            key=key,
            size=head["ContentLength"],
            modified=head["LastModified"],
            version=head.get("VersionId", ""),
            encryption=head.get("ServerSideEncryption", "not reported"),
            tags=tuple((tag["Key"], tag["Value"]) for tag in tags),
        )

    @property
    def _passes(self) -> int:
        # Of a key with a % Swift keeps an entry, whose deletion leaves a delete marker.
        return 3 if self.clients.is_compatible_store else 1

    def _list_versions(self, prefix: str) -> Iterator[Version]:
        is_store = self.clients.is_compatible_store
        held = set()
        for entry in self._entries(prefix):
            if is_store:
                held.add(entry["Key"])
            yield entry["Key"], entry["VersionId"]
        # what no version is of: see _passes
        if is_store:
            yield from ((one.key, "") for one in self._list(prefix) if one.key not in held)

    def _list_old(self, prefix: str) -> Iterator[int | None]:
        for entry in self._entries(prefix):
            if "Size" not in entry:
                yield None
            elif not entry["IsLatest"]:
                yield entry["Size"]

    def _list_uploads(self, prefix: str) -> Iterator[Upload]:
        where: dict[str, Any] = {"Bucket": self.settings.bucket}
        pages = self.clients.s3.get_paginator("list_multipart_uploads").paginate(
            Prefix=prefix, **where
        )
        found = (upload for page in pages for upload in page.get("Uploads", ()))
        for number, upload in enumerate(found):
            size = self._size_of(upload, **where) if number < _MEASURED else None
            yield Upload(upload["Key"], size, upload["Initiated"])

    def _size_of(self, upload: Any, **where: Any) -> int | None:
        """Return the bytes of an upload's parts, ``None`` if it was ended meanwhile."""
        name = {"Key": upload["Key"], "UploadId": upload["UploadId"], **where}
        with suppress(MissingError), aws_errors(f"listing the parts of {upload['Key']}"):
            pages = self.clients.s3.get_paginator("list_parts").paginate(**name)
            return sum(part["Size"] for page in pages for part in page.get("Parts", ()))
        return None

    def _entries(self, prefix: str) -> Iterator[Any]:
        """Yield every version and delete marker below the prefix, those of a key together."""
        marker: dict[str, Any] = {}
        while True:
            page = self.clients.s3.list_object_versions(
                Bucket=self.settings.bucket, Prefix=prefix, **marker
            )
            entries: list[Any] = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            yield from sorted(entries, key=itemgetter("Key"))  # a key may have both
            if not page["IsTruncated"]:
                return
            before, marker = marker, _next(page, entries)
            if marker == before:
                raise ServiceError(f"Listing versions does not go on behind {marker['KeyMarker']}.")

    def _delete_versions(self, versions: Sequence[Version]) -> None:
        for start in range(0, len(versions), _BULK):
            try:
                self._delete_at_once(versions[start : start + _BULK])
            except ServiceError as error:
                # Stores that speak S3 may know no bulk delete, or want a checksum that no client
                # sends any more, or grant it to nobody whose rights end at a prefix.
                if not self.clients.is_compatible_store or isinstance(error, UnreachableError):
                    raise
                super()._delete_versions(versions[start:])
                return

    def _delete_at_once(self, versions: Iterable[Version]) -> None:
        entries = [{"Key": key, **_version(version)} for key, version in versions]
        with aws_errors("deleting objects"):
            answer = self.clients.s3.delete_objects(
                Bucket=self.settings.bucket,
                Delete={"Objects": entries, "Quiet": True},  # type: ignore[typeddict-item]
            )
        if errors := answer.get("Errors", []):  # a bulk delete says so inside a 200
            first = errors[0]
            text = f"{len(errors)} versions were not deleted, {first.get('Code')} first."
            kind = AccessDeniedError if first.get("Code") == "AccessDenied" else ServiceError
            raise kind(text, hint="ask for s3:DeleteObject and s3:DeleteObjectVersion.")

    def _delete(self, key: str, version: str) -> None:
        self.clients.s3.delete_object(
            Bucket=self.settings.bucket,
            Key=key,
            **_version(version),  # type: ignore[arg-type]
        )


def _version(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _next(page: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return where the next page begins.

    Swift names the version ``null`` and, asked for that, ends the listing: so one that the page
    does not hold is replaced by the oldest of that key which it does hold, its last.
    A Ceph gateway does not encode the key that it names, so that a ``+``, as every run id holds
    one, arrives as a blank: a key that the page does not hold is replaced by its last.
    """
    key, version = page["NextKeyMarker"], page.get("NextVersionIdMarker", "")
    keys = {entry["Key"] for entry in entries}
    key = key if key in keys or not keys else max(keys)
    held = [entry for entry in reversed(entries) if entry["Key"] == key]
    if held and version not in {entry["VersionId"] for entry in held}:
        version = min(held, key=itemgetter("LastModified"))["VersionId"]
    return {"KeyMarker": key, **({"VersionIdMarker": version} if version else {})}
