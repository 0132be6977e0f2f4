"""Rules about the connection of the XCom path: Airflow can read it, and nobody else signs."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Place
from xcomkit.lint.context import Context, Objection, lint_rule
from xcomkit.values.names import PATH, SECRETS_KWARGS, connection_variable, parse_base_path

_WORKERS_KWARGS = "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS"
AZURE_SCHEMES = frozenset({"abfs", "abfss", "adl"})

XC016 = Rule(
    id="XC016",
    title="The connection leaves signing to the workload identity",
    severity="fail",
    why="an account key, a key file or anonymous access in the connection stands over the identity;"
    ' adlfs takes any text for anon, also "false", as yes.',
    remedy="keep only what names region, account or project, and write anon as a boolean: false.",
    source="azure provider, fs/adls; google provider, base_google; adlfs, anon",
)
XC019 = Rule(
    id="XC019",
    title="Airflow can read the connection",
    severity="fail",
    why="a connection that is no JSON and no URI raises in every task, or is read as another one.",
    remedy="write it as JSON with conn_type and extra; percent-encode what stands in a URI.",
    source="Airflow, Connection.from_uri and JSON connections; azure provider, fs/adls",
)
XC059 = Rule(
    id="XC059",
    title="The connection is of the path's store",
    severity="warn",
    why="the provider of the path's scheme reads its own fields only, and takes the rest for"
    " nothing.",
    remedy="name a connection of the store in the path, or mend conn_type.",
    source="Airflow, object storage; providers' connection types",
)
XC052 = Rule(
    id="XC052",
    title="Airflow can read the settings of the secrets backend",
    severity="fail",
    why="keyword arguments that are no JSON mapping are dropped in silence, and the backend looks"
    " under its default names.",
    remedy='write a JSON mapping, such as {"connections_prefix": "airflow/connections"}.',
    source="Airflow, configuration parser, secrets backend_kwargs",
)

_STANDS_OVER = {
    "account_key": "an account key",
    "sas_token": "a SAS token",
    "connection_string": "a connection string",
    "client_secret_auth_config": "a client secret",
    "keyfile_dict": "a key file",
    "key_path": "the path of a key file",
    "key_secret_name": "a key kept in Secret Manager",
    "aws_access_key_id": "an access key",
    "aws_secret_access_key": "a secret access key",
    "aws_session_token": "a session token",
    "profile_name": "a profile of the pod's own files",
    "credential_config_file": "a file of credentials",
}
_AWS_HOST = re.compile(r"\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)$")
_ANONYMOUS = ("anon", "is_anonymous")
_ACCOUNT = ("account_name", "connection_string", "account_host")


def is_other_store(context: Context) -> bool:
    """Tell whether the S3 connection leads to a store that is not AWS, which signs with keys."""
    hosts = [urlsplit(str(read_extra(value).get("endpoint_url") or "")).hostname or ""
             for _, _, value, _ in _connections(context)]  # fmt: skip
    return any(host and not _AWS_HOST.search(host) for host in hosts)


def _connections(context: Context) -> Iterator[tuple[str, str, str, Place]]:
    """Yield scheme, variable, value and place of every connection a path names, each once."""
    reported: set[tuple[str, Place]] = set()
    for text, _ in context.told(PATH):
        path = parse_base_path(text)
        if path is None or not path.connection_id:
            continue
        name = connection_variable(path.connection_id)
        for value, seen in context.told(name):
            if (name, seen.place) not in reported and value.strip():
                reported.add((name, seen.place))
                yield path.scheme, name, value, seen.place


@lint_rule(XC016, "no key, no secret, anon: false")
def find_other_signers(context: Context) -> Iterator[Objection]:
    """Yield what in the path's connection signs in place of the workload identity."""
    for _, name, value, place in _connections(context):
        # outside Kubernetes there is no workload identity that a key could stand over
        is_judged = context.kind in ("values", "pod") and not is_other_store(context)
        problems = _problems(value) if is_judged else _anonymous(value)
        for problem in dict.fromkeys(problems):
            yield Objection(f"{name[:80]} holds {problem}", place)


def _problems(value: str) -> Iterator[str]:
    for name, found in _short(read_extra(value)):
        if name in _STANDS_OVER and found:
            yield _STANDS_OVER[name]
    yield from _anonymous(value)
    if _read_password(value):
        yield "a password, which the provider takes for a key"


def _short(extra: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield fields under their names of today: extra__azure_data_lake__anon is an older one."""
    for name, found in extra.items():
        yield name.rpartition("__")[2], found
        if name == "session_kwargs" and isinstance(found, dict):  # what boto3's session is made of
            yield from found.items()


def _anonymous(value: str) -> Iterator[str]:
    for short, found in _short(read_extra(value)):
        if short in _ANONYMOUS and isinstance(found, str):
            yield f"{short} as the text {found[:20]!r}, which means yes"
        elif short in _ANONYMOUS and found:
            yield f"{short}: true, so nobody signs"


def _read_password(value: str) -> str:
    if not value.lstrip().startswith("{"):
        try:
            return unquote(urlsplit(value).password or "")
        except ValueError:
            return ""
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    return str(document.get("password") or "") if isinstance(document, dict) else ""


def read_extra(value: str) -> dict[str, Any]:
    """Return the extra of a connection given as JSON or as a URI; ``{}`` when it has none."""
    if not value.lstrip().startswith("{"):
        try:
            extra = dict(parse_qsl(urlsplit(value).query))
        except ValueError:
            return {}
        return read_extra(json.dumps({"extra": extra["__extra__"]})) if "__extra__" in extra else (
            dict(extra)
        )  # fmt: skip
    try:
        document = json.loads(value)
        extra = document.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except (ValueError, AttributeError, RecursionError):
        return {}
    return extra if isinstance(extra, dict) else {}


@lint_rule(XC019, "JSON, or a URI Airflow reads")
def find_unreadable(context: Context) -> Iterator[Objection]:
    """Yield connections that Airflow refuses, or reads as something else."""
    for scheme, name, value, place in _connections(context):
        problem = _json_problem(value) if value.lstrip().startswith("{") else _uri_problem(value)
        if not problem and scheme in AZURE_SCHEMES and not _names_account(value):
            problem = "no storage account: neither host, login nor account_name in the extra"
        if problem:
            yield Objection(f"{name[:80]}: {problem}", place)


def _json_problem(value: str) -> str:
    try:
        document = json.loads(value)
        if isinstance(extra := document.get("extra"), str) and extra:
            extra = json.loads(extra)
    except ValueError as error:
        return f"no JSON ({str(error).partition(':')[0]})"
    except RecursionError:
        return "JSON nested too deeply"
    if extra and not isinstance(extra, dict):
        return "extra is no mapping"
    if not isinstance(document.get("conn_type"), str | None):
        return "conn_type is no text"
    return _field_problem(document)


def _field_problem(document: dict[str, Any]) -> str:
    if not str(document.get("port") or 0).strip().isdecimal():
        return "port is no number"
    unknown = set(document) - _FIELDS
    if unknown:
        names = ", ".join(sorted(repr(name[:40]) for name in unknown)[:5])
        return f"{names} is no field of a connection; what a provider wants belongs in extra"
    return ""


# what the task SDK's Connection.from_json takes; it knows the id already
_FIELDS = frozenset(
    {"conn_type", "description", "host", "login", "password", "schema", "port", "extra"}
)


def _uri_problem(value: str) -> str:
    """Return why Airflow's ``from_uri`` refuses a text, or ``""``."""
    try:
        parts = urlsplit(value)
        _ = parts.port  # read when it is asked for
    except ValueError:
        return "no URI, or a port that is no number"
    if not parts.scheme or "://" not in value:
        return "neither JSON nor a URI such as aws://?region_name=eu-central-1"
    count = value.count("://")
    before = value.replace(f"{parts.scheme}://", "").split("://", 1)[0]
    if count > 2 or (count == 2 and ("@" in before or ":" in before)):
        return "a second :// that is not percent-encoded, which Airflow refuses"
    return ""


def _names_account(value: str) -> bool:
    extra = dict(_short(read_extra(value)))
    if any(extra.get(name) for name in _ACCOUNT):
        return True
    if not value.lstrip().startswith("{"):
        parts = urlsplit(value)
        return bool(parts.hostname or parts.username)
    document = json.loads(value)
    return bool(document.get("host") or document.get("login"))


_TYPES: dict[str, tuple[str, ...]] = {
    "s3": ("aws", "s3", "generic"),
    "g": ("google", "gcp", "generic"),
    "a": ("azure", "adls", "wasb", "generic"),
}


@lint_rule(XC059, "a connection of the path's store")
def find_foreign(context: Context) -> Iterator[Objection]:
    """Yield connections whose type is of another store than the path."""
    for scheme, name, value, place in _connections(context):
        kind = _read_type(value)
        accepted = next((types for start, types in _TYPES.items() if scheme.startswith(start)), ())
        if kind and accepted and not kind.startswith(accepted):
            yield Objection(f"{name[:80]} is of type {kind[:40]!r}, the path of {scheme}", place)


def _read_type(value: str) -> str:
    """Return the type of a connection, or ``""`` where none is told."""
    try:
        if not value.lstrip().startswith("{"):
            return urlsplit(value).scheme
        document = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    return str(document.get("conn_type") or "") if isinstance(document, dict) else ""


@lint_rule(
    XC052,
    "a JSON mapping",
    fix=((SECRETS_KWARGS, '{"connections_prefix": "airflow/connections"}'),),
)
def find_unreadable_kwargs(context: Context) -> Iterator[Objection]:
    """Yield keyword arguments of the secrets backend that are no mapping."""
    for value, seen in (*context.told(SECRETS_KWARGS), *context.told(_WORKERS_KWARGS)):
        try:
            found = json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            name = seen.variable.name if seen.variable else SECRETS_KWARGS
            yield Objection(f"{name} in {seen.where} is no JSON mapping", seen.place)
