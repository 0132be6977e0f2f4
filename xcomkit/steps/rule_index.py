"""Every rule that can judge anything, by id; ``docs/checks.md`` is written from here."""

from collections.abc import Mapping
from types import MappingProxyType

from xcomkit.backend import (
    advice,
    components,
    drift,
    fault_checks,
    lost_writes,
    round_trip,
    sign_in,
    silent_references,
    state_scopes,
    type_fidelity,
)
from xcomkit.clouds import rules as clouds
from xcomkit.findings.model import Rule
from xcomkit.findings.reports import ignores
from xcomkit.lint import cloud_files, diagnosis, rendered
from xcomkit.lint import dags as dag_scan
from xcomkit.lint import rules as lint
from xcomkit.lint.fixes import render
from xcomkit.lint.registry import LintRule
from xcomkit.lint.sources import unread
from xcomkit.notebook import step
from xcomkit.objects import checks as objects
from xcomkit.plane import load, reruns, residency, verdict
from xcomkit.steps import prerequisites, tear_down
from xcomkit.values import image
from xcomkit.values import rules as chart

_SOURCES = (
    lint,
    rendered,
    cloud_files,
    dag_scan,
    ignores,
    unread,
    diagnosis,
    prerequisites,
    clouds,
    chart,
    image,
    round_trip,
    sign_in,
    lost_writes,
    fault_checks,
    silent_references,
    state_scopes,
    type_fidelity,
    components,
    drift,
    advice,
    objects,
    verdict,
    residency,
    reruns,
    load,
    tear_down,
    step,
)


def _by_id() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for source in _SOURCES:
        for rule in source.RULES:
            if rule.id in found:
                raise ValueError(f"{rule.id} is used twice: {rule.title}; {found[rule.id].title}")
            found[rule.id] = rule
    return MappingProxyType(dict(sorted(found.items())))


RULES_BY_ID = _by_id()
_INTRO = """\
# Checks

Every rule by which a run, a file or a Dag is judged, written by `make docs`. Where a run takes a \
risk knowingly, it is named in `accepted: ["XC123: reason"]`; in a file, \
`# xcomkit: ignore XC123 reason` on the line does the same. Either stays visible.
"""
_PASTED = """
## What to paste

For the rules of `xcomkit lint`: the files each one reads, the backend it holds for, and the fix \
where there is one text for all.
"""


def to_markdown() -> str:
    """Return every rule as a table: what is checked, why, and where the fact comes from."""
    head = "| id | check | if not | why it matters | what to do | source |\n" + "|---" * 6 + "|"
    rows = [
        f"| {r.id} | {r.title} | {r.severity} | {r.why} | {r.remedy} | {r.source} |"
        for r in RULES_BY_ID.values()
    ]
    fixes = (text for entry in lint.REGISTRY for text in _fix(entry))
    return "\n".join((_INTRO, head, *rows, _PASTED, *fixes)) + "\n"


def _fix(entry: LintRule) -> tuple[str, ...]:
    """Return a lint rule with what it reads and what to paste."""
    head = f"**{entry.rule.id}** {entry.rule.title}: {', '.join(entry.kinds)}"
    fix = render(entry.fix, kind=entry.kinds[0])
    return (f"{head}\n", f"```\n{fix}```\n") if fix else (f"{head}\n",)


if __name__ == "__main__":
    import sys

    sys.stdout.write(to_markdown())
