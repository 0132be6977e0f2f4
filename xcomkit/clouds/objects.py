"""Objects of a bucket, read without Airflow, and every version of exactly the named keys."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from xcomkit.findings.model import ObjectDetails, StoredObject

Version = tuple[str, Any]
"""A key, and what the cloud names a version of it: an id, a generation, or ``""`` for none."""


class Objects(ABC):
    """What a step may ask about the objects of a bucket."""

    @abstractmethod
    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object below the prefix, page by page."""

    @abstractmethod
    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the object's bytes as stored, at most ``limit`` of them where it is above 0."""

    @abstractmethod
    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key, in one request where they are small; replace what is there.

        Nothing but the bytes is sent: encryption is left to what the bucket does by default.
        """

    @abstractmethod
    def describe_object(self, key: str) -> ObjectDetails:
        """Return what the store says of the object beside its bytes."""

    @abstractmethod
    def object_exists(self, key: str) -> bool:
        """Tell whether the object is there.

        Raises:
            AccessDeniedError: the caller may not look, so nobody knows.
        """

    @abstractmethod
    def _list_versions(self, prefix: str) -> Iterator[Version]:
        """Yield every version below the prefix, those of a key together."""

    @abstractmethod
    def _delete_versions(self, versions: Sequence[Version]) -> None:
        """Delete exactly these versions; one that is gone already is no error."""

    def list_keys_ever(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, also those of which only old versions are left."""
        for key, _ in groupby(self._list_versions(prefix), key=itemgetter(0)):
            yield key

    def find_left(self, keys: Collection[str]) -> tuple[str, ...]:
        """Return those of the keys that still have any version."""
        return tuple(sorted({key for key, _ in self._find_versions(keys)}))

    def delete_keys(self, keys: Collection[str]) -> int:
        """Delete every version of exactly these keys; return how many there were.

        Soft-deleted copies stay until their retention is over; nobody can delete them sooner.

        Raises:
            ServiceError: a deletion was refused.
        """
        found = self._find_versions(keys)
        self._delete_versions(found)
        return len(found)

    def _find_versions(self, keys: Collection[str]) -> list[Version]:
        wanted = set(keys)
        return [
            (key, version)
            for prefix in narrowest_prefixes(wanted)
            for key, version in self._list_versions(prefix)
            if key in wanted
        ]


def narrowest_prefixes(keys: Collection[str]) -> Iterator[str]:
    """Yield the prefixes to list: one per Dag run, or the key itself where it stands alone.

    A lone key may have a million neighbours, so its folder is not listed.
    """
    for folder, group in groupby(sorted(set(keys), key=_folder), key=_folder):
        first, *others = group
        yield folder if others else first


def _folder(key: str) -> str:
    """Return the part of a key that its neighbours of the same Dag run share."""
    return "/".join(key.split("/")[:-2])
