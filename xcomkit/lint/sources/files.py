"""Which files of a folder are looked at."""

import os
from collections.abc import Iterator
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.lint.sources.reading import YAML
from xcomkit.lint.sources.unread import SUFFIXES

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
_OF_CHARTS = frozenset({"Chart.yaml", "Chart.yml", "Chart.lock", "values.schema.json"})
_MOST_FILES = 100_000


def list_files(top: Path) -> Iterator[Path]:
    """Yield ordinary files by name; hidden folders and links are left out, so no loop is walked."""
    count = 0
    for parent, folders, names in os.walk(top):
        folders[:] = sorted(n for n in folders if n[0] != "." and n not in _SKIPPED)
        for name in sorted(names):
            if name.lower().endswith((*YAML, *SUFFIXES, ".cfg")) or ".env" in name:
                count += 1
                if count > _MOST_FILES:
                    problem = f"{top}: more than {_MOST_FILES} files."
                    raise InputError(problem, hint="name the folder of the agents.")
                path = Path(parent, name)
                # pathlib raises where a folder may be listed and not entered
                is_link = os.path.islink(path)  # noqa: PTH114
                if name not in _OF_CHARTS and not is_link and os.path.isfile(path):  # noqa: PTH113
                    yield path
