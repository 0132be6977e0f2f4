"""Reads what kustomize changes in a manifest of Flux or Argo CD, inline or in a file.

Source: kustomize, "patches", "patchesJson6902", "patchesStrategicMerge" and "replacements"; RFC
6902.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Place
from xcomkit.lint.sources.at import At
from xcomkit.lint.sources.layers import File, OfPods, Parameter, Unread
from xcomkit.values.parts import inside
from xcomkit.values.values import Key, Values, read_values

_FIELDS = ("patches", "patchesJson6902", "patchesStrategicMerge")
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")
_LABELS = {
    "HelmRelease": "Flux HelmRelease ", "Application": "Argo CD Application ",
    **{kind: f"{kind.lower()}/" for kind in _WORKLOADS},
}  # fmt: skip
LIST = re.compile(r"(?:\s|#.*\n|---.*\n)*(?:-\s|\[)")  # behind comments
BUILD = "kustomize build . | xcomkit lint -"
_SELECTORS = ("labelSelector", "annotationSelector")
_SLOW = re.compile(r"\)[*+{]|(?:[*+{].*){5}")  # patterns that may take Python long
_VALUES = re.compile(r"/spec/(?:values|sources?(?:/\d+)?/helm/valuesObject)(?:/|$)")
# what a replacement fills in: variables of containers, values, keys of a ConfigMap or Secret
_OF_PODS = re.compile(r"spec\..*\.env(?:From)?\.|(?:stringD|d)ata\.AIRFLOW_")
_OF_RELEASES = re.compile(r"spec\.(?:values|sources?\..*helm)\.")
# where variables of containers, or of maps, are set, or whatever holds them; no image
_PODS = re.compile(
    r"/spec(?:/jobTemplate/spec)?/template(?:/spec(?:/containers(?:/\d+(?:/env(?:From)?(?:/.*)?)?)?)?)?"
    r"|/(?:stringD|d)ata/AIRFLOW_\w+"
)

Change = OfPods | Values | File | Parameter | Unread


class Target(NamedTuple):
    """What a patch is for: how the labels of such releases begin, and the pattern of their names.

    Names, and the namespace, are regular expressions for the whole, as kustomize takes them.
    """

    kind: str
    names: str
    space: str = ""

    def is_in(self, space: str) -> bool:
        """Tell whether it may be for what is in a namespace; one that is not known may be any."""
        return not (self.space and space) or _fits(self.space, space)

    def among(self, labels: Collection[str]) -> list[str]:
        """Return the labels that it fits; a pattern that is slow, or is none, fits nothing."""
        whole = self.kind + self.names
        if re.fullmatch(r"[\w-]+", self.names):
            return [whole] if whole in labels else []
        size = len(self.kind)
        return [x for x in labels if x[:size] == self.kind and _fits(self.names, x[size:])]


def read_patches(document: Values) -> Iterator[tuple[tuple[Target, ...], Change]]:
    """Yield what the patches of a kustomization change, and of what: manifests stand as values."""
    for path, row in _rows(document):
        text, file, target = row.get("patch"), row.get("path"), row.get("target")
        fields = target if isinstance(target, dict) else {}
        place = document.place(*path)
        found: list[Change] = []
        if isinstance(text, str) and LIST.match(text):
            found = [*read_operations(text, place=place)]
        elif isinstance(text, str) and "\n" in text.strip():
            with suppress(InputError):  # its settings are found as text
                found = [inside(document, *path)]
        elif isinstance(file, str):
            found = [File(file, place, is_patch=True)]
        if selector := next((key for key in _SELECTORS if fields.get(key)), ""):
            found = [Unread(f"a patch for what has a {selector}", place, BUILD)] if found else []
        targets = tuple(_targets(fields))
        yield from ((targets, change) for change in found)
    yield from _read_replacements(document)


def _read_replacements(document: Values) -> Iterator[tuple[tuple[Target, ...], Change]]:
    """Yield what is filled in from other objects, which is not read; a file may hold one alone."""
    whole = At(document)
    for one in (*whole.rows("replacements"), whole):
        for target in one.rows("targets"):
            select = target.get("select")
            fields = select if isinstance(select, dict) else {}
            for row in target.rows("fieldPaths"):
                path, targets = row.text()[:160], tuple(_targets(fields))
                if _OF_PODS.match(path):
                    yield targets, OfPods(path, row.place(), "replacement")
                elif _OF_RELEASES.match(path):
                    yield targets, Unread(f"a replacement of {path}", row.place(), BUILD)


def read_operations(
    text: str, *, place: Place, is_file: bool = False
) -> Iterator[OfPods | Unread | Parameter]:
    """Yield what a JSON patch changes in values; ``place`` is where it begins."""
    if not LIST.match(text):
        return  # a manifest of its own
    name, line = place
    try:
        rows = re.sub(r"(?m)^(?:---.*)?", " ", text)
        wrapped = read_values(f"ops:\n{rows}", name=name)
    except InputError:
        yield Unread(f"a JSON patch that begins with {text[:60]}", place)
        return
    for n, row in enumerate(wrapped.get("ops") or ()):
        pointer = str(row.get("path")) if isinstance(row, dict) and row.get("op") != "test" else ""
        own = wrapped.line("ops", n) - 1 if is_file else line
        value = row.get("value") if pointer.endswith("/env/-") else None
        is_other = isinstance(value, dict) and not str(value.get("name")).startswith("AIRFLOW_")
        if _PODS.fullmatch(pointer) and not is_other:
            yield OfPods(pointer, (name, own))
        if match := _VALUES.match(pointer):
            yield _operation(row, pointer[match.end() :], place=(name, own))


def _targets(fields: dict[str, Any]) -> Iterator[Target]:
    kind, name = (str(fields.get(key) or ".*")[:80] for key in ("kind", "name"))
    if kind in ("ConfigMap", "Secret"):  # whichever pods are given it
        kind, name = "|".join(_WORKLOADS), ".*"
    for one, label in _LABELS.items() if fields else ():
        if _fits(kind, one):
            yield Target(label, name, str(fields.get("namespace") or "")[:80])


def _fits(pattern: str, text: str) -> bool:
    try:
        return pattern == text or bool(not _SLOW.search(pattern) and re.fullmatch(pattern, text))
    except re.error:
        return False


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
        return Unread(f"a JSON patch of {name or 'all values'}"[:120], place)
    return Parameter(name, str(row["value"]), place, isinstance(row["value"], str))


def _rows(document: Values) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield where each patch stands, and its fields: ``patchesStrategicMerge`` has texts alone."""
    for field in _FIELDS:
        rows = document.get(field)
        for n, row in enumerate(rows if isinstance(rows, list) else ()):
            is_whole = isinstance(row, dict)
            yield (field, n, *["patch"] * is_whole), row if is_whole else {"patch": row}
