"""Lays the values of a release over each other, those of other files of the repository too."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding
from xcomkit.findings.text import plain
from xcomkit.findings.text_file import read_text
from xcomkit.lint.configuration import BELOW, Configuration, from_values, is_part
from xcomkit.lint.sources.layers import File, Parameter, Unread
from xcomkit.lint.sources.patches import LIST, read_operations
from xcomkit.lint.sources.releases import CHART, Layer, Release, read_releases
from xcomkit.lint.sources.unread import stray_keys, unread_part, unread_release
from xcomkit.values.layers import layer
from xcomkit.values.names import is_sops, without_templates
from xcomkit.values.parts import below, find_agents, find_stray
from xcomkit.values.values import Key, Values, read_documents, read_values

_BRACES = re.compile(r"\{\{[^{}]*\}\}")
_PART = re.compile(r"((?:[^.\[\]\\]|\\.)++)|\[(\d+)\]")
_WHOLE = re.compile(rf"(?:\.?{_PART.pattern})+")
_WORDS = {"true": True, "false": False, "null": None}  # in any case
_MOST_INDEX = 1000  # of a list that a --set fills up; helm's own limit is 65536


@dataclass
class Found:
    """Configurations, and what configures agents and was not read."""

    configurations: list[Configuration] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Repository:
    """The files that manifests may name: those below ``top``, and which of them were named."""

    top: Path
    used: set[Path] = field(default_factory=set)

    @classmethod
    def around(cls, path: Path) -> "Repository":
        """Return the repository a file or folder is in: git's, or what is worked in, or its own."""
        own = path if path.is_dir() else path.parent
        for folder in (own.absolute(), *own.absolute().parents):
            if (folder / ".git").exists():
                return cls(folder.resolve())
        work = Path.cwd()
        is_below = own.resolve().is_relative_to(work)
        return cls(work if is_below and not path.is_dir() else own.resolve())

    def read(self, file: File) -> Values | Unread | None:
        """Return the values in a file that a manifest names, ``None`` where it may be missing."""
        name = self._take(file)
        if name is None:
            return None if file.is_optional else _gone(file)
        try:
            return read_values(read_text(Path(name), name=name), name=name)
        except InputError as error:
            return Unread(str(error.args[0]).rstrip("."), file.place)

    def read_patches(self, layers: Iterable[Layer]) -> Iterator[Layer]:
        """Yield layers with what stands in the files of patches, as JSON patch or as manifest."""
        for one in layers:
            if not (isinstance(one, File) and one.is_patch):
                yield one
            elif (name := self._take(one)) is None:
                yield _gone(one)
            else:
                try:
                    yield from _read_patch(read_text(Path(name), name=name), name=name)
                except InputError as error:
                    yield Unread(str(error.args[0]).rstrip("."), one.place)

    def _take(self, file: File) -> str | None:
        """Return the name of a file, which is judged where it was named and nowhere else."""
        path = self.find(file)
        if path is not None:
            self.used.add(path.resolve())
        return str(path) if path else None

    def is_chart_of_agents(self, file: File) -> bool:
        """Tell whether a chart's own values stand beside a Chart.yaml that names the agents'."""
        chart = replace(file, path=os.path.join(os.path.dirname(file.path), "Chart.yaml"))  # noqa: PTH118, PTH120
        path = self.find(chart)
        try:
            return path is not None and CHART in read_text(path, name=str(path))
        except InputError:  # helm cannot read it either
            return False

    def expand(self, file: File) -> Iterator[str]:
        """Yield what may stand for the one template in a path, so that the file is there."""
        pattern = _BRACES.sub("*", file.path)
        shape = re.compile("([^/]+)".join(map(re.escape, _BRACES.split(file.path))))
        for base in self._bases(file):
            for path in sorted(base.glob(pattern))[:300] if ".." not in pattern else ():
                match = shape.fullmatch(path.relative_to(base).as_posix())
                if match and len(set(match.groups())) == 1:
                    yield match[1]

    def find(self, file: File) -> Path | None:
        """Return where a file is that a manifest names, if it is in the repository."""
        for base in self._bases(file):
            path = base / file.path
            try:
                if path.resolve().is_relative_to(self.top) and path.is_file():
                    return Path(os.path.normpath(path))
            except (OSError, RuntimeError, ValueError):  # a loop of links, a name that is none
                continue
        return None

    def _bases(self, file: File) -> list[Path]:
        own = Path(file.place[0]).parent  # of the manifest
        chain = [own, *own.parents, *own.absolute().parents] if file.from_top else [own]
        # the way in which the user names a folder is the one that is shown
        known = {one.resolve(): one for one in reversed(chain)}
        return [one for real, one in known.items() if real.is_relative_to(self.top)]


def _gone(file: File) -> Unread:
    return Unread(f"{file.path[:120]} is not in the repository", file.place)


def _read_patch(text: str, *, name: str) -> Iterator[Layer]:
    if LIST.match(text):
        yield from read_operations(text, place=(name, 1), is_file=True)
    else:
        for document in read_documents(text, name=name):
            yield from (layer for one in read_releases(document, maps={}) for layer in one.layers)


def resolve(release: Release, repository: Repository, found: Found) -> None:
    """Add what a release makes of all its layers; nothing where it is not of agents."""
    layers = tuple(repository.read_patches(release.layers))
    if release.is_patch and not layers:
        return
    for each in _expanded(replace(release, layers=layers), repository):
        _resolve(each, repository, found)


def _expanded(release: Release, repository: Repository) -> Iterator[Release]:
    """Yield a release for each file that the one template in its paths can stand for."""
    files = [one for one in release.layers if isinstance(one, File)]
    templates = {text for file in files for text in _BRACES.findall(file.path)}
    names = dict.fromkeys(
        name
        for file in files
        if len(templates) == 1 and _BRACES.search(file.path)
        for name in repository.expand(file)
    )
    if not names:
        yield release
    for name in names:
        layers = tuple(
            replace(one, path=_BRACES.sub(name, one.path)) if isinstance(one, File) else one
            for one in release.layers
        )
        yield replace(release, layers=layers, label=f"{release.label} for {name}"[:200])


def _resolve(release: Release, repository: Repository, found: Found) -> None:
    unread = [one for one in release.layers if isinstance(one, Unread)]
    parameters = [one for one in release.layers if isinstance(one, Parameter)]
    unread += [
        Unread(f"--set {one.name[:80]}, whose path or index is too large or wrong", one.place)
        for one in parameters
        if _path_of(one) is None
    ]
    layers: list[Values] = []
    is_ours = CHART in release.chart
    for one in release.layers:
        read = repository.read(one) if isinstance(one, File) else one
        if isinstance(read, Values):
            layers.append(read)
        elif isinstance(one, File) and isinstance(read, Unread):
            unread.append(read)
        if isinstance(one, File) and one.is_optional and not is_ours:
            is_ours = repository.is_chart_of_agents(one)
    for values in layers:
        if is_sops(values.data):
            command = f"sops decrypt {values.name} | xcomkit lint -"
            place = values.place("sops")
            unread.append(Unread(f"{values.name} is encrypted by sops", place, command))
    laid = layer(layers)[0] if layers else None
    whole = laid.data if laid else {}
    is_written = bool(whole) or release.may_be_part
    paths = list(find_agents(whole)) or ([()] if is_ours and is_written else [])
    if not paths and is_ours:
        found.findings.append(unread_release(release, unread))
    if laid and paths and (stray := tuple(find_stray(laid, paths[0]))):
        found.findings.append(stray_keys(laid, stray, subchart=str(paths[0][-1])))
    for path in paths:
        found.configurations.append(_configuration(release, layers, parameters, path, unread))
    found.findings += [unread_part(release, part) for part in unread if paths]


def _configuration(
    release: Release,
    layers: Sequence[Values],
    parameters: Sequence[Parameter],
    path: Key,
    unread: Sequence[Unread],
) -> Configuration:
    """Return the values below one path of all layers, the parameters over them."""
    parts = [below(one, *path) for one in layers if isinstance(one.get(*path), dict)]
    values, replacements = layer(parts if path else layers)
    for parameter in parameters:
        values = _set(values, parameter, below=path)
    missing = [part.what for part in unread]
    if release.is_patch:
        missing.append("the release that it changes")
    elif release.may_be_part and is_part(values):
        missing.append(BELOW)
    label = ", ".join(filter(None, (release.label, ".".join(map(str, path)))))
    return from_values(
        values,
        replacements=replacements,
        label=plain(label[:200]),
        partial=plain("; ".join(missing)[:200]),
        is_templated=release.is_templated,
    )


def _set(values: Values, parameter: Parameter, *, below: Key) -> Values:
    """Return values with a ``--set`` over them. Source: Helm, "The Format and Limitations"."""
    whole = _path_of(parameter) or ()
    path = whole[len(below) :]
    if whole[: len(below)] != below or not path:
        return values
    file, line = parameter.place
    written: list[Key] = []  # entries: the one that is set, and those that fill up its list
    for n, part in enumerate(path):
        if isinstance(part, int):
            rows = values.get(*path[:n])
            first = min(part, len(rows) if isinstance(rows, list) else 0)
            written = [*written, *((*path[:n], row) for row in range(first, part + 1))]
    lines = dict.fromkeys(written or [path], line)
    owner = replace(values.texts[0], name=file, lines=lines, owners={}, layers=())
    turn = max((turn for turn, _ in values.owners.values()), default=0) + 1
    data = _put(values.data, path, _typed(parameter))
    owners = {**values.owners, **dict.fromkeys(lines, (turn, owner))}
    return replace(values, data=data, owners=owners)


def _path_of(parameter: Parameter) -> Key | None:
    """Return the path that a parameter sets, ``None`` for one that helm or this module refuses."""
    if not _WHOLE.fullmatch(parameter.name):
        return None
    found = _PART.findall(parameter.name)
    if any(len(index) > 4 or int(index or 0) > _MOST_INDEX for _, index in found):
        return None
    return tuple(int(index) if index else re.sub(r"\\(.)", r"\1", name) for name, index in found)


def _put(data: Any, path: Key, value: Any) -> Any:
    """Return data with a value at a path, lists filled up with nothing."""
    if not path:
        return value
    head, *rest = path
    if isinstance(head, int):
        rows = list(data) if isinstance(data, list) else []
        rows += [None] * (head + 1 - len(rows))
        rows[head] = _put(rows[head], tuple(rest), value)
        return rows
    fields = dict(data) if isinstance(data, dict) else {}
    return {**fields, head: _put(fields.get(head), tuple(rest), value)}


def _typed(parameter: Parameter) -> Any:
    """Return the value that helm makes of a parameter; braces are a list."""
    text, is_text = parameter.value, parameter.is_text
    if text.startswith("{") and text.endswith("}") and without_templates(text) == text:
        return [_typed_one(part, is_text=is_text) for part in re.split(r"(?<!\\),", text[1:-1])]
    return _typed_one(text, is_text=is_text)


def _typed_one(value: str, *, is_text: bool) -> Any:
    text = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    if is_text:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    is_number = re.fullmatch(r"0|[-+][0-9]{1,19}|[1-9][0-9]{0,18}", text)
    return int(text) if is_number and -(2**63) <= int(text) < 2**63 else text
