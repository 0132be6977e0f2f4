"""Rules about where XCom values go: backend class, path, threshold, compression, connection."""

from collections.abc import Iterator
from dataclasses import replace

from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND, STOCK_STATE_STORE, Rule
from xcomkit.lint.configuration import Configuration, Place, Setting, place_of
from xcomkit.lint.registry import Objection, lint_rule, value_rule
from xcomkit.lint.rules.connections import read_connection
from xcomkit.lint.rules.secrets_backends import knows_connections
from xcomkit.lint.rules.spelling import meant, renamed
from xcomkit.lint.rules.stores import STORES, cloud_of
from xcomkit.settings.terms import TERMS
from xcomkit.values.names import (
    BACKEND,
    CONNECTION_PREFIX,
    PATH,
    STATE_PATH,
    THRESHOLD,
    BasePath,
    connection_variable,
    find_placeholder,
    parse_base_path,
)
from xcomkit.values.sensitive import find_secret, show

DATABASE_CLASSES = frozenset(
    {
        "airflow.models.xcom.BaseXCom",
        "airflow.sdk.bases.xcom.BaseXCom",
        "airflow.sdk.execution_time.xcom.BaseXCom",
    }
)
OLD_CLASSES = frozenset(
    {
        "airflow.providers.common.io.xcom.backend.XComObjectStoreBackend",
        "airflow.providers.common.io.xcom.backend.XComObjectStorageBackEnd",
        "airflow.providers.common.io.backends.xcom.XComObjectStorageBackend",
    }
)
_STOCK_MODULES = frozenset(
    one.lower().rpartition(".")[0] for one in (STOCK_BACKEND, STOCK_STATE_STORE)
)
_MODULES = frozenset({*_STOCK_MODULES, DURABLE_BACKEND.lower().rpartition(".")[0]})
SCHEMES = frozenset(scheme for store in STORES.values() for scheme in store.schemes)
BAD_SCHEMES = {
    "az": "az ignores the connection; write abfs",
    "wasb": "wasb is not supported; write abfs",
    "wasbs": "wasbs is not supported; write abfs",
    "file": "a file path is not shared between pods",
    "local": "a local path is not shared between pods",
}

XC001 = Rule(
    id="XC001",
    title="Every component has an XCom path",
    severity="fail",
    why="Without a path values land in a relative directory of the pod, without any error.",
    remedy=f"Set {PATH} for every component.",
    source="Airflow, object storage XCom backend, xcom_objectstorage_path",
)
XC002 = Rule(
    id="XC002",
    title="Every component has a threshold that lets values leave the database",
    severity="fail",
    why="Unset and -1 mean that every value goes to the orchestration plane's database.",
    remedy=f"Set {THRESHOLD} to 0 for every component.",
    source="Airflow, object storage XCom backend, xcom_objectstorage_threshold",
)
XC003 = Rule(
    id="XC003",
    title="The threshold sends every value to the bucket",
    severity="warn",
    why="Smaller values leave the execution plane for the orchestration plane's database.",
    remedy='Set the threshold to "0", the value the guide recommends.',
    source="configure XCom backend",
)
XC004 = Rule(
    id="XC004",
    title="The connection of the path is defined",
    severity="fail",
    why="Agents cannot see the metadata database; S3 then signs as the pod, the others fail.",
    remedy="Define AIRFLOW_CONN_<ID> for every component, or a secrets backend that knows it.",
    source="Airflow, managing connections; configure XCom backend",
)
XC009 = Rule(
    id="XC009",
    title="The backend class is Airflow's object storage backend, or the durable one",
    severity="fail",
    why="Without it values go to the metadata database, with a misspelt one no task starts.",
    remedy=f"Set the class (xcomBackend of the chart) to {STOCK_BACKEND} or {DURABLE_BACKEND}.",
    source="configure XCom backend; Airflow, core xcom_backend",
)
XC010 = Rule(
    id="XC010",
    title="The threshold is a whole number",
    severity="fail",
    why="Airflow raises AirflowConfigException on units, fractions and trailing comments.",
    remedy="Write plain digits, such as 0 or 1048576.",
    source="Airflow configuration, getint",
)
XC011 = Rule(
    id="XC011",
    title="The path has a scheme that uses the connection",
    severity="fail",
    why="Other schemes write into the pod, ignore the connection or fail in every task.",
    remedy="Write <s3|gs|abfs>://<connection-id>@<bucket>/<prefix>.",
    source="Airflow, object storage; provider filesystems",
)


_PATH = (PATH, "s3://aws_default@<bucket>/<prefix>")
_ZERO = (THRESHOLD, "0")


def missing(config: Configuration, name: str, *, beside: str = "") -> Iterator[Objection]:
    """Yield the components without a setting; what is written wrongly is XC006's.

    Components that lack ``beside`` need it not.
    """
    if not isinstance(config.values.get("commonEnv") or [], list):
        return
    for setting in config.settings(name):
        if beside and not any(config.environment[one].get(beside) for one in setting.components):
            continue
        is_empty = not setting.value or not setting.value.strip()
        if setting.is_elsewhere:
            yield set_elsewhere(name, setting)
        elif setting.variable is None or (
            name != THRESHOLD and not setting.variable.problem and is_empty
        ):
            near = next((v for v in config.written if meant(v.name) == name), None)
            place = place_of(near) if near else setting.place
            fix = renamed(near, name) if near else ""
            yield Objection(f"{name} is missing in {setting.where}", place, fix=fix)


def set_elsewhere(name: str, setting: Setting) -> Objection:
    """Return that a setting comes from where the file cannot tell its value."""
    source = setting.elsewhere or "not in this file"
    text = f"{name} in {setting.where} comes from elsewhere ({source})"
    return Objection(text, setting.place, None)


@lint_rule(XC001, PATH, fix=_PATH)
def _missing_path(config: Configuration) -> Iterator[Objection]:
    for objection in missing(config, PATH):
        yield replace(objection, fix=objection.fix or (PATH, _sample_path(config)))


def _sample_path(config: Configuration) -> str:
    """Return a path of the store that a connection of the file leads to, or of S3."""
    for environment in config.environment.values():
        for name, value in environment.items():
            kind = read_connection(value).type if name.startswith(CONNECTION_PREFIX) else ""
            for cloud, store in STORES.items():
                if kind.startswith(store.types):
                    connection_id = name.removeprefix(CONNECTION_PREFIX).lower()
                    return f"{TERMS[cloud].scheme}://{connection_id}@<bucket>/<prefix>"
    return _PATH[1]


@lint_rule(XC002, f"{THRESHOLD} of 0 or more", fix=_ZERO)
def _missing_threshold(config: Configuration) -> Iterator[Objection]:
    yield from missing(config, THRESHOLD)
    for value, setting in config.known(THRESHOLD):
        number = read_threshold(value)
        if number is not None and number < 0:
            text = f"{number} in {setting.where}: nothing goes to the bucket"
            yield Objection(text, setting.place)


@value_rule(XC003, THRESHOLD, "0, or none at all", fix=_ZERO)
def _keeps_small_values(value: str) -> str:
    number = read_threshold(value)
    is_hybrid = number is not None and number > 0
    return "values below that many bytes of JSON stay in the database" if is_hybrid else ""


@value_rule(XC010, THRESHOLD, "a whole number", fix=_ZERO)
def _is_no_number(value: str) -> str:
    return "no whole number" if read_threshold(value) is None else ""


def read_threshold(value: str) -> int | None:
    """Return the threshold as Airflow's ``getint`` reads it, or ``None`` where it raises."""
    for read in (int, float):
        try:
            number = read(value)
            whole = int(number)
        except (ValueError, OverflowError):
            continue
        return whole if whole == number else None
    return None


@lint_rule(XC004, "AIRFLOW_CONN_<ID> or a secretBackend")
def _undefined_connection(config: Configuration) -> Iterator[Objection]:
    named: set[tuple[str, tuple[str, ...]]] = set()  # XComs and state usually share one
    for value, setting in (*config.known(PATH), *config.known(STATE_PATH)):
        path = parse_base_path(value)
        if path is None or not path.connection_id or find_placeholder(path.connection_id):
            continue
        key = (path.connection_id, setting.components)
        if key in named or find_secret(PATH, value):  # XC011 speaks of a secret
            continue
        named.add(key)
        variable = connection_variable(path.connection_id)
        for other in config.settings(variable):
            components = tuple(c for c in other.components if c in setting.components)
            is_broken = other.variable is not None and other.variable.problem  # XC006 speaks of it
            if components and not other.value and not is_broken:
                yield from _undefined(config, path, other, place=setting.place, among=components)


def _undefined(
    config: Configuration, path: BasePath, other: Setting, *, place: Place, among: tuple[str, ...]
) -> Iterator[Objection]:
    variable = connection_variable(path.connection_id)
    known = {knows_connections(config, component) for component in among}
    if other.is_elsewhere:
        yield set_elsewhere(variable, other)
    elif config.kind == "cfg":
        text = f"{variable[:80]!r} is a variable, which airflow.cfg does not tell"
        yield Objection(text, place, None)
    elif known == {None}:
        text = f"{variable[:80]!r} is not set; what the secrets backend holds is unknown"
        yield Objection(text, place, None)
    elif known != {True}:
        text = f"{variable[:80]!r} is not set in {', '.join(among)}, nor in a secrets backend"
        cloud = cloud_of(path.scheme)
        yield Objection(text, place, fix=(variable, STORES[cloud].sample) if cloud else "")


@lint_rule(XC009, f"{STOCK_BACKEND} or the durable one", fix=(BACKEND, STOCK_BACKEND))
def _bad_backend(config: Configuration) -> Iterator[Objection]:
    for setting in config.settings(BACKEND):
        if setting.is_elsewhere:
            yield set_elsewhere(BACKEND, setting)
        elif setting.variable is None:
            yield Objection(f"no XCom backend in {setting.where}", setting.place)
        elif setting.value is None:
            yield Objection(f"no text in {setting.where}", setting.place)
        else:
            yield from judge_class(BACKEND, setting, stock=STOCK_BACKEND, durable=DURABLE_BACKEND)


def judge_class(name: str, setting: Setting, *, stock: str, durable: str) -> Iterator[Objection]:
    """Yield what is wrong with a class that is set: it is neither the stock nor the durable one."""
    value = setting.value or ""
    if value != stock and not is_durable(value, durable=durable):
        module, kind = _module_of(value), "XCom backend" if name == BACKEND else "state store"
        reasons = {
            "has white space around the class": value.strip() == stock,
            "is an old name": value in OLD_CLASSES,
            "keeps every value in the metadata database": value.strip() in DATABASE_CLASSES,
            f"is misspelt: {module} has no {kind} of that name": module in _MODULES,
        }
        reason = next((reason for reason, holds in reasons.items() if holds), "")
        is_own = not reason and "." in value and _is_class_path(value)  # may be somebody's own
        problem = "is a class this rule does not know" if is_own else reason or "is no class path"
        yield Objection(f"{show(name, value)} {problem}", setting.place, None if is_own else False)


def is_durable(class_path: str, *, durable: str = DURABLE_BACKEND) -> bool:
    """Tell whether a class path names the durable class, here or copied into an image."""
    return _is_class_path(class_path) and class_path.endswith(f".{durable.rpartition('.')[2]}")


def is_stock(class_path: str) -> bool:
    """Tell whether a class path names, or is meant to name, a class of Airflow's own backends."""
    return class_path.strip() in OLD_CLASSES or _module_of(class_path) in _STOCK_MODULES


def _module_of(class_path: str) -> str:
    """Return the module of a class path, in small letters: its case may be what is wrong."""
    return class_path.strip().lower().rpartition(".")[0]


def _is_class_path(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


_URL_OF_AZURE = "Airflow reads the part before @ as the connection id, not as the container"


@value_rule(XC011, PATH, "s3, gs, abfs or adl")
def path_problem(value: str) -> str:
    """Return why values would not reach a bucket by a path, ``""`` if they do."""
    if not value.strip():
        return ""  # XC001 speaks of it
    if find_secret(PATH, value):
        return "user and password instead of a connection id"
    path = parse_base_path(value)
    if path is None:
        is_shifted = parse_base_path(value.strip()) is not None
        reason = "begins with white space" if is_shifted else "no scheme"
        return f"{reason}, so values go to a directory of the pod"
    lacks_account = path.scheme in STORES["azure"].schemes and not path.connection_id
    reasons = {
        BAD_SCHEMES.get(path.scheme, ""): path.scheme in BAD_SCHEMES,
        f"Airflow has no filesystem for {path.scheme[:20]}": path.scheme not in SCHEMES,
        _URL_OF_AZURE: path.bucket.endswith((".dfs.core.windows.net", ".blob.core.windows.net")),
        "names no connection, so adlfs knows no storage account": lacks_account,
        "ends in white space, which becomes part of the key": value != value.rstrip(),
        "names no bucket": not path.bucket,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
