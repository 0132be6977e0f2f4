"""Reads what kustomize changes in a manifest of Flux or Argo CD, where a patch is written inline.

Source: kustomize, "patches", "patchesJson6902" and "patchesStrategicMerge"; RFC 6902.
"""

import re
from collections.abc import Iterator
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Place
from xcomkit.values.parts import inside
from xcomkit.values.values import Key, Values

_FIELDS = ("patches", "patchesJson6902", "patchesStrategicMerge")
_LABELS = {"HelmRelease": "Flux HelmRelease", "Application": "Argo CD Application"}
_VALUES = re.compile(r"/spec/(?:values|sources?(?:/\d+)?/helm/valuesObject)(?:/|$)")

Operation = tuple[str, Place, str, str | int | float | bool | None]
"""Label of the manifest, place, path as ``--set`` takes it, and value if ``--set`` can set it."""


def inline_manifests(document: Values) -> Iterator[Values]:
    """Yield the manifests that stand as a text in the patches of a kustomization."""
    for path, text, _ in _texts(document):
        if not text.lstrip().startswith(("-", "[")):
            try:
                yield inside(document, *path)
            except InputError:
                continue  # its settings are found as text


def operations(document: Values) -> Iterator[Operation]:
    """Yield what the JSON patches of a kustomization change in values, one label per manifest."""
    for path, text, target in _texts(document):
        kind = _LABELS.get(str(target.get("kind")))
        if kind is None or not text.lstrip().startswith(("-", "[")):
            continue
        label, place = f"{kind} {str(target.get('name') or '')[:80]}", document.place(*path)
        try:
            wrapped = inside(document, *path, text=f"ops:\n{re.sub(r'(?m)^', ' ', text)}")
        except InputError:
            yield label, place, text[:60], None
            continue
        for row in wrapped.get("ops") or ():
            pointer = str(row.get("path")) if isinstance(row, dict) else ""
            if match := _VALUES.match(pointer):
                yield _operation(row, pointer[match.end() :], label=label, place=place)


def _operation(row: dict[str, Any], pointer: str, *, label: str, place: Place) -> Operation:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]
    # add inserts into a list, and replaces what a mapping has
    is_put = row.get("op") == "replace" or (
        row.get("op") == "add" and parts[-1] != "-" and not parts[-1].isdecimal()
    )
    is_set = is_put and isinstance(row.get("value"), str | int | float | bool)
    name = "".join(
        f"[{part}]" if part.isdecimal() else "." + re.sub(r"([.,\\\[\]])", r"\\\1", part)
        for part in parts
    )
    return label, place, name.removeprefix("."), row["value"] if is_set else None


def _texts(document: Values) -> Iterator[tuple[Key, str, dict[str, Any]]]:
    """Yield where each inline patch stands, its text, and what it is for."""
    for field in _FIELDS:
        rows = document.get(field)
        for n, row in enumerate(rows if isinstance(rows, list) else ()):
            fields = row if isinstance(row, dict) else {}
            text, target = fields.get("patch"), fields.get("target")
            path: Key = (field, n, "patch") if fields else (field, n)
            text = text if fields else row
            if isinstance(text, str) and "\n" in text.strip():
                yield path, text, target if isinstance(target, dict) else {}
