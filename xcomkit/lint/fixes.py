"""Writes a fix the way the file's own kind writes settings, ready to paste."""

import re

from xcomkit.lint.file_types import Kind
from xcomkit.lint.registry import Fix
from xcomkit.values import emit
from xcomkit.values.names import BACKEND

_OPTION = re.compile(r"AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)")


def render(fix: Fix, *, kind: Kind) -> str:
    """Return the lines to paste; a text stays as it is, settings are written for the kind."""
    if isinstance(fix, str):  # a piece of YAML for Kubernetes
        return fix if kind in ("values", "pod") else ""
    lines: list[str] = []
    fields = [value for name, value in fix if name == BACKEND and kind == "values"]
    lines += [f"xcomBackend: {emit.quote(value)}" for value in fields]
    rest = [(name, value) for name, value in fix if name != BACKEND or kind != "values"]
    match kind:
        case "values" if rest:
            lines += ["commonEnv:  # add to the list that is there", *_entries(rest, indent=2)]
        case "pod" if rest:
            lines += ["env:", *_entries(rest, indent=2)]
        case "compose" if rest:
            lines.append("environment:")
            lines += [f"  {name}: {emit.quote(value, style=_style(value))}" for name, value in rest]
        case "env":
            lines += [f"{name}={_shell(value)}" for name, value in rest]
        case "cfg":
            for name, value in rest:
                lines += _option(name, value)
        case _:
            pass
    return "\n".join(lines) + "\n" if lines else ""


def _entries(settings: list[tuple[str, str]], *, indent: int) -> list[str]:
    return emit.block([{"name": name, "value": value} for name, value in settings], indent=indent)


def _style(value: str) -> str:
    return "'" if '"' in value else '"'


def _shell(value: str) -> str:
    return f"'{value}'" if re.search(r"[\s#\"'$]", value) else value


def _option(name: str, value: str) -> list[str]:
    match = _OPTION.fullmatch(name)
    if match is None:  # a connection stands in no file but the environment
        return [f"# environment: {name}={_shell(value)}"]
    section = match[1].lower().replace("common_io", "common.io")
    return [f"[{section}]", f"{match[2].lower()} = {value.replace('%', '%%')}"]
