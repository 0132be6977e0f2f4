"""Every version of exactly the named keys: found in as few listings as possible, and deleted."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any

from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.prefixes import narrowest_prefixes
from xcomkit.errors import AccessDeniedError, MissingError, ServiceError, UnreachableError

_BULK = 1000
"""Objects one DeleteObjects call may name (Amazon S3 API reference)."""


def list_keys(clients: Clients, *, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the keys below a prefix that have any version or delete marker, each once."""
    last = ""
    for key, _ in _list_versions(clients, bucket=bucket, prefix=prefix):
        if key != last:
            yield key
        last = key


def find_versions(clients: Clients, *, bucket: str, keys: Collection[str]) -> list[tuple[str, str]]:
    """Return key and version id of every version and delete marker of the keys."""
    wanted = set(keys)
    return [
        (key, version)
        for prefix in narrowest_prefixes(wanted)
        for key, version in _list_versions(clients, bucket=bucket, prefix=prefix)
        if key in wanted
    ]


def delete_versions(clients: Clients, *, bucket: str, keys: Collection[str]) -> int:
    """Delete every version of exactly these keys; return how many there were.

    Raises:
        ServiceError: some version was refused; a bulk delete says so inside a 200.
    """
    found = find_versions(clients, bucket=bucket, keys=keys)
    for start in range(0, len(found), _BULK):
        batch = found[start : start + _BULK]
        try:
            _delete_at_once(clients, bucket=bucket, versions=batch)
        except ServiceError as error:
            # Stores that speak S3 may know no bulk delete, or want a checksum that no client sends
            # any more, or grant it to nobody whose rights end at a prefix.
            if not clients.is_compatible_store or isinstance(error, UnreachableError):
                raise
            _delete_one_by_one(clients, bucket=bucket, versions=found[start:])
            break
    return len(found)


def _delete_at_once(clients: Clients, *, bucket: str, versions: Iterable[tuple[str, str]]) -> None:
    entries = [{"Key": key, "VersionId": version} for key, version in versions]
    with aws_errors("deleting objects"):
        answer = clients.s3.delete_objects(
            Bucket=bucket,
            Delete={"Objects": entries, "Quiet": True},  # type: ignore[typeddict-item]
        )
    if errors := answer.get("Errors", []):
        first = errors[0]
        text = f"{len(errors)} versions were not deleted, {first.get('Code')} first."
        kind = AccessDeniedError if first.get("Code") == "AccessDenied" else ServiceError
        raise kind(text, hint="ask for s3:DeleteObjectVersion on the prefix.")


def _delete_one_by_one(
    clients: Clients, *, bucket: str, versions: Iterable[tuple[str, str]]
) -> None:
    for key, version in versions:
        with suppress(MissingError), aws_errors(f"deleting a version of {key}"):
            clients.s3.delete_object(Bucket=bucket, Key=key, VersionId=version)


def _list_versions(clients: Clients, *, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    marker: dict[str, Any] = {}
    while True:
        with aws_errors("listing versions"):
            page = clients.s3.list_object_versions(Bucket=bucket, Prefix=prefix, **marker)
        entries: list[Any] = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        for entry in sorted(entries, key=itemgetter("Key")):  # a key may have both
            yield entry["Key"], entry["VersionId"]
        if not page["IsTruncated"]:
            return
        before, marker = marker, _next(page, entries)
        if marker == before:
            raise ServiceError(f"Listing versions does not go on behind {marker['KeyMarker']}.")


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
