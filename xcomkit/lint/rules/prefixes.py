"""Rules about the place the path names: a name the store takes, and nobody else's place."""

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

from xcomkit.findings.model import CloudName, Finding, Rule
from xcomkit.lint.configuration import Configuration, Place, from_values
from xcomkit.lint.context import Context, Objection, lint_rule
from xcomkit.lint.rules.connections import read_extra
from xcomkit.settings.bucket_names import bucket_problem
from xcomkit.settings.terms import NAMES
from xcomkit.values.names import (
    PATH,
    BasePath,
    connection_variable,
    find_placeholder,
    parse_base_path,
)
from xcomkit.values.sensitive import find_secret

_SCHEMES: dict[CloudName, tuple[str, ...]] = {
    "aws": ("s3", "s3a", "s3n"),
    "azure": ("abfs", "abfss", "adl", "az", "wasb", "wasbs"),
    "gcp": ("gs", "gcs"),
}
_LOGS = "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"
_REMOTE_LOGGING = "AIRFLOW__LOGGING__REMOTE_LOGGING"
_LOG_CONTAINER = "AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER"
_DEPLOYMENT = ("ASTRO_DEPLOYMENT_ID", "AIRFLOW__ASTRONOMER__DEPLOYMENT_ID")

XC026 = Rule(
    id="XC026",
    title="Bucket and storage account have names their store accepts",
    severity="fail",
    why="nothing of that name can exist, so every push fails.",
    remedy="write the name of the bucket or container alone, without account, region or slash.",
    source="naming rules of Amazon S3, Azure Blob Storage and Google Cloud Storage",
)
XC027 = Rule(
    id="XC027",
    title="Task logs and XComs have prefixes of their own",
    severity="warn",
    why="a lifecycle for XComs deletes the logs as well, and rights on one are rights on both.",
    remedy="give XComs a prefix that is no part of the log folder, nor the other way round.",
    source="Airflow, remote_base_log_folder; object storage XCom backend, key layout",
)
XC028 = Rule(
    id="XC028",
    title="No two Deployments share a prefix",
    severity="warn",
    why="the keys do not say whose they are: a tear down, a lifecycle or an inspection of one"
    " reaches the values of the other.",
    remedy="end the path in the name of the Deployment.",
    source="object storage XCom backend, key layout: dag, run and task only",
)
XC056 = Rule(
    id="XC056",
    title="The path has a prefix",
    severity="info",
    why="values lie at the top of the bucket, where rights and lifecycle cannot tell them from"
    " anything else.",
    remedy="write <s3|gs|abfs>://<connection-id>@<bucket>/<prefix>.",
    source="configure XCom backend, path",
)


def cloud_of(scheme: str) -> CloudName | None:
    """Return the cloud a scheme leads to, or ``None``."""
    return next((cloud for cloud, schemes in _SCHEMES.items() if scheme in schemes), None)


def paths(context: Context) -> list[tuple[BasePath, Place, str]]:
    """Return the XCom paths the files tell, with place and components, each text once."""
    told = [(text, seen) for text, seen in context.told(PATH) if not find_secret(PATH, text)]
    found = [(parse_base_path(text), seen) for text, seen in told]
    return [(path, seen.place, seen.where) for path, seen in found if path and path.bucket]


def clouds(context: Context) -> tuple[CloudName, ...]:
    """Return the clouds the XCom paths lead to."""
    found = (cloud_of(path.scheme) for path, _, _ in paths(context))
    return tuple(dict.fromkeys(cloud for cloud in found if cloud))


@lint_rule(XC026, "a name by the store's rules")
def find_bad_buckets(context: Context) -> Iterator[Objection]:
    """Yield names of buckets and storage accounts that the store refuses."""
    yield from find_bad_accounts(context)
    for path, place, _ in paths(context):
        cloud = cloud_of(path.scheme)
        if cloud is None or find_placeholder(path.bucket) or "$" in path.bucket:
            continue
        # a dotted name of Cloud Storage is a domain that may well be theirs
        name = path.bucket.replace(".", "-") if cloud == "gcp" else path.bucket
        problem = bucket_problem(name, cloud=cloud)
        is_url = path.bucket.endswith((".core.windows.net", ".amazonaws.com"))
        if problem and not (is_url and cloud == "azure"):  # that one is XC011's
            yield Objection(f"{path.bucket[:80]!r}: {problem}", place)


def find_bad_accounts(context: Context) -> Iterator[Objection]:
    """Yield names of storage accounts that Azure refuses."""
    pattern, words = NAMES["storage_account"]
    for path, _, _ in paths(context):
        if cloud_of(path.scheme) != "azure" or not path.connection_id:
            continue
        for value, seen in context.told(connection_variable(path.connection_id)):
            name = read_extra(value).get("account_name")
            is_name = isinstance(name, str) and name and not find_placeholder(name)
            if is_name and not re.fullmatch(pattern, str(name)):
                yield Objection(f"account_name {str(name)[:40]!r}: must be {words}", seen.place)


@lint_rule(XC027, "two prefixes apart")
def find_overlapping_logs(context: Context) -> Iterator[Objection]:
    """Yield log folders and XCom paths of which one is part of the other."""
    for folder, seen in context.told(_LOGS):
        environment = context.environment[seen.components[0]]
        if environment.get(_REMOTE_LOGGING, "true").strip().lower() in ("false", "0", "f"):
            continue
        logs = parse_base_path(folder)
        if folder.startswith("wasb"):
            container = environment.get(_LOG_CONTAINER, "airflow-logs")
            logs = BasePath("wasb", "", container, folder.removeprefix("wasb://").strip("/"))
        for path, _, where in paths(context):
            if logs and _overlap(logs, path):
                text = f"logs in {_shown(logs)!r}, XComs in {_shown(path)!r} ({where})"
                yield Objection(text, seen.place)


def _overlap(one: BasePath, other: BasePath) -> bool:
    if (cloud_of(one.scheme), one.bucket) != (cloud_of(other.scheme), other.bucket):
        return False
    first, second = (path.prefix.split("/") if path.prefix else [] for path in (one, other))
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _shown(path: BasePath) -> str:
    return f"{path.bucket}/{path.prefix}"[:120]


@lint_rule(XC056, "a prefix behind the bucket")
def find_bare_buckets(context: Context) -> Iterator[Objection]:
    """Yield paths that end at the bucket."""
    for path, place, where in paths(context):
        if not path.prefix:
            yield Objection(f"only the bucket {path.bucket[:63]!r} in {where}", place)


@lint_rule(XC028, "a prefix per Deployment")
def find_shared_prefixes(context: Context) -> Iterator[Objection]:
    """Yield paths that components of different Deployments have in common.

    Within one set of values only the one of several layers, or of several pods, can tell.
    """
    found: dict[tuple[str, str, str], dict[str, Place]] = {}
    for path, place, _ in paths(context):
        for environment in context.environment.values():
            mine = parse_base_path(environment.get(PATH, ""))
            deployment = next((environment[n] for n in _DEPLOYMENT if environment.get(n)), "")
            if mine == path and deployment:
                key = (path.scheme, path.bucket, path.prefix)
                found.setdefault(key, {}).setdefault(deployment, place)
    for (_, bucket, prefix), deployments in found.items():
        if len(deployments) > 1:
            names = ", ".join(repr(name[:40]) for name in deployments)
            text = f"{bucket}/{prefix}"[:120]
            yield Objection(f"{text!r} is of {names}", list(deployments.values())[-1])
    yield from _shared_by_layers(context)


def _shared_by_layers(context: Context) -> Iterator[Objection]:
    """Yield a path that a later file keeps while it names another Deployment."""
    values = context.values
    layers = values.layers if values else ()
    owners = {v.name: _named_deployment(Context(from_values(v))) for v in layers}
    named = [name for name in owners.values() if name]
    for path, place, where in paths(context):
        owner = owners.get(place[0], "")
        if owner and named and named[-1] != owner:
            text = f"{_shown(path)!r} of {owner[:60]!r} is kept for {named[-1][:60]!r} ({where})"
            yield Objection(text, place)


def _named_deployment(context: Context) -> str:
    """Return which Deployment a configuration says it is of, or ``""``."""
    for environment in context.environment.values():
        for name in _DEPLOYMENT:
            if environment.get(name):
                return environment[name]
    found = context.values.get("astroDeploymentAPIURL") if context.values else None
    return found if isinstance(found, str) else ""


def find_shared_between(configurations: Iterable[Configuration]) -> tuple[Finding, ...]:
    """Return the prefixes that files which were judged one by one have in common."""
    contexts = [Context(configuration) for configuration in configurations]
    found = []
    for one, other in combinations(contexts, 2):
        theirs = {_shown(path) for path, _, _ in paths(one)}
        for path, (file, line), _ in paths(other):
            if _shown(path) in theirs and _are_two(one, other):
                observed = f"{_shown(path)!r} is in {one.configuration.name} as well"
                found.append(Finding(XC028, file, line, observed, "a prefix per Deployment"))
    return tuple(found)


def _are_two(one: Context, other: Context) -> bool:
    """Tell whether two files are of two Deployments, by its name or by what they install."""
    for name in (_named_deployment, _installed_as):
        first, second = name(one), name(other)
        if first and second:
            return first != second
    return False


def _installed_as(context: Context) -> str:
    values = context.values
    parts = [values.get(key) if values else None for key in ("namespace", "resourceNamePrefix")]
    return "/".join(part for part in parts if isinstance(part, str))
