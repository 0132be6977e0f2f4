"""What was found, as data: the one thing every output format is made from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xcomkit.findings.model import Finding, Rule, Severity
from xcomkit.findings.reports.ignores import Ignored

SEVERITIES: tuple[Severity, ...] = ("fail", "warn", "info")


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was judged: its name and what it was taken for."""

    file: str
    kind: str


@dataclass(frozen=True, slots=True)
class Known:
    """A variable as a component sees it: the value, masked when secret, and where it stands."""

    value: str | None
    where: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One configuration that was judged, and what was found in it."""

    name: str
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """Return how many of its findings weigh this much."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Report:
    """Findings, what was ignored, the files, the rules asked, and each component's environment.

    The environment is worked out where it is asked for: most formats show none of it.
    ``files_read`` is how many files the inputs stand for, where they are folders.
    """

    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]
    inputs: tuple[Input, ...]
    rules: tuple[Rule, ...]
    read_environment: Callable[[], Mapping[str, Mapping[str, Known]]] = dict
    deployments: tuple[Deployment, ...] = ()
    files_read: int = 0

    def count(self, severity: Severity) -> int:
        """Return how many findings weigh this much."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """Return 1 when something failed, 0 otherwise."""
        return 1 if self.count("fail") else 0
