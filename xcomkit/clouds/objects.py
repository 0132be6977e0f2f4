"""Objects of a bucket, read without Airflow, and every version of exactly the named keys."""

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from xcomkit.clouds.errors import Errors, find
from xcomkit.findings.errors import MissingError
from xcomkit.findings.model import ObjectDetails, StoredObject, Upload
from xcomkit.findings.text import plain
from xcomkit.settings.settings import Settings

_log = logging.getLogger(__name__)
_BATCH = 2_000
"""Objects per batch: those of all folders at once have to stay within some ten megabytes."""
Version = tuple[str, Any]
"""A key, and what the cloud names a version of it: an id, a generation, or ``""`` for none."""


class Objects(ABC):
    """What a step may ask about the objects of a bucket; the hooks below speak to one SDK."""

    settings: Settings
    clients: Any
    _errors: Errors

    page = 1_000
    """Objects that one answer of a listing holds."""
    _has_warned = False
    no_uploads = ""
    """Why unfinished uploads are not listed here, where they are not."""
    ca_variable: str
    """The variable that names the file of the certificates that this cloud's SDK trusts."""

    @abstractmethod
    def _open_store(self, **options: Any) -> Any:
        """Return obstore's store of the bucket, with the caller's own identity."""

    @abstractmethod
    def _list(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield every current object below the prefix; those up to a key may be left out."""

    @abstractmethod
    def _read(self, key: str, *, limit: int) -> bytes: ...

    @abstractmethod
    def _write(self, key: str, body: bytes) -> None: ...

    @abstractmethod
    def _head(self, key: str) -> Any:
        """Return what the SDK says of an object without its bytes."""

    @abstractmethod
    def _details(self, key: str, head: Any) -> ObjectDetails: ...

    @abstractmethod
    def _list_versions(self, prefix: str) -> Iterator[Version]:
        """Yield every version below the prefix, those of a key together."""

    @abstractmethod
    def _list_old(self, prefix: str) -> Iterator[int | None]: ...

    def _list_uploads(self, _prefix: str) -> Iterator[Upload]:
        return iter(())

    @abstractmethod
    def _delete(self, key: str, version: Any) -> None: ...

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every current object below the prefix, page by page."""
        with self._errors("listing objects"):
            yield from self._list(prefix)

    async def list_batches(
        self, prefix: str, *, after: str = "", at_most: int = _BATCH
    ) -> AsyncIterator[Any]:
        """Yield every current object below the prefix and behind a key, in batches.

        A batch is Arrow's, with ``path``, ``size`` and ``last_modified``, as obstore lists. It
        cannot name every key (``//``, ``..``, control characters) and has errors of its own: where
        it ends in one, the SDK of the cloud lists on, ten times slower, and yields lists.
        """
        from obstore import list as list_with_obstore
        from obstore.exceptions import BaseError

        problem = "the prefix is no path to it"
        if all(part.isprintable() and part not in ("", ".", "..") for part in _parts(prefix)):
            try:
                async for batch in list_with_obstore(
                    self._store, prefix or None, offset=after or None,
                    chunk_size=at_most, return_arrow=True,
                ):  # fmt: skip
                    if batch.num_rows:
                        after = batch["path"][-1].as_py()
                        yield batch
            except (BaseError, ValueError) as error:
                problem = str(error).partition("\n")[0]
            else:
                return
        with self._errors("listing objects"):
            left = (one for one in self._list(prefix, after=after) if one.key > after)
            while found := await asyncio.to_thread(lambda: list(islice(left, at_most))):
                if not self._has_warned:
                    self._has_warned = True
                    text = "the SDK, which is slower, lists from %s on, because obstore ended: %s"
                    _log.warning(text, plain(after or prefix)[:200], plain(problem)[:200])
                yield found

    @cached_property
    def _store(self) -> Any:
        bundle = os.environ.get(self.ca_variable, "")
        trusted = {"root_certificate": Path(bundle).read_bytes()} if bundle else {}
        return self._open_store(
            client_options={"allow_http": True, "timeout": "60s", **trusted},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(minutes=1)},
        )

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the object's bytes as stored, at most ``limit`` of them where it is above 0."""
        with self._errors(f"reading {key}"):
            return self._read(key, limit=limit)

    def write_object(self, key: str, body: bytes) -> None:
        """Put the bytes under the key, in one request where they are small; replace what is there.

        Nothing but the bytes is sent: encryption is left to what the bucket does by default.
        """
        with self._errors(f"writing {key}"):
            self._write(key, body)

    def describe_object(self, key: str) -> ObjectDetails:
        """Return what the store says of the object beside its bytes."""
        with self._errors(f"describing {key}"):
            return self._details(key, self._head(key))

    def object_exists(self, key: str) -> bool:
        """Tell whether the object is there.

        Raises:
            AccessDeniedError: the caller may not look, so nobody knows.
        """
        return find(self._errors, f"looking for {key}", lambda: self._head(key)) is not None

    @property
    def _passes(self) -> int:
        """Return how often keys are looked for and deleted: some stores leave an entry at first."""
        return 1

    def list_keys_ever(self, prefix: str) -> Iterator[str]:
        """Yield every key below the prefix, also those of which only old versions are left."""
        for key, _ in groupby(self._versions(prefix), key=itemgetter(0)):
            yield key

    def list_old_versions(self, prefix: str) -> Iterator[int | None]:
        """Yield the bytes of every version that is not current, ``None`` for a delete marker."""
        with self._errors("listing versions"):
            yield from self._list_old(prefix)

    def list_uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the unfinished uploads; nothing where ``no_uploads`` says why they are not seen."""
        with self._errors("listing unfinished uploads"):
            yield from self._list_uploads(prefix)

    def find_left(self, keys: Collection[str]) -> tuple[str, ...]:
        """Return those of the keys that still have any version."""
        return tuple(sorted({key for key, _ in self._find_versions(keys)}))

    def delete_keys(self, keys: Collection[str]) -> int:
        """Delete every version of exactly these keys; return how many there were.

        Soft-deleted copies stay until their retention is over; nobody can delete them sooner.

        Raises:
            ServiceError: a deletion was refused.
        """
        count = 0
        for _ in range(self._passes):
            if not (found := self._find_versions(keys)):
                break
            self._delete_versions(found)
            count += len(found)
        return count

    def discard_keys(self, keys: Collection[str]) -> None:
        """Delete the current version of exactly these keys; where versions are kept, they stay.

        Raises:
            ServiceError: a deletion was refused.
        """
        self._delete_versions([(key, "") for key in keys])

    def _delete_versions(self, versions: Sequence[Version]) -> None:
        """Delete exactly these versions; one that is gone already is no error."""
        for key, version in versions:
            with suppress(MissingError), self._errors(f"deleting {key}"):
                self._delete(key, version)

    def _versions(self, prefix: str) -> Iterator[Version]:
        with self._errors("listing versions"):
            yield from self._list_versions(prefix)

    def _find_versions(self, keys: Collection[str]) -> list[Version]:
        wanted = set(keys)
        return [
            (key, version)
            for prefix in narrowest_prefixes(wanted)
            for key, version in self._versions(prefix)
            if key in wanted
        ]


def _parts(prefix: str) -> list[str]:
    return prefix.removesuffix("/").split("/") if prefix else []


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
