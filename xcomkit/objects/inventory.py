"""Inventories of buckets that are too large to list, counted as a listing is.

DuckDB reads the rows in little memory and says which are current objects below the prefix;
``Sums`` counts these, batch by batch, as it counts the pages of a listing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.text import number_of
from xcomkit.objects.beside import Beside
from xcomkit.objects.inventory_rows import KINDS, Rows, open_rows
from xcomkit.objects.listing import Listing
from xcomkit.objects.manifest import find_report
from xcomkit.settings.settings import Settings

_ROWS = 16_384
"""Rows of a batch: twice as many take 20 MB more."""
_SHOWN = 50
_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Deletions:
    """What a journal says was deleted below the prefix: how much, by whom, and the newest of it."""

    count: int
    by: tuple[tuple[str, ...], ...]
    newest: tuple[tuple[str, ...], ...]


def count_inventory(
    paths: Sequence[Path], *, listing: Listing, settings: Settings, say: Callable[[str], None]
) -> Beside | None:
    """Count what an inventory says of the objects below the prefix, in place of listing them.

    Returned are old versions and delete markers, where the inventory tells them apart.

    Raises:
        InputError: it cannot be read, or is not of this bucket.
    """
    report = find_report(paths, settings=settings)
    when = f"{report.when:%Y-%m-%d %H:%M} UTC" if report.when else "an unknown time (no manifest)"
    say(f"reading the inventory of {when}, {number_of(len(report.files), 'file')}")
    listing.sums.now = report.when or listing.sums.now
    listing.reached = None
    if not report.files:  # of a bucket in which nothing is
        return None
    with open_rows(report, settings=settings) as rows:
        counts, old_size = _count(rows, listing=listing, say=say)
        has_versions = rows.has_versions
    seen = sum(counts.values())
    _require_own(seen - counts["elsewhere"], seen=seen, settings=settings)
    missing = [*report.missing]
    if report.rows is not None and seen != report.rows:
        missing.append(f"the files have {seen:,} of {number_of(report.rows, 'row')}")
    if counts["unreadable"]:
        lost = number_of(counts["unreadable"], "row")
        missing.append(f"{lost} below the prefix without a size or a time were left out")
    listing.missing = "; ".join(missing)
    found = Beside(
        old=counts["old"], old_size=old_size, markers=counts["marker"],
        unseen=listing.missing, no_uploads="an inventory names none",
    )  # fmt: skip
    return found if has_versions else None


def _count(
    rows: Rows, *, listing: Listing, say: Callable[[str], None]
) -> tuple[dict[str, int], int]:
    """Count the current objects, and return how many rows there are of each kind."""
    import numpy as np
    import pyarrow.compute as pc

    begun = said = time.monotonic()
    counts: Any = np.zeros(len(KINDS), np.int64)
    old_size = 0
    for batch in rows.select().to_arrow_reader(_ROWS):
        kinds = np.from_dlpack(batch["kind"])
        counts += np.bincount(kinds, minlength=len(KINDS))
        old_size += int(np.from_dlpack(batch["size"])[kinds == KINDS.index("old")].sum())
        listing.add(batch.filter(pc.invert(batch["kind"].cast("bool"))))  # "current" is 0
        if time.monotonic() - said > _EVERY:
            said = time.monotonic()
            say(f"{counts.sum():,} rows read in {said - begun:.0f} s")
    return dict(zip(KINDS, counts.tolist(), strict=True)), old_size


def read_journal(paths: Sequence[Path], *, settings: Settings) -> Deletions:
    """Return what a journal of S3 Metadata says was deleted below the prefix.

    Raises:
        InputError: it cannot be read, or is not of this bucket.
    """
    with open_rows(find_report(paths, settings=settings), settings=settings) as rows:
        counts, by, newest = rows.read_deletions(most=_SHOWN)
    seen, own, count = map(int, counts[0])
    _require_own(own, seen=seen, settings=settings)
    return Deletions(count, by, newest)


def _require_own(own: int, *, seen: int, settings: Settings) -> None:
    """Go on where a row is of the bucket, or where there is none at all.

    Raises:
        InputError: all rows are of other buckets.
    """
    if seen and not own:
        raise InputError(
            f"none of {number_of(seen, 'row')} of the inventory is of {settings.bucket}.",
            hint=f"name an inventory of {settings.place}.",
        )
