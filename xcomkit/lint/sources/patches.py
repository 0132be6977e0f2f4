"""Reads what kustomize changes in a manifest of Flux or Argo CD, inline or in a file.

Source: kustomize, "patches", "patchesJson6902" and "patchesStrategicMerge"; RFC 6902.
"""

import re
from collections.abc import Iterator
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Place
from xcomkit.lint.sources.layers import Parameter, Unread
from xcomkit.values.parts import inside
from xcomkit.values.values import Key, Values, read_values

_FIELDS = ("patches", "patchesJson6902", "patchesStrategicMerge")
_LABELS = {"HelmRelease": "Flux HelmRelease", "Application": "Argo CD Application"}
_JSON = re.compile(r"(?:\s|#.*\n|---.*\n)*(?:- |\[)")  # a list, behind comments
_VALUES = re.compile(r"/spec/(?:values|sources?(?:/\d+)?/helm/valuesObject)(?:/|$)")


def inline_manifests(document: Values) -> Iterator[Values]:
    """Yield the manifests that stand as a text in the patches of a kustomization."""
    for path, text, _ in _texts(document):
        if not _JSON.match(text):
            try:
                yield inside(document, *path)
            except InputError:
                continue  # its settings are found as text


def operations(document: Values) -> Iterator[tuple[str, Unread | Parameter]]:
    """Yield what inline JSON patches of a kustomization change in values, and in which manifest."""
    for path, text, target in _texts(document):
        if label := _label(target):
            place = document.place(*path)
            yield from ((label, one) for one in read_operations(text, place=place))


def patch_files(document: Values) -> Iterator[tuple[str, str, Place]]:
    """Yield the manifest that a patch in a file of its own is for, the file, and the place."""
    for path, row in _rows(document):
        file = row.get("path")
        if isinstance(file, str) and (label := _label(row.get("target"))):
            yield label, file, document.place(*path)


def read_operations(
    text: str, *, place: Place, is_file: bool = False
) -> Iterator[Unread | Parameter]:
    """Yield what a JSON patch changes in values; ``place`` is where it begins."""
    if not _JSON.match(text):
        return
    name, line = place
    try:
        wrapped = read_values(f"ops:\n{re.sub(r'(?m)^', ' ', text)}", name=name)
    except InputError:
        yield Unread(f"a JSON patch that begins with {text[:60]}", place)
        return
    for n, row in enumerate(wrapped.get("ops") or ()):
        pointer = str(row.get("path")) if isinstance(row, dict) else ""
        if match := _VALUES.match(pointer):
            own = wrapped.line("ops", n) - 1 if is_file else line
            yield _operation(row, pointer[match.end() :], place=(name, own))


def _label(target: object) -> str:
    """Return the label of the release that a target is, or ``""``; its name may be a pattern."""
    fields = target if isinstance(target, dict) else {}
    kind = _LABELS.get(str(fields.get("kind")))
    return f"{kind} {str(fields.get('name') or '.*')[:80]}" if kind else ""


def _operation(row: dict[str, Any], pointer: str, *, place: Place) -> Unread | Parameter:
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
    name = name.removeprefix(".")
    if not is_set:
        return Unread(f"a JSON patch of {name}"[:120], place)
    return Parameter(name, str(row["value"]), place, isinstance(row["value"], str))


def _rows(document: Values) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield where each patch stands, and its fields: ``patchesStrategicMerge`` has texts alone."""
    for field in _FIELDS:
        rows = document.get(field)
        for n, row in enumerate(rows if isinstance(rows, list) else ()):
            is_whole = isinstance(row, dict)
            yield (field, n, *["patch"] * is_whole), row if is_whole else {"patch": row}


def _texts(document: Values) -> Iterator[tuple[Key, str, object]]:
    """Yield where each inline patch stands, its text, and what it is for."""
    for path, row in _rows(document):
        text = row.get("patch")
        if isinstance(text, str) and "\n" in text.strip():
            yield path, text, row.get("target")
