"""Reads the services of a docker-compose file that run Airflow.

Source: Compose file reference, services: environment, env_file, interpolation, merge.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import Configuration, Place, Source, dotted
from xcomkit.lint.sources.at import At
from xcomkit.lint.sources.env_file import interpolate
from xcomkit.values.environment import Variable
from xcomkit.values.parts import find_node
from xcomkit.values.values import Values

MOST_SERVICES = 300
_COMPOSE = re.compile(r"(?:docker-)?compose\.ya?ml")
_RESET, _OVERRIDE = "!reset", "!override"  # of Compose 2.24: nothing, or this alone
_AIRFLOW = ("airflow", "astro")
_BELOW = "the compose file that this one lies over"


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
        for service in At(values).entries("services"):
            name, tag = str(service.path[-1]), _tag(service) or _tag(At(values, ("services",)))
            is_gone = tag == _RESET and name in variables
            if tag:
                for known_of in (variables, elsewhere, images):
                    known_of.pop(name, None)
            if is_gone or not (tag or isinstance(service.get(), dict)):
                continue
            images[name] = service.text("image") or service.text("build") or images.get(name, "")
            given, missing = _env_files(service, beside=beside)
            before = _left(variables.get(name, ()), service)
            variables[name] = (*given, *before, *_environment(service, known))
            homes.setdefault(name, service.place())
            missing += ["extends"] if service.get("extends") else []
            if missing:
                elsewhere[name] = f"env_file {', '.join(missing)}"[:120]
    for name in (name for name in variables if not images[name]):  # which no whole service is
        elsewhere.setdefault(name, _BELOW)
    variables = {
        name: found
        for name, found in variables.items()
        if _runs_airflow(found, images[name] or name)
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


def _tag(at: At) -> str:
    """Return the ``!reset`` or ``!override`` in front of what is at a place, or ``""``."""
    node = find_node(at.doc, at.path)
    return node.tag if node and node.tag in (_RESET, _OVERRIDE) else ""


def _left(before: tuple[Variable, ...], service: At) -> tuple[Variable, ...]:
    """Return what a later file leaves of the variables that earlier ones give a service."""
    own = service.at("environment")
    is_own, is_of_files = bool(_tag(own)), bool(_tag(service.at("env_file")))
    return tuple(
        v
        for v in before
        if not (is_own if v.source == dotted(own.path) else is_of_files)
        and not _tag(own.at(v.name))
    )


def _env_files(
    service: At, *, beside: Mapping[str, tuple[Variable, ...]]
) -> tuple[list[Variable], list[str]]:
    """Return the variables of the env files that are at hand, and the names of the others."""
    named = service.get("env_file") or []
    at_hand = {PurePath(file).name: found for file, found in reversed([*beside.items()])}
    given: list[Variable] = []
    missing: list[str] = []
    for entry in named if isinstance(named, list) else [named]:
        path = str(entry.get("path", "") if isinstance(entry, dict) else entry)
        if PurePath(path).name in at_hand:
            given += at_hand[PurePath(path).name]
        else:
            missing.append(path[:60])
    return given, missing


def _runs_airflow(variables: tuple[Variable, ...], image: str) -> bool:
    is_image = any(word in image.rpartition("/")[2] for word in _AIRFLOW)
    return is_image or any(v.name.startswith("AIRFLOW__") for v in variables)


def _environment(service: At, known: Mapping[str, str]) -> tuple[Variable, ...]:
    own = service.at("environment")
    found = None if _tag(own) == _RESET else own.get()
    rows: list[tuple[str, Any, str | int]]
    if isinstance(found, dict):
        rows = [(key, value, key) for key, value in found.items()]
    else:
        items = [str(item).partition("=") for item in (found if isinstance(found, list) else ())]
        rows = [(key, value if has else None, n) for n, (key, has, value) in enumerate(items)]
    variables = []
    for index, (key, value, at) in enumerate(rows):
        if _tag(own.at(key)) == _RESET:
            continue
        file, line = own.place(at)
        is_text = not isinstance(value, (bool, dict, list))
        is_known = is_text and value is not None
        text = interpolate(str(value), known, defaults=True) if is_known else None
        problem = "" if is_text else "the value is no text"
        variables.append(Variable(key, text, line, dotted(own.path), problem, file, index=index))
    return tuple(variables)


def list_composed(services: Sequence[Source]) -> Iterator[list[Source]]:
    """Yield compose files as they are run: the base with its override, and every other over it."""
    base = [one for one in services if _COMPOSE.fullmatch(PurePath(one.name).name)]
    over = [one for one in services if ".override." in PurePath(one.name).name]
    if base or over:
        yield [*base, *over]
    for one in services:
        if one not in base and one not in over:
            yield [*base, one]
