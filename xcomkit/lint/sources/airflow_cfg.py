"""Reads airflow.cfg: each option under the name of the variable that would override it.

Source: Airflow, "Setting Configuration Options": AIRFLOW__{SECTION}__{KEY}, dots as underscores.
"""

import re

from xcomkit.findings.errors import InputError
from xcomkit.values.environment import Variable

_SECTION = re.compile(r"\[([^\]]+)\]\s*(?:[#;].*)?$")
_OPTION = re.compile(r"([^\s=:#;\[][^=:]*)[=:](.*)")
# how people write [common.io]; Airflow does not look there
_MISREAD = frozenset({"common_io", "commonio", "common-io", "common io"})


def read_cfg(text: str, *, name: str) -> tuple[Variable, ...]:
    """Return the options in order; what Airflow would not find keeps a name of its own.

    Raises:
        InputError: a line is neither section nor option, in one line with its place.
    """
    options: list[tuple[str, str, int, list[str]]] = []
    sections: list[str] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), start=1):
        stripped, problem = line.strip(), ""
        if not stripped or stripped[0] in "#;":
            continue
        if match := _SECTION.match(stripped) if line[0] == "[" else None:
            if match[1] in sections:
                problem = f"duplicate section [{match[1][:40]}], which Airflow refuses"
            sections.append(match[1])
        elif line[0] in " \t" and options:
            options[-1][3].append(stripped)
        elif not sections:
            problem = "no [section] above this"
        elif match := _OPTION.match(stripped):
            options.append((sections[-1], match[1].rstrip(), number, [match[2].strip()]))
        else:
            problem = "no option = value"
        if problem:
            raise InputError(f"{name}:{number}:1: {problem}.", hint="write it as in airflow.cfg.")
    variables = []
    for section, option, number, lines in options:
        value = "\n".join(lines).replace("%%", "%")
        known = None if "$" in value else value  # Airflow fills in what the environment holds
        variables.append(Variable(_name(section, option), known, number, f"[{section}]", file=name))
    return tuple(variables)


def _name(section: str, option: str) -> str:
    if section != section.lower() or section in _MISREAD or option != option.strip():
        return f"[{section}] {option}"
    return f"AIRFLOW__{section.replace('.', '_').upper()}__{option.upper()}"
