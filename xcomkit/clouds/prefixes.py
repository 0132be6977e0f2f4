"""Where to look for exactly the named keys in as few listings as possible."""

from collections.abc import Collection, Iterator
from itertools import groupby


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
