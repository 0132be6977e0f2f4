"""Judges what a user named: files, helm's flags, and what the cloud says, as one report."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.reports import ignores
from xcomkit.findings.reports.report import Input, Report
from xcomkit.findings.text_file import read_text
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.displayed import environments
from xcomkit.lint.file_types import DESCRIPTIONS, Kind
from xcomkit.lint.rules import REGISTRY, find
from xcomkit.lint.rules.prefixes import find_shared_between
from xcomkit.lint.sources.reading import NothingHereError, read_configuration
from xcomkit.values.accounts import read_accounts, read_namespace
from xcomkit.values.names import PATH, parse_base_path


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
) -> tuple[tuple[Configuration, ...], tuple[str, ...], tuple[InputError, ...]]:
    """Return the files that are of agents, the names of the others, and what could not be read."""
    found: list[Configuration] = []
    others: list[str] = []
    unreadable: list[InputError] = []
    for name in names:
        try:
            config = read_configuration([name], kind=kind)
        except NothingHereError:
            others.append(name)
        except InputError as error:
            unreadable.append(error)
        else:
            if kind or config.is_of_agents:
                found.append(config)
            else:
                others.append(name)
    return tuple(found), tuple(others), tuple(unreadable)


def judge(
    configurations: Sequence[Configuration], *, cloud: CloudFiles, baseline: str = ""
) -> Report:
    """Return what all rules find, without what comments or the baseline ignore.

    Raises:
        InputError: a file of the cloud or the baseline cannot be read.
    """
    findings = [found for config in configurations for found in find(config)]
    findings += find_shared_between(configurations)
    kinds = {config.kind for config in configurations}
    rules = [entry.rule for entry in REGISTRY if kinds.intersection(entry.kinds)]
    rules += ignores.RULES
    if cloud.trust or cloud.policy or cloud.lifecycle:
        rules += _rules_of(cloud)
        findings += [found for config in configurations for found in _compare(config, cloud=cloud)]
    sources = [source for config in configurations for source in config.sources]
    texts = {source.name: source.text for source in sources}
    counted, ignored = ignores.sort_out(findings, texts=texts, baseline=baseline)
    return Report(
        findings=counted,
        ignored=ignored,
        inputs=tuple(Input(source.name, DESCRIPTIONS[source.kind]) for source in sources),
        rules=tuple(rules),
        environment=environments(configurations),
    )


def _rules_of(cloud: CloudFiles) -> Iterable[Rule]:
    """Return the rules about the documents that were given, each once."""
    from xcomkit.lint import cloud_files

    return dict.fromkeys(
        (
            *(cloud_files.TRUST_RULES if cloud.trust else ()),
            *(cloud_files.POLICY_RULES if cloud.policy else ()),
            *(cloud_files.LIFECYCLE_RULES if cloud.lifecycle else ()),
        )
    )


def _compare(config: Configuration, *, cloud: CloudFiles) -> Iterator[Finding]:
    """Yield what the cloud's own documents say against one configuration."""
    from xcomkit.lint import cloud_files

    trust, policy, lifecycle = cloud.trust, cloud.policy, cloud.lifecycle
    subjects: tuple[str, ...] = ()
    if trust or policy:
        subjects = _subjects(config, namespace=cloud.namespace, needed=bool(trust))
    found = (parse_base_path(env.get(PATH, "")) for env in config.environment.values())
    paths = tuple(dict.fromkeys(path for path in found if path and path.bucket))
    if not paths and (policy or lifecycle):
        problem = f"{config.name}: no XCom path to compare with."
        raise InputError(problem, hint="leave out --policy and --lifecycle, or set the path.")
    if trust:
        yield from cloud_files.judge_trust(_read(trust), name=trust, subjects=subjects, paths=paths)
    if policy:
        yield from cloud_files.judge_policy(
            _read(policy), name=policy, paths=paths, subjects=subjects
        )
    if lifecycle:
        yield from cloud_files.judge_lifecycle(
            _read(lifecycle), name=lifecycle, paths=paths, rerun_days=cloud.rerun_days
        )


def _read(name: str) -> str:
    return read_text(Path(name), name=name)


def _subjects(config: Configuration, *, namespace: str, needed: bool) -> tuple[str, ...]:
    """Return the subjects the chart will create, when the values tell them."""
    accounts = read_accounts(config.values, prefix="")
    space = read_namespace(config.values, default=namespace)
    problem, hint = "", "set it in the values, or give --namespace."
    if config.kind != "values":
        problem, hint = "only a values file tells its service accounts", "leave out --trust."
    elif any(account.name.startswith("-") for account in accounts):
        problem = "no resourceNamePrefix, so the service accounts have no names"
    elif not space:
        problem = "no namespace, which is half of every subject"
    if problem and needed:
        raise InputError(f"{config.name}: {problem}.", hint=hint)
    names = dict.fromkeys(account.name for account in accounts)
    return () if problem else tuple(f"system:serviceaccount:{space}:{name}" for name in names)
