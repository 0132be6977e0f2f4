"""Judges what a user named: files, helm's flags, and what the cloud says, as one report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.reports import ignores
from xcomkit.findings.reports.report import Deployment, Input, Report
from xcomkit.findings.text_file import read_text
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.conventions import find_conventions, read_conventions
from xcomkit.lint.displayed import environments
from xcomkit.lint.file_types import DESCRIPTIONS, Kind
from xcomkit.lint.rules import REGISTRY, find
from xcomkit.lint.rules.identity import XC046
from xcomkit.lint.rules.prefixes import find_shared_between
from xcomkit.lint.sources.reading import NothingHereError, read_together
from xcomkit.lint.sources.resolving import Found
from xcomkit.lint.sources.unread import RULES as UNREAD_RULES

if TYPE_CHECKING:
    from xcomkit.lint.cloud_files.report import Collector


@dataclass(frozen=True, slots=True)
class CloudFiles:
    """What was exported from the cloud, by path; empty where nothing was given.

    ``namespace`` stands in where the values name none, ``rerun_days`` is how long after its run a
    task may be cleared and run again.
    """

    trust: str = ""
    policy: str = ""
    lifecycle: str = ""
    namespace: str = ""
    rerun_days: int | None = None


def read_each(
    names: Sequence[str], *, kind: Kind | None
) -> tuple[Found, tuple[str, ...], tuple[InputError, ...]]:
    """Return what is of agents, the names of the other files, and what could not be read.

    A folder is a whole repository.
    """
    from xcomkit.lint.sources.repository import read_folder

    found = Found()
    others: list[str] = []
    unreadable: list[InputError] = []
    for name in names:
        try:
            is_folder = name != "-" and Path(name).is_dir()
            one = read_folder(Path(name)) if is_folder else read_together([name], kind=kind)
        except NothingHereError:
            others.append(name)
        except InputError as error:
            unreadable.append(error)
        else:
            is_known = bool(kind) or is_folder
            ours = [config for config in one.configurations if is_known or config.is_of_agents]
            found.configurations += ours
            found.findings += one.findings
            if not (ours or one.findings):
                others.append(name)
    return found, tuple(others), tuple(unreadable)


def judge(
    configurations: Sequence[Configuration],
    *,
    cloud: CloudFiles,
    unread: Sequence[Finding] = (),
    baseline: str = "",
    conventions: str = "",
) -> Report:
    """Return what all rules find, without what comments or the baseline ignore.

    ``unread`` are the findings about what could not be read; ``conventions`` names the
    organisation's file, which is the one beside the baseline where it is not named.

    Raises:
        InputError: a file of the cloud, the baseline or the conventions cannot be read.
    """
    own = find_conventions(conventions, beside=baseline)
    asked = read_conventions(own) if own else {}
    configurations = [replace(config, conventions=asked) for config in configurations]
    by_configuration: list[tuple[Finding, ...]] = []
    for config in configurations:
        compared = compare(config, cloud=cloud)
        is_named = any(report.names_accounts for report in compared)
        found = [f for f in find(config) if not (is_named and f.rule is XC046)]
        found += [one for report in compared for one in report.findings]
        by_configuration.append(tuple(found))
    # files that several installations share say the same of each
    findings = list(dict.fromkeys(one for found in by_configuration for one in found))
    findings += [*find_shared_between(configurations), *unread]
    kinds = {config.kind for config in configurations}
    rules = [entry.rule for entry in REGISTRY if kinds.intersection(entry.kinds)]
    rules += [*ignores.RULES, *UNREAD_RULES]
    if cloud.trust or cloud.policy or cloud.lifecycle:
        rules += _rules_of(cloud)
    texts = {source.name: source.text for config in configurations for source in config.sources}
    counted, ignored = ignores.sort_out(findings, texts=texts, baseline=baseline)
    counts = set(counted)
    return Report(
        findings=counted,
        ignored=ignored,
        inputs=(
            *_inputs(configurations, unread),
            *([Input(own, "conventions of the organisation")] if own else ()),
        ),
        rules=tuple(rules),
        read_environment=partial(environments, configurations),
        deployments=tuple(
            Deployment(config.name, tuple(one for one in found if one in counts))
            for config, found in zip(configurations, by_configuration, strict=True)
        ),
    )


def _inputs(
    configurations: Sequence[Configuration], unread: Sequence[Finding]
) -> tuple[Input, ...]:
    """Return every file once with what it was taken for."""
    read = [
        Input(source.name, DESCRIPTIONS[source.kind] + (f" ({config.label})" * bool(config.label)))
        for config in configurations
        for source in config.sources
    ]
    names = {one.file for one in read}
    rest = [Input(one.file, "not read") for one in unread if one.file not in names]
    return tuple(dict.fromkeys((*read, *rest)))


def _rules_of(cloud: CloudFiles) -> Iterable[Rule]:
    """Return the rules about the documents that were given, each once."""
    from xcomkit.lint import cloud_files

    given = (
        (cloud.trust, cloud_files.TRUST_RULES),
        (cloud.policy, cloud_files.POLICY_RULES),
        (cloud.lifecycle, cloud_files.LIFECYCLE_RULES),
    )
    return dict.fromkeys(rule for name, rules in given if name for rule in rules)


def compare(config: Configuration, *, cloud: CloudFiles) -> "list[Collector]":
    """Return what each of the cloud's own documents says against one configuration."""
    trust, policy, lifecycle = cloud.trust, cloud.policy, cloud.lifecycle
    if not (trust or policy or lifecycle):
        return []
    from xcomkit.lint import cloud_files

    agents = cloud_files.read_agents(config, namespace=cloud.namespace, needs_subjects=bool(trust))
    if not agents.paths and (policy or lifecycle):
        problem = f"{config.name}: no XCom path to compare with."
        raise InputError(problem, hint="leave out --policy and --lifecycle, or set the path.")
    judges = (
        (trust, cloud_files.judge_trust),
        (policy, cloud_files.judge_policy),
        (lifecycle, partial(cloud_files.judge_lifecycle, rerun_days=cloud.rerun_days)),
    )
    return [
        judge(read_text(Path(name), name=name), name=name, agents=agents)
        for name, judge in judges
        if name
    ]
