"""Lays patches of pods over the folders that a kustomization names.

Source: kustomize, "resources", "bases" and "components".
"""

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from xcomkit.lint.configuration import Source
from xcomkit.lint.sources import pod
from xcomkit.lint.sources.at import At
from xcomkit.lint.sources.reading import Read

_NAMES = ("kustomization.yaml", "kustomization.yml")

Take = Callable[[Path], Read | None]
"""Reads a file, and none that is not below the folder that is judged."""


def with_bases(homes: Mapping[Path, list[Source]], read: Take) -> Iterator[list[Source]]:
    """Yield the files of each folder, those with patches of pods over what lies below them."""
    below = {
        home: [one for one in _bases(home, read, seen={home}) if one in homes]
        for home, own in homes.items()
        if pod.has_patches([document for one in own for document in one.documents])
    }
    covered = set(chain(*below.values()))
    for home, own in homes.items():
        if home not in covered:
            yield [one for base in below.get(home, ()) for one in homes[base]] + own


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
