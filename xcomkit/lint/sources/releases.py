"""Reads what installs a chart: which values a manifest holds or names, later over earlier.

Source: Argo CD, "Helm" and "Multiple sources"; Flux, "HelmRelease"; helmfile, "Configuration";
kustomize, "helmCharts"; Skaffold, "Helm".
"""

import re
from base64 import b64decode
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath, relpath

from xcomkit.lint.configuration import Place, dotted
from xcomkit.lint.sources.at import At, objects
from xcomkit.lint.sources.layers import File, OfPods, Parameter, Unread
from xcomkit.lint.sources.patches import Change, Target, read_patches
from xcomkit.values.parts import below, find_parts, inside
from xcomkit.values.values import Values

CHART = "remote-execution-agent"  # the end of the chart's name, in every registry

Maps = MutableMapping[tuple[str, str], At]
"""Where the keys of each ConfigMap and Secret stand, by kind and name."""

# variables of containers, by which nobody sees their names; what is appended says its name
_BY_NUMBER = re.compile(r"/containers/\d+/(?:env(?!/-|From)|envFrom)")

Layer = Values | File | Unread | Parameter | OfPods


@dataclass(frozen=True, slots=True)
class Release:
    """One installation of a chart, as a manifest describes it.

    ``chart`` is every name of the chart; ``is_templated`` tells that ``${NAME}`` and ``{{ ... }}``
    are filled in before helm reads the values, ``is_patch`` that it changes one of another file,
    which is of its label or its ``target``; ``may_be_part`` that other values may lie below these.
    ``space`` is the namespace of the manifest, where it names one.
    """

    label: str
    place: Place
    layers: tuple[Layer, ...]
    chart: str = ""
    is_templated: bool = False
    is_patch: bool = False
    target: Target | None = None
    may_be_part: bool = False
    space: str = ""


def find_maps(documents: Sequence[Values]) -> Maps:
    """Return where what releases refer to stands, or is made by kustomize."""
    found: dict[tuple[str, str], At] = {}
    for one in objects(documents):
        if one.text("kind") in ("ConfigMap", "Secret", "OCIRepository", "HelmChart"):
            found[one.text("kind"), one.text("metadata", "name")] = one
        for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            found |= {(kind, row.text("name")): row for row in one.rows(key)}
    return found


def read_releases(document: Values, *, maps: Maps) -> tuple[Release, ...]:
    """Return what a document installs; nothing where it names no values of a chart."""
    found: list[Release] = []
    for one in objects([document]):
        api, kind = one.text("apiVersion"), one.text("kind")
        if api.startswith("argoproj.io/") and kind in ("Application", "ApplicationSet"):
            found += _argo(one, kind=kind)
        elif api.startswith("helm.toolkit.fluxcd.io/") and kind == "HelmRelease":
            found.append(_flux(one, maps=maps))
        elif api.startswith("skaffold/"):
            for part in (one, *one.rows("profiles")):
                rows = [*part.rows("manifests", "helm", "releases"),
                        *part.rows("deploy", "helm", "releases")]  # fmt: skip
                found += [_skaffold(row) for row in rows]
        elif kind == "HelmChartInflationGenerator":
            found.append(_kustomize(one, home=""))
    whole = At(document)
    if not whole.get("kind"):
        found += [_helmfile(release) for release in whole.rows("releases")]
    for key in ("values", "planned_values"):
        found += _terraform(whole.at(key, "root_module"))
    found += _patches(document, maps=maps)
    home = whole.text("helmGlobals", "chartHome") or "charts"
    for key in ("helmCharts", "helmChartInflationGenerator"):
        found += [_kustomize(chart, home=home) for chart in whole.rows(key)]
    return tuple(found)


def plain(values: Values) -> Release:
    """Return a values file of the agent chart as what it installs."""
    return Release("", (values.name, 1), (values,), chart=CHART, may_be_part=True)


def read_parts(document: Values) -> tuple[Release, ...]:
    """Return the values of the agent chart that stand anywhere in a document of any other tool."""
    whole = At(document)
    name = f"{whole.text('kind')} {whole.text('metadata', 'name')}".strip()
    parts = [*find_parts(document)]
    for one in whole.entries("data") if whole.get("kind") == "Secret" else ():
        decoded = _text(one, is_base64=True) if isinstance(one.get(), str) else None
        parts += find_parts(decoded) if isinstance(decoded, Values) else []
    return tuple(
        Release(name[:120] or "a part", (part.name, part.line()), (part,), may_be_part=True)
        for part in parts
    )


def _argo(one: At, *, kind: str) -> Iterator[Release]:
    is_set = kind == "ApplicationSet"
    spec = one.at("spec", "template", "spec") if is_set else one.at("spec")
    for source in spec.rows("sources") or [spec.at("source")]:
        helm = source.at("helm")
        chart = "" if source.get("chart") else source.text("path")
        is_optional = helm.get("ignoreMissingValueFiles") is True
        layers: list[Layer] = _local_chart(chart, source.place(), from_top=True)
        layers += [
            _argo_file(str(row.get()), place=row.place(), chart=chart, is_optional=is_optional)
            for row in helm.rows("valueFiles")
        ]
        layers += _written(helm.at("valuesObject")) or _written(helm.at("values"))
        layers += [  # argocd-vault-plugin and others take whole values files so
            one
            for row in source.rows("plugin", "env")
            if "\n" in row.text("value")
            for one in _written(row.at("value"))
        ]
        layers += _parameters(helm.rows("parameters"))
        layers += [
            Unread(f"fileParameters {str(row.get())[:60]}", row.place())
            for row in helm.rows("fileParameters")
        ]
        layers += _unread(one, "spec", "templatePatch", what="templatePatch")
        names = [source.text(key) for key in ("chart", "path", "repoURL")]
        yield Release(
            f"Argo CD {kind} {_name(one)}",
            source.place(),
            tuple(layers),
            chart=" ".join(names),
            is_templated=is_set,
            is_patch=not any(names),
            space=one.text("metadata", "namespace"),
        )


def _argo_file(name: str, *, place: Place, chart: str, is_optional: bool) -> File | Unread:
    """Return a file of ``valueFiles``: another source's (``$ref/...``), the chart's, the web's."""
    if name.startswith("$"):
        return File(name.partition("/")[2], place, from_top=True, is_optional=is_optional)
    if "://" in name:
        file = re.split(r"://|\?(?:\$\w+/)?", name)[-1]
        command = f"sops decrypt {file}" if name.startswith("secrets") else f"curl -fsS {name}"
        return Unread(f"valueFiles {name[:100]}", place, f"{command} | xcomkit lint -")
    if not chart and not name.startswith("/"):
        return Unread(f"valueFiles {name[:100]} inside the chart", place)
    # a path that begins with / stays as it is
    return File(join(chart, name).lstrip("/"), place, from_top=True, is_optional=is_optional)


def _flux(one: At, *, maps: Maps) -> Release:
    spec = one.at("spec")
    chart = spec.at("chart", "spec")
    path = chart.text("chart")
    layers: list[Layer] = [
        File(row.text().removeprefix("./"), row.place(), from_top=True)
        for row in chart.rows("valuesFiles")
    ]
    if not layers and chart.text("sourceRef", "kind") in ("GitRepository", "Bucket"):
        layers += _local_chart(path.removeprefix("./"), chart.place(), from_top=True)
    layers += [_values_from(row, maps=maps) for row in spec.rows("valuesFrom")]
    layers += _written(spec.at("values"))
    layers += _later(spec, "postRenderers", command="helm get manifest RELEASE")
    reference = spec.text("chartRef", "name")
    referred = maps.get((spec.text("chartRef", "kind"), reference))
    return Release(
        f"Flux HelmRelease {_name(one)}",
        spec.place(),
        tuple(layers),
        chart=f"{path} {reference} {referred.text('spec') if referred else ''}",
        is_templated=True,
        is_patch=not (path or reference),
        space=one.text("metadata", "namespace"),
    )


def _values_from(row: At, *, maps: Maps) -> Layer:
    """Return the values in a ConfigMap or Secret of the same files, or that they are not read."""
    kind, name = row.text("kind"), row.text("name")
    key = row.text("valuesKey") or "values.yaml"
    found = maps.get((kind, name))
    if found is not None and not row.get("targetPath"):
        if file := _generated(found, key):
            there = normpath(join(dirname(found.doc.name), file))
            return File(relpath(there, dirname(row.doc.name) or "."), row.place())
        for field in ("stringData", "data"):
            if isinstance(found.get(field, key), str):
                return _text(found.at(field, key), is_base64=(kind, field) == ("Secret", "data"))
    escaped = key.replace(".", "\\.")
    decode = " | base64 -d" if kind == "Secret" else ""
    command = f"kubectl get {kind.lower()} {name} -o jsonpath='{{.data.{escaped}}}'{decode}"
    return Unread(f"valuesFrom {kind} {name}"[:120], row.place(), f"{command} > {name}.yaml")


def _patches(doc: Values, *, maps: Maps) -> Iterator[Release]:
    """Yield what patches change in values, together for each target."""
    layers: dict[Target, list[Change]] = {}
    for targets, change in read_patches(doc):
        found = read_releases(change, maps=maps) if isinstance(change, Values) else ()
        if not targets:
            yield from found
        changed = [one for release in found for one in release.layers] if found else [change]
        for target in targets if found or not isinstance(change, Values) else ():
            layers.setdefault(target, []).extend(changed)
    for target, changes in layers.items():
        place = changes[0].place() if isinstance(changes[0], Values) else changes[0].place
        label = f"{target.kind}{target.names}"
        yield Release(label, place, tuple(changes), is_templated=True, is_patch=True, target=target)


def _helmfile(release: At) -> Release:
    chart, name = release.text("chart"), release.get("name")
    is_local = chart.startswith((".", "/"))
    layers: list[Layer] = _local_chart(chart, release.place()) if is_local else []
    for key in ("valuesTemplate", "values", "secrets"):
        layers += [_helmfile_layer(row) for row in release.rows(key)]
    layers += _parameters(release.rows("set"))
    layers += _parameters(release.rows("setString"), is_text=True)
    for key in ("inherit", "setTemplate"):
        layers += _unread(release, key, what=f"{key} of the release {name}"[:120])
    for key in ("strategicMergePatches", "jsonPatches", "transformers"):
        layers += _later(release, key, command="helmfile template")
    label = f"helmfile release {name}"[:120]
    return Release(label, release.place(), tuple(layers), chart=chart, is_templated=True)


def _skaffold(release: At) -> Release:
    chart, path = release.text("remoteChart"), release.text("chartPath")
    layers: list[Layer] = [*_local_chart(path, release.place()), *_written(release.at("overrides"))]
    for row in release.rows("valuesFiles"):
        is_elsewhere = "://" in row.text()
        what = f"valuesFiles {row.text()[:100]}"
        layers += [Unread(what, row.place()) if is_elsewhere else File(row.text(), row.place())]
    layers += [
        Parameter(str(one.path[-1]), str(one.get()), one.place())
        for one in release.entries("setValues")
    ]
    layers += [
        Unread(f"{key} {one.path[-1]}"[:120], one.place(), "skaffold render | xcomkit lint -")
        for key in ("setValueTemplates", "setFiles")
        for one in release.entries(key)
    ]
    label = f"Skaffold release {release.get('name')}"[:120]
    return Release(label, release.place(), tuple(layers), chart=f"{chart} {path}")


def _terraform(module: At) -> Iterator[Release]:
    """Yield what a module of Terraform installs, as ``terraform show -json`` prints it."""
    for row in module.rows("resources"):
        if row.text("type") == "helm_release":
            own = row.at("values")
            layers: list[Layer] = [one for text in own.rows("values") for one in _written(text)]
            for key in ("set", "set_list", "set_sensitive"):
                layers += _parameters(own.rows(key))
            chart, label = own.text("chart"), f"Terraform {row.text('address')}"
            yield Release(label[:120], row.place(), tuple(layers), chart=chart)
    for child in module.rows("child_modules"):
        yield from _terraform(child)


def _helmfile_layer(row: At) -> Layer:
    if isinstance(row.get(), dict):
        return below(row.doc, *row.path)
    name = str(row.get())
    if name.endswith((".gotmpl", ".tmpl")) or "://" in name:
        command = "helmfile write-values --output-file-template values.yaml"
        return Unread(f"values {name[:100]}", row.place(), command)
    return File(name, row.place())


def _kustomize(chart: At, *, home: str) -> Release:
    name, file = chart.text("name"), chart.text("valuesFile")
    files: list[Layer] = [File(file, chart.place("valuesFile"))] if file else []
    own = _written(chart.at("valuesInline"))
    order = {"replace": own or files, "merge": [*own, *files]}
    layers = _local_chart(f"{home}/{name}", chart.place()) if home else []
    layers += order.get(chart.text("valuesMerge"), [*files, *own])
    layers += [File(str(row.get()), row.place()) for row in chart.rows("additionalValuesFiles")]
    label = f"kustomize chart {chart.text('releaseName') or name}"[:120]
    return Release(label, chart.place(), tuple(layers), chart=f"{name} {chart.text('repo')}")


def _local_chart(path: str, place: Place, *, from_top: bool = False) -> list[Layer]:
    """Return the values of a chart that is a folder, which helm lays below all others."""
    return [File(join(path, "values.yaml"), place, from_top, is_optional=True)] if path else []


def _generated(generator: At, key: str) -> str:
    """Return the file of which a generator of kustomize makes a key, or ``""``."""
    for row in generator.rows("files"):
        name, separator, file = row.text().partition("=")
        if key == (name if separator else basename(name)):
            return file or name
    return ""


def _written(at: At) -> list[Layer]:
    """Return the values that a manifest holds itself, as a mapping or as a text."""
    found = at.get()
    if isinstance(found, dict):
        return [below(at.doc, *at.path)]
    return [_text(at)] if isinstance(found, str) else []


def _text(at: At, *, is_base64: bool = False) -> Values | Unread:
    try:
        decoded = b64decode(at.text()).decode() if is_base64 else None
        return inside(at.doc, *at.path, text=decoded)
    except ValueError as error:  # an InputError is one
        path = dotted(at.path)
        command = f"yq '.{path}' {at.doc.name} | xcomkit lint -"
        return Unread(f"{path} ({error.args[0]})"[:300], at.place(), command)


def _unread(one: At, *path: str, what: str) -> list[Layer]:
    return [] if one.get(*path) is None else [Unread(what, one.place(*path))]


def _later(one: At, key: str, *, command: str) -> list[Layer]:
    """Return that what changes pods behind helm is not read, where it sets their variables."""
    what = f"{key}, which set variables behind helm"
    is_ours = "AIRFLOW_" in one.text(key) or _BY_NUMBER.search(one.text(key))
    return [Unread(what, one.place(key), f"{command} | xcomkit lint -")] if is_ours else []


def _parameters(rows: Sequence[At], *, is_text: bool = False) -> list[Parameter]:
    return [
        Parameter(
            str(row.get("name")),
            "" if row.get("value") is None else str(row.get("value")),
            row.place("value"),
            is_text or row.get("forceString") is True or row.get("type") == "string",
        )
        for row in rows
        if isinstance(row.get(), dict)
    ]


def _name(one: At) -> str:
    return one.text("metadata", "name")[:80]
