"""Rules about where XCom values go: backend class, path, threshold, compression, connection."""

from collections.abc import Iterator
from dataclasses import replace

from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND, Rule
from xcomkit.lint.configuration import Place
from xcomkit.lint.context import Context, Objection, Seen, lint_rule
from xcomkit.lint.rules.connections import AZURE_SCHEMES
from xcomkit.lint.rules.secrets_backends import knows_connections
from xcomkit.values.names import (
    BACKEND,
    COMPRESSION,
    PATH,
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
CODECS = ("zip", "gzip", "bz2", "lzma", "xz")
EXTRA_CODECS = ("lz4", "zstd")
OLD_CLASSES = frozenset(
    {
        "airflow.providers.common.io.xcom.backend.XComObjectStoreBackend",
        "airflow.providers.common.io.xcom.backend.XComObjectStorageBackEnd",
        "airflow.providers.common.io.backends.xcom.XComObjectStorageBackend",
    }
)
SCHEMES = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl"})
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
    why="without a path values land in a relative directory of the pod, without any error.",
    remedy=f"set {PATH} for every component, in commonEnv.",
    source="Airflow, object storage XCom backend, xcom_objectstorage_path",
)
XC002 = Rule(
    id="XC002",
    title="Every component has a threshold that lets values leave the database",
    severity="fail",
    why="unset and -1 mean that every value goes to the orchestration plane's database.",
    remedy=f"set {THRESHOLD} to 0 for every component, in commonEnv.",
    source="Airflow, object storage XCom backend, xcom_objectstorage_threshold",
)
XC003 = Rule(
    id="XC003",
    title="The threshold sends every value to the bucket",
    severity="warn",
    why="smaller values leave the execution plane for the orchestration plane's database.",
    remedy='set the threshold to "0", the value the guide recommends.',
    source="configure XCom backend",
)
XC004 = Rule(
    id="XC004",
    title="The connection of the path is defined",
    severity="fail",
    why="agents cannot see the metadata database; S3 then signs as the pod, the others fail.",
    remedy="define AIRFLOW_CONN_<ID> for every component, or a secrets backend that knows it.",
    source="Airflow, managing connections; configure XCom backend",
)
XC005 = Rule(
    id="XC005",
    title="Airflow accepts the compression",
    severity="fail",
    why="any other name raises ValueError in every task; the guide's None is such a name.",
    remedy="remove the variable for no compression, or write zip, gzip, bz2, lzma or xz.",
    source="common.io provider, xcom backend; fsspec compressions",
)
XC009 = Rule(
    id="XC009",
    title="The backend class is Airflow's object storage backend, or the durable one",
    severity="fail",
    why="without it values go to the metadata database, with a misspelt one no task starts.",
    remedy=f"set the class (xcomBackend of the chart) to {STOCK_BACKEND} or {DURABLE_BACKEND}.",
    source="configure XCom backend; Airflow, core xcom_backend",
)
XC010 = Rule(
    id="XC010",
    title="The threshold is a whole number",
    severity="fail",
    why="Airflow raises AirflowConfigException on units, fractions and trailing comments.",
    remedy="write plain digits, such as 0 or 1048576.",
    source="Airflow configuration, getint",
)
XC011 = Rule(
    id="XC011",
    title="The path has a scheme that uses the connection",
    severity="fail",
    why="other schemes write into the pod, ignore the connection or fail in every task.",
    remedy="write <s3|gs|abfs>://<connection-id>@<bucket>/<prefix>.",
    source="Airflow, object storage; provider filesystems",
)


_PATH = ((PATH, "s3://aws_default@<bucket>/<prefix>"),)
_ZERO = ((THRESHOLD, "0"),)
_CONNECTIONS = {
    "s3": '{"conn_type": "aws", "extra": {"region_name": "<region>"}}',
    "gs": '{"conn_type": "google_cloud_platform", "extra": {"project": "<project>"}}',
    "abfs": '{"conn_type": "azure_data_lake",'
    ' "extra": {"account_name": "<account>", "anon": false}}',
}


def _missing(context: Context, name: str, *, word: str) -> Iterator[Objection]:
    """Yield the components without a setting; what is written wrongly is XC006's."""
    for seen in context.seen(name):
        if seen.is_untold:
            yield _untold(name, seen)
        elif seen.variable is None or (
            name != THRESHOLD and not seen.variable.problem and not (seen.value or "").strip()
        ):
            hint = context.near_miss(word, name=name)
            yield Objection(f"{name} is missing in {seen.where}{hint}", seen.place)


def _untold(name: str, seen: Seen) -> Objection:
    text = f"{name} in {seen.where} comes from elsewhere ({seen.more or 'not told by this file'})"
    return Objection(text, seen.place, None)


@lint_rule(XC001, PATH, fix=_PATH)
def find_missing_path(context: Context) -> Iterator[Objection]:
    """Yield components that have no path, or an empty one."""
    for objection in _missing(context, PATH, word="OBJECTSTORAGE_PATH"):
        yield replace(objection, fix=((PATH, _sample_path(context)),))


def _sample_path(context: Context) -> str:
    """Return a path of the store that a connection of the file leads to, or of S3."""
    for environment in context.environment.values():
        for name, value in environment.items():
            if name.startswith("AIRFLOW_CONN_"):
                for scheme, words in (("abfs", ("azure", "adls")), ("gs", ("google", "gcp"))):
                    if value.lstrip('{ "').removeprefix('conn_type": "').startswith(words):
                        connection_id = name.removeprefix("AIRFLOW_CONN_").lower()
                        return f"{scheme}://{connection_id}@<bucket>/<prefix>"
    return "s3://aws_default@<bucket>/<prefix>"


@lint_rule(XC002, f"{THRESHOLD} of 0 or more", fix=_ZERO)
def find_missing_threshold(context: Context) -> Iterator[Objection]:
    """Yield components whose threshold keeps every value in the database."""
    yield from _missing(context, THRESHOLD, word="OBJECTSTORAGE_THRESHOLD")
    for value, seen in context.told(THRESHOLD):
        number = read_threshold(value)
        if number is not None and number < 0:
            yield Objection(f"{number} in {seen.where}: nothing goes to the bucket", seen.place)


@lint_rule(XC003, "0, or none at all", fix=_ZERO)
def find_hybrid_threshold(context: Context) -> Iterator[Objection]:
    """Yield components that keep small values in the database."""
    for value, seen in context.told(THRESHOLD):
        number = read_threshold(value)
        if number is not None and number > 0:
            text = f"values below {number} bytes of JSON stay in the database ({seen.where})"
            yield Objection(text, seen.place)


@lint_rule(XC010, "a whole number", fix=_ZERO)
def find_bad_threshold(context: Context) -> Iterator[Objection]:
    """Yield thresholds that Airflow cannot read as a number."""
    for value, seen in context.told(THRESHOLD):
        if read_threshold(value) is None:
            yield Objection(f"{show(THRESHOLD, value)} in {seen.where}", seen.place)


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
def find_undefined_connection(context: Context) -> Iterator[Objection]:
    """Yield components in which the path names a connection that nothing defines."""
    for value, seen in context.told(PATH):
        path = parse_base_path(value)
        if path is None or not path.connection_id or find_placeholder(path.connection_id):
            continue
        if find_secret(PATH, value):
            continue  # XC011 speaks of it
        variable = connection_variable(path.connection_id)
        for other in context.seen(variable):
            components = tuple(c for c in other.components if c in seen.components)
            is_broken = other.variable is not None and other.variable.problem  # XC006 speaks of it
            if components and not other.value and not is_broken:
                yield from _undefined(context, path, other, place=seen.place, among=components)


def _undefined(
    context: Context, path: BasePath, other: Seen, *, place: Place, among: tuple[str, ...]
) -> Iterator[Objection]:
    variable = connection_variable(path.connection_id)
    known = {knows_connections(context, component) for component in among}
    if other.is_untold:
        yield _untold(variable, other)
    elif context.kind == "cfg":
        text = f"{variable[:80]!r} is a variable, which airflow.cfg does not tell"
        yield Objection(text, place, None)
    elif known == {None}:
        text = f"{variable[:80]!r} is not set; what the secrets backend knows is not told"
        yield Objection(text, place, None)
    elif known != {True}:
        hint = context.near_miss("AIRFLOW_CONN", path.connection_id.upper(), name=variable)
        text = f"{variable[:80]!r} is not set in {', '.join(among)}, nor in a secrets backend{hint}"
        sample = next((c for s, c in _CONNECTIONS.items() if path.scheme.startswith(s)), "")
        yield Objection(text, place, fix=((variable, sample),) if sample else "")


@lint_rule(XC005, "empty, zip, gzip, bz2, lzma or xz", fix=((COMPRESSION, ""),))
def find_bad_compression(context: Context) -> Iterator[Objection]:
    """Yield compressions that raise in Airflow."""
    for seen in context.seen(COMPRESSION):
        if seen.variable is not None and seen.is_untold:
            yield _untold(COMPRESSION, seen)
        elif seen.value in EXTRA_CODECS:
            text = f"{seen.value!r} needs its package on every agent that reads ({seen.where})"
            yield Objection(text, seen.place)
        elif seen.value and seen.value not in CODECS:
            yield Objection(f"{show(COMPRESSION, seen.value)} in {seen.where}", seen.place)


@lint_rule(XC009, f"{STOCK_BACKEND} or the durable one", fix=((BACKEND, STOCK_BACKEND),))
def find_bad_backend(context: Context) -> Iterator[Objection]:
    """Yield backend classes that are missing, misspelt, outdated or unknown to this rule."""
    for seen in context.seen(BACKEND):
        value = seen.value
        if seen.is_untold:
            yield _untold(BACKEND, seen)
        elif seen.variable is None:
            hint = context.near_miss("XCOM", "BACKEND", name=BACKEND)
            yield Objection(f"no XCom backend in {seen.where}{hint}", seen.place)
        elif value is None:
            yield Objection(f"no text in {seen.where}", seen.place)
        elif value != STOCK_BACKEND and not is_durable(value):
            yield _class_objection(value, place=seen.place)


def is_durable(class_path: str) -> bool:
    """Tell whether a class path names the durable backend, here or copied into an image."""
    name = DURABLE_BACKEND.rpartition(".")[2]
    return all(part.isidentifier() for part in class_path.split(".")) and class_path.endswith(
        f".{name}"
    )


def _class_objection(value: str, *, place: Place) -> Objection:
    shown = show(BACKEND, value)
    if value.strip() == STOCK_BACKEND:
        return Objection(f"{shown} has white space around the class", place)
    if value in OLD_CLASSES:
        return Objection(f"{shown} is an old name", place)
    if value.strip() in DATABASE_CLASSES:
        return Objection(f"{shown} keeps every value in the metadata database", place)
    parts = value.split(".")
    if len(parts) > 1 and all(part.isidentifier() for part in parts):
        return Objection(f"{shown} is a class this rule does not know", place, None)
    return Objection(f"{shown} is no class path", place)


@lint_rule(XC011, "s3, gs, abfs or adl")
def find_bad_path(context: Context) -> Iterator[Objection]:
    """Yield paths whose scheme does not lead to a bucket through the connection."""
    for value, seen in context.told(PATH):
        if find_secret(PATH, value):
            text = "the path holds user and password instead of a connection id (value hidden)"
            yield Objection(f"{text} in {seen.where}", seen.place)
        elif value.strip() and (problem := _path_problem(value)):
            yield Objection(f"{show(PATH, value)}: {problem} ({seen.where})", seen.place)


_URL_OF_AZURE = "Airflow reads the part before @ as the connection id, not as the container"


def _path_problem(value: str) -> str:
    path = parse_base_path(value)
    if path is None:
        is_shifted = parse_base_path(value.strip()) is not None
        reason = "begins with white space" if is_shifted else "no scheme"
        return f"{reason}, so values go to a directory of the pod"
    lacks_account = path.scheme in AZURE_SCHEMES and not path.connection_id
    reasons = {
        BAD_SCHEMES.get(path.scheme, ""): path.scheme in BAD_SCHEMES,
        f"Airflow has no filesystem for {path.scheme[:20]}": path.scheme not in SCHEMES,
        _URL_OF_AZURE: path.bucket.endswith((".dfs.core.windows.net", ".blob.core.windows.net")),
        "names no connection, so adlfs knows no storage account": lacks_account,
        "ends in white space, which becomes part of the key": value != value.rstrip(),
        "names no bucket": not path.bucket,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
