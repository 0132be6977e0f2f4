"""Rules about the file itself: texts, duplicates, placeholders, secrets."""

from collections.abc import Iterator
from typing import Any

from xcomkit.findings.model import Rule
from xcomkit.findings.text import listed
from xcomkit.lint.configuration import Configuration, Place, dotted, place_of
from xcomkit.lint.file_types import Kind
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.settings.terms import TERMS
from xcomkit.values.environment import Variable, list_crossing, worker_groups
from xcomkit.values.names import find_placeholder, is_setting
from xcomkit.values.sensitive import find_secret, is_shown, list_secrets
from xcomkit.values.values import Key

XC006 = Rule(
    id="XC006",
    title="Every env entry has a name and a string value",
    severity="fail",
    why="Kubernetes takes strings only, and helm turns 1048576 without quotes into 1.048576e+06.",
    remedy="Put the value in quotes.",
    source="Kubernetes API, EnvVar; Helm, chart values",
)
XC007 = Rule(
    id="XC007",
    title="No duplicate name in a list",
    severity="fail",
    why="The API server refuses it where Helm 4 installed the release (server-side apply); with"
    " Helm 3 the later entry silently wins, whichever was meant.",
    remedy="Keep one entry.",
    source="Kubernetes API, EnvVar; Kubernetes, Server-Side Apply; Helm 4, overview",
)
XC008 = Rule(
    id="XC008",
    title="No placeholder is left unfilled",
    severity="fail",
    why="A copied example installs without complaint and fails in the first task.",
    remedy="Fill it in.",
    source="placeholders of the guide and of the downloaded values.yaml",
)
XC012 = Rule(
    id="XC012",
    title="No duplicate YAML key",
    severity="fail",
    why="Helm keeps the last one silently; everything under the first is lost.",
    remedy="Merge both into one key.",
    source="YAML 1.2, section 3.2.1.3; Helm",
)
XC013 = Rule(
    id="XC013",
    title="No XCom setting, connection or identity is set in two places",
    severity="fail",
    why="Which of commonEnv, the component's env and the chart's own field wins is documented"
    " nowhere; where both end in one list, Helm 4 cannot install it.",
    remedy="Keep the setting in one place.",
    source="Helm reference, commonEnv; Kubernetes, Server-Side Apply",
)
XC014 = Rule(
    id="XC014",
    title="No secret in plain text",
    severity="warn",
    why="The file is copied, mailed and committed; helm keeps values in the release as well.",
    remedy="Use valueFrom with a Kubernetes secret, the secrets backend, or workload identity.",
    source="Helm reference, agentTokenSecretName; Kubernetes, Secrets",
)

XC053 = Rule(
    id="XC053",
    title="No value of an env file ends in a comment",
    severity="warn",
    why="Docker Compose cuts the comment off; docker run and kubectl keep it in the value.",
    remedy="Put the comment on a line of its own.",
    source="Docker, .env file syntax; docker run --env-file",
)

XC080 = Rule(
    id="XC080",
    title="There is a worker group",
    severity="fail",
    why="With an empty or null list no worker is deployed, and every task stays queued.",
    remedy="Add a group, or remove the key workers, which brings the chart's default-worker back.",
    source="Helm, values files: deleting a default key",
)
XC081 = Rule(
    id="XC081",
    title="Every $(NAME) refers to a variable of the same list",
    severity="warn",
    why="Which of commonEnv and env the chart writes first is documented nowhere.",
    remedy="Write the value out, or set NAME above it in the same list.",
    source="Kubernetes, define dependent environment variables; Helm reference, commonEnv",
)
XC082 = Rule(
    id="XC082",
    title="No other variable is set in two places",
    severity="warn",
    why="Which of the two wins is documented nowhere, and Helm 4 may be unable to install both.",
    remedy="Keep it in one place.",
    source="Helm reference, commonEnv; Kubernetes, Server-Side Apply",
)

# a sidecar's own configuration language may use angle brackets
_NOT_OURS = ("loggingSidecar", "config")
# what the chart reads under its keys; commonEnv and env are judged entry by entry
SHAPES: dict[str, tuple[type, str]] = {
    "workers": (list, "a list of worker groups"),
    "dagProcessor": (dict, "a mapping"),
    "triggerer": (dict, "a mapping"),
    "serviceAccount": (dict, "a mapping"),
    "labels": (dict, "a mapping"),
    "annotations": (dict, "a mapping"),
    "image": (str, "a string: repository and tag in one"),
}
_NAMELESS = "(no name)"
_ADVICE = "Write a list of entries, each with a name, and a value in quotes or valueFrom."
_BY_REFERENCE = (
    "- name: <NAME>\n  valueFrom:\n    secretKeyRef:\n      name: <secret>\n      key: <key>\n"
)
# Secrets in an env file or in pods are the ordinary way; only what is committed is XC014's.
_COMMITTED: tuple[Kind, ...] = ("values", "cfg", "compose")


@lint_rule(XC006, "a name and a string in quotes")
def _refused(config: Configuration) -> Iterator[Objection]:
    for key, (kind, words) in SHAPES.items():
        found = config.values.get(key)
        if found not in (None, "") and not isinstance(found, kind):
            text = f"{key}: must be {words}"
            yield Objection(text, config.values.place(key), advice=f"Write {key} as {words}.")
    for variable in config.written:
        if variable.problem:
            text = f"{variable.source}: {variable.name[:80]!r}: {variable.problem}"
            scalar = str(variable.scalar)
            quoted = variable.scalar is not None and is_shown(variable.name, scalar)
            fix = (variable.name, scalar) if quoted else ""
            advice = _ADVICE if variable.scalar is None else ""
            yield Objection(text, place_of(variable), fix=fix, advice=advice)


@lint_rule(XC007, "each name once per list")
def _repeated(config: Configuration) -> Iterator[Objection]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for variable in config.written:
        if variable.name != _NAMELESS:
            # what a pod's entry takes from a Secret is named behind its list
            source = variable.source.partition(" (")[0] if config.pods else variable.source
            key = (source, variable.name, variable.file)
            found.setdefault(key, []).append(str(variable.line))
    groups = config.values.get("workers")
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        if isinstance(group, dict) and isinstance(group.get("name"), str):
            file, line = config.values.place("workers", index)
            found.setdefault(("workers", group["name"], file), []).append(str(line))
    for (source, name, file), lines in found.items():
        if len(lines) > 1:
            text = f"{source}: {name[:80]!r} on lines {listed(lines, most=10)}"
            yield Objection(text, (file, int(lines[-1])))


@lint_rule(XC008, "values that are filled in")
def _placeholders(config: Configuration) -> Iterator[Objection]:
    texts = [(v.name, v.value or "", place_of(v)) for v in config.written]
    if config.kind == "values":
        texts = [
            (dotted(path), text, config.values.place(*path))
            for path, text in _texts(config.values.data, path=())
            if path[:2] != _NOT_OURS
        ]
    found: dict[Place, Objection] = {}
    for label, text, place in texts:
        if placeholder := find_placeholder(text):
            found.setdefault(place, Objection(f"{label[:80]}: {placeholder!r}", place))
    yield from found.values()


def _texts(data: Any, *, path: Key) -> Iterator[tuple[Key, str]]:
    """Yield every text of the data in force with its path."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, (list, dict)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _texts(value, path=(*path, key))


@lint_rule(XC012, "each key once")
def _duplicate_keys(config: Configuration) -> Iterator[Objection]:
    for document in config.documents:
        for duplicate in document.duplicates:
            lines = listed([str(line) for line in duplicate.lines], most=10)
            text = f"{dotted(duplicate.path)[:80]!r} on lines {lines}"
            text += f"; lost: {listed(duplicate.lost, most=10)}" if duplicate.lost else ""
            yield Objection(text, (document.name, duplicate.lines[-1]))


@lint_rule(XC013, "one place per name", kinds=("values",))
def _setting_twice(config: Configuration) -> Iterator[Objection]:
    return _set_twice(config, decides=True)


@lint_rule(XC082, "one place per name", kinds=("values",))
def _other_twice(config: Configuration) -> Iterator[Objection]:
    return _set_twice(config, decides=False)


def _set_twice(config: Configuration, *, decides: bool) -> Iterator[Objection]:
    """Yield names of which two lists say different things.

    ``decides`` are those that decide where XComs go, and as whom.
    """
    order = {source.name: place for place, source in enumerate(config.sources)}
    identity = {name for terms in TERMS.values() for name in terms.rivals}
    for variables in config.variables.values():
        places: dict[str, dict[str, Variable]] = {}
        for variable in variables:
            places.setdefault(variable.name, {})[variable.source] = variable
        for name, found in places.items():
            said = {place_of(v) if v.value is None else v.value for v in found.values()}
            is_ours = is_setting(name) or name in identity
            if len(said) < 2 or name == _NAMELESS or is_ours is not decides:
                continue
            files = {v.file for v in found.values()}
            text = " and ".join(
                f"{source} ({'line ' if len(files) == 1 else v.file + ':'}{v.line})"
                for source, v in found.items()
            )
            last = max(found.values(), key=lambda v: (order.get(v.file, -1), v.line))
            yield Objection(f"{name[:80]!r} in {text}", place_of(last))


@lint_rule(XC081, "NAME set above it in the same list", kinds=("values",))
def _crossing(config: Configuration) -> Iterator[Objection]:
    for variables in config.variables.values():
        for one, other in list_crossing(variables):
            text = (
                f"{one.source}: {one.name[:80]!r} refers to {other.name[:80]!r} of {other.source}"
            )
            yield Objection(text, place_of(one))


@lint_rule(XC080, "a worker group", kinds=("values",))
def _no_workers(config: Configuration) -> Iterator[Objection]:
    if not worker_groups(config.values):
        yield Objection("workers is empty", config.values.place("workers"))


@lint_rule(XC014, "references instead of secrets", kinds=_COMMITTED, fix=_BY_REFERENCE)
def _secrets(config: Configuration) -> Iterator[Objection]:
    if config.kind == "values":
        for document in config.documents:
            for secret in list_secrets(document):
                text = f"{secret.label[:80]}: {secret.kind} (value hidden)"
                yield Objection(text, (document.name, secret.line))
        return
    for variable in config.written:
        if kind := find_secret(variable.name, variable.value or ""):
            yield Objection(f"{variable.name[:80]}: {kind} (value hidden)", place_of(variable))


@lint_rule(XC053, "the value alone", kinds=("env",))
def _comments(config: Configuration) -> Iterator[Objection]:
    for variable in config.written:
        if variable.is_commented:
            text = f"{variable.name[:80]}: a comment behind the value"
            yield Objection(text, place_of(variable))
