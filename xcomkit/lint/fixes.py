"""Writes a fix the way the file's own kind writes settings, ready to paste."""

import re

from xcomkit.findings.model import DURABLE_BACKEND
from xcomkit.lint.file_types import Kind
from xcomkit.lint.registry import Fix
from xcomkit.values import emit
from xcomkit.values.environment import Variable
from xcomkit.values.names import BACKEND, CHART_FIELDS

_OPTION = re.compile(r"AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)")


_CLASSES = (
    "# That is Airflow's own class: it needs nothing in the image; behind a compression a failed",
    "# upload is no error, and a missing object is read as its path. Or, in its place,",
    f"# {DURABLE_BACKEND}:",
    "# it confirms each write and raises; the agents' image must hold xcomkit/durable.py.",
)


def render(fix: Fix, *, kind: Kind, over: Variable | None = None, indent: int = 0) -> str:
    """Return the lines to paste; a text stays as it is, a setting is written for the kind.

    ``over`` is the entry that they replace, ``indent`` how far it is indented.
    """
    if isinstance(fix, str):  # a piece of YAML for Kubernetes
        return fix if kind in ("values", "pod") else ""
    name, value = fix
    row = [{"name": name, "value": value}]
    entry = emit.block(row, indent=2)
    match kind:
        case "values" if over:
            own = [f"{over.source}: {emit.quote(value)}"] if over.source in CHART_FIELDS else []
            above = f"# replaces the entry in line {over.line}"
            lines = [above, *(own or emit.block(row, indent=0))]
            lines = [" " * indent + line for line in lines]
        case "values" if name == BACKEND:
            lines = [f"xcomBackend: {emit.quote(value)}"]
        case "values":
            lines = ["commonEnv:  # add to the list that is there", *entry]
        case "pod":
            lines = ["env:", *entry]
        case "compose":
            style = "'" if '"' in value else '"'
            lines = ["environment:", f"  {name}: {emit.quote(value, style=style)}"]
        case "env":
            lines = [f"# replaces line {over.line}"] if over else []
            lines += [f"{name}={_shell(value)}"]
        case "cfg":
            lines = _option(name, value)
    if name == BACKEND:
        lines += _CLASSES
    return "\n".join(lines) + "\n"


def _shell(value: str) -> str:
    return f"'{value}'" if re.search(r"[\s#\"'$]", value) else value


def _option(name: str, value: str) -> list[str]:
    match = _OPTION.fullmatch(name)
    if match is None:  # a connection stands in no file but the environment
        return [f"# environment: {name}={_shell(value)}"]
    section = match[1].lower().replace("common_io", "common.io")
    return [f"[{section}]", f"{match[2].lower()} = {value.replace('%', '%%')}"]
