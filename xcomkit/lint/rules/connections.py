"""Rules about the connection of the XCom path: Airflow can read it, and nobody else signs."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from xcomkit.findings.model import CloudName, Rule
from xcomkit.lint.configuration import Configuration, Place, Setting
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules import connection_fields
from xcomkit.lint.rules.connection_fields import Unread
from xcomkit.lint.rules.stores import STORES, cloud_of
from xcomkit.values.names import PATH, STATE_PATH, connection_variable, parse_base_path

XC016 = Rule(
    id="XC016",
    title="The connection holds no credentials beside the workload identity",
    severity="fail",
    why="An account key, a key file or anonymous access in the connection overrides the identity;"
    ' adlfs takes any text for anon, also "false", as yes.',
    remedy="Keep only what names region, account or project, and write anon as a boolean: false.",
    source="azure provider, fs/adls; google provider, base_google; adlfs, anon",
)
XC019 = Rule(
    id="XC019",
    title="Airflow can read the connection, and finds the store and the identity in it",
    severity="fail",
    why="A connection that is no JSON and no URI raises in every task. The filesystem reads fewer"
    " fields than hooks do: an account, an endpoint or a role in another one has no effect.",
    remedy="Write it as JSON with conn_type and extra, under the names the filesystem reads;"
    " percent-encode what stands in a URI.",
    source="Airflow, Connection.from_uri and JSON connections; measured with get_fs of the"
    " providers",
)
XC085 = Rule(
    id="XC085",
    title="The filesystem reads every field of the connection that is meant for it",
    severity="warn",
    why="A field under another name than the provider's has no effect, and its default holds.",
    remedy="Write it under the name that is read, or remove it.",
    source="measured with get_fs of the amazon, microsoft.azure and google providers",
)
XC086 = Rule(
    id="XC086",
    title="The connection lets the pod's own identity read and write",
    severity="info",
    why="role_arn and impersonation_chain make another identity sign: that one needs the rights on"
    " the bucket, and the pod's own needs to become it.",
    remedy="Grant the pod's identity sts:AssumeRole or roles/iam.serviceAccountTokenCreator, and"
    " export the policy of the identity that signs for --policy.",
    source="amazon provider, role_arn; google provider, impersonation_chain",
)
XC059 = Rule(
    id="XC059",
    title="The connection's type is that of the path's store",
    severity="warn",
    why="The provider of the path's scheme reads its own fields only, and takes the rest for"
    " nothing.",
    remedy="Name a connection of the store in the path, or fix conn_type.",
    source="Airflow, object storage; providers' connection types",
)
_OTHER_CREDENTIALS = {
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
_CLOUD_HOST = re.compile(r"\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|googleapis\.com)$")
_ANONYMOUS = ("anon", "is_anonymous")
# adlfs itself reads these
_ACCOUNT_VARIABLES = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_CONNECTION_STRING")
# what the task SDK's Connection.from_json takes; it knows the id already
_FIELDS = frozenset(
    {"conn_type", "description", "host", "login", "password", "schema", "port", "extra"}
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as far as it can be read; ``problem`` says why Airflow cannot."""

    fields: Mapping[str, Any]
    extra: Mapping[str, Any]
    problem: str = ""

    @property
    def type(self) -> str:
        """Return its type, or ``""`` where it names none."""
        return str(self.fields.get("conn_type") or "")

    @property
    def options(self) -> list[tuple[str, Any]]:
        """Return the extra by today's names: extra__azure_data_lake__anon is an older one."""
        found = [(name.rpartition("__")[2], value) for name, value in self.extra.items()]
        session = self.extra.get("session_kwargs")  # what boto3's session is made of
        return [*found, *session.items()] if isinstance(session, dict) else found


def load_json(text: str) -> tuple[Any, str]:
    """Return a JSON document, or ``None`` and why it cannot be read."""
    try:
        return json.loads(text), ""
    except ValueError as error:
        return None, f"no JSON ({str(error).partition(':')[0]})"
    except RecursionError:
        return None, "JSON nested too deeply"


def read_connection(value: str) -> Connection:
    """Return a connection given as JSON or as a URI."""
    if not value.lstrip().startswith("{"):
        return _read_uri(value)
    document, problem = load_json(value)
    if problem:
        return Connection({}, {}, problem)
    extra = document.get("extra")
    if isinstance(extra, str) and extra:
        extra, problem = load_json(extra)
    if not isinstance(extra, dict):
        problem = problem or ("extra is no mapping" if extra else "")
        extra = {}
    return Connection(document, extra, problem or _field_problem(document))


def _field_problem(document: dict[str, Any]) -> str:
    if not isinstance(document.get("conn_type"), str | None):
        return "conn_type is no text"
    if not str(document.get("port") or 0).strip().isdecimal():
        return "port is no number"
    unknown = set(document) - _FIELDS
    if unknown:
        names = ", ".join(sorted(repr(name[:40]) for name in unknown)[:5])
        return f"{names} is no field of a connection; what a provider wants belongs in extra"
    return ""


def _read_uri(value: str) -> Connection:
    try:
        parts = urlsplit(value)
        extra: Any = dict(parse_qsl(parts.query))
    except ValueError:
        return Connection({}, {}, "no URI")
    if "__extra__" in extra:
        extra, _ = load_json(extra["__extra__"])
    fields = {
        "conn_type": parts.scheme,
        "host": parts.hostname,
        "login": parts.username,
        "password": unquote(parts.password or ""),
    }
    return Connection(fields, extra if isinstance(extra, dict) else {}, _uri_problem(value, parts))


def _uri_problem(value: str, parts: SplitResult) -> str:
    """Return why Airflow's ``from_uri`` refuses a text, or ``""``."""
    try:
        _ = parts.port  # read when it is asked for
    except ValueError:
        return "a port that is no number"
    if not parts.scheme or "://" not in value:
        return "neither JSON nor a URI such as aws://?region_name=eu-central-1"
    count = value.count("://")
    before = value.replace(f"{parts.scheme}://", "").split("://", 1)[0]
    if count > 2 or (count == 2 and ("@" in before or ":" in before)):
        return "a second :// that is not percent-encoded, which Airflow refuses"
    return ""


def signers(connection: Connection, *, cloud: CloudName) -> tuple[str, ...]:
    """Return whom the pod's identity becomes by the connection, one after another."""
    found = _options(connection, cloud).get(
        {"aws": "role_arn", "gcp": "impersonation_chain"}.get(cloud, "")
    )
    chain = found.split(",") if isinstance(found, str) else found
    if not isinstance(chain, list):
        return ()
    return tuple(name.strip() for name in chain if isinstance(name, str) and name.strip())


def _options(connection: Connection, cloud: CloudName) -> dict[str, Any]:
    return connection_fields.options(connection.extra, cloud=cloud, conn_type=connection.type)


def is_other_store(config: Configuration) -> bool:
    """Tell whether the S3 connection leads to a store that is not AWS, which signs with keys."""
    found = (_options(connection, "aws") for _, _, connection, _ in connections_of_paths(config))
    return any(not _is_of_cloud(options.get("endpoint_url")) for options in found)


def _is_of_cloud(address: object) -> bool:
    """Tell whether an address, with or without scheme, is one of the clouds themselves."""
    text = str(address or "")
    host = urlsplit(text if "://" in text else f"//{text}").hostname
    return not host or bool(_CLOUD_HOST.search(host))


def connections_of_paths(config: Configuration) -> Iterator[tuple[str, str, Connection, Setting]]:
    """Yield scheme, variable, connection and setting of every one a path names, each once."""
    reported: set[tuple[str, Place]] = set()
    for text, _ in (*config.known(PATH), *config.known(STATE_PATH)):
        path = parse_base_path(text)
        if path is None or not path.connection_id:
            continue
        name = connection_variable(path.connection_id)
        for value, setting in config.known(name):
            if (name, setting.place) not in reported and value.strip():
                reported.add((name, setting.place))
                yield path.scheme, name, read_connection(value), setting


@lint_rule(XC016, "no key, no secret, anon: false")
def _other_signers(config: Configuration) -> Iterator[Objection]:
    # outside Kubernetes there is no workload identity that a key could stand over
    is_judged = config.kind in ("values", "pod") and not is_other_store(config)
    for scheme, name, connection, setting in connections_of_paths(config):
        problems = [*(_signers(connection, scheme) if is_judged else ()), *_anonymous(connection)]
        for problem in dict.fromkeys(problems):
            yield Objection(f"{name[:80]} holds {problem}", setting.place)


def _signers(connection: Connection, scheme: str) -> Iterator[str]:
    for name, found in connection.options:
        if name in _OTHER_CREDENTIALS and found:
            yield _OTHER_CREDENTIALS[name]
    if connection.fields.get("password") and cloud_of(scheme) != "gcp":  # which reads none
        yield "a password, which the provider takes for a key"


def _anonymous(connection: Connection) -> Iterator[str]:
    for name, found in connection.options:
        if name in _ANONYMOUS and isinstance(found, str):
            yield f"{name} as the text {found[:20]!r}, which means yes"
        elif name in _ANONYMOUS and found:
            yield f"{name}: true, so requests are not signed"


@lint_rule(XC019, "JSON, or a URI Airflow reads, with what the filesystem needs")
def _unreadable(config: Configuration) -> Iterator[Objection]:
    for scheme, name, connection, setting in connections_of_paths(config):
        unread = _unread(config, scheme, connection, setting)
        found = [connection.problem] if connection.problem else []
        found = found or _words(one for one in unread if one.is_decisive)
        lacks_account = not _names_account(config, connection, setting)
        if not found and cloud_of(scheme) == "azure" and lacks_account:
            found = ["no storage account: neither account_name nor connection_string in the extra"]
        for problem in found:
            yield Objection(f"{name[:80]}: {problem}", setting.place)


@lint_rule(XC085, "names that the filesystem reads")
def _without_effect(config: Configuration) -> Iterator[Objection]:
    for scheme, name, connection, setting in connections_of_paths(config):
        unread = _unread(config, scheme, connection, setting)
        for words in _words(one for one in unread if not one.is_decisive):
            yield Objection(f"{name[:80]}: {words}", setting.place)


def _words(unread: Iterable[Unread]) -> list[str]:
    """Return one sentence for each name that is read in place of others."""
    found: dict[str, list[str]] = {}
    for one in unread:
        found.setdefault(one.instead, []).append(repr(one.name[:60]))
    return [
        f"{' and '.join(names[:5])} {'is' if len(names) == 1 else 'are'} not read by the"
        f" filesystem; {instead} is"
        for instead, names in found.items()
    ]


def _unread(
    config: Configuration, scheme: str, connection: Connection, setting: Setting
) -> Iterator[Unread]:
    """Yield the fields without effect, where nothing else says what they were to say."""
    cloud = cloud_of(scheme)
    if cloud is None or connection.problem:
        return
    environment = config.environment[setting.components[0]]
    for one in connection_fields.find_unread(connection.fields, connection.extra, cloud=cloud):
        if one.instead == "account_name" and _names_account(config, connection, setting):
            continue
        value = {**connection.fields, **connection.extra}.get(one.name.removeprefix("extra."))
        is_usual = value is True or (cloud != "azure" and "endpoint" in one.instead
                                     and _is_of_cloud(value))  # fmt: skip
        if not is_usual and not environment.get(one.instead):
            yield one


def _names_account(config: Configuration, connection: Connection, setting: Setting) -> bool:
    environment = config.environment[setting.components[0]]
    found = _options(connection, "azure")
    named = [found.get("account_name"), found.get("connection_string")]
    return any((*named, *map(environment.get, _ACCOUNT_VARIABLES)))


@lint_rule(XC086, "the pod's own identity")
def _becoming(config: Configuration) -> Iterator[Objection]:
    for scheme, name, connection, setting in connections_of_paths(config):
        cloud = cloud_of(scheme)
        if chain := signers(connection, cloud=cloud) if cloud else ():
            yield Objection(f"{name[:80]}: {chain[-1][:120]!r} signs", setting.place)


@lint_rule(XC059, "a connection of the path's store")
def _foreign(config: Configuration) -> Iterator[Objection]:
    for scheme, name, connection, setting in connections_of_paths(config):
        cloud, kind = cloud_of(scheme), connection.type
        if cloud and kind and not kind.startswith((*STORES[cloud].types, "generic")):
            text = f"{name[:80]} is of type {kind[:40]!r}, the path of {scheme}"
            yield Objection(text, setting.place)
