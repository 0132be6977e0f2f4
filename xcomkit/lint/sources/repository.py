"""Finds what configures agents below a folder by what is in the files, and lays it together.

A manifest says which values belong together; beside a chart, and where a file is only a part, the
base in the same folder or above lies below it. Pods and services of one folder are read together.
"""

import os
import re
import shlex
from collections import ChainMap
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import MAX_BYTES
from xcomkit.lint.configuration import Configuration, Place, Source, is_part
from xcomkit.lint.sources import pod
from xcomkit.lint.sources.compose import list_composed
from xcomkit.lint.sources.files import list_files
from xcomkit.lint.sources.kustomized import with_bases
from xcomkit.lint.sources.layers import File
from xcomkit.lint.sources.patched import find_unmatched, lay_over
from xcomkit.lint.sources.reading import (
    YAML,
    NothingHereError,
    Read,
    combine,
    is_ours,
    read_file,
    read_installed,
)
from xcomkit.lint.sources.releases import CHART, Maps, Release, find_maps, plain
from xcomkit.lint.sources.resolving import Found, Repository, resolve
from xcomkit.lint.sources.unread import (
    XC075,
    find_settings,
    form_of,
    refused,
    unread_file,
)
from xcomkit.values.values import Values

# what a file must have before it is worth reading: settings, or what installs charts
_MARKS = re.compile(
    rb"AIRFLOW_|xcom_objectstorage_|XComObjectStorage|remote-execution-agent|xcomBackend|commonEnv"
    rb"|secretBackend|resourceNamePrefix|agentToken|astroDeploymentAPIURL|dagProcessor"
    rb"|argoproj\.io/|apiVersion: *skaffold/|helm\.toolkit\.fluxcd\.io|kind: *HelmRelease|helmChart"
    rb"|(?m:^(?:releases|patches\w*|replacements|\w+Generator):)|fieldPaths:"
    rb"|values[\w.-]*\.ya?ml: *[\w+/]{40}"
)
_SOPS = re.compile(rb"""(?m)^[ \t{]*"?data"?: *["']?ENC\[""")  # not even the keys are left
_BASE = re.compile(
    r"(?:values|base|common|defaults?|shared)(?:[-_.](?:base|common|defaults?|shared))?\.(?:ya?ml|json)"
)
_CHART_ONLY = frozenset(
    {"workers", "dagProcessor", "triggerer", "sentinel", "commonEnv", "resourceNamePrefix"}
)


@dataclass
class _Folder:
    """What was found below a folder, file by file."""

    top: Path
    reads: dict[Path, Read] = field(default_factory=dict)
    listed: dict[Path, list[Path]] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)
    encrypted: list[Path] = field(default_factory=list)  # as a whole, by sops
    found: Found = field(default_factory=Found)


def read_folder(top: Path) -> Found:
    """Return everything below a folder that configures agents.

    Raises:
        InputError: nothing does, or there are more files than in any repository.
    """
    folder = _Folder(top)
    for path in list_files(top):
        folder.listed.setdefault(path.parent, []).append(path)
        text = _text(path, folder=folder)
        if text is not None:
            _take(path, text, folder=folder)
    _take_beside(folder)
    _read_again(folder)
    repository = Repository.around(top)
    laid, alone = lay_over(_releases(folder, repository))
    for release in (*laid, *alone):
        with _going_on(release.place, folder=folder):
            resolve(release, repository, folder.found)
    _values(folder, repository)
    _pods_and_services(folder)
    folder.found.findings += find_unmatched(alone, repository, folder.found.configurations)
    _say_unread(folder, used=repository.used)
    if not (folder.found.configurations or folder.found.findings):
        problem = f"{top}: no file below it configures agents."
        hint = "name the folder that holds their values."
        if folder.encrypted:
            name, *more = map(str, folder.encrypted)
            problem = f"{top}: {name}{f' and {len(more)} more' * bool(more)} encrypted by sops,"
            problem += " and no other file configures agents."
            hint = f"sops decrypt {shlex.quote(name)} | xcomkit lint -"
        raise InputError(problem, hint=hint)
    folder.found.findings.sort(key=lambda one: (one.file, one.line))
    return folder.found


def _text(path: Path, *, folder: _Folder) -> str | None:
    """Return the text of a file that may be of agents, ``None`` for any other and for bytes."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    if _MARKS.search(raw) is None or b"\0" in raw:
        folder.encrypted += [path] * bool(_SOPS.search(raw))
        return None
    text = raw.decode("utf-8", "replace")
    if len(raw) > MAX_BYTES:
        reason = f"more than {MAX_BYTES // 1_000_000} MB"
        folder.found.findings += unread_file(str(path), text=text, reason=reason)
        return None
    return text


def _take(path: Path, text: str, *, folder: _Folder) -> None:
    """Read one file; a template of a chart, and what is no YAML, is said once per command."""
    name = str(path)
    what, command = form_of(name)
    try:
        if what and "{{" in text and path.name.endswith(YAML):
            raise InputError(what)  # noqa: TRY301 - what it holds is made of other values
        read = read_file(name)
    except NothingHereError:
        return
    except InputError as error:
        reason = "" if what else str(error.args[0]).rstrip(".")
        findings = unread_file(name, text=text, reason=reason)
        if findings and not (command in folder.commands and command):
            folder.commands.add(command)
            folder.found.findings += findings
        return
    if not read.findings or pod.makes_objects(read.source.documents):  # pods may be given it
        folder.reads[path] = read
    elif path.suffix != ".json":
        folder.found.findings += read.findings


def _take_beside(folder: _Folder) -> None:
    """Read what is beside pods and services and may be given to them, whatever is in it."""
    kinds = ("pod", "compose", "env")
    homes = {
        path.parent
        for path, read in folder.reads.items()
        if read.source.kind in kinds or pod.makes_objects(read.source.documents)
    }
    for path in (path for home in homes for path in folder.listed[home]):
        read = None if form_of(path.name)[0] else _read(path, folder=folder)
        if read is not None and read.source.kind in kinds:
            folder.reads[path] = read


def _read(path: Path, *, folder: _Folder) -> Read | None:
    if path not in folder.listed.get(path.parent, ()):
        return None
    try:
        return folder.reads.get(path) or read_file(str(path))
    except InputError:
        return None


def _read_again(folder: _Folder) -> None:
    """Read manifests once more that name objects of other files, best those of their folder."""
    reads = folder.reads
    by_home: dict[Path, Maps] = {}
    for path, read in reads.items():
        by_home.setdefault(path.parent, {}).update(find_maps(read.source.documents))
    everywhere = dict(one for maps in by_home.values() for one in maps.items())
    for path, read in reads.items():
        if read.releases and re.search("valuesFrom|chartRef", read.source.text):
            maps = ChainMap(by_home[path.parent], everywhere)
            reads[path] = replace(read, releases=read_installed(read.source.documents, maps))


def _releases(folder: _Folder, repository: Repository) -> list[Release]:
    """Return what manifests install.

    Objects that a release takes values from are none, nor are patches that another file names.
    """
    reads = folder.reads.values()
    found = [one for read in reads if read.values is None for one in read.releases]
    taken = {
        (one.name, one.line())
        for release in found
        if not release.may_be_part
        for one in release.layers
        if isinstance(one, Values)
    }
    files = [one for release in found if release.target for one in release.layers]
    named = {str(repository.find(one)) for one in files if isinstance(one, File)}
    return [
        one
        for one in found
        if not (one.may_be_part and one.place in taken)
        and (one.target or not one.is_patch or one.place[0] not in named)
    ]


@contextmanager
def _going_on(place: Place, *, folder: _Folder) -> Iterator[None]:
    """Make a finding of what is refused, so that the rest of the folder is judged."""
    try:
        yield
    except InputError as error:
        folder.found.findings.append(refused(place, error))


def _values(folder: _Folder, repository: Repository) -> None:
    """Judge values files that no manifest names: overlays over their base, others alone."""
    ours = {
        path: read.values
        for path, read in folder.reads.items()
        if read.values is not None and is_ours(read.values)
    }
    bases = {path.parent: path for path in reversed(ours) if _BASE.fullmatch(path.name)}
    for home, base in bases.items():
        for path in folder.listed[home]:
            if path not in ours and path.name.endswith(YAML):
                values = _overlay(path, over=ours[base], folder=folder)
                ours |= {path: values} if values is not None else {}
    below: dict[Path, Path | None] = {}
    for path, values in ours.items():
        if path.resolve() not in repository.used:
            with _going_on((str(path), 1), folder=folder):
                below[path] = _base_of(path, values, bases=bases, top=folder.top)
    covered = set(below.values())
    for path, under in below.items():
        if under or path not in covered:
            layers = tuple(ours[one] for one in (under, path) if one)
            with _going_on((str(path), 1), folder=folder):
                resolve(replace(plain(ours[path]), layers=layers), repository, folder.found)


def _overlay(path: Path, *, over: Values, folder: _Folder) -> Values | None:
    """Return the values in a file beside a base, where their keys are those of the base."""
    read = _read(path, folder=folder)
    values = read.values if read else None
    if values is None:
        return None
    shared = set(values.data) & set(over.data)
    is_named = "values" in path.name or (path.parent / "Chart.yaml").exists()
    return values if shared and (is_named or shared & _CHART_ONLY) else None


def _base_of(path: Path, values: Values, *, bases: dict[Path, Path], top: Path) -> Path | None:
    """Return what lies below a values file: the base beside its chart, or the nearest of a part."""
    own = bases.get(path.parent)
    if own not in (None, path) and (path.parent / "Chart.yaml").exists():
        return own
    for home in path.parents if is_part(values) else ():
        near = [bases.get(home), *(bases.get(home / name) for name in ("base", "common"))]
        found = next((one for one in near if one not in (None, path)), None)
        if found is not None or home == top:
            return found
    return None


def _say_unread(folder: _Folder, *, used: AbstractSet[Path]) -> None:
    """Add a finding for each file that configures agents and of which nothing was judged."""
    found = folder.found
    found.findings = [  # a patch in a file of its own has been read by now
        one
        for one in found.findings
        if one.rule is not XC075 or Path(one.file).resolve() not in used
    ]
    seen = {source.name for config in found.configurations for source in config.sources}
    seen |= {one.file for one in found.findings}
    labels = tuple({config.label for config in found.configurations})
    for release in (one for read in folder.reads.values() for one in read.releases):
        if release.label and any(label.startswith(release.label) for label in labels):
            seen.add(release.place[0])
    for read in folder.reads.values():
        name = read.source.name
        if name not in seen and not name.endswith(".json"):
            found.findings += unread_file(name, text=read.source.text)


def _pods_and_services(folder: _Folder) -> None:
    """Judge pods, services, env files and airflow.cfg, those of one folder together."""
    by_home: dict[Path, list[Source]] = {}
    for path, read in folder.reads.items():
        by_home.setdefault(path.parent, []).append(read.source)
    for sources in with_bases(by_home, partial(_read, folder=folder)):
        objects = [one for one in sources if pod.has_objects(one.documents)]
        services, env, cfg = (
            [one for one in sources if one.kind == kind] for kind in ("compose", "env", "cfg")
        )
        documents = [d for source in objects for d in source.documents]
        documents += pod.inline_pods(documents)
        named = {name for _, row in pod.generated(documents) for name in pod.env_files(row)}
        given = [one for one in env if os.path.normpath(one.name) in named]
        env = [one for one in env if one not in given]
        if _is_of_agents([*objects, *given]):
            pods = [x for x in objects if x.kind == "pod" or pod.makes_objects(x.documents)]
            pods = pods or objects
            with _going_on((pods[0].name, 1), folder=folder):
                _add(folder, pod.read_pods(documents, sources=(*pods, *given)))
        for group in [[*one, *env] for one in list_composed(services)] or [[*env, *cfg]]:
            if _is_of_agents(group):
                with _going_on((group[0].name, 1), folder=folder):
                    _add(folder, combine(group))


def _is_of_agents(sources: Sequence[Source]) -> bool:
    return any(CHART in one.text or find_settings(one.text, name=one.name) for one in sources)


def _add(folder: _Folder, config: Configuration) -> None:
    """Add the components of a configuration that are of Airflow; a folder may hold any others."""
    ours = {
        component: variables
        for component, variables in config.variables.items()
        if any(variable.name.startswith("AIRFLOW_") for variable in variables)
        or (config.kind == "compose" and not variables)
    }
    if ours:
        pods = tuple(pod for pod in config.pods if pod.component in ours)
        folder.found.configurations.append(replace(config, variables=ours, pods=pods))
