"""Reads what installs a chart: which values a manifest holds or names, later over earlier.

Source: Argo CD, "Helm" and "Multiple sources"; Flux, "HelmRelease"; helmfile, "Configuration";
kustomize, "helmCharts".
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath, relpath
from typing import Any

from xcomkit.lint.configuration import Place, dotted
from xcomkit.values.parts import below, find_parts, inside
from xcomkit.values.values import Key, Values

CHART = "remote-execution-agent"  # the end of the chart's name, in every registry

Maps = Mapping[tuple[str, str], tuple[Values, Key]]
"""Where the keys of each ConfigMap and Secret stand, by kind and name."""


@dataclass(frozen=True, slots=True)
class File:
    """A layer in a file: its path, relative to the manifest or to the top of the repository.

    ``is_optional`` is a file that the tool itself does without.
    """

    path: str
    place: Place
    from_top: bool = False
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A layer that is not read: what it is, and the command that prints it."""

    what: str
    place: Place
    command: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ``--set``: the path as helm takes it, and its value."""

    name: str
    value: str
    place: Place
    is_text: bool = False


Layer = Values | File | Unread | Parameter


@dataclass(frozen=True, slots=True)
class Release:
    """One installation of a chart, as a manifest describes it.

    ``chart`` is every name of the chart; ``is_templated`` tells that ``${NAME}`` and ``{{ ... }}``
    are filled in before helm reads the values, ``is_patch`` that it changes one of another file,
    ``may_be_part`` that other values may lie below these.
    """

    label: str
    place: Place
    layers: tuple[Layer, ...]
    chart: str = ""
    is_templated: bool = False
    is_patch: bool = False
    may_be_part: bool = False


def find_maps(documents: Sequence[Values]) -> Maps:
    """Return where what releases refer to stands, or is made by kustomize."""
    found: dict[tuple[str, str], tuple[Values, Key]] = {}
    for doc in documents:
        items = doc.get("items")
        roots: list[Key] = [("items", n) for n, _ in _rows(items)] or [()]
        for root in roots:
            kind = str(doc.get(*root, "kind"))
            if kind in ("ConfigMap", "Secret", "OCIRepository", "HelmChart"):
                found[kind, _name(doc, root)] = (doc, root)
        for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for n, row in _rows(doc.get(key)):
                if isinstance(row, dict):
                    found[kind, str(row.get("name"))] = (doc, (key, n))
    return found


def read_releases(document: Values, *, maps: Maps) -> tuple[Release, ...]:
    """Return what a document installs; nothing where it names no values of a chart."""
    found: list[Release] = []
    items = document.get("items")
    roots: list[Key] = [("items", n) for n in range(len(items))] if isinstance(items, list) else []
    for root in roots or [()]:
        api = str(document.get(*root, "apiVersion") or "")
        kind = str(document.get(*root, "kind") or "")
        if api.startswith("argoproj.io/") and kind in ("Application", "ApplicationSet"):
            found += _argo(document, root, kind=kind)
        elif api.startswith("helm.toolkit.fluxcd.io/") and kind == "HelmRelease":
            found.append(_flux(document, root, maps=maps))
        elif kind == "HelmChartInflationGenerator":
            found.append(_kustomize(document, root, home=""))
    if isinstance(document.get("releases"), list) and not document.get("kind"):
        found += _helmfile(document)
    charts = document.get("helmCharts") or document.get("helmChartInflationGenerator")
    if isinstance(charts, list):
        key = "helmCharts" if document.get("helmCharts") else "helmChartInflationGenerator"
        home = str(document.get("helmGlobals", "chartHome") or "charts")
        found += [_kustomize(document, (key, n), home=home) for n in range(len(charts))]
    return tuple(found)


def plain(values: Values) -> Release:
    """Return a values file of the agent chart as what it installs."""
    return Release("", (values.name, 1), (values,), chart=CHART, may_be_part=True)


def read_parts(document: Values) -> tuple[Release, ...]:
    """Return the values of the agent chart that stand anywhere in a document of any other tool."""
    name = " ".join(str(document.get(*p) or "") for p in (("kind",), ("metadata", "name"))).strip()
    return tuple(
        Release(name[:120], (part.name, part.line()), (part,), may_be_part=True)
        for part in find_parts(document)
    )


def _argo(doc: Values, root: Key, *, kind: str) -> Iterator[Release]:
    spec: Key = (*root, "spec")
    if kind == "ApplicationSet":
        spec = (*spec, "template", "spec")
    sources = doc.get(*spec, "sources")
    paths = (
        [(*spec, "sources", n) for n in range(len(sources))]
        if isinstance(sources, list)
        else [(*spec, "source")]
    )
    label = f"Argo CD {kind} {_name(doc, root)}"
    for path in paths:
        helm: Key = (*path, "helm")
        chart = "" if doc.get(*path, "chart") else str(doc.get(*path, "path") or "")
        layers: list[Layer] = _local_chart(chart, doc.place(*path), from_top=True)
        missing = doc.get(*helm, "ignoreMissingValueFiles") is True
        for n, name in _rows(doc.get(*helm, "valueFiles")):
            place = doc.place(*helm, "valueFiles", n)
            layers.append(_argo_file(str(name), place=place, chart=chart, is_optional=missing))
        if isinstance(doc.get(*helm, "valuesObject"), dict):
            layers.append(below(doc, *helm, "valuesObject"))
        elif isinstance(doc.get(*helm, "values"), str):
            layers.append(_text(doc, (*helm, "values")))
        layers += _parameters(doc, (*helm, "parameters"), text_key="forceString")
        layers += [
            Unread(f"fileParameters {str(row)[:60]}", doc.place(*helm, "fileParameters", n))
            for n, row in _rows(doc.get(*helm, "fileParameters"))
        ]
        if "templatePatch" in (doc.get(*root, "spec") or {}):
            layers.append(Unread("templatePatch", doc.place(*root, "spec", "templatePatch")))
        names = [str(doc.get(*path, key) or "") for key in ("chart", "path", "repoURL")]
        yield Release(
            label,
            doc.place(*path),
            tuple(layers),
            chart=" ".join(names),
            is_templated=kind == "ApplicationSet",
            is_patch=not any(names),
        )


def _argo_file(name: str, *, place: Place, chart: str, is_optional: bool) -> File | Unread:
    """Return a file of ``valueFiles``: another source's (``$ref/...``), the chart's, the web's."""
    if name.startswith("$"):
        return File(name.partition("/")[2], place, from_top=True, is_optional=is_optional)
    if "://" in name:
        return Unread(f"valueFiles {name[:100]}", place, f"curl -fsS {name} | xcomkit lint -")
    if not chart and not name.startswith("/"):
        return Unread(f"valueFiles {name[:100]} inside the chart", place)
    path = name if name.startswith("/") else join(chart, name)
    return File(path.lstrip("/"), place, from_top=True, is_optional=is_optional)


def _flux(doc: Values, root: Key, *, maps: Maps) -> Release:
    spec: Key = (*root, "spec")
    chart: Key = (*spec, "chart", "spec")
    path = str(doc.get(*chart, "chart") or "")
    is_local = str(doc.get(*chart, "sourceRef", "kind")) in ("GitRepository", "Bucket")
    layers: list[Layer] = []
    files = _rows(doc.get(*chart, "valuesFiles"))
    if is_local and not files:
        layers += _local_chart(path.removeprefix("./"), doc.place(*chart), from_top=True)
    for n, name in files:
        layers.append(File(str(name).removeprefix("./"), doc.place(*chart, "valuesFiles", n), True))
    for n, row in _rows(doc.get(*spec, "valuesFrom")):
        layers.append(_values_from(row, doc.place(*spec, "valuesFrom", n), maps=maps))
    if isinstance(doc.get(*spec, "values"), dict):
        layers.append(below(doc, *spec, "values"))
    kind, reference = (str(doc.get(*spec, "chartRef", k) or "") for k in ("kind", "name"))
    if (kind, reference) in maps:
        repository, root_of = maps[kind, reference]
        reference += str(repository.get(*root_of, "spec"))
    return Release(
        f"Flux HelmRelease {_name(doc, root)}",
        doc.place(*root, "spec"),
        tuple(layers),
        chart=f"{path} {reference}",
        is_templated=True,
        is_patch=not (path or reference),
    )


def _values_from(row: Any, place: Place, *, maps: Maps) -> Layer:
    """Return the values in a ConfigMap or Secret of the same files, or that they are not read."""
    fields = row if isinstance(row, dict) else {}
    kind, name = (str(fields.get(key) or "") for key in ("kind", "name"))
    key = str(fields.get("valuesKey") or "values.yaml")
    found = maps.get((kind, name))
    if found is not None and not fields.get("targetPath"):
        doc, path = found
        file = _generated(doc, path, key)
        if file:
            there = normpath(join(dirname(doc.name), file))
            return File(relpath(there, dirname(place[0]) or "."), place)
        if isinstance(doc.get(*path, "stringData", key), str):
            return _text(doc, (*path, "stringData", key))
        if isinstance(doc.get(*path, "data", key), str):
            return _text(doc, (*path, "data", key), is_base64=kind == "Secret")
    escaped = key.replace(".", "\\.")
    decode = " | base64 -d" if kind == "Secret" else ""
    command = f"kubectl get {kind.lower()} {name} -o jsonpath='{{.data.{escaped}}}'{decode}"
    return Unread(f"valuesFrom {kind} {name}"[:120], place, f"{command} > {name}.yaml")


def _helmfile(doc: Values) -> Iterator[Release]:
    for n, release in _rows(doc.get("releases")):
        fields = release if isinstance(release, dict) else {}
        path: Key = ("releases", n)
        chart = str(fields.get("chart") or "")
        place = doc.place(*path)
        layers: list[Layer] = []
        if chart.startswith((".", "/")):
            layers += _local_chart(chart, place)
        for key in ("valuesTemplate", "values", "secrets"):
            for m, row in _rows(fields.get(key)):
                layers.append(_helmfile_layer(doc, (*path, key, m), row))
        layers += _parameters(doc, (*path, "set"))
        layers += _parameters(doc, (*path, "setString"), is_text=True)
        layers += [
            Unread(f"{key} of the release {fields.get('name')}"[:120], doc.place(*path, key))
            for key in ("inherit", "setTemplate")
            if key in fields
        ]
        label = f"helmfile release {fields.get('name')}"[:120]
        yield Release(label, place, tuple(layers), chart=chart, is_templated=True)


def _helmfile_layer(doc: Values, path: Key, row: Any) -> Layer:
    if isinstance(row, dict):
        return below(doc, *path)
    name = str(row)
    place = doc.place(*path)
    if name.endswith((".gotmpl", ".tmpl")) or "://" in name:
        command = "helmfile write-values --output-file-template values.yaml"
        return Unread(f"values {name[:100]}", place, command)
    return File(name, place)


def _kustomize(doc: Values, path: Key, *, home: str) -> Release:
    fields = doc.get(*path) or {}
    name = str(fields.get("name") or "")
    place = doc.place(*path)
    layers: list[Layer] = []
    if home:
        layers.append(File(f"{home}/{name}/values.yaml", place, is_optional=True))
    merge = str(fields.get("valuesMerge") or "override")
    file = fields.get("valuesFile")
    files = [File(str(file), doc.place(*path, "valuesFile"))] if file else []
    inline = fields.get("valuesInline")
    own = [below(doc, *path, "valuesInline")] if isinstance(inline, dict) else []
    order: dict[str, list[Layer]] = {"replace": [*(own or files)], "merge": [*own, *files]}
    layers += order.get(merge, [*files, *own])
    for n, other in _rows(fields.get("additionalValuesFiles")):
        layers.append(File(str(other), doc.place(*path, "additionalValuesFiles", n)))
    label = f"kustomize chart {fields.get('releaseName') or name}"[:120]
    return Release(label, place, tuple(layers), chart=f"{name} {fields.get('repo') or ''}")


def _local_chart(path: str, place: Place, *, from_top: bool = False) -> list[Layer]:
    """Return the values of a chart that is a folder, which helm lays below all others."""
    return [File(join(path, "values.yaml"), place, from_top, is_optional=True)] if path else []


def _generated(doc: Values, path: Key, key: str) -> str:
    """Return the file of which a generator of kustomize makes a key, or ``""``."""
    for _, row in _rows(doc.get(*path, "files")):
        name, separator, file = str(row).partition("=")
        if key == (name if separator else basename(name)):
            return file or name
    return ""


def _text(doc: Values, path: Key, *, is_base64: bool = False) -> Values | Unread:
    try:
        decoded = b64decode(doc.get(*path)).decode() if is_base64 else None
        return inside(doc, *path, text=decoded)
    except ValueError as error:  # an InputError is one
        command = f"yq '.{dotted(path)}' {doc.name} | xcomkit lint -"
        return Unread(f"{dotted(path)} ({error.args[0]})"[:300], doc.place(*path), command)


def _parameters(
    doc: Values, path: Key, *, text_key: str = "", is_text: bool = False
) -> list[Parameter]:
    return [
        Parameter(
            str(row.get("name")),
            "" if row.get("value") is None else str(row["value"]),
            doc.place(*path, n, "value"),
            is_text or row.get(text_key) is True,
        )
        for n, row in _rows(doc.get(*path))
        if isinstance(row, dict)
    ]


def _rows(found: Any) -> Sequence[tuple[int, Any]]:
    return list(enumerate(found)) if isinstance(found, list) else []


def _name(doc: Values, root: Key) -> str:
    return str(doc.get(*root, "metadata", "name") or "")[:80]
