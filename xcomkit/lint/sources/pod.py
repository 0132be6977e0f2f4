"""Reads Kubernetes objects: pods and what makes pods, as kubectl or ``helm template`` print them.

Source: Kubernetes API reference, PodSpec, Container, EnvVar, EnvFromSource.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Configuration, Place, Pod, Source
from xcomkit.values.environment import Variable, read_entries
from xcomkit.values.values import Key, Values

_Map = tuple[str, str]  # namespace and name of a ConfigMap
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
MOST_CONTAINERS = 300


def is_kubernetes(values: Values) -> bool:
    """Tell whether a document is a Kubernetes object."""
    return isinstance(values.get("kind"), str) and isinstance(values.get("apiVersion"), str)


def read_pods(documents: Sequence[Values], *, sources: tuple[Source, ...]) -> Configuration:
    """Return every container that may run an agent, with the variables of its pod spec.

    Raises:
        InputError: there are more containers than any cluster of agents has.
    """
    maps = dict(_config_maps(documents))
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
        found, rest = _from_maps(values, path, container, maps=maps, space=space)
        if container.get("env") is not None:
            found += read_entries(values, path=(*path, "env"), source=f"{component}.env")
        variables[component] = tuple(found)
        homes[component] = home
        if rest:
            elsewhere[component] = f"envFrom {', '.join(rest)}"
        metadata = (*path[:-3], "metadata")
        labels = values.get(*metadata, "labels")
        known = labels if isinstance(labels, dict) else {}
        image = str(container.get("image", ""))
        pods.append(Pod(component, values.place(*metadata), known, image))
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
        space, _ = _map(values, root, "")
        path = (*root, *template, "spec", "containers")
        containers = values.get(*path)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            if isinstance(container, dict) and not _is_bystander(container, name):
                yield values, (*path, index), container, name, space


def _is_bystander(container: dict[str, Any], name: str) -> bool:
    own = str(container.get("name", ""))
    return "sentinel" in name or any(word in own for word in _BYSTANDERS)


def _unique(name: str, taken: dict[str, Any]) -> str:
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}#{number}", number + 1
    return found


def _config_maps(documents: Sequence[Values]) -> Iterator[tuple[_Map, tuple[Values, Key]]]:
    for values, path, item in _objects(documents):
        if item.get("kind") == "ConfigMap":
            yield (
                _map(values, path, values.get(*path, "metadata", "name")),
                (values, (*path, "data")),
            )


def _map(values: Values, path: Key, name: object) -> _Map:
    return str(values.get(*path, "metadata", "namespace") or ""), str(name)


def _from_maps(
    values: Values,
    path: Key,
    container: dict[str, Any],
    *,
    maps: dict[_Map, tuple[Values, Key]],
    space: str,
) -> tuple[list[Variable], list[str]]:
    """Return the variables of config maps that are in the same files, and what else there is."""
    found: list[Variable] = []
    rest: list[str] = []
    sources = container.get("envFrom")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        fields = source if isinstance(source, dict) else {}
        kind, reference = next(((k, r) for k, r in fields.items() if isinstance(r, dict)), ("", {}))
        name = str(reference.get("name") or values.line(*path, "envFrom", index))[:80]
        data = maps.get((space, name)) if kind == "configMapRef" else None
        entries = data[0].get(*data[1]) if data else None
        if data is None or not isinstance(entries, dict):
            rest.append(name)
            continue
        for key, value in entries.items():
            file, line = data[0].place(*data[1], key)
            text = value if isinstance(value, str) else None
            problem = "" if text is not None else "the value is no text"
            full_name = f"{fields.get('prefix') or ''}{key}"
            origin = f"ConfigMap {name[:63]}"
            found.append(Variable(full_name, text, line, origin, problem, file, is_literal=True))
    return found, rest
