"""Reads Kubernetes objects: pods and what makes pods, as kubectl or ``helm template`` print them.

Source: Kubernetes API reference, PodSpec, Container, EnvVar, EnvFromSource.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Configuration, Place, Pod, Source
from xcomkit.values.environment import Variable, read_entries
from xcomkit.values.names import is_reference, without_templates
from xcomkit.values.values import Key, Values

_Id = tuple[str, str, str]  # kind, namespace and name of a ConfigMap or Secret
_Maps = dict[_Id, dict[str, Variable]]
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
_NO_TEXT = "the value is no text"


def is_kubernetes(values: Values) -> bool:
    """Tell whether a document is a Kubernetes object."""
    return isinstance(values.get("kind"), str) and isinstance(values.get("apiVersion"), str)


def read_pods(documents: Sequence[Values], *, sources: tuple[Source, ...]) -> Configuration:
    """Return every container that may run an agent, with the variables of its pod spec.

    Raises:
        InputError: there are more containers than any cluster of agents has.
    """
    maps = dict(_maps(documents))
    used: set[_Id] = set()
    variables: dict[str, tuple[Variable, ...]] = {}
    homes: dict[str, Place] = {}
    elsewhere: dict[str, str] = {}
    pods: list[Pod] = []
    for values, path, container, name, space in _containers(documents):
        home = file, line = values.place(*path)
        if len(variables) >= MOST_CONTAINERS:
            problem = f"{file}:{line}:1: more than {MOST_CONTAINERS} containers."
            raise InputError(problem, hint="give the agents' pods only.")
        component = _unique(f"{name}:{container.get('name', path[-1])}"[:200], variables)
        found, rest = _from_maps(values, path, container, maps=maps, space=space, used=used)
        if container.get("env") is not None:
            for entry in read_entries(values, path=(*path, "env"), source=f"{component}.env"):
                keys = values.get(*path, "env", entry.index, "valueFrom")
                found.append(_by_reference(entry, keys, maps=maps, space=space, used=used))
        variables[component] = tuple(found)
        homes[component] = home
        if rest:
            elsewhere[component] = f"envFrom {', '.join(rest)}"
        metadata = (*path[:-3], "metadata")
        labels = values.get(*metadata, "labels")
        known = labels if isinstance(labels, dict) else {}
        image = str(container.get("image", ""))
        account = str(values.get(*path[:-2], "serviceAccountName") or "")
        pods.append(Pod(component, values.place(*metadata), known, image, account))
    for (kind, space, name), data in maps.items():  # what pods of other files will be given
        is_set = any(key.startswith("AIRFLOW_") for key in data)
        if is_set and (kind, space, name) not in used:
            component = _unique(f"{kind}/{name}".lower()[:200], variables)
            variables[component] = tuple(data.values())
            first = next(iter(data.values()))
            homes[component] = (first.file, first.line)
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


def _objects(documents: Sequence[Values]) -> Iterator[tuple[Values, Key, dict[str, Any]]]:
    for values in documents:
        items = values.get("items")
        if isinstance(items, list):
            for index, item in enumerate(items):
                if isinstance(item, dict):
                    yield values, ("items", index), item
        else:
            yield values, (), values.data


def _containers(
    documents: Sequence[Values],
) -> Iterator[tuple[Values, Key, dict[str, Any], str, str]]:
    """Yield each container that may run an agent: where it stands, its pod and its namespace."""
    for values, root, item in _objects(documents):
        kind = str(item.get("kind", "Pod"))
        template = _TEMPLATES.get(kind)
        if template is None:
            continue
        name = f"{kind}/{values.get(*root, 'metadata', 'name')}".lower()[:120]
        space = _space(values, root)
        path = (*root, *template, "spec", "containers")
        containers = values.get(*path)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            if isinstance(container, dict) and not _is_bystander(container, name):
                yield values, (*path, index), container, name, space


def _is_bystander(container: dict[str, Any], name: str) -> bool:
    """Tell whether a container is a helper by the words of its name, or its pod is the sentinel."""
    own, pod = (
        f"-{re.sub('[^a-z0-9]+', '-', text.lower())}-"
        for text in (str(container.get("name", "")), name)
    )
    if "-sentinel-" in pod and not any(f"-{word}-" in pod for word in _AGENTS):
        return True
    is_agent = any(f"-{word}-" in own for word in _AGENTS)
    return not is_agent and any(f"-{word}-" in own for word in _BYSTANDERS)


def _unique(name: str, taken: dict[str, Any]) -> str:
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}#{number}", number + 1
    return found


def _maps(documents: Sequence[Values]) -> Iterator[tuple[_Id, dict[str, Variable]]]:
    """Yield each ConfigMap and Secret with its keys as variables; those of a Secret are hidden."""
    for values, path, item in _objects(documents):
        kind = str(item.get("kind"))
        if kind in ("ConfigMap", "Secret"):
            name = str(values.get(*path, "metadata", "name"))
            found: dict[str, Variable] = {}
            for field in ("data", "stringData") if kind == "Secret" else ("data",):
                entries = values.get(*path, field)
                for key, value in entries.items() if isinstance(entries, dict) else ():
                    file, line = values.place(*path, field, key)
                    text, problem = (value, "") if isinstance(value, str) else (None, _NO_TEXT)
                    if kind == "Secret" and field == "data" and text is not None:
                        text, problem = _decoded(text)
                    found[key] = Variable(
                        key, text, line, f"{kind} {name[:63]}", problem, file,
                        is_literal=True, is_hidden=kind == "Secret",
                    )  # fmt: skip
            yield (kind, _space(values, path), name), found


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


def _space(values: Values, path: Key) -> str:
    return str(values.get(*path, "metadata", "namespace") or "")


def _by_reference(
    entry: Variable, keys: object, *, maps: _Maps, space: str, used: set[_Id]
) -> Variable:
    """Return an entry with the value of the ConfigMap or Secret it names, where that is given."""
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        reference = keys.get(field) if isinstance(keys, dict) else None
        if isinstance(reference, dict) and not entry.problem:
            source = (kind, space, str(reference.get("name")))
            used.add(source)
            found = maps.get(source, {}).get(str(reference.get("key")))
            if found is not None:
                return replace(
                    found, name=entry.name, source=f"{entry.source} ({found.source})",
                    index=entry.index,
                )  # fmt: skip
    return entry


def _from_maps(
    values: Values,
    path: Key,
    container: dict[str, Any],
    *,
    maps: _Maps,
    space: str,
    used: set[_Id],
) -> tuple[list[Variable], list[str]]:
    """Return the variables of maps that are in the same files, and what else there is."""
    found: list[Variable] = []
    rest: list[str] = []
    sources = container.get("envFrom")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        fields = source if isinstance(source, dict) else {}
        field, reference = next(
            ((k, r) for k, r in fields.items() if isinstance(r, dict)), ("", {})
        )
        name = str(reference.get("name") or values.line(*path, "envFrom", index))[:80]
        kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}.get(field, "")
        used.add((kind, space, name))
        data = maps.get((kind, space, name))
        if data is None:
            rest.append(name)
            continue
        prefix = fields.get("prefix") or ""
        found += [replace(one, name=f"{prefix}{one.name}") for one in data.values()]
    return found, rest
