"""Rules about names that are nearly right, and about values nobody will fill in."""

import difflib
import re
from collections.abc import Iterator

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Configuration, place_of
from xcomkit.lint.registry import Fix, Objection, lint_rule
from xcomkit.values.environment import Variable
from xcomkit.values.names import (
    CHART_KEYS,
    CONNECTION_PREFIX,
    XCOM_SETTINGS,
    is_setting,
)
from xcomkit.values.sensitive import is_shown

XC017 = Rule(
    id="XC017",
    title="No XCom setting and no key of the chart is misspelt",
    severity="fail",
    why="One spelling is read, and nothing is said about the others, so the setting stays at its"
    " default and values go to the metadata database.",
    remedy="Use the name that is read; the options of common.io are not in [core].",
    source="Airflow, setting configuration options: AIRFLOW__{SECTION}__{KEY}",
)
XC023 = Rule(
    id="XC023",
    title="XCom settings and connections contain no unresolved variable reference",
    severity="fail",
    why="Kubernetes fills in $(NAME) of a variable listed before, and nothing else; $NAME, ${NAME}"
    " and {{ ... }} reach Airflow as they are written.",
    remedy="Write the value out, or $(NAME) with NAME set above it in the same list.",
    source="Kubernetes, define dependent environment variables; Helm, values files",
)
XC024 = Rule(
    id="XC024",
    title="No variable expects shell expansion",
    severity="warn",
    why="No shell reads the environment of a pod: with PATH=$PATH:/x the old PATH is lost.",
    remedy="Write $(NAME), with NAME set above it in the same list, or the value itself.",
    source="Kubernetes, define dependent environment variables",
)

# beside the XCom settings: what is spelt right and looks like one
_KNOWN = frozenset(
    {
        *XCOM_SETTINGS,
        "AIRFLOW__API__ENABLE_XCOM_DESERIALIZE_SUPPORT",
        "AIRFLOW__CORE__ENABLE_XCOM_PICKLING",
        "AIRFLOW__CORE__DONOT_PICKLE",
    }
)
_OPTIONS = {re.sub(r"[^A-Z]", "", name.rpartition("__")[2]): name for name in XCOM_SETTINGS}
_NEAR = 0.88
_SHELL = re.compile(r"(?<!\$)\$(?:\{[A-Za-z_]\w*[^}]*\}|[A-Za-z_]\w*)")
_TEMPLATE = re.compile(r"\{\{[^{}]*+\}\}|\{%[^{}%]*+%\}")
_DEPENDENT = re.compile(r"(?<!\$)\$\([A-Za-z_][\w.-]*\)")


@lint_rule(XC017, "the names Airflow reads")
def _misspelt(config: Configuration) -> Iterator[Objection]:
    for variable in config.written:
        if right := meant(variable.name):
            text = f"{variable.name[:80]!r} is not read; Airflow reads {right}"
            yield Objection(text, place_of(variable), fix=renamed(variable, right))
    lowered = {key.lower(): key for key in CHART_KEYS}
    for key in config.values.data.keys() - CHART_KEYS:
        for near in difflib.get_close_matches(key.lower()[:80], lowered, n=1, cutoff=0.9):
            text = f"{key[:80]!r} is no key of the chart; did you mean {lowered[near]}?"
            yield Objection(text, config.values.place(key))


def meant(name: str) -> str:
    """Return the setting a name was meant to be, or ``""``."""
    letters = re.sub(r"[^A-Z]", "", name.upper()[:200])
    if name in _KNOWN or "XCOM" not in letters:
        return ""
    place, xcom, tail = letters.rpartition("XCOM")
    near = difflib.get_close_matches(xcom + tail, _OPTIONS, n=1, cutoff=_NEAR)
    # XCOM_BACKEND alone may be a custom backend's own variable
    if not near or (near[0] == "XCOMBACKEND" and not place.startswith(("AIRFLOW", "CORE"))):
        return ""
    return _OPTIONS[near[0]]


def renamed(variable: Variable, right: str) -> Fix:
    """Return the fix that gives a variable's value to another name, where it may be shown."""
    value = variable.value or ""
    is_harmless = is_shown(variable.name, value) and is_shown(right, value)
    return (right, value.strip()) if is_harmless and variable.value is not None else ""


@lint_rule(XC023, "values, or $(NAME) set above", kinds=("values", "pod"))
def _unexpanded(config: Configuration) -> Iterator[Objection]:
    for variable, value in _values(config):
        if is_setting(variable.name) and (found := _reference(value, variable.name)):
            yield Objection(f"{variable.name[:80]}: {found}", place_of(variable))


@lint_rule(XC024, "values, or $(NAME) set above", kinds=("values", "pod"))
def _shell_references(config: Configuration) -> Iterator[Objection]:
    for variable, value in _values(config):
        match = _SHELL.search(value)
        if match and not is_setting(variable.name) and is_shown(variable.name, value):
            text = f"{variable.name[:80]}: {match[0][:40]!r} is not expanded"
            yield Objection(text, place_of(variable))


def _values(config: Configuration) -> Iterator[tuple[Variable, str]]:
    """Yield each variable with its value after Kubernetes filled in what it can, each once."""
    reported: set[tuple[str, int, int]] = set()
    for component, variables in config.variables.items():
        for variable in variables:
            key = (variable.file, variable.line, variable.index)
            value = config.environment[component].get(variable.name)
            written = variable.value
            if written is None or value is None or variable.is_literal or key in reported:
                continue
            reported.add(key)
            # $$ is how Kubernetes writes a dollar that stays
            yield variable, value if "$$" not in written else written.replace("$$", "")


def _reference(value: str, name: str) -> str:
    """Return what is not expanded, without showing what may be secret."""
    # a password may hold a dollar
    shell = None if name.startswith(CONNECTION_PREFIX) else _SHELL.search(value)
    match = shell or _DEPENDENT.search(value) or _TEMPLATE.search(value)
    if match is None and name.startswith(CONNECTION_PREFIX):
        match = re.search(r"\$\{[A-Za-z_]\w*\}", value)
    return f"{match[0][:40]!r} is not expanded" if match else ""
