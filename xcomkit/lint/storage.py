"""Rules about where XCom values go: backend class, path, threshold, compression, connection."""

from collections.abc import Iterator

from xcomkit.chart.names import (
    BACKEND,
    COMPRESSION,
    PATH,
    SECRETS_BACKEND,
    THRESHOLD,
    connection_variable,
    find_placeholder,
    parse_base_path,
)
from xcomkit.chart.sensitive import show
from xcomkit.lint.context import Context, Finding, LintRule, Seen
from xcomkit.model import DURABLE_BACKEND, STOCK_BACKEND, Rule

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
LOSING_SCHEMES = frozenset({"gs", "gcs"})  # gcsfs uploads what a codec wrote in the background
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
    remedy=f"add {PATH} to commonEnv.",
    source="Airflow, object storage XCom backend, xcom_objectstorage_path",
)
XC002 = Rule(
    id="XC002",
    title="Every component has a threshold that lets values leave the database",
    severity="fail",
    why="unset and -1 mean that every value goes to the orchestration plane's database.",
    remedy=f'add {THRESHOLD} with "0" to commonEnv.',
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
    remedy="define AIRFLOW_CONN_<ID> in commonEnv, or configure secretBackend.",
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
    remedy=f"set xcomBackend to {STOCK_BACKEND} or {DURABLE_BACKEND}.",
    source="configure XCom backend; Airflow, core xcom_backend",
)
XC010 = Rule(
    id="XC010",
    title="The threshold is a whole number",
    severity="fail",
    why="Airflow raises AirflowConfigException on units, fractions and trailing comments.",
    remedy='write plain digits in quotes, such as "0" or "1048576".',
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
XC015 = Rule(
    id="XC015",
    title="No compression hides failed uploads",
    severity="fail",
    why="the stock backend swallows a failed upload behind every codec: the push succeeds, no"
    " object exists, and the reader gets the path instead of the value.",
    remedy="remove the compression, use a backend that confirms its writes, or accept XC015 by"
    " name with the reason.",
    source="measured with common.io and s3fs; fsspec codecs",
)


def _missing(context: Context, name: str, *, word: str) -> Iterator[Finding]:
    """Yield the components without a setting; what is written wrongly is XC006's."""
    for seen in context.seen(name):
        if seen.is_untold:
            yield _untold(name, seen)
        elif seen.variable is None or (
            not seen.variable.problem and not (seen.value or "").strip()
        ):
            hint = context.near_miss(word, name=name)
            yield Finding(f"{name} is missing in {seen.where}{hint}", seen.line)


def _untold(name: str, seen: Seen) -> Finding:
    return Finding(f"{name} in {seen.where} comes from elsewhere (valueFrom)", seen.line, None)


def _told(context: Context, name: str) -> Iterator[tuple[str, Seen]]:
    """Yield the values the file tells."""
    for seen in context.seen(name):
        if seen.value is not None:
            yield seen.value, seen


def find_missing_path(context: Context) -> Iterator[Finding]:
    """Yield components that have no path, or an empty one."""
    yield from _missing(context, PATH, word="OBJECTSTORAGE_PATH")


def find_missing_threshold(context: Context) -> Iterator[Finding]:
    """Yield components whose threshold keeps every value in the database."""
    yield from _missing(context, THRESHOLD, word="OBJECTSTORAGE_THRESHOLD")
    for value, seen in _told(context, THRESHOLD):
        number = read_threshold(value)
        if number is not None and number < 0:
            yield Finding(f"{number} in {seen.where}: nothing goes to the bucket", seen.line)


def find_hybrid_threshold(context: Context) -> Iterator[Finding]:
    """Yield components that keep small values in the database."""
    for value, seen in _told(context, THRESHOLD):
        number = read_threshold(value)
        if number is not None and number > 0:
            text = f"values below {number} bytes of JSON stay in the database ({seen.where})"
            yield Finding(text, seen.line)


def find_bad_threshold(context: Context) -> Iterator[Finding]:
    """Yield thresholds that Airflow cannot read as a number."""
    for value, seen in _told(context, THRESHOLD):
        if value.strip() and read_threshold(value) is None:
            yield Finding(f"{show(THRESHOLD, value)} in {seen.where}", seen.line)


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


def find_undefined_connection(context: Context) -> Iterator[Finding]:
    """Yield components in which the path names a connection that nothing defines."""
    for value, seen in _told(context, PATH):
        path = parse_base_path(value)
        if path is None or not path.connection_id or find_placeholder(path.connection_id):
            continue
        variable = connection_variable(path.connection_id)
        for other in context.seen(variable):
            components = tuple(c for c in other.components if c in seen.components)
            if not components or other.value:
                continue
            if other.is_untold:
                yield _untold(variable, other)
            elif not all(context.environment[c].get(SECRETS_BACKEND) for c in components):
                where = ", ".join(components)
                hint = context.near_miss("AIRFLOW_CONN", path.connection_id.upper(), name=variable)
                text = f"{variable[:80]!r} is not set in {where}, and no secretBackend is{hint}"
                yield Finding(text, seen.line)


def find_bad_compression(context: Context) -> Iterator[Finding]:
    """Yield compressions that raise in Airflow."""
    for seen in context.seen(COMPRESSION):
        if seen.is_untold:
            yield _untold(COMPRESSION, seen)
        elif seen.value in EXTRA_CODECS:
            text = f"{seen.value!r} needs its package on every agent that reads ({seen.where})"
            yield Finding(text, seen.line)
        elif seen.value and seen.value not in CODECS:
            yield Finding(f"{show(COMPRESSION, seen.value)} in {seen.where}", seen.line)


def find_hiding_compression(context: Context) -> Iterator[Finding]:
    """Yield components in which the stock backend compresses."""
    for value, seen in _told(context, COMPRESSION):
        environment = context.environment[seen.components[0]]
        stock = environment.get(BACKEND, "").strip() == STOCK_BACKEND
        if stock and value in (*CODECS, *EXTRA_CODECS):
            path = parse_base_path(environment.get(PATH, ""))
            worse = path is not None and path.scheme in LOSING_SCHEMES
            more = "; on Cloud Storage values are lost even without a fault" if worse else ""
            yield Finding(f"{value} with the stock backend in {seen.where}{more}", seen.line)


def find_bad_backend(context: Context) -> Iterator[Finding]:
    """Yield backend classes that are missing, misspelt, outdated or unknown to this rule."""
    for seen in context.seen(BACKEND):
        value = seen.value
        if seen.is_untold:
            yield _untold(BACKEND, seen)
        elif seen.variable is None:
            hint = context.near_miss("XCOM", "BACKEND", name=BACKEND)
            yield Finding(f"no XCom backend in {seen.where}{hint}", seen.line)
        elif value is None:
            yield Finding(f"no text in {seen.where}", seen.line)
        elif value != STOCK_BACKEND and not is_durable(value):
            yield _class_finding(value, line=seen.line)


def is_durable(class_path: str) -> bool:
    """Tell whether a class path names the durable backend, here or copied into an image."""
    name = DURABLE_BACKEND.rpartition(".")[2]
    return all(part.isidentifier() for part in class_path.split(".")) and class_path.endswith(
        f".{name}"
    )


def _class_finding(value: str, *, line: int) -> Finding:
    shown = show(BACKEND, value)
    if value.strip() == STOCK_BACKEND:
        return Finding(f"{shown} has a space around the class", line)
    if value in OLD_CLASSES:
        return Finding(f"{shown} is an old name", line)
    parts = value.split(".")
    if len(parts) > 1 and all(part.isidentifier() for part in parts):
        return Finding(f"{shown} is a class this rule does not know", line, None)
    return Finding(f"{shown} is no class path", line)


def find_bad_path(context: Context) -> Iterator[Finding]:
    """Yield paths whose scheme does not lead to a bucket through the connection."""
    for value, seen in _told(context, PATH):
        if value.strip() and (problem := _path_problem(value)):
            yield Finding(f"{show(PATH, value)}: {problem} ({seen.where})", seen.line)


def _path_problem(value: str) -> str:
    path = parse_base_path(value)
    if path is None:
        return "no scheme, so values go to a directory of the pod"
    if path.scheme in BAD_SCHEMES:
        return BAD_SCHEMES[path.scheme]
    if path.scheme not in SCHEMES:
        return f"Airflow has no filesystem for {path.scheme[:20]}"
    if path.bucket.endswith((".dfs.core.windows.net", ".blob.core.windows.net")):
        return "Airflow reads the part before @ as the connection id, not as the container"
    return "" if path.bucket else "names no bucket"


STORAGE: tuple[LintRule, ...] = (
    LintRule(XC001, PATH, "no component without a path", find_missing_path),
    LintRule(
        XC002, f"{THRESHOLD} of 0 or more", "no component without one", find_missing_threshold
    ),
    LintRule(XC003, "0, or none at all", "no threshold above 0", find_hybrid_threshold),
    LintRule(
        XC004,
        "AIRFLOW_CONN_<ID> or a secretBackend",
        "no path names an undefined connection",
        find_undefined_connection,
    ),
    LintRule(
        XC005,
        "empty, zip, gzip, bz2, lzma or xz",
        "no name that Airflow refuses",
        find_bad_compression,
    ),
    LintRule(
        XC009,
        f"{STOCK_BACKEND} or the durable one",
        "the class in every component",
        find_bad_backend,
    ),
    LintRule(XC010, "a whole number", "no threshold that is no number", find_bad_threshold),
    LintRule(XC011, "s3, gs, abfs or adl", "no path with an unfit scheme", find_bad_path),
    LintRule(XC015, "no compression with the stock backend", "none", find_hiding_compression),
)
