"""Lays patches of pods over the folders that a kustomization names.

Source: kustomize, "resources", "bases" and "components".
"""

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from xcomkit.lint.configuration import Source
from xcomkit.lint.sources import pod
from xcomkit.lint.sources.at import At
from xcomkit.lint.sources.reading import Read

_NAMES = ("kustomization.yaml", "kustomization.yml")

Take = Callable[[Path], Read | None]
"""Reads a file, and none that is not below the folder that is judged."""


def with_bases(homes: Mapping[Path, list[Source]], read: Take) -> Iterator[list[Source]]:
    """Yield the files of each folder, those with patches of pods over what lies below them.

    A patch whose own kustomization names no folder is for the nearest container of its name.
    """
    covered: set[Path] = set()
    named = {
        home: pod.list_containers([document for one in own for document in one.documents])
        for home, own in homes.items()
    }
    nearest: dict[tuple[str, Path], Path] = {}  # by container, from every folder above it
    for home, (_, held) in named.items():
        for key in product(held, (home, *home.parents)):
            nearest.setdefault(key, home)
    found: dict[Path, list[Source]] = {}
    for home, (patched, held) in named.items():
        below = [one for one in _bases(home, read, seen={home}) if one in homes] if patched else []
        covered |= {*below}
        if patched - held and not below:
            near = (nearest.get((one, up)) for up in home.parents for one in sorted(patched))
            below = [one for one in near if one][:1]
        found[home] = [one for base in below for one in homes[base]] + homes[home]
    yield from (sources for home, sources in found.items() if home not in covered)


def _bases(home: Path, read: Take, *, seen: set[Path]) -> Iterator[Path]:
    """Yield the folders below one, the lowest first."""
    found = next((one for one in (read(home / name) for name in _NAMES) if one), None)
    for document in found.source.documents if found else ():
        for key in ("resources", "bases", "components"):
            for row in At(document).rows(key):
                base = Path(os.path.normpath(home / row.text()))
                if base not in seen:
                    seen.add(base)
                    yield from _bases(base, read, seen=seen)
                    yield base
