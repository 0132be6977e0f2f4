"""Rules about the place the path names: a name the store takes, and nobody else's place."""

import re
from collections.abc import Iterable, Iterator, Mapping

from xcomkit.findings.model import CloudName, Finding, Rule
from xcomkit.findings.text import listed
from xcomkit.lint.configuration import Configuration, Place, from_values
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.connections import read_connection
from xcomkit.lint.rules.stores import cloud_of
from xcomkit.settings.bucket_names import path_problem
from xcomkit.settings.terms import NAMES
from xcomkit.values.names import (
    PATH,
    STATE_PATH,
    BasePath,
    connection_variable,
    find_placeholder,
    parse_base_path,
)
from xcomkit.values.sensitive import find_secret

_LOGS = "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"
_REMOTE_LOGGING = "AIRFLOW__LOGGING__REMOTE_LOGGING"
_LOG_CONTAINER = "AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER"
_DEPLOYMENT = ("ASTRO_DEPLOYMENT_ID", "AIRFLOW__ASTRONOMER__DEPLOYMENT_ID")

XC026 = Rule(
    id="XC026",
    title="Bucket and storage account have names their store accepts",
    severity="fail",
    why="Nothing of that name can exist, so every push fails.",
    remedy="Write the name of the bucket or container alone, without account, region or slash.",
    source="naming rules of Amazon S3, Azure Blob Storage and Google Cloud Storage",
)
XC027 = Rule(
    id="XC027",
    title="Task logs and XComs have prefixes of their own",
    severity="warn",
    why="A lifecycle for XComs deletes the logs as well, and rights on one are rights on both.",
    remedy="Give XComs a prefix that is no part of the log folder, nor the other way round.",
    source="Airflow, remote_base_log_folder; object storage XCom backend, key layout",
)
XC028 = Rule(
    id="XC028",
    title="No two Deployments share a prefix",
    severity="warn",
    why="The keys do not say whose they are: a tear down, a lifecycle or an inspection of one"
    " reaches the values of the other.",
    remedy="End the path in the name of the Deployment.",
    source="object storage XCom backend, key layout: dag, run and task only",
)
XC056 = Rule(
    id="XC056",
    title="The path has a prefix",
    severity="info",
    why="Values lie at the top of the bucket, where rights and lifecycle cannot tell them from"
    " anything else.",
    remedy="Write <s3|gs|abfs>://<connection-id>@<bucket>/<prefix>.",
    source="configure XCom backend, path",
)


_Identity = tuple[str, str]  # the Deployment by its name, and what is installed


def paths(config: Configuration, variable: str = PATH) -> list[tuple[BasePath, Place, str]]:
    """Return the paths the files tell for a variable, with place and components, each text once."""
    found = []
    for text, setting in config.known(variable):
        path = None if find_secret(variable, text) else parse_base_path(text)
        if path and path.bucket:
            found.append((path, setting.place, setting.where))
    return found


def clouds(config: Configuration) -> tuple[CloudName, ...]:
    """Return the clouds the XCom paths lead to."""
    found = (cloud_of(path.scheme) for path, _, _ in paths(config))
    return tuple(dict.fromkeys(cloud for cloud in found if cloud))


@lint_rule(XC026, "a name by the store's rules")
def _bad_buckets(config: Configuration) -> Iterator[Objection]:
    for path, place, _ in (*paths(config), *paths(config, STATE_PATH)):
        cloud = cloud_of(path.scheme)
        pattern, words = NAMES["storage_account"]
        connection = connection_variable(path.connection_id)
        for value, setting in config.known(connection) if cloud == "azure" else ():
            name = str(read_connection(value).extra.get("account_name") or "")
            if name and not find_placeholder(name) and not re.fullmatch(pattern, name):
                text = f"account_name {name[:40]!r}: must be {words}"
                yield Objection(text, setting.place)
        if cloud is None or find_placeholder(path.bucket) or "$" in path.bucket:
            continue
        problem = path_problem(path.bucket, cloud=cloud)
        is_url = path.bucket.endswith((".core.windows.net", ".amazonaws.com"))
        if problem and not (is_url and cloud == "azure"):  # that one is XC011's
            yield Objection(f"{path.bucket[:80]!r}: {problem}", place)


def list_log_paths(config: Configuration) -> Iterator[tuple[BasePath, Place]]:
    """Yield where task logs go, as far as the files tell."""
    for folder, setting in config.known(_LOGS):
        environment = config.environment[setting.components[0]]
        if environment.get(_REMOTE_LOGGING, "true").strip().lower() in ("false", "0", "f"):
            continue
        logs = parse_base_path(folder)
        if folder.startswith("wasb"):
            container = environment.get(_LOG_CONTAINER, "airflow-logs")
            logs = BasePath("wasb", "", container, folder.removeprefix("wasb://").strip("/"))
        if logs:
            yield logs, setting.place


@lint_rule(XC027, "two prefixes apart")
def _overlapping_logs(config: Configuration) -> Iterator[Objection]:
    for logs, place in list_log_paths(config):
        for path, _, where in paths(config):
            if overlap(logs, path):
                text = f"logs in {display(logs)!r}, XComs in {display(path)!r} ({where})"
                yield Objection(text, place)


def overlap(one: BasePath, other: BasePath) -> bool:
    """Tell whether one path lies below the other."""
    if (cloud_of(one.scheme), one.bucket) != (cloud_of(other.scheme), other.bucket):
        return False
    first, second = (path.prefix.split("/") if path.prefix else [] for path in (one, other))
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def display(path: BasePath) -> str:
    """Return bucket and prefix, bounded."""
    return f"{path.bucket}/{path.prefix}"[:120]


@lint_rule(XC056, "a prefix behind the bucket")
def _bare_buckets(config: Configuration) -> Iterator[Objection]:
    for path, place, where in paths(config):
        if not path.prefix:
            yield Objection(f"only the bucket {path.bucket[:63]!r} in {where}", place)


@lint_rule(XC028, "a prefix per Deployment")
def find_shared_prefixes(config: Configuration) -> Iterator[Objection]:
    """Yield paths that components of several Deployments, or the files laid over each other, share.

    A later file may name another Deployment and keep the path of the earlier one.
    """
    several = config.values.layers if len(config.values.layers) > 1 else ()
    layers = [(one.name, named_deployment(from_values(one))) for one in several]
    last = [deployment for _, deployment in layers if deployment][-1:]
    for path, place, where in paths(config):
        owners = [deployment for name, deployment in layers if deployment and name == place[0]]
        owners += last if owners else []
        owners += [
            _deployment(environment)
            for environment in config.environment.values()
            if parse_base_path(environment.get(PATH, "")) == path
        ]
        names = [repr(name[:60]) for name in dict.fromkeys(owners) if name]
        if len(names) > 1:
            text = f"{display(path)!r} is of {listed(names, most=5)} ({where})"
            yield Objection(text, place)


def named_deployment(config: Configuration) -> str:
    """Return which Deployment a configuration says it is of, or ``""``."""
    named = (_deployment(environment) for environment in config.environment.values())
    found = next(filter(None, named), config.values.get("astroDeploymentAPIURL"))
    return found if isinstance(found, str) else ""


def _deployment(environment: Mapping[str, str]) -> str:
    return next((environment[name] for name in _DEPLOYMENT if environment.get(name)), "")


def find_shared_between(configurations: Iterable[Configuration]) -> tuple[Finding, ...]:
    """Return the prefixes that files which were judged one by one have in common."""
    found = []
    owners: dict[str, list[tuple[Configuration, _Identity]]] = {}
    for config in configurations:
        parts = [config.values.get(key) for key in ("namespace", "resourceNamePrefix")]
        installed_as = "/".join(part for part in parts if isinstance(part, str))
        identity = (named_deployment(config), installed_as)
        for path, (file, line), _ in paths(config):
            before = owners.setdefault(display(path), [])
            names = [other.name for other, theirs in before if _are_two(identity, theirs)]
            if names:
                observed = f"{display(path)!r} is in {listed(names, most=3)} as well"
                found.append(Finding(XC028, file, line, observed, "a prefix per Deployment"))
            before.append((config, identity))
    return tuple(found)


def _are_two(one: _Identity, other: _Identity) -> bool:
    """Tell whether two files are of two Deployments, by its name or by what they install."""
    pairs = zip(one, other, strict=True)
    return next((first != second for first, second in pairs if first and second), False)
