"""Judges what a user named: files, helm's flags, and what the cloud says, as one report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.reports import ignores
from xcomkit.findings.reports.report import Report
from xcomkit.findings.text_file import read_text
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.kinds import Kind
from xcomkit.lint.rules import REGISTRY, find
from xcomkit.lint.rules.prefixes import find_shared_between
from xcomkit.lint.shown import environments, list_inputs
from xcomkit.lint.sources.reading import NothingHereError, read_configuration
from xcomkit.values.accounts import read_accounts, read_namespace
from xcomkit.values.names import PATH, BasePath, parse_base_path
from xcomkit.values.values import Values


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

    @property
    def is_given(self) -> bool:
        """Tell whether there is anything to compare with."""
        return bool(self.trust or self.policy or self.lifecycle)


def read_each(
    names: Sequence[str], *, kind: Kind | None
) -> tuple[tuple[Configuration, ...], tuple[str, ...], tuple[InputError, ...]]:
    """Return the files that are of agents, the names of the others, and what could not be read."""
    found: list[Configuration] = []
    others: list[str] = []
    refused: list[InputError] = []
    for name in names:
        try:
            configuration = read_configuration([name], kind=kind)
        except NothingHereError:
            others.append(name)
            continue
        except InputError as error:
            refused.append(error)
            continue
        if kind or configuration.is_of_agents:
            found.append(configuration)
        else:
            others.append(name)
    return tuple(found), tuple(others), tuple(refused)


def judge(
    configurations: Sequence[Configuration], *, cloud: CloudFiles, baseline: str = ""
) -> Report:
    """Return what all rules find, without what comments or the baseline ignore.

    Raises:
        InputError: a file of the cloud or the baseline cannot be read.
    """
    findings = [found for configuration in configurations for found in find(configuration)]
    findings += find_shared_between(configurations)
    kinds = {configuration.kind for configuration in configurations}
    rules = tuple(entry.rule for entry in REGISTRY if kinds.intersection(entry.kinds))
    rules += ignores.RULES
    if cloud.is_given:
        rules += _asked_of(cloud)
        findings += [f for c in configurations for f in _join(c, cloud=cloud)]
    texts = {source.name: source.text for c in configurations for source in c.sources}
    counted, ignored = ignores.sort_out(findings, texts=texts, baseline=baseline)
    return Report(
        findings=counted,
        ignored=ignored,
        inputs=list_inputs(configurations),
        rules=rules,
        environment=environments(configurations),
    )


def _asked_of(cloud: CloudFiles) -> tuple[Rule, ...]:
    """Return the rules about the documents that were given."""
    from xcomkit.lint import cloud_files

    groups = (
        (cloud.trust, cloud_files.TRUST_RULES),
        (cloud.policy, cloud_files.POLICY_RULES),
        (cloud.lifecycle, cloud_files.LIFECYCLE_RULES),
    )
    found = (rule for name, rules in groups if name for rule in rules)
    return tuple(dict.fromkeys(found))


def _join(configuration: Configuration, *, cloud: CloudFiles) -> list[Finding]:
    """Return what the cloud's own documents say against one configuration."""
    from xcomkit.lint import cloud_files

    subjects: tuple[str, ...] = ()
    if cloud.trust or cloud.policy:
        subjects = _subjects(configuration, namespace=cloud.namespace, needed=bool(cloud.trust))
    paths = _paths(configuration)
    if not paths and (cloud.policy or cloud.lifecycle):
        problem = f"{configuration.name}: no XCom path to compare with."
        raise InputError(problem, hint="leave out --policy and --lifecycle, or set the path.")
    asked: list[tuple[str, Callable[[str, str], tuple[Finding, ...]]]] = [
        (
            cloud.trust,
            lambda t, n: cloud_files.judge_trust(t, name=n, subjects=subjects, paths=paths),
        ),
        (
            cloud.policy,
            lambda t, n: cloud_files.judge_policy(t, name=n, paths=paths, subjects=subjects),
        ),
        (
            cloud.lifecycle,
            lambda t, n: cloud_files.judge_lifecycle(
                t, name=n, paths=paths, rerun_days=cloud.rerun_days
            ),
        ),
    ]
    return [found for name, look in asked if name for found in look(_read(name), name)]


def _read(name: str) -> str:
    return read_text(Path(name), name=name)


def _paths(configuration: Configuration) -> tuple[BasePath, ...]:
    found = (parse_base_path(env.get(PATH, "")) for env in configuration.environment.values())
    return tuple(dict.fromkeys(path for path in found if path and path.bucket))


def _subjects(configuration: Configuration, *, namespace: str, needed: bool) -> tuple[str, ...]:
    """Return the subjects the chart will create, when the values tell them."""
    values = configuration.values
    problem = "" if values else "only a values file tells its service accounts"
    accounts = read_accounts(values, prefix="") if values else ()
    space = read_namespace(values, default=namespace) if values else ""
    if values and any(account.name.startswith("-") for account in accounts):
        problem = "no resourceNamePrefix, so the service accounts have no names"
    elif values and not space:
        problem = "no namespace, which is half of every subject"
    if problem and needed:
        raise InputError(f"{configuration.name}: {problem}.", hint=_hint(values))
    if problem:
        return ()
    names = dict.fromkeys(account.name for account in accounts)
    return tuple(f"system:serviceaccount:{space}:{name}" for name in names)


def _hint(values: Values | None) -> str:
    return "set it in the values, or give --namespace." if values else "leave out --trust."
