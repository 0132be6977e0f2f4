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
    variables: list[Variable] = []
    section = ""
    seen: set[str] = set()
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), start=1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if match := _SECTION.match(stripped) if line[0] == "[" else None:
            section = match[1]
            if section in seen:
                problem = (
                    f"{name}:{number}:1: [{section[:40]}] stands twice, which Airflow refuses."
                )
                raise InputError(problem, hint="merge both into one.")
            seen.add(section)
        elif line[0] in " \t" and variables:
            last = variables[-1]
            variables[-1] = Variable(
                last.name, f"{last.value}\n{stripped}", last.line, last.source, file=name
            )
        elif not section or not (match := _OPTION.match(stripped)):
            problem = "no [section] above this" if not section else "no option = value"
            raise InputError(f"{name}:{number}:1: {problem}.", hint="write it as in airflow.cfg.")
        else:
            value = match[2].replace("%%", "%").strip()
            variables.append(
                Variable(
                    _name(section, match[1].rstrip()), value, number, f"[{section}]", file=name
                )
            )
    return tuple(
        Variable(v.name, None if "$" in (v.value or "") else v.value, v.line, v.source, file=name)
        for v in variables
    )


def _name(section: str, option: str) -> str:
    if section != section.lower() or section in _MISREAD or option != option.strip():
        return f"[{section}] {option}"
    return f"AIRFLOW__{section.replace('.', '_').upper()}__{option.upper()}"
