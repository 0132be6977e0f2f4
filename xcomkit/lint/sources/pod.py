"""Reads Kubernetes objects: pods and what makes pods, as kubectl or ``helm template`` print them.

Source: Kubernetes API reference, PodSpec, Container, EnvVar, EnvFromSource.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from posixpath import dirname, join, normpath
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Configuration, Place, Pod, Source, place_of
from xcomkit.lint.sources.at import At, objects
from xcomkit.lint.sources.patches import read_patches
from xcomkit.values.environment import Variable, read_entries
from xcomkit.values.names import is_reference, without_templates
from xcomkit.values.values import Key, Values

_Patch = tuple[Place, list[Variable]]
_Id = tuple[str, str, str]  # kind, namespace and name of a ConfigMap or Secret
_TEMPLATES: dict[str, Key] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template"),
    ),
}
# the chart's helpers beside the agents; they handle no XCom
_BYSTANDERS = ("sentinel", "sidecar", "vector", "istio-proxy", "git-sync", "linkerd-proxy")
_AGENTS = ("worker", "triggerer", "dag-processor", "dagprocessor")
MOST_CONTAINERS = 300
_BELOW = "the object that this patch is for"
_NO_TEXT = "the value is no text"


def is_kubernetes(values: Values) -> bool:
    """Tell whether a document is a Kubernetes object."""
    return isinstance(values.get("kind"), str) and isinstance(values.get("apiVersion"), str)


def read_pods(documents: Sequence[Values], *, sources: tuple[Source, ...]) -> Configuration:
    """Return every container that may run an agent, with the variables of its pod spec.

    Raises:
        InputError: there are more containers than any cluster of agents has.
    """
    maps = _Maps(documents, {one.name: one.text for one in sources if one.kind == "env"})
    variables: dict[str, tuple[Variable, ...]] = {}
    homes: dict[str, Place] = {}
    elsewhere: dict[str, str] = {}
    pods: list[Pod] = []
    patches: dict[str, list[_Patch]] = {}
    for pod, container, name, space in sorted(
        _containers(documents), key=lambda found: _is_patch(found[1])
    ):
        file, line = home = container.place()
        own = container.get("name") or container.path[-1]
        component = f"{name}:{own}"[:200]
        is_patch = _is_patch(container)
        component = component if is_patch else _unique(component, variables)
        if len(variables) + len(patches.get(component, ())) >= MOST_CONTAINERS:
            problem = f"{file}:{line}:1: more than {MOST_CONTAINERS} containers."
            raise InputError(problem, hint="give the agents' pods only.")
        found, rest = _from_maps(container, maps, space=space)
        path = (*container.path, "env")
        for entry in read_entries(container.doc, path=path, source=f"{component}.env"):
            found.append(_by_reference(entry, container, maps, space=space))
        if rest or (is_patch and component not in variables):
            elsewhere[component] = f"envFrom {', '.join(rest)}" if rest else _BELOW
        if is_patch:
            patches.setdefault(component, []).append((home, found))
        variables.setdefault(component, () if is_patch else tuple(found))
        if component in homes:
            continue
        homes[component] = home
        labels = pod.get("metadata", "labels")
        known = labels if isinstance(labels, dict) else {}
        account = pod.text("spec", "serviceAccountName")
        place = pod.place("metadata")
        pods.append(Pod(component, place, known, container.text("image"), account))
    for component, laid in patches.items():
        base, name = variables[component], component
        for place, found in _last_each(laid):
            variables[name] = (*base, *found)
            homes.setdefault(name, place)
            elsewhere |= {name: elsewhere[component]} if component in elsewhere else {}
            name = _unique(component, variables)
    for (kind, _, name), data in maps.unused():  # what pods of other files will be given
        component = _unique(f"{kind}/{name}".lower()[:200], variables)
        variables[component] = tuple(data.values())
        homes[component] = place_of(variables[component][0])
        elsewhere[component] = "what else its pods are given"
    return Configuration(
        kind="pod",
        sources=sources,
        variables=variables,
        homes=homes,
        elsewhere=elsewhere,
        documents=tuple(documents),
        pods=tuple(pods),
    )


def _last_each(patches: list[_Patch]) -> Iterator[_Patch]:
    """Yield the variables of patches together; where two contradict, with each patch as the last.

    Which is the last, or whether both are in use, is said by a kustomization elsewhere.
    """
    values: dict[str, set[tuple[str | None, str]]] = {}
    for one in (one for _, found in patches for one in found):
        values.setdefault(one.name, set()).add((one.value, one.problem))
    contradict = any(len(each) > 1 for each in values.values())
    for last in patches if contradict else patches[:1]:
        yield last[0], [v for one in patches if one is not last for v in one[1]] + last[1]


class _Maps:
    """The ConfigMaps and Secrets of the same files, and which of them pods were given.

    ``texts`` are the env files of which kustomize makes some.
    """

    def __init__(self, documents: Sequence[Values], texts: Mapping[str, str]) -> None:
        kinds = ("ConfigMap", "Secret")
        maps = (one for one in objects(documents) if one.get("kind") in kinds)
        self._all = {
            (one.text("kind"), one.text("metadata", "namespace"), str(one.get("metadata", "name"))):
            {v.name: v for v in _keys(one)} for one in maps
        }  # fmt: skip
        for kind, row in generated(documents):
            if texts.keys() >= {*env_files(row)}:
                key = (kind, row.text("namespace"), row.text("name"))
                made = {v.name: v for v in _made(kind, row, texts)}
                self._all[key] = self._all.get(key, {}) | made
        self._used: set[_Id] = set()

    def find(self, kind: str, space: str, name: str) -> dict[str, Variable] | None:
        """Return the keys of a map as variables, ``None`` where no file holds it."""
        self._used.add((kind, space, name))
        return self._all.get((kind, space, name))

    def unused(self) -> Iterator[tuple[_Id, dict[str, Variable]]]:
        """Yield the maps with variables of Airflow that no pod was given."""
        for key, data in self._all.items():
            if key not in self._used and any(name.startswith("AIRFLOW_") for name in data):
                yield key, data


def generated(documents: Sequence[Values]) -> Iterator[tuple[str, At]]:
    """Yield the kind and the place of each object that kustomize makes of literals and files."""
    for document in documents:
        for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            yield from ((kind, row) for row in At(document).rows(key))


def inline_pods(documents: Sequence[Values]) -> Iterator[Values]:
    """Yield the patches of Deployments and the like that stand in a kustomization as a text."""
    for document in documents:
        for _, change in read_patches(document):
            if isinstance(change, Values) and change.get("kind") in _TEMPLATES:
                yield change


def makes_objects(documents: Sequence[Values]) -> bool:
    """Tell whether kustomize makes objects of documents that pods are given, or patches pods."""
    return any(generated(documents)) or any(inline_pods(documents))


def list_containers(documents: Sequence[Values]) -> tuple[set[str], set[str]]:
    """Return the names of containers that documents patch, and of those that they hold."""
    patched: set[str] = set()
    held: set[str] = set()
    for _, container, name, _ in _containers([*documents, *inline_pods(documents)]):
        (patched if _is_patch(container) else held).add(f"{name}:{container.text('name')}")
    return patched, held


def has_objects(documents: Sequence[Values]) -> bool:
    """Tell whether any object stands in documents, or is made of them."""
    others = (None, "Kustomization", "Component")
    return any(one.get("kind") not in others for one in documents) or makes_objects(documents)


def env_files(row: At) -> list[str]:
    """Return the files of variables of which kustomize makes an object."""
    names = [*row.rows("envs"), *([row.at("env")] if row.get("env") else [])]
    return [normpath(join(dirname(row.doc.name), one.text())) for one in names]


def _made(kind: str, row: At, texts: Mapping[str, str]) -> Iterator[Variable]:
    """Yield what an object that kustomize makes holds; quotes count in files, not in literals."""
    lines = [
        (line.lstrip(), (name, number))
        for name in env_files(row)
        for number, line in enumerate(texts[name].splitlines(), start=1)
    ]
    lines += [(one.text(), one.place()) for one in row.rows("literals")]
    for text, (file, line) in lines:
        name, separator, value = text.partition("=")
        if separator and not name.startswith("#"):
            is_quoted = file == row.doc.name and value[:1] in ("'", '"') and value[-1:] == value[:1]
            yield Variable(
                name, value[1:-1] if is_quoted else value, line, f"{kind} {row.text('name')[:63]}",
                "", file, is_literal=True, is_hidden=kind == "Secret",
            )  # fmt: skip


def _containers(documents: Sequence[Values]) -> Iterator[tuple[At, At, str, str]]:
    """Yield each container that may run an agent: its pod, itself, its owner and namespace."""
    for one in objects(documents):
        kind = one.text("kind") or "Pod"
        if kind in _TEMPLATES:
            pod = one.at(*_TEMPLATES[kind])
            name = f"{kind}/{one.get('metadata', 'name')}".lower()[:120]
            for container in pod.rows("spec", "containers"):
                if isinstance(container.get(), dict) and not _is_bystander(container, name):
                    yield pod, container, name, one.text("metadata", "namespace")


def _is_patch(container: At) -> bool:
    """Tell whether kustomize lays an object over another one: a whole one has a selector."""
    spec = At(container.doc, container.path[:-4])
    is_workload = container.path[-4:-2] == ("template", "spec") and spec.path[-1:] == ("spec",)
    return is_workload and spec.get("selector") is None and not container.get("image")


def _is_bystander(container: At, owner: str) -> bool:
    """Tell whether a container is a helper by the words of its name, or its pod is the sentinel."""
    name = container.text("name")
    if _has_word(owner, ("sentinel",)) and not _has_word(owner, _AGENTS):
        return True
    return _has_word(name, _BYSTANDERS) and not _has_word(name, _AGENTS)


def _has_word(name: str, words: Sequence[str]) -> bool:
    hyphened = f"-{re.sub('[^a-z0-9]+', '-', name.lower())}-"
    return any(f"-{word}-" in hyphened for word in words)


def _unique(name: str, taken: dict[str, Any]) -> str:
    names = chain([name], (f"{name}#{number}" for number in count(2)))
    return next(one for one in names if one not in taken)


def _keys(one: At) -> Iterator[Variable]:
    """Yield the keys of a ConfigMap or Secret as variables; those of a Secret are hidden."""
    kind, name = one.text("kind"), str(one.get("metadata", "name"))
    is_secret = kind == "Secret"
    for field in ("data", "stringData") if is_secret else ("data",):
        for entry in one.entries(field):
            key, value, (file, line) = str(entry.path[-1]), entry.get(), entry.place()
            text, problem = (value, "") if isinstance(value, str) else (None, _NO_TEXT)
            if is_secret and field == "data" and text is not None:
                text, problem = _decoded(text)
            yield Variable(
                key, text, line, f"{kind} {name[:63]}", problem, file,
                is_literal=True, is_hidden=is_secret,
            )  # fmt: skip


def _decoded(text: str) -> tuple[str | None, str]:
    """Return what the base64 of a Secret holds, and what is wrong with it."""
    if is_reference(text) or without_templates(text) != text:
        return None, ""
    try:
        return b64decode("".join(text.split()), validate=True).decode(), ""
    except UnicodeDecodeError:
        return None, ""
    except ValueError:
        return None, "the value is no base64"


def _by_reference(entry: Variable, container: At, maps: _Maps, *, space: str) -> Variable:
    """Return an entry with the value of the ConfigMap or Secret it names, where that is given."""
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        reference = container.at("env", entry.index, "valueFrom", field)
        if isinstance(reference.get(), dict) and not entry.problem:
            data = maps.find(kind, space, reference.text("name")) or {}
            found = data.get(reference.text("key"))
            if found is not None:
                source = f"{entry.source} ({found.source})"
                return replace(found, name=entry.name, source=source, index=entry.index)
    return entry


def _from_maps(container: At, maps: _Maps, *, space: str) -> tuple[list[Variable], list[str]]:
    """Return the variables of maps that are in the same files, and what else there is."""
    found: list[Variable] = []
    rest: list[str] = []
    for row in container.rows("envFrom"):
        kinds = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
        field, kind = next((pair for pair in kinds if row.get(pair[0])), ("", ""))
        name = (row.text(field, "name") or str(row.place()[1]))[:80]
        data = maps.find(kind, space, name)
        if data is None:
            rest.append(name)
        else:
            prefix = row.text("prefix")
            found += [replace(one, name=f"{prefix}{one.name}") for one in data.values()]
    return found, rest
