"""What is wrong with agents that are installed, from what kubectl, helm and the cloud said of them.

Everything is read from a folder of files; each is optional, and what is missing is named.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text import number_of
from xcomkit.findings.text_file import read_text
from xcomkit.lint.cloud_files.rules import XC072
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.logs import RULES as LOG_RULES
from xcomkit.lint.logs import find_symptoms
from xcomkit.lint.run import CloudFiles, compare, judge
from xcomkit.lint.saved_files import FILES
from xcomkit.lint.saved_xcoms import RULES as ROW_RULES
from xcomkit.lint.saved_xcoms import XC160, Row, There, judge_rows, read_listing, read_rows
from xcomkit.lint.sources.at import At, objects
from xcomkit.lint.sources.reading import read_configuration
from xcomkit.lint.symptoms import SYMPTOMS, Harm
from xcomkit.values.accounts import read_accounts
from xcomkit.values.environment import worker_groups
from xcomkit.values.names import STATE_BACKEND, is_reference
from xcomkit.values.sensitive import show
from xcomkit.values.values import Values

XC158 = Rule(
    id="XC158",
    title="Every container of the agents runs",
    severity="fail",
    why="A container that waits or is restarted again and again runs no task.",
    remedy="Read the reason: kubectl describe pod, and kubectl logs --previous; where there is no"
    " pod, kubectl describe replicaset: its service account is missing, or a quota is full.",
    source="Kubernetes, container states",
)
XC157 = Rule(
    id="XC157",
    title="The pods run as the service accounts of the release",
    severity="fail",
    why="Annotations and trust are of the accounts of the release; a pod of another account has no"
    " identity, or another one.",
    remedy="Install the values with helm upgrade, and take out what sets another account.",
    source="Kubernetes, service accounts for pods",
)
XC159 = Rule(
    id="XC159",
    title="The pods have the XCom settings of the release",
    severity="fail",
    why="The pods are older than the release, or somebody set a variable beside it: what is read"
    " in the values is not what runs.",
    remedy="Install the values with helm upgrade, or restart the deployments, and take out what is"
    " set beside them.",
    source="Kubernetes: a container keeps the environment it was started with",
)
XC161 = Rule(
    id="XC161",
    title="What was saved of the agents can be read",
    severity="fail",
    why="Nothing is known of what it would have shown.",
    remedy="Save it again, of the namespace and the release of the agents.",
    source="xcomkit doctor --help",
)
XC164 = Rule(
    id="XC164",
    title="The release holds no value that another tool was to fill in",
    severity="fail",
    why="helm was given the file as it lies in Git: agents get the encrypted text or a reference.",
    remedy="Install it by the tool that fills it in, such as helm secrets, vals or Argo's plugin.",
    source="sops; vals; Argo CD Vault plugin",
)
RULES = tuple(dict.fromkeys((XC157, XC161, XC158, XC159, XC164, *ROW_RULES, *LOG_RULES)))

_SILENT = frozenset({"XC015", "XC018", "XC037", "XC065", "XC070", "XC028", "XC438"})
_REFUSED = frozenset({"XC145", "XC146", "XC148", "XC142", "XC144"})
_LEAVES = frozenset({"XC001", "XC002", "XC003", "XC009", "XC017", "XC039", "XC162"})
_HARMS: Mapping[str, Harm] = {
    **{symptom.rule.id: symptom.harm for symptom in SYMPTOMS},
    **dict.fromkeys(_SILENT, "silent"),
    **dict.fromkeys(_LEAVES, "leaves"),
    XC160.id: "lost",
}
HARMS: Mapping[Harm, str] = {
    "lost": "Values were lost",
    "silent": "Values can be lost without an error",
    "leaves": "Values leave the execution plane",
    "fails": "Tasks fail, or agents do not start",
    "other": "To be looked at",
}
"""What each harm is called, the worst first."""
_OURS = ("AIRFLOW__COMMON_IO__", "AIRFLOW__CORE__XCOM_BACKEND", "AIRFLOW_CONN_", STATE_BACKEND)
_KEY = re.compile(r"^[\s-]*(?:[\w.\"'/-]+:\s+)?[\"']?")  # what stands before a value on its line
_STARTING = ("ContainerCreating", "PodInitializing")
_COMPONENTS = ("worker", "dag-processor", "triggerer", "sentinel")
_Named = tuple[At, str]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings with the worst harm first, and what was not looked at, with the way to it."""

    findings: tuple[tuple[Harm, Finding], ...]
    looked_at: tuple[str, ...]
    not_looked_at: tuple[tuple[str, str], ...]


def diagnose(
    folder: Path, *, rows: Sequence[Row] | None = None, there: There | None = None,
    rerun_days: int | None = None,
) -> Diagnosis:  # fmt: skip
    """Return what the files of a folder show; ``rows`` and ``there`` stand for its last two.

    ``rerun_days`` is how long after its run a task may be run again, ``None`` if not known.

    Raises:
        InputError: the folder holds none of the files, or one of them cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder.", hint="name the one with the saved files.")
    names = {path.name for path in folder.iterdir()}
    if rows is None and "xcoms.json" in names:
        rows = read_rows(read_text(folder / "xcoms.json", name="xcoms.json"))
    if there is None and "objects.json" in names:
        there = read_listing(read_text(folder / "objects.json", name="objects.json"))
    looked_up = {"xcoms.json": rows, "objects.json": there}
    names |= {name for name, one in looked_up.items() if one is not None}
    logs = sorted(name for name in names if name.endswith(".log"))
    seen = [name for name in FILES if name in names] + logs
    if not seen:
        raise InputError(
            f"{folder}: holds nothing to look at.",
            hint=f"save there, for instance: {FILES['pods.yaml']} > pods.yaml",
        )
    missing = [name for name in FILES if name not in names and not (name == "*.log" and logs)]
    given = {
        name: str(folder / f"{name}.json") if f"{name}.json" in names else ""
        for name in ("trust", "policy", "lifecycle")
    }
    cloud = CloudFiles(**given, rerun_days=rerun_days)
    found = list(_find(folder, names=names, logs=logs, cloud=cloud, rows=rows, there=there))
    order = list(HARMS)
    ids = {finding.rule.id for finding in found if finding.severity == "fail"}
    # A container that waits is what follows from the rest.
    ranked = sorted(
        ((_harm(f, ids=ids), f) for f in found),
        key=lambda pair: (order.index(pair[0]), pair[1].rule is XC158),
    )
    return Diagnosis(tuple(ranked), tuple(seen), tuple((name, FILES[name]) for name in missing))


def _harm(finding: Finding, *, ids: set[str]) -> Harm:
    if finding.severity != "fail":
        return "other"
    if finding.rule.id == "XC015" and ids & _REFUSED:  # what can be lost, and refused uploads
        return "lost"
    return _HARMS.get(finding.rule.id, "fails")


def _find(
    folder: Path, *, names: set[str], logs: Iterable[str], cloud: CloudFiles,
    rows: Sequence[Row] | None, there: There | None,
) -> Iterator[Finding]:  # fmt: skip
    found: set[str] = set()
    failed: list[Finding] = []
    configurations: dict[str, Configuration] = {}
    for name in ("values.yaml", "manifest.yaml", "pods.yaml"):
        if name not in names:
            continue
        try:
            config = read_configuration([str(folder / name)])
        except InputError as error:  # what is wrong with the others is said all the same
            yield Finding(XC161, name, 1, str(error), expected="agents of the chart")
            continue
        config = configurations[name] = _of_release(config, configurations.get("values.yaml"))
        findings = [*_judged(config, cloud=cloud), *_find_unfilled(config)]
        # The same fault of the release is in its manifest and in its pods.
        yield from (_local(f) for f in map(_raised, findings)
                    if f.rule.id not in found and f.severity != "info")  # fmt: skip
        found |= {finding.rule.id for finding in findings}
        failed += [f for f in findings if f.severity == "fail" and name != "pods.yaml"]
    if "pods.yaml" in configurations:
        pods = _pods(configurations["pods.yaml"].documents, configurations.get("values.yaml"))
        yield from map(_local, _find_stopped(pods))
        if values := configurations.get("values.yaml"):
            yield from _find_absent(values.values, pods)
        if releases := [c for name, c in configurations.items() if name != "pods.yaml"]:
            # What is wrong in the release itself is fixed there first.
            faults = "\n".join(f"{f.observed} {f.fix} {f.rule.remedy}" for f in failed)
            drifted = _find_drift(releases, configurations["pods.yaml"], faults=faults)
            yield from map(_local, drifted)
        if accounts := _accounts(configurations.get("values.yaml")):
            yield from map(_local, _find_accounts(pods, accounts=accounts))
    for name in logs:
        yield from find_symptoms(read_text(folder / name, name=name), file=name)
    if rows is not None:
        environments = [e for c in configurations.values() for e in c.environment.values()]
        yield from judge_rows(rows, there=there, environments=environments)


def _judged(config: Configuration, *, cloud: CloudFiles) -> Iterator[Finding]:
    """Yield what lint finds, values beside those files of the cloud that can be compared."""
    kept: dict[str, str] = {}
    for name in ("trust", "policy", "lifecycle"):
        if config.kind == "values" and (path := getattr(cloud, name)):
            try:
                compare(config, cloud=CloudFiles(**{name: path}, rerun_days=None))
                kept[name] = path
            except InputError as error:
                yield Finding(XC161, f"{name}.json", 1, str(error), expected="what can be compared")
    yield from judge((config,), cloud=CloudFiles(**kept, rerun_days=cloud.rerun_days)).findings


def _find_unfilled(release: Configuration) -> Iterator[Finding]:
    """Yield the first value that is still encrypted, or a reference to a secret elsewhere."""
    for source in release.sources:
        lines = enumerate(source.text.splitlines(), start=1)
        found = [n for n, line in lines if is_reference(line) or is_reference(_KEY.sub("", line))]
        if found:
            observed = f"{number_of(len(found), 'value')} as sops, vals or a plugin reads it"
            yield Finding(XC164, source.name, found[0], observed, expected="the value itself")


def _raised(finding: Finding) -> Finding:
    """Return a window of re-runs that nobody named, which a review only mentions, as unknown."""
    is_window = finding.rule is XC072
    return replace(finding, is_unknown=True, advice=XC072.remedy) if is_window else finding


def _local(finding: Finding) -> Finding:
    return replace(finding, file=Path(finding.file).name)


def _starts(release: Configuration | None) -> tuple[str, ...]:
    """Return how the names of the pods of a release begin."""
    prefix = release.values.get("resourceNamePrefix") if release else ""
    return tuple(f"{prefix}-{one}-" for one in _COMPONENTS)


def _of_release(pods: Configuration, release: Configuration | None) -> Configuration:
    """Return the pods of a release, all where none is called after it: others share a namespace."""
    starts = tuple(f"pod/{one}".lower() for one in _starts(release))
    own = {name: found for name, found in pods.variables.items() if name.startswith(starts)}
    of_own = tuple(one for one in pods.pods if one.component in own)
    return replace(pods, variables=own, pods=of_own) if own else pods


def _pods(documents: Sequence[Values], release: Configuration | None) -> list[_Named]:
    """Return each pod of a release with its name, or all where none is called after it."""
    found = [
        (one, str(one.get("metadata", "name"))[:200])
        for one in objects(documents)
        if isinstance(one.get(), dict) and one.text("kind") in ("", "Pod")
    ]
    return [one for one in found if one[1].startswith(_starts(release))] or found


def _find_stopped(pods: Sequence[_Named]) -> Iterator[Finding]:
    """Yield each pod or container that waits or ended badly, with the reason Kubernetes gives."""
    for pod, name in pods:
        waits = [one for one in pod.rows("status", "conditions") if one.get("status") == "False"]
        waits = [one for one in waits if one.get("type") == "PodScheduled"]
        for one in waits or [pod.at("status")]:
            if reason := one.text("reason"):
                text = f"{name}: {reason}. {one.text('message')[:200]}".rstrip()
                yield Finding(XC158, *pod.place(), text, expected="running")
        statuses = ("initContainerStatuses", "containerStatuses")
        for container in (one for key in statuses for one in pod.rows("status", key)):
            waiting, last = (
                container.at("state", "waiting"),
                container.at("lastState", "terminated"),
            )
            is_starting = waiting.get("reason") in (None, "", *_STARTING)
            state = last if is_starting else waiting
            if (reason := state.text("reason")) and (not is_starting or last.get("exitCode")):
                more = f", before that {last.get('reason')}" if last.get("reason") else ""
                said = state.text("message")[:200]
                times = container.get("restartCount") or 0
                observed = f"{name}:{container.get('name')}: {reason}{more}, {times} restarts."
                text = f"{observed} {said}".rstrip()
                yield Finding(XC158, *pod.place(), text, expected="running")


def _find_absent(values: Values, pods: Sequence[_Named]) -> Iterator[Finding]:
    """Yield each worker group without a pod; unknown where no pod is called after its group."""
    owners = [_owner(pod, name) for pod, name in pods]
    groups = [
        name for at, name in worker_groups(values) if values.get("workers", at, "replicas") != 0
    ]
    absent = [one for one in groups if not any(o.endswith(f"-worker-{one}") for o in owners)]
    is_unknown = len(absent) == len(groups) and any("worker" in one for one in owners)
    for group in absent:
        yield Finding(
            XC158, "pods.yaml", 1, f"no pod of the worker group {group[:100]}", "running",
            is_unknown=is_unknown,
            advice="Compare kubectl get deployments with the groups." if is_unknown else "",
        )  # fmt: skip


def _owner(pod: At, name: str) -> str:
    """Return what made a pod: the name of its Deployment, StatefulSet or the like."""
    made_by = pod.at("metadata", "ownerReferences", 0)
    if owner := made_by.text("name"):
        return owner.rpartition("-")[0] if made_by.get("kind") == "ReplicaSet" else owner
    return re.sub(r"-(?:[a-z0-9]{1,10}-[a-z0-9]{5}|\d{1,9})$", "", name)


def _accounts(release: Configuration | None) -> frozenset[str]:
    found = read_accounts(release.values, prefix="") if release else ()
    return frozenset(account.name for account in found if not account.name.startswith("-"))


def _find_accounts(pods: Sequence[_Named], *, accounts: frozenset[str]) -> Iterator[Finding]:
    """Yield each pod of the agents that runs as an account that is not of the release."""
    for pod, name in pods:
        account = pod.text("spec", "serviceAccountName")
        if account and account not in accounts and "sentinel" not in name:
            expected = " or ".join(sorted(accounts))[:300]
            observed = f"{name} runs as {account[:100]}"
            yield Finding(XC157, *pod.place(), observed, expected=expected)


def _find_drift(
    releases: Sequence[Configuration], pods: Configuration, *, faults: str
) -> Iterator[Finding]:
    """Yield each XCom setting of a pod that no component of the release has.

    ``releases`` are its values and its manifest: the former may be a part of them. ``faults`` is
    what lint says of the release; a setting that it names is left out.
    """
    wanted: dict[str, set[str]] = {}
    for environment in (one for release in releases for one in release.environment.values()):
        for name, value in environment.items():
            wanted.setdefault(name, set()).add(value)
    known = {variable.name for release in releases for variable in release.written}
    for component, environment in pods.environment.items():
        for name, value in environment.items():
            is_same = value in wanted.get(name, ())
            if not name.startswith(_OURS) or is_same or name in faults:
                continue
            if name in known and name not in wanted:  # the release takes it from a secret
                continue
            expected = " or ".join(sorted(show(name, text) for text in wanted.get(name, ())))
            (setting,) = [s for s in pods.settings(name) if component in s.components][:1]
            observed = f"{component}: {name} is {show(name, value)}"
            yield Finding(XC159, *setting.place, observed, expected=expected or "not set")
