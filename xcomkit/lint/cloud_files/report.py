"""Collects what is wrong with one exported file, and words it."""

import re
from collections.abc import Callable, Iterable, Mapping

from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text import listed as listed_texts
from xcomkit.findings.text import plain
from xcomkit.lint.cloud_files.rules import XC060

MOST_FINDINGS = 20  # per rule; a file with more has one cause
_LONGEST = 400
_PLAIN = re.compile(r"[\w.:/@\[\]~+=,()* -]{1,400}", re.ASCII)


def quoted(text: object) -> str:
    """Return what a file holds as one printable, bounded word."""
    words = str(text)
    return repr(words[:120]) + ("..." if len(words) > 120 else "")


def listed(texts: Iterable[object]) -> str:
    """Return texts of a file as one printable line, the first few by name."""
    return listed_texts([quoted(text) for text in texts], most=5)


def pasted(text: object, *, otherwise: str) -> str:
    """Return a text of a file for use in a command, or a placeholder where it looks odd."""
    words = str(text)
    return words if _PLAIN.fullmatch(words) else otherwise


def is_agents(subject: str, subjects: tuple[str, ...]) -> bool:
    """Tell whether a subject is of the agents; Sentinel's is made by the chart as well."""
    spaces = {known.rpartition(":")[0] for known in subjects}
    space, _, name = subject.rpartition(":")
    return subject in subjects or (space in spaces and name.endswith("-sentinel"))


class Collector:
    """Collects the findings of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []

    def add(
        self,
        rule: Rule,
        observed: str,
        *,
        expected: str,
        fix: str = "",
        is_unknown: bool = False,
    ) -> None:
        """Note what a rule objects to."""
        finding = Finding(
            rule=rule,
            file=self.name,
            line=1,
            observed=_bounded(observed),
            expected=_bounded(expected),
            fix=fix if fix.replace("\n", "").isprintable() else "",
            is_unknown=is_unknown,
        )
        same_rule = [one for one in self.findings if one.rule is rule]
        if finding not in same_rule and len(same_rule) < MOST_FINDINGS:
            self.findings.append(finding)

    def add_left_out(
        self,
        is_let_in: Mapping[str, bool | None],
        *,
        expected: str,
        fix: Callable[[list[str]], str],
    ) -> None:
        """Note the subjects that a trust leaves out, and those of which the file cannot tell."""
        missing = sorted(one for one, verdict in is_let_in.items() if verdict is False)
        unknown = sorted(one for one, verdict in is_let_in.items() if verdict is None)
        if missing:
            observed = f"not let in: {listed(missing)}"
            self.add(XC060, observed, expected=expected, fix=fix(missing))
        if unknown:
            observed = f"a condition that this file does not decide applies to {listed(unknown)}"
            self.add(XC060, observed, expected=expected, is_unknown=True)


def _bounded(text: str) -> str:
    text = plain(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
