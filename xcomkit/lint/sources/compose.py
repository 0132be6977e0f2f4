"""Reads the services of a docker-compose file that run Airflow.

Source: Compose file reference, services: environment, env_file, interpolation.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Configuration, Place, Source
from xcomkit.lint.sources.env_file import interpolate
from xcomkit.values.environment import Variable
from xcomkit.values.values import Values

MOST_SERVICES = 300
_AIRFLOW = ("airflow", "astro")


def read_compose(
    files: Sequence[Values],
    *,
    beside: Mapping[str, tuple[Variable, ...]],
    sources: tuple[Source, ...],
) -> Configuration:
    """Return the Airflow services of compose files, later over earlier.

    The env files ``beside`` them fill in ``${NAME}``, and stand below a service's own environment
    where its ``env_file`` names them; what no file tells is not told.
    """
    known = {v.name: v.value for found in beside.values() for v in found if v.value}
    variables: dict[str, tuple[Variable, ...]] = {}
    homes: dict[str, Place] = {}
    more: dict[str, str] = {}
    for values in files:
        for name, service in _services(values):
            variables[name] = (*variables.get(name, ()), *_environment(values, name, known))
            homes.setdefault(name, values.place("services", name))
            given, missing = _env_files(service, beside=beside)
            variables[name] = (*given, *variables[name])
            missing += ["extends"] if service.get("extends") else []
            if missing:
                more[name] = f"env_file {', '.join(missing)}"[:120]
    variables = _of_airflow(files, variables)
    if len(variables) > MOST_SERVICES:
        problem = f"{files[0].name}:1:1: more than {MOST_SERVICES} services run Airflow."
        raise InputError(problem, hint="give the file of one Airflow.")
    return Configuration(
        kind="compose",
        sources=sources,
        variables=variables,
        environment={
            name: {v.name: v.value for v in found if v.value is not None and not v.problem}
            for name, found in variables.items()
        },
        homes=homes,
        more=more,
        documents=tuple(files),
    )


def _services(values: Values) -> Iterator[tuple[str, dict[str, Any]]]:
    found = values.get("services")
    for name, service in (found if isinstance(found, dict) else {}).items():
        if isinstance(service, dict):
            yield name, service


def _env_files(
    service: dict[str, Any], *, beside: Mapping[str, tuple[Variable, ...]]
) -> tuple[list[Variable], list[str]]:
    """Return the variables of the env files that are at hand, and the names of the others."""
    named = service.get("env_file") or []
    given: list[Variable] = []
    missing: list[str] = []
    for entry in named if isinstance(named, list) else [named]:
        path = str(entry.get("path", "") if isinstance(entry, dict) else entry)
        name = PurePath(path).name
        found = next((v for file, v in beside.items() if PurePath(file).name == name), None)
        if found is None:
            missing.append(path[:60])
        else:
            given += found
    return given, missing


def _of_airflow(
    files: Sequence[Values], variables: dict[str, tuple[Variable, ...]]
) -> dict[str, tuple[Variable, ...]]:
    """Return the services that run Airflow."""
    images = {
        name: str(service.get("image", ""))
        for values in files
        for name, service in _services(values)
    }
    return {
        name: found
        for name, found in variables.items()
        if any(v.name.startswith("AIRFLOW__") for v in found)
        or any(word in images.get(name, "").rpartition("/")[2] for word in _AIRFLOW)
    }


def _environment(values: Values, name: str, known: Mapping[str, str]) -> tuple[Variable, ...]:
    path = ("services", name, "environment")
    found = values.get(*path)
    source = f"services.{name}.environment"
    if isinstance(found, dict):
        rows = [(key, value, values.place(*path, key)) for key, value in found.items()]
    elif isinstance(found, list):
        rows = []
        for index, item in enumerate(found):
            key, separator, value = str(item).partition("=")
            rows.append((key, value if separator else None, values.place(*path, index)))
    else:
        return ()
    return tuple(
        Variable(key, *_told(value, known), place[1], source, file=place[0], index=index)
        if not isinstance(value, (bool, dict, list))
        else Variable(key, None, place[1], source, "the value is no text", place[0], index=index)
        for index, (key, value, place) in enumerate(rows)
    )


def _told(value: Any, known: Mapping[str, str]) -> tuple[str | None]:
    if value is None:
        return (None,)
    return (interpolate(str(value), known),)
