"""Reads Kubernetes objects: pods and what makes pods, as kubectl or ``helm template`` print them.

Source: Kubernetes API reference, PodSpec, Container, EnvVar, EnvFromSource.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Configuration, Place, Pod, Source
from xcomkit.values.environment import Variable, expanded, read_entries
from xcomkit.values.values import Key, Values

_TEMPLATES: dict[str, Key] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_Map = tuple[str, str]  # namespace and name of a ConfigMap
_WORKLOADS = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"}
)
# the chart's helpers beside the agents; they handle no XCom
_BYSTANDERS = ("sentinel", "sidecar", "vector", "istio-proxy", "git-sync", "linkerd-proxy")
MOST_CONTAINERS = 300


def is_kubernetes(values: Values) -> bool:
    """Tell whether a document is a Kubernetes object."""
    return isinstance(values.get("kind"), str) and isinstance(values.get("apiVersion"), str)


def read_pods(documents: Sequence[Values], *, sources: tuple[Source, ...]) -> Configuration:
    """Return every container that may run an agent, with the variables of its pod spec."""
    maps = dict(_config_maps(documents))
    variables: dict[str, tuple[Variable, ...]] = {}
    homes: dict[str, Place] = {}
    more: dict[str, str] = {}
    pods: list[Pod] = []
    for values, root, path, name in _pod_paths(documents):
        containers = values.get(*path, "spec", "containers")
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            if not isinstance(container, dict) or _is_bystander(container, name):
                continue
            inner = (*path, "spec", "containers", index)
            if len(variables) >= MOST_CONTAINERS:
                file, line = values.place(*inner)
                problem = f"{file}:{line}:1: more than {MOST_CONTAINERS} containers."
                raise InputError(problem, hint="give the agents' pods only.")
            component = _unique(f"{name}:{container.get('name', index)}"[:200], variables)
            space, _ = _map(values, root, "")
            found, rest = _from_maps(values, inner, container, maps=maps, space=space)
            variables[component] = (*found, *_entries(values, inner, container, component))
            homes[component] = values.place(*inner)
            if rest:
                more[component] = f"envFrom {', '.join(rest)}"
            labels = values.get(*path, "metadata", "labels")
            pods.append(
                Pod(
                    component,
                    values.place(*path, "metadata"),
                    labels if isinstance(labels, dict) else {},
                    str(container.get("image", "")),
                )
            )
    return Configuration(
        kind="pod",
        sources=sources,
        variables=variables,
        environment={component: expanded(found) for component, found in variables.items()},
        homes=homes,
        more=more,
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


def _pod_paths(documents: Sequence[Values]) -> Iterator[tuple[Values, Key, Key, str]]:
    """Yield each object that makes pods: where it and its pod template stand, and its name."""
    for values, path, item in _objects(documents):
        kind = str(item.get("kind", "Pod"))
        template = ("spec", "template") if kind in _WORKLOADS else _TEMPLATES.get(kind)
        name = values.get(*path, "metadata", "name")
        if template is not None:
            yield values, path, (*path, *template), f"{kind}/{name}".lower()[:120]


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
        kind, reference = next(
            ((k, r) for k, r in source.items() if isinstance(r, dict)) if isinstance(source, dict)
            else iter(()), ("", {}),
        )  # fmt: skip
        name = reference.get("name")
        data = maps.get((space, str(name))) if kind == "configMapRef" else None
        prefix = source.get("prefix") if isinstance(source, dict) else ""
        entries = data[0].get(*data[1]) if data else None
        if data is None or not isinstance(entries, dict):
            rest.append(str(name or values.line(*path, "envFrom", index))[:80])
            continue
        for key, value in entries.items():
            file, line = data[0].place(*data[1], key)
            text = value if isinstance(value, str) else None
            problem = "" if text is not None else "the value is no text"
            name_in_pod = f"{prefix or ''}{key}"
            origin = f"ConfigMap {str(name)[:63]}"
            found.append(Variable(name_in_pod, text, line, origin, problem, file, is_literal=True))
    return found, rest


def _entries(
    values: Values, path: Key, container: dict[str, Any], component: str
) -> Iterator[Variable]:
    if container.get("env") is not None:
        yield from read_entries(values, path=(*path, "env"), source=f"{component}.env")
