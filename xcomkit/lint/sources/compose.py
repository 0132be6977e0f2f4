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
    where its ``env_file`` names them; what no file holds is unknown.
    """
    known = {v.name: v.value for found in beside.values() for v in found if v.value}
    variables: dict[str, tuple[Variable, ...]] = {}
    homes: dict[str, Place] = {}
    elsewhere: dict[str, str] = {}
    images: dict[str, str] = {}
    for values in files:
        for name, service in _services(values):
            given, missing = _env_files(service, beside=beside)
            own = _environment(values, name, known)
            variables[name] = (*given, *variables.get(name, ()), *own)
            homes.setdefault(name, values.place("services", name))
            images[name] = str(service.get("image", ""))
            missing += ["extends"] if service.get("extends") else []
            if missing:
                elsewhere[name] = f"env_file {', '.join(missing)}"[:120]
    variables = {
        name: found for name, found in variables.items() if _runs_airflow(found, images[name])
    }
    if len(variables) > MOST_SERVICES:
        problem = f"{files[0].name}:1:1: more than {MOST_SERVICES} services run Airflow."
        raise InputError(problem, hint="give the file of one Airflow.")
    return Configuration(
        kind="compose",
        sources=sources,
        variables=variables,
        homes=homes,
        elsewhere=elsewhere,
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


def _runs_airflow(variables: tuple[Variable, ...], image: str) -> bool:
    is_image = any(word in image.rpartition("/")[2] for word in _AIRFLOW)
    return is_image or any(v.name.startswith("AIRFLOW__") for v in variables)


def _environment(values: Values, name: str, known: Mapping[str, str]) -> tuple[Variable, ...]:
    path = ("services", name, "environment")
    found = values.get(*path)
    rows: list[tuple[str, Any, str | int]] = []
    if isinstance(found, dict):
        rows = [(key, value, key) for key, value in found.items()]
    for index, item in enumerate(found if isinstance(found, list) else ()):
        key, separator, value = str(item).partition("=")
        rows.append((key, value if separator else None, index))
    source = f"services.{name}.environment"
    variables = []
    for index, (key, value, at) in enumerate(rows):
        file, line = values.place(*path, at)
        is_text = not isinstance(value, (bool, dict, list))
        text = interpolate(str(value), known) if is_text and value is not None else None
        problem = "" if is_text else "the value is no text"
        variables.append(Variable(key, text, line, source, problem, file, index=index))
    return tuple(variables)
