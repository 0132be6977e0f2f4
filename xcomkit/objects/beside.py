"""What a bucket keeps below a prefix beside the current objects: counted one by one, none held."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Upload

INTERRUPTED = "the listing was interrupted."


class Store(Protocol):
    """Lists old versions and unfinished uploads."""

    @property
    def no_uploads(self) -> str:
        """Return why unfinished uploads are not listed, where they are not."""

    def list_old_versions(self, prefix: str) -> Iterator[int | None]:
        """Yield the bytes of every old version, ``None`` for a delete marker."""

    def list_uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the unfinished uploads."""


@dataclass(slots=True)
class Beside:
    """Old versions, delete markers and unfinished uploads; sizes in bytes.

    ``unseen`` and ``unseen_uploads`` say why the count is not whole, ``no_uploads`` why there is
    none. Of ``unmeasured`` uploads the size is not in ``upload_size``.
    """

    old: int = 0
    old_size: int = 0
    markers: int = 0
    uploads: int = 0
    upload_size: int = 0
    unmeasured: int = 0
    oldest: datetime | None = None
    oldest_key: str = ""
    unseen: str = ""
    unseen_uploads: str = ""
    no_uploads: str = ""


def count_beside(store: Store, *, prefix: str) -> Beside:
    """Return what the bucket keeps beside the current objects below the prefix."""
    found, below = Beside(no_uploads=store.no_uploads), f"{prefix}/" if prefix else ""

    def count_versions() -> None:
        for size in store.list_old_versions(below):
            if size is None:
                found.markers += 1
            else:
                found.old += 1
                found.old_size += size

    def count_uploads() -> None:
        for one in store.list_uploads(below):
            found.uploads += 1
            found.upload_size += one.size or 0
            found.unmeasured += one.size is None
            if found.oldest is None or one.begun < found.oldest:
                found.oldest, found.oldest_key = one.begun, one.key

    found.unseen = _run(count_versions)
    found.unseen_uploads = _run(count_uploads)
    return found


def _run(count: Callable[[], None]) -> str:
    """Return why not all was counted; what was counted until then stays."""
    try:
        count()
    except XcomkitError as error:
        return str(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return ""
