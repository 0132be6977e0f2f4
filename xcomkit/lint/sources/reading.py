"""Reads the files a user named: tells their kind, and lays them over each other."""

import re
from collections.abc import Sequence
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.text_file import read_text
from xcomkit.lint.configuration import AGENT_KEYS, Configuration, Source, from_values
from xcomkit.lint.file_types import DESCRIPTIONS, Kind
from xcomkit.lint.sources.airflow_cfg import read_cfg
from xcomkit.lint.sources.compose import read_compose
from xcomkit.lint.sources.env_file import read_env
from xcomkit.lint.sources.pod import is_kubernetes, read_pods
from xcomkit.values.environment import Variable
from xcomkit.values.layers import layer
from xcomkit.values.values import Values, read_documents, read_values

COMPONENT = "airflow"  # what an env file or airflow.cfg configures: one Airflow
_AIRFLOW_CHART_KEYS = frozenset(
    {"executor", "airflowVersion", "defaultAirflowTag", "defaultAirflowRepository", "env",
     "extraEnv", "scheduler", "webserver", "apiServer", "postgresql", "redis", "statsd", "config",
     "data", "dags", "images", "airflowHome", "fernetKey", "pgbouncer", "ingress", "flower"}
)  # fmt: skip
_HEADING = re.compile(r"^(?:USER-SUPPLIED|COMPUTED) VALUES:[ \t\r]*$", re.MULTILINE)
_REST = re.compile(r"^COMPUTED VALUES:", re.MULTILINE)
_ENV_LINE = re.compile(r"(?:export\s+)?[A-Za-z_]\w*=")


class NothingHereError(InputError):
    """A file that can be read and has nothing to do with agents."""


def read_configuration(names: Sequence[str], *, kind: Kind | None = None) -> Configuration:
    """Return what the files say together; ``-`` is the standard input, ``None`` tells the kind.

    Values files are laid over each other as helm does, env files over airflow.cfg as Airflow does,
    and an env file beside a compose file fills in its references.

    Raises:
        InputError: a file cannot be read, or the kinds do not go together.
    """
    if names.count("-") > 1:
        raise InputError("-: the standard input can be read once.", hint="name it once.")
    files = [_read(name, kind=kind) for name in names]
    found = _combined(files)
    if not found.variables:
        raise NothingHereError(f"{found.name}: nothing in it runs an agent.", hint="check --kind.")
    return found


def _combined(files: Sequence[Source]) -> Configuration:
    kinds = {file.kind for file in files}
    if kinds == {"values"}:
        values, replacements = layer([file.documents[0] for file in files])
        return from_values(values, replacements=replacements)
    if kinds == {"pod"}:
        documents = [document for file in files for document in file.documents]
        return read_pods(documents, sources=tuple(files))
    if kinds <= {"env", "cfg"}:
        return _airflow(files)
    if kinds <= {"compose", "env"}:
        beside = {file.name: _variables(file) for file in files if file.kind == "env"}
        composed = [d for f in files if f.kind == "compose" for d in f.documents]
        return read_compose(composed, beside=beside, sources=tuple(files))
    given = "; ".join(f"{file.name} is {DESCRIPTIONS[file.kind]}" for file in files[:5])
    hint = "give them one at a time, or use --each or --kind."
    raise InputError(f"{given}: these do not lie over each other.", hint=hint)


def _read(name: str, *, kind: Kind | None) -> Source:
    label = "stdin" if name == "-" else name if name.isprintable() else ascii(name)
    text = _unheaded(read_text(Path(name), name=label))
    kind = kind or _kind_by_name(name) or _kind_by_text(text)
    if kind in ("env", "cfg"):
        return Source(label, kind, text)
    if kind == "values":
        return Source(label, kind, text, (read_values(text, name=label),))
    documents = read_documents(text, name=label)
    if kind is None:
        kind = _kind_of(documents)
        _refuse_other_charts(documents, name=label, kind=kind)
    if kind == "values" and (len(documents) != 1 or "\n---" in text):  # helm reads one document
        documents = (read_values(text, name=label),)
    return Source(label, kind, text, documents)


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


def _kind_by_name(name: str) -> Kind | None:
    path = Path(name)
    if path.name == ".env" or path.name.startswith(".env.") or path.suffix == ".env":
        return "env"
    if path.suffix == ".cfg":
        return "cfg"
    return None


def _kind_by_text(text: str) -> Kind | None:
    """Return env or cfg for what begins like one, ``None`` for what is left to YAML."""
    for line in text.removeprefix("\ufeff").splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if re.fullmatch(r"\[[\w.-]+\]", stripped):
            return "cfg"
        return "env" if _ENV_LINE.match(stripped) else None
    return None


def _kind_of(documents: tuple[Values, ...]) -> Kind:
    if any(is_kubernetes(values) for values in documents):
        return "pod"
    services = documents[0].get("services") if documents else None
    if isinstance(services, dict) and any(isinstance(s, dict) for s in services.values()):
        return "compose"
    return "values"


def _refuse_other_charts(documents: tuple[Values, ...], *, name: str, kind: Kind) -> None:
    """Refuse what is surely no file of the agent chart: its rules would say nothing true."""
    keys = {key for values in documents for key in values.data}
    if kind == "values" and not keys & AGENT_KEYS and len(keys & _AIRFLOW_CHART_KEYS) > 1:
        problem = f"{name}:1:1: values of the Airflow chart, not of the agent chart."
        raise NothingHereError(problem, hint="name the agents' file, or say --kind values.")


def _variables(file: Source) -> tuple[Variable, ...]:
    read = read_env if file.kind == "env" else read_cfg
    return read(file.text, name=file.name)


def _airflow(files: Sequence[Source]) -> Configuration:
    """Return env files and airflow.cfg as one Airflow: variables stand over options."""
    ordered = sorted(files, key=lambda file: file.kind == "env")
    return Configuration(
        kind=ordered[-1].kind,
        sources=tuple(files),
        variables={COMPONENT: tuple(v for file in ordered for v in _variables(file))},
        homes={COMPONENT: (ordered[-1].name, 1)},
    )
