"""Reads the files a user named: tells their kind, and lays them over each other."""

import re
from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding
from xcomkit.findings.text import listed
from xcomkit.findings.text_file import read_text
from xcomkit.lint.configuration import Configuration, Source, from_values
from xcomkit.lint.file_types import DESCRIPTIONS, Kind
from xcomkit.lint.sources.patches import LIST
from xcomkit.lint.sources.pod import is_kubernetes, read_pods
from xcomkit.lint.sources.releases import (
    CHART,
    Maps,
    Release,
    find_maps,
    plain,
    read_parts,
    read_releases,
)
from xcomkit.lint.sources.resolving import Found, Repository, resolve
from xcomkit.lint.sources.unread import form_of, unread_file
from xcomkit.values.environment import Variable
from xcomkit.values.parts import find_agents, is_of_agents, quote_templates
from xcomkit.values.values import Values, read_documents, read_values

COMPONENT = "airflow"  # what an env file or airflow.cfg configures: one Airflow
_AIRFLOW_CHART_KEYS = frozenset(
    {"executor", "airflowVersion", "defaultAirflowTag", "defaultAirflowRepository", "env",
     "extraEnv", "scheduler", "webserver", "apiServer", "postgresql", "redis", "statsd", "config",
     "data", "dags", "images", "airflowHome", "fernetKey", "pgbouncer", "ingress", "flower"}
)  # fmt: skip
_HEADING = re.compile(r"^(?:USER-SUPPLIED|COMPUTED) VALUES:[ \t\r]*$", re.MULTILINE)
_REST = re.compile(r"^COMPUTED VALUES:", re.MULTILINE)
YAML = (".yaml", ".yml", ".json")
# what tools render themselves, and hold templates without quotes
_RENDERED = re.compile(r"^(?:releases:|kind: *ApplicationSet\b)", re.MULTILINE)
_HELMFILE = re.compile(r"helmfile[\w.-]*\.ya?ml\.gotmpl")
# what a template has in lines of its own, and no values file
_ACTION = re.compile(r"(?m)^\s*(?:\{\{-?\s*(?:if|range|with|include|define|end|else)\b|\{%)")
_ENV_LINE = re.compile(r"(?:export\s+)?[A-Za-z_]\w*=")


class NothingHereError(InputError):
    """A file that can be read and has nothing to do with agents."""


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read: itself, what it installs, and its text where it is not read at all."""

    source: Source
    releases: tuple[Release, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def values(self) -> Values | None:
        """Return the file as values of the chart, ``None`` where a tool installs it."""
        is_plain = any(one.may_be_part and not one.label for one in self.releases)
        return self.source.documents[0] if is_plain else None


def read_configuration(names: Sequence[str], *, kind: Kind | None = None) -> Configuration:
    """Return what the files say together, as ``read_together`` does, where it is one thing.

    Raises:
        InputError: a file cannot be read, or there is not exactly one installation in them.
    """
    found = read_together(names, kind=kind)
    if len(found.configurations) != 1:
        labels = [one.label for one in found.configurations]
        said = listed(labels, most=5) if labels else found.findings[0].observed
        problem = f"{', '.join(names)}: {said}."
        raise InputError(problem, hint="give the values of one installation.")
    return found.configurations[0]


def read_together(names: Sequence[str], *, kind: Kind | None = None) -> Found:
    """Return what the files say together; ``-`` is the standard input, ``None`` tells the kind.

    Values files are laid over each other as helm does, env files over airflow.cfg as Airflow does,
    and an env file beside a compose file fills in its references. What a manifest names is read as
    well. Source: see ``releases``.

    Raises:
        InputError: a file cannot be read, or the kinds do not go together.
    """
    if names.count("-") > 1:
        raise InputError("-: the standard input can be read once.", hint="name it once.")
    files = [read_file(name, kind=kind) for name in names]
    found = Found(findings=[one for file in files for one in file.findings])
    read = [file for file in files if not file.findings]
    if {file.source.kind for file in read} == {"values"}:
        repository = Repository.around(Path(names[0]))
        for release in read[0].releases if len(read) == 1 else (_laid_over(read),):
            resolve(release, repository, found)
    elif read:
        found.configurations.append(combine([file.source for file in read]))
    if len(read) == 1 and read[0].releases:
        pods = read_pods(read[0].source.documents, sources=(read[0].source,))
        found.configurations += [pods] if pods.variables else []
    if not (found.findings or any(one.variables for one in found.configurations)):
        for file in read[:1]:
            found.findings += unread_file(file.source.name, text=file.source.text)
        if not found.findings:
            text = f"{', '.join(names)}: nothing in it runs an agent."
            hint = "name the file that holds AIRFLOW__ variables or the values of the agent chart."
            raise NothingHereError(text, hint=hint)
    return found


def _laid_over(files: Sequence[Read]) -> Release:
    """Return values files and manifests of one release each as one release, later over earlier."""
    releases: list[Release] = []
    for file in files:
        if len(file.releases) > 1:
            count = f"{len(file.releases)} installations"
            problem = f"{file.source.name}: {count}, which do not lie over the other files."
            raise InputError(problem, hint="give the files one at a time, or use --each.")
        releases += file.releases
    layers = tuple(layer for release in releases for layer in release.layers)
    named = next((one for one in reversed(releases) if one.label), releases[-1])
    return replace(named, layers=layers, chart=CHART)


def combine(files: Sequence[Source]) -> Configuration:
    """Return files of kinds that lie over each other as one configuration.

    Raises:
        InputError: the kinds do not go together.
    """
    kinds = {file.kind for file in files}
    if kinds == {"pod"}:
        documents = [document for file in files for document in file.documents]
        return read_pods(documents, sources=tuple(files))
    beside = {file.name: _variables(file) for file in files if file.kind in ("env", "cfg")}
    if kinds <= {"env", "cfg"}:  # one Airflow, whose variables stand over its options
        *_, last = ordered = sorted(files, key=lambda file: file.kind == "env")
        return Configuration(
            kind=last.kind,
            sources=tuple(files),
            variables={COMPONENT: tuple(v for file in ordered for v in beside[file.name])},
            homes={COMPONENT: (last.name, 1)},
        )
    if kinds <= {"compose", "env"}:
        from xcomkit.lint.sources.compose import read_compose

        composed = [document for file in files for document in file.documents]
        return read_compose(composed, beside=beside, sources=tuple(files))
    given = "; ".join(f"{file.name} is {DESCRIPTIONS[file.kind]}" for file in files[:5])
    hint = "give them one at a time, or use --each or --kind."
    raise InputError(f"{given}: these do not lie over each other.", hint=hint)


def read_file(name: str, *, kind: Kind | None = None) -> Read:
    """Return one file with what it installs.

    Raises:
        InputError: it cannot be read.
    """
    label = "stdin" if name == "-" else name if name.isprintable() else ascii(name)
    text = _unheaded(read_text(Path(name), name=label))
    is_read = label.endswith(YAML) or _HELMFILE.fullmatch(Path(name).name)
    if kind is None and form_of(label)[0] and not is_read:
        return Read(Source(label, "values", text), findings=unread_file(label, text=text))
    kind = kind or _kind_by_look(name, text)
    if kind in ("env", "cfg"):
        return Read(Source(label, kind, text))
    if kind == "values":
        return _plain(read_values(text, name=label))
    try:
        return _read_yaml(text, name=label, kind=kind)
    except InputError as error:
        reason = str(error.args[0]).rstrip(".")
        is_template = kind is None and _ACTION.search(text)
        findings = unread_file(label, text=text, reason=reason) if is_template else ()
        if not findings:
            raise
        return Read(Source(label, "values", text), findings=findings)


def _read_yaml(text: str, *, name: str, kind: Kind | None) -> Read:
    if kind is None and LIST.match(text) and (findings := unread_file(name, text=text)):
        return Read(Source(name, "values", text), findings=findings)
    documents = _documents(text, name=name)
    if kind is None:
        kind = _kind_of(documents)
        if kind != "compose" and (found := read_installed(documents, {})):
            return Read(Source(name, "values", text, documents), found)
        if kind == "values":
            is_other = not any(is_ours(one) for one in documents)
            if is_other and (findings := unread_file(name, text=text)):
                return Read(Source(name, kind, text, documents), findings=findings)
            _refuse_other_charts(documents, name=name)
    if kind == "values":
        is_stream = len(documents) != 1 or "\n---" in text  # helm reads one document
        return _plain(read_values(text, name=name) if is_stream else documents[0])
    return Read(Source(name, kind, text, documents))


def _plain(values: Values) -> Read:
    return Read(Source(values.name, "values", values.text, (values,)), (plain(values),))


def _documents(text: str, *, name: str) -> tuple[Values, ...]:
    try:
        return read_documents(text, name=name)
    except InputError:
        if "{{" not in text or not _RENDERED.search(text):
            raise
        return read_documents(quote_templates(text), name=name)


def read_installed(documents: tuple[Values, ...], maps: Maps) -> tuple[Release, ...]:
    """Return what documents install by way of another tool; nothing of values as they are.

    ``maps`` are those of other files.
    """
    known = ChainMap(find_maps(documents), maps)
    found = [one for document in documents for one in read_releases(document, maps=known)]
    if not found and any(is_kubernetes(one) for one in documents):
        found = [one for document in documents for one in read_parts(document)]
    elif not found and len(documents) == 1:
        parts = read_parts(documents[0])  # of an umbrella chart none is in a list or in a text
        found += parts if len(parts) > len([*find_agents(documents[0].data)]) else ()
    return tuple(found)


def is_ours(values: Values) -> bool:
    """Tell whether values of the agent chart, or variables of Airflow, stand in a document."""
    has_parts = any(True for _ in find_agents(values.data))
    return has_parts or from_values(values).is_of_agents


def _unheaded(text: str) -> str:
    """Return what ``helm get values`` prints with its heading, and nothing at all, made YAML.

    Of what ``helm get all`` prints only the values of the user's are left, in their lines.
    """
    match = _HEADING.search(text)
    is_all = text.startswith("NAME: ")
    if match is None or (match.start() and not is_all):
        return text
    rest = _REST.split(text[match.end() :], maxsplit=1)[0] if is_all else text[match.end() :]
    above = "#\n" * text.count("\n", 0, match.start()) + "#"
    return above + ("" if rest.strip() == "null" else rest)


def _kind_by_look(name: str, text: str) -> Kind | None:
    """Return env or cfg for what is named or begins like one, ``None`` for what may be YAML."""
    own = Path(name).name
    if own.endswith(".env") or own.startswith(".env."):
        return "env"
    if own.endswith(".cfg"):
        return "cfg"
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if re.fullmatch(r"\[[\w.-]+\]", first):
        return "cfg"
    return "env" if _ENV_LINE.match(first) else None


def _kind_of(documents: tuple[Values, ...]) -> Kind:
    if any(is_kubernetes(values) for values in documents):
        return "pod"
    services = documents[0].root.pair("services") if documents else None
    if services and any(one.kind == "mapping" or one.tag for _, one in services[1].pairs):
        return "compose"
    return "values"


def _refuse_other_charts(documents: tuple[Values, ...], *, name: str) -> None:
    """Refuse what is surely no file of the agent chart: its rules would say nothing true."""
    keys = {key for values in documents for key in values.data}
    is_other = len(keys & _AIRFLOW_CHART_KEYS) > 1
    if is_other and not any(is_of_agents(values.data) for values in documents):
        problem = f"{name}:1:1: values of the Airflow chart, not of the agent chart."
        raise NothingHereError(problem, hint="name the agents' file, or say --kind values.")


def _variables(file: Source) -> tuple[Variable, ...]:
    if file.kind == "env":
        from xcomkit.lint.sources.env_file import read_env as read
    else:
        from xcomkit.lint.sources.airflow_cfg import read_cfg as read
    return read(file.text, name=file.name)
