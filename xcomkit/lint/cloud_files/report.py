"""Collects what is wrong with one exported file, and words it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text import listed as listed_texts
from xcomkit.findings.text import plain
from xcomkit.lint.cloud_files.agents import Agents
from xcomkit.lint.cloud_files.rules import XC060
from xcomkit.lint.rules.entries import XC008
from xcomkit.values.names import find_placeholder

MOST_FINDINGS = 20  # per rule; a file with more has one cause
_LONGEST = 1_200  # five names and the reason, uncut
_LONGEST_TEXT = 20_000  # a policy as text; longer ones are refused where they are read
# ${aws:...} is a variable of IAM
_TEMPLATE = re.compile(
    r"<[^<>\s]{1,60}>|\{\{[^{}]{1,60}\}\}|\$\{(?![*?$]\}|[\w.-]+:[^:{}])[^{}]{1,60}\}"
    r"|\b(?:[A-Z]+_)*(?:ACCOUNT|PROJECT|SUBSCRIPTION|TENANT|CLUSTER|NAMESPACE|OIDC|ROLE|POOL)"
    r"_(?:ID|NUMBER|NAME|PROVIDER|ARN)\b|(?<=:iam::)(?!aws:|cloudfront:)[A-Za-z][\w-]*(?=:)"
    r"|(?<=/id/)EXAMPLE\w{0,60}|\bregion-code\b"  # the issuer of the EKS guide
    # what a shell was to fill in, no container of Azure's own, and the bucket of the S3 guide
    r"|(?<![\w$])\$(?!(?:logs|web|root|blobchangefeed)\b)[A-Za-z_]\w{0,60}|%[A-Z_]{2,60}%|\bDOC-EXAMPLE-BUCKET\d*|\bamzn-s3-demo-bucket\d*"
)
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


class Collector:
    """Collects the findings of one file about some agents.

    ``names_accounts`` tells that the cloud lets in service accounts by their own names, so that
    they need no annotation.
    """

    def __init__(self, name: str, *, agents: Agents) -> None:
        self.name = name
        self.agents = agents
        self.findings: list[Finding] = []
        self.names_accounts = False

    def add(
        self, rule: Rule, observed: str, *, expected: str, fix: str = "", is_unknown: bool = False
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

    def add_placeholders(self, data: object) -> None:
        """Note what still waits to be filled in, wherever in the file it is."""
        bounded = [text[:_LONGEST_TEXT] for text in _texts(data)]
        templates = [(_TEMPLATE.search(text), text) for text in bounded]
        found = [match[0] if match else find_placeholder(text) for match, text in templates]
        for one in dict.fromkeys(filter(None, found)):
            self.add(XC008, f"{quoted(one)} is still a placeholder", expected="the real value")

    def add_left_out(
        self,
        is_let_in: Mapping[str, bool | None],
        *,
        expected: str,
        fix: Callable[[list[str]], str],
        why: str = "",
    ) -> None:
        """Note who is left out by a trust, and why, and those of whom the file cannot tell."""
        missing = sorted(one for one, verdict in is_let_in.items() if verdict is False)
        unknown = sorted(one for one, verdict in is_let_in.items() if verdict is None)
        if missing:
            observed = f"not let in: {listed(missing)}{f'; {why}' if why else ''}"
            self.add(XC060, observed, expected=expected, fix=fix(missing))
        if unknown:
            observed = f"a condition that this file does not decide applies to {listed(unknown)}"
            self.add(XC060, observed, expected=expected, is_unknown=True)


def _texts(data: object) -> Iterator[str]:
    """Yield every text of a document, keys as well."""
    level = [data]
    while level:
        one = level.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            level += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            level += one


def _bounded(text: str) -> str:
    text = plain(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
