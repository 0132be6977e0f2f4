"""Airflow's own XCom backend and state store, in a process that has only its environment.

One self-contained file: standard library and Airflow only, so that the same text can run in an
agent's pod. It speaks JSON lines: a greeting, then one line per line of requests. Airflow is
imported once; every request is a list of steps for a fork of its own, made before any filesystem is
used, because common-io keeps path, codec and threshold per process. Requests of one line run at the
same time. What logs to stdout ends up on stderr.
"""

import base64
import contextlib
import dataclasses
import datetime as dt
import functools
import gc
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import logging
import os
import pathlib
import platform
import random
import re
import select
import signal
import sys
import threading
import time
import types
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from types import TracebackType
from typing import IO, Any, ClassVar, NamedTuple, Self

CLOUDS = ("amazon", "microsoft-azure", "google")
AIRFLOW = ("", "-task-sdk", "-providers-common-io", *(f"-providers-{name}" for name in CLOUDS))
PACKAGES = ("fsspec", "s3fs", "adlfs", "gcsfs", "universal_pathlib", "pandas", "pyarrow")
CLASSES = ("AIRFLOW__CORE__XCOM_BACKEND", "AIRFLOW__WORKERS__STATE_STORE_BACKEND")
SHOWN = (*CLASSES, "AIRFLOW__COMMON_IO__")
TOKEN_FILES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
)
POD_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
DECIDING = (*CLASSES, "AIRFLOW__COMMON_IO__XCOM", "AIRFLOW__COMMON_IO__STATE_STORE")
READ_AT_IMPORT = {
    "SSL_CERT_FILE": "aiohttp.connector",
    "GCE_METADATA_HOST": "google.auth.compute_engine._metadata",
    "GCE_METADATA_IP": "google.auth.compute_engine._metadata",
}
MOST_LINES, MOST_TEXT, MOST_BODY = 20, 600, 200_000
WORDS = "the task reads orders and writes one summary per region while another waits for events"
HIDE: Callable[[str], str] = globals().get("hide", str)
"""Given by whoever sends this text into a pod; on this machine the reader takes secrets out."""


def first_line(text: object) -> str:
    """Return the first line of a text, bounded; in a pod without the pod's own secrets."""
    return HIDE((str(text).strip().splitlines() or [""])[0])[:MOST_TEXT]


class Attempt:
    """Turns what the code below it raises into ``error``: here a failure is a result."""

    error: dict[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: object, _trace: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        below = error.__cause__ or error.__context__
        cause = f"{type(below).__name__}: {first_line(below)}" if below else ""
        self.error = {"type": type(error).__name__, "message": first_line(error), "cause": cause}
        return True


@functools.cache
def build(text: str) -> object:
    """Return the value of a spec ``{kind, bytes}``; the same spec gives the same value."""
    spec = json.loads(text)
    if spec["kind"] not in BUILDERS:
        raise ValueError(f"no such payload: {spec['kind']}")
    rng = random.Random(1)  # noqa: S311 - reproducible data, not a secret
    return BUILDERS[spec["kind"]](spec, rng, int(spec.get("bytes", 0)))


def _call(spec: dict[str, Any], _rng: random.Random, _size: int) -> object:
    """Return what a user's own ``module:function`` returns."""
    module, _, name = spec["name"].partition(":")
    return getattr(importlib.import_module(module), name)()


def _dataframe(_spec: dict[str, Any], rng: random.Random, size: int) -> object:
    importlib.import_module("pyarrow")
    rows = [_record(rng, number) for number in range(max(10, size // 40))]
    return importlib.import_module("pandas").DataFrame(rows)


def _record(rng: random.Random, number: int) -> dict[str, object]:
    return {
        "id": number,
        "customer": f"customer-{rng.randrange(5000):05d}",
        "country": rng.choice(("DE", "FR", "US", "JP", "BR")),
        "amount": rng.randrange(10, 999_999) / 100,
        "created": f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}T08:00:00+00:00",
        "paid": rng.random() < 0.8,
    }


def _typed() -> list[object]:
    """Return one value of every type that Airflow's encoder keeps on the way through an object.

    It keeps a tuple only as the outermost value or inside a set, and a frozenset only outermost or
    in an outermost list; elsewhere both come back as lists (``airflow.utils.json``,
    ``airflow.sdk.serde``). A Decimal passes through a float: 15 digits, no trailing zeros.
    """
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)
    times = (moment, moment.date(), dt.timedelta(days=1, microseconds=3), Decimal("12.25"))
    scalars = (2**80, float("nan"), float("-inf"), -0.5, None, True, "Grüße \U0001f600 a\0b")
    collections = ({(1, (2, "inner"))}, frozenset({"a", "b"}), {"a": [{"b": moment}, []]})
    return [*times, *scalars, *collections]


BUILDERS: dict[str, Callable[[dict[str, Any], random.Random, int], object]] = {
    "small_dict": lambda *_: {"rows": 42, "source": "orders", "complete": True, "share": 0.25},
    "records": lambda _, rng, size: [_record(rng, n) for n in range(max(1, size // 128))],
    "random": lambda _, rng, size: base64.b64encode(rng.randbytes(size * 3 // 4)).decode(),
    "text": lambda _, rng, size: " ".join(rng.choices(WORDS.split(), k=size // 6)),
    "typed": lambda *_: _typed(),
    "dataframe": _dataframe,
    "json": lambda spec, *_: spec["value"],
    "callable": _call,
}


class Pair(NamedTuple):
    """A namedtuple of a user's own."""

    left: int
    right: int


@dataclasses.dataclass
class Row:
    """A dataclass of a user's own, which ``allowed_deserialization_classes`` does not name."""

    number: int


TYPES: dict[str, Callable[[], object]] = {
    "str": lambda: "Grüße",
    "int above 64 bits": lambda: 2**80,
    "float nan": lambda: float("nan"),
    "bool": lambda: True,
    "None": lambda: None,
    "tuple": lambda: (1, "a"),
    "tuple in a list": lambda: [(1, "a")],
    "tuple in a dict": lambda: {"a": (1, 2)},
    "namedtuple": lambda: Pair(1, 2),
    "set": lambda: {1, 2},
    "frozenset": lambda: frozenset({1, 2}),
    "frozenset in a dict": lambda: {"a": frozenset({1, 2})},
    "dict with int keys": lambda: {1: "a"},
    "datetime": lambda: dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "date": lambda: dt.date(2026, 1, 2),
    "time": lambda: dt.time(3, 4, 5),
    "timedelta": lambda: dt.timedelta(days=1),
    "Decimal of 20 digits": lambda: Decimal("0.12345678901234567890"),
    "UUID": lambda: uuid.UUID(int=7),
    "bytes": lambda: b"abc",
    "Path": lambda: pathlib.PurePosixPath("/tmp/x"),  # noqa: S108 - a value, never a file
    "complex": lambda: 1 + 2j,
    "dataclass": lambda: Row(1),
    "numpy int64": lambda: importlib.import_module("numpy").int64(7),
    "numpy array": lambda: importlib.import_module("numpy").arange(3),
    "pandas DataFrame": lambda: importlib.import_module("pandas").DataFrame({"a": [1, 2]}),
    "pandas Series": lambda: importlib.import_module("pandas").Series([1, 2]),
}
"""What tasks return, by name; each is made only when it is asked for."""


def canonical(value: Any) -> list[Any]:
    """Return a value as nested ``[type, body]`` pairs, typed as Airflow's ``__classname__``."""
    body: Any = value
    match value:
        case dict():
            body = sorted(([canonical(k), canonical(v)] for k, v in value.items()), key=json.dumps)
        case list() | tuple():
            body = [canonical(item) for item in value]
        case set() | frozenset():
            body = sorted((canonical(item) for item in value), key=json.dumps)
        case dt.date():  # a datetime too; only the class of its zone may change
            body = value.isoformat()
        case _ if type(value).__name__ == "DataFrame":
            body = [[str(n), str(value[n].dtype), repr(value[n].tolist())] for n in value]
            body.append(repr(value.index.tolist()))
        case _ if not isinstance(value, str):
            body = repr(value)
    return [f"{type(value).__module__}.{type(value).__qualname__}", body]


def describe(value: object) -> dict[str, Any]:
    """Return the digest of a value's canonical form and, where it is small, the form itself."""
    pair = canonical(value)
    text = json.dumps(pair)
    small = pair if len(text) <= MOST_BODY else None
    return {"digest": hashlib.sha256(text.encode()).hexdigest(), "canonical": small}


def fate(make: Callable[[], object], way: Callable[[object], object]) -> str:
    """Return ``kept``, what a value became on its way, or the error it ended in."""
    with Attempt() as made:
        value = make()
    if made.error:
        return f"not available: {made.error['message']}"
    with Attempt() as sent:
        returned = way(value)
    if sent.error:
        return f"{sent.error['type']}: {sent.error['message']}"
    if canonical(returned) == canonical(value):
        return "kept"
    return f"becomes {type(returned).__name__} {str(returned)[:40]}"


class Announced(logging.Filter):
    """Counts requests by the lines in which an SDK announces each one, and lets none of them out.

    azure-core's HttpLoggingPolicy logs every attempt at INFO, ``gcsfs.core._call`` at DEBUG.
    """

    LOGGERS: ClassVar[dict[str, tuple[str, re.Pattern[str]]]] = {
        "adlfs": (
            "azure.core.pipeline.policies.http_logging_policy",
            re.compile(r"Request URL: .*\nRequest method: '([A-Z]+)'"),
        ),
        "gcsfs": ("gcsfs", re.compile(r"([A-Z]+): ")),
    }

    def __init__(self, package: str, requests: Counter[str]) -> None:
        super().__init__()
        name, self.pattern = self.LOGGERS[package]
        self.requests = requests
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG if package == "gcsfs" else logging.INFO)
        logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Count an announcement; pass on what is a warning or worse."""
        if found := self.pattern.match(record.getMessage()):
            self.requests[found[1]] += 1
        return record.levelno >= logging.WARNING


class Witness(logging.Handler):
    """Keeps log lines from WARNING up, exceptions that Python could only ignore, and requests."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.log: list[str] = []
        self.ignored: list[str] = []
        self.requests: Counter[str] = Counter()
        self.counts = False
        logging.getLogger().addHandler(self)
        sys.unraisablehook = self._unraisable
        processors = importlib.import_module("structlog").get_config()["processors"]
        processors.insert(len(processors) - 1, self._event)  # in place: loggers are cached

    def count_requests(self) -> None:
        """Count HTTP attempts where the filesystem of the path, or its SDK, tells about them."""
        with Attempt():  # what fails here fails again, and is reported, in the step itself
            filesystem = airflow("sdk", "ObjectStoragePath")(settings_of("xcom")["path"]).fs
            package = type(filesystem).__module__.partition(".")[0]
            client = getattr(filesystem, "s3", None)
            self.counts = package in Announced.LOGGERS or client is not None
            if client is not None:
                client.meta.events.register("before-send.s3", self._request)
            elif self.counts:
                Announced(package, self.requests)

    def take(self) -> dict[str, Any]:
        """Return what was seen since the last call; finalizers run first."""
        gc.collect()
        gc.freeze()  # what survives a step is not looked at again: 35 ms less per step
        requests = dict(self.requests) if self.counts else None
        seen = {"log": self.log, "ignored": self.ignored, "requests": requests}
        self.log, self.ignored = [], []
        self.requests.clear()
        return seen

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record of the standard library's logging."""
        self._note(self.log, f"{record.levelname} {record.name}: {record.getMessage()}")

    def _event(self, _logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        level = str(event.get("level", method)).upper()
        if logging.getLevelNamesMapping().get(level, 0) >= logging.WARNING:
            self._note(self.log, f"{level} {event.get('logger', 'task')}: {event.get('event')}")
        return event

    def _unraisable(self, seen: Any) -> None:
        where = seen.err_msg or f"Exception ignored in {type(seen.object).__name__}"
        self._note(self.ignored, f"{where}: {seen.exc_type.__name__}: {first_line(seen.exc_value)}")

    def _note(self, noted: list[str], line: str) -> None:
        if len(noted) < MOST_LINES:
            noted.append(first_line(line))

    def _request(self, *, event_name: str, **_: object) -> None:
        self.requests[event_name.rpartition(".")[2]] += 1


def airflow(module: str, name: str) -> Any:
    """Return a name out of one of Airflow's modules."""
    return getattr(importlib.import_module(f"airflow.{module}"), name)


def setting(name: str, *, section: str = "common.io") -> str:
    """Return a setting as Airflow resolves it, ``""`` when it is unset.

    Up to Airflow 3.1 the task SDK has no configuration of its own and reads core's.
    """
    try:
        conf = airflow("sdk.configuration", "conf")
    except ModuleNotFoundError:
        conf = airflow("configuration", "conf")
    return conf.get(section, name, fallback="") or ""


def settings_of(subject: str) -> dict[str, str]:
    """Return the settings of common-io's backend for XComs or for the state store."""
    kind = {"xcom": "xcom", "state": "state_store"}[subject]
    names = ("path", "threshold", "compression")
    return {name: setting(f"{kind}_objectstorage_{name}") for name in names}


@functools.cache
def backend(subject: str = "xcom") -> Any:
    """Return the backend class as the task runner resolves it; once per process, as there."""
    if subject == "xcom":
        return airflow("sdk.execution_time.xcom", "resolve_xcom_backend")()
    return load(setting("state_store_backend", section="workers"))


def load(path: str) -> Any:
    """Return the class of a path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class Supervisor:
    """Stands where a task's supervisor is: holds the row that a task writes, reads and deletes.

    The plane knows no connection and no variable, so those must come from the environment or the
    agents' own secrets backend. ``row`` is None where there is no row.
    """

    def __init__(self) -> None:
        self.row: Any = None
        self.comms = importlib.import_module("airflow.sdk.execution_time.comms")
        runner().SUPERVISOR_COMMS = self

    def send(self, msg: Any = None, **_: object) -> Any:
        """Answer a message of the task's as the supervisor does."""
        kind, error = type(msg).__name__, airflow("sdk.exceptions", "ErrorType")
        if kind.startswith("Set"):
            self.row = json.loads(json.dumps(msg.value))  # as the API server stores it
        elif kind.startswith(("Delete", "Clear")):
            self.row = None
        elif kind == "GetXCom":
            return self.comms.XComResult(key=msg.key, value=self.row)
        elif "StateStore" in kind:
            task, asset = self.comms.TaskStateStoreResult, self.comms.AssetStateStoreResult
            result = task if "Task" in kind else asset
            return result.model_construct(value=self.row)
        elif kind.startswith("Get"):
            named = error.VARIABLE_NOT_FOUND if "Var" in kind else error.CONNECTION_NOT_FOUND
            return self.comms.ErrorResponse(error=named)
        return None


def runner() -> Any:
    """Return the module that runs a task on an agent."""
    return importlib.import_module("airflow.sdk.execution_time.task_runner")


class Task:
    """A running task as its own code sees it, with a class as its XCom backend.

    Every task is a task instance of its own, as every try is. ``row`` returns what the database
    holds for a reference, and ``answer`` what the backend made of a value, by its row.
    """

    row = answer = staticmethod(lambda one: one)

    def __init__(self, where: dict[str, Any], backend_class: Any) -> None:
        self.key = where["key"]
        self.ids = {name: where[name] for name in ("dag_id", "run_id", "task_id", "map_index")}
        self.backend = runner().XCom = backend_class  # what it resolved when it was imported
        self.instance = runner().RuntimeTaskInstance.model_construct(
            **self.ids,
            id=uuid.uuid4(),
            try_number=1,
            region_id=None,
            region_index=None,
            task=types.SimpleNamespace(returns_dag_result=False),
        )

    def push(self, value: object) -> None:
        """Push a value as a task does, whichever hook of the backend that leads to."""
        self.instance.xcom_push(self.key, value)

    def pull(self) -> object:
        """Pull this task's value as another task does."""
        ids = {"task_ids": self.ids["task_id"], "map_indexes": self.ids["map_index"]}
        return self.instance.xcom_pull(key=self.key, **ids)

    def clear(self) -> None:
        """Delete the XCom as the task runner does before a cleared task runs again."""
        self.backend.delete(key=self.key, **self.ids)


class State:
    """A key of the state store as a running task sees it: its own, or one of an asset.

    An asset is named by ``asset_name`` or ``asset_uri``.
    """

    answer = staticmethod(lambda row: next(iter(row.values())))

    def __init__(self, where: dict[str, Any], backend_class: Any) -> None:
        self.key, ids = where["key"], ("dag_id", "run_id", "task_id", "map_index")
        self.context: Any = importlib.import_module("airflow.sdk.execution_time.context")
        vars(self.context)["_get_worker_state_store_backend"] = functools.cache(backend_class)
        scope = airflow("sdk.state", "TaskScope")(**{name: where[name] for name in ids})
        self.store = self.context.TaskStateStoreAccessor(ti_id=uuid.uuid4(), scope=scope)
        if where.get("asset_name") or where.get("asset_uri"):
            name, uri = where.get("asset_name") or None, where.get("asset_uri") or None
            self.store = self.context.AssetStateStoreAccessor(name=name, uri=uri)

    @staticmethod
    def row(reference: str) -> Any:
        """Return what the database holds for a reference."""
        return airflow("sdk.execution_time.context", "_wrap_external_ref")(reference)

    def push(self, value: Any) -> None:
        """Set the key as a task does."""
        self.store.set(self.key, value)

    def pull(self) -> object:
        """Get the key as a task does."""
        return self.store.get(self.key)

    def clear(self) -> None:
        """Delete the key as a task does."""
        self.store.delete(self.key)


ANYWHERE = {
    "dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "key": "return_value",
    "subject": "xcom",
}  # fmt: skip
"""Whose XCom a given reference is does not matter to who reads or deletes it."""


def occupant(where: dict[str, Any], path: str = "") -> Task | State:
    """Return what a step acts through, with the configured class or the one of a path."""
    chosen = load(path) if path else backend(where["subject"])
    return (State if where["subject"] == "state" else Task)(where, chosen)


def leads_away(answer: object) -> bool:
    """Tell whether what the backend returned is a reference, and not the value as JSON."""
    if not isinstance(answer, str) or len(answer) >= 4096:
        return False
    return re.match("[a-z0-9]+://", answer) is not None


class Steps:
    """The steps of one request; ``reference`` is what the latest push made Airflow store."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.supervisor = Supervisor()
        self.reference = ""
        self.where: dict[str, Any] = ANYWHERE

    def perform(self, step: dict[str, Any]) -> dict[str, Any]:
        """Return the outcome of one step, its time in ms and what happened beside it."""
        self.result: dict[str, Any] = {"ms": 0.0}
        self.reference = step.get("reference") or self.reference
        self.where = step.get("where") or self.where
        with Attempt() as attempt:
            getattr(self, f"step_{step['do']}")(step)
        return {**self.result, "error": attempt.error, **self.witness.take()}

    def timed(self, call: Callable[[], Any]) -> Any:
        """Return what a call returns; its duration becomes the step's, even when it raises."""
        started = time.perf_counter()
        try:
            return call()
        finally:
            self.result["ms"] = round((time.perf_counter() - started) * 1000, 3)

    def step_connection(self, step: dict[str, Any]) -> None:
        """Look a connection up as a task does; return what each secrets backend says against it."""
        with Attempt() as lookup:
            found = airflow("sdk", "Connection").get(step["conn_id"])
            names = ("aws_secret_access_key", "account_key", "sas_token", "connection_string",
                     "keyfile_dict", "key_path")  # fmt: skip
            in_extra = any(found.extra_dejson.get(name) for name in names)
            self.result["signs"] = bool(found.password) or in_extra
        self.result |= {"resolved": lookup.error is None, "reasons": []}
        sources = airflow("sdk.execution_time.supervisor", "ensure_secrets_backend_loaded")
        for source in sources() if lookup.error else ():
            with Attempt() as asked:
                source.get_connection(conn_id=step["conn_id"])
            if asked.error:
                self.result["reasons"].append(f"{type(source).__name__}: {asked.error['message']}")

    def step_encode(self, step: dict[str, Any]) -> None:
        """Return length and digest of the JSON that Airflow's own encoder makes of the value.

        The state store has none of its own.
        """
        value = build(json.dumps(step["payload"]))
        encoder = airflow("utils.json", "XComEncoder") if step["subject"] == "xcom" else None
        text = self.timed(lambda: json.dumps(value, cls=encoder).encode())
        self.result |= {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        if step.get("describe"):
            self.result["value"] = describe(value)

    def step_push(self, step: dict[str, Any]) -> None:
        """Push a value; only a reference leaves the process, never a value kept inline.

        ``backend`` is another class than the configured one, for this push alone.
        """
        value = build(json.dumps(step["payload"]))
        task = occupant(step["where"], step.get("backend", ""))
        self.timed(lambda: task.push(value))
        answer = task.answer(self.supervisor.row)
        self.reference = self.result["reference"] = answer if leads_away(answer) else ""

    def step_pull(self, step: dict[str, Any]) -> None:
        """Pull a reference; tell a value apart from the reference itself coming back."""
        task = occupant(self.where)
        self.supervisor.row = task.row(self.reference)
        value = self.timed(task.pull)
        self.result["is_reference"] = isinstance(value, str) and value == self.reference
        if step.get("describe"):
            self.result["value"] = describe(value)

    def step_types(self, step: dict[str, Any]) -> None:
        """Send a value of every type through the object and as the database would hold it."""

        def through_object(value: object) -> object:
            task = occupant(step["where"])
            task.push(value)
            if not leads_away(task.answer(self.supervisor.row)):
                raise ValueError("the value stayed in the database")
            return task.pull()

        def through_database(value: object) -> object:
            kind, where = type(occupant(step["where"])), step["where"]
            plain = airflow("sdk.bases.xcom", "BaseXCom") if kind is Task else lambda: None
            task = kind(where, plain)
            task.push(value)
            return task.pull()

        self.result["types"] = [
            {"name": name, "object": fate(make, through_object),
             "database": fate(make, through_database)}
            for name, make in TYPES.items()
        ]  # fmt: skip

    def step_purge(self, _step: dict[str, Any]) -> None:
        """Delete the XCom behind a reference, as before a cleared task runs again; or a state."""
        task = occupant(self.where)
        self.supervisor.row = task.row(self.reference)
        self.timed(task.clear)

    def step_size(self, _step: dict[str, Any]) -> None:
        """Return the stored bytes as the agent's filesystem sees them, nothing when absent."""
        path = airflow("sdk", "ObjectStoragePath")(self.reference)
        path.fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            self.result["bytes"] = path.stat().st_size

    def step_identity(self, _step: dict[str, Any]) -> None:
        """Return whose service account this pod has; the token it is read from stays here."""
        files = [os.environ[name] for name in TOKEN_FILES if name in os.environ]
        _, claims, _ = pathlib.Path([*files, POD_TOKEN][0]).read_text(encoding="ascii").split(".")
        text = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        self.result["subject"] = str(json.loads(text)["sub"])

    def step_environment(self, step: dict[str, Any]) -> None:
        """Compare this process's variables with digests; values stay here, they may be secret.

        Sent is the value of the variables in ``SHOWN`` alone, and the name of what else decides
        about the backend without being expected.
        """
        verdicts, shown = {}, {}
        for name, expected in step["expected"].items():
            value = os.environ.get(name)
            if value is None:
                verdicts[name] = "missing"
                continue
            digest = hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()
            verdicts[name] = "same" if digest == expected else "differs"
            if name.startswith(SHOWN):
                shown[name] = first_line(value)
        others = sorted(n for n in os.environ if n.startswith(DECIDING) and n not in step["known"])
        self.result["environment"] = {"verdicts": verdicts, "shown": shown, "others": others}


def adopt(environment: dict[str, str]) -> None:
    """Take variables on; what read one of them when it was imported reads it again."""
    changed = {name for name, value in environment.items() if os.environ.get(name) != value}
    os.environ.update(environment)
    for module in {READ_AT_IMPORT[name] for name in changed & READ_AT_IMPORT.keys()}:
        if module in sys.modules:
            importlib.reload(sys.modules[module])


def run_child(request: dict[str, Any], channel: IO[str]) -> None:
    """Run one request in this fork, send its reply and leave as a task process does: at once."""
    signal.alarm(request["timeout"])  # the kernel ends a hanging step, whatever it hangs in
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    adopt(request["environment"])
    backend.cache_clear()  # the class may be one of this request alone
    witness = Witness()
    if any(step["do"] in {"push", "pull"} for step in request["steps"]):
        witness.count_requests()
    reply = {"steps": [*map(Steps(witness).perform, request["steps"])]}
    signal.alarm(0)  # a long reply waits until its turn to be read
    send(channel, reply)
    os._exit(0)


def run(requests: list[dict[str, Any]], channel: IO[str]) -> None:
    """Have one fork per request answer, all at the same time, and send the replies in order."""
    payloads = [step.get("payload") for request in requests for step in request["steps"]]
    for payload in payloads:
        if payload and payload["kind"] != "callable":  # a function of a user's runs in a fork
            with Attempt():  # built once, here; what cannot be built the step itself reports
                build(json.dumps(payload))
    gc.freeze()  # the forks then collect only what is theirs
    children = [(request, *start(request)) for request in requests]
    with leave_nobody([child for _, child, _ in children]):
        replies = [*map(collect, *zip(*children, strict=True))]
    send(channel, {"replies": replies})


def start(request: dict[str, Any]) -> tuple[int, IO[str]]:
    """Fork; return the child's process id and the pipe on which it answers."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run_child(request, os.fdopen(write_end, "w", encoding="utf-8"))
        finally:  # whatever happens, a fork never goes on as a second worker
            os._exit(1)
    os.close(write_end)
    return child, os.fdopen(read_end, encoding="utf-8")


def collect(request: dict[str, Any], child: int, answer: IO[str]) -> Any:
    """Return a child's reply, or how it ended: by itself or by its deadline."""
    with answer:
        text = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGALRM:
        return {"died": f"no answer within {request['timeout']} s"}
    if status:
        return {"died": f"the process ended with status {status} before it answered"}
    return json.loads(text)


@contextlib.contextmanager
def leave_nobody(children: Sequence[int] = ()) -> Iterator[None]:
    """End this process and its forks as soon as stdin hangs up: nobody would hear the answer.

    The thread that watches is gone after the block, before the next fork.
    """
    woken, wake = os.pipe()

    def watch() -> None:
        waiting = select.poll()
        waiting.register(0, 0)  # a hang-up is told without being asked for
        waiting.register(woken, select.POLLIN)
        if all(channel == woken for channel, _ in waiting.poll()):
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os._exit(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        os.write(wake, b".")
        watcher.join()
        os.close(woken)
        os.close(wake)


def send(channel: IO[str], reply: dict[str, Any]) -> None:
    """Write one reply as one line."""
    channel.write(json.dumps(reply) + "\n")
    channel.flush()


def refusal_of_loops() -> str | None:
    """Return why Airflow refuses a Dag with a task loop, ``""`` if it does not.

    ``None``: this version has no task loops, which came with Airflow 3.4.
    """
    check = getattr(runner(), "check_xcom_backend_supports_loops", None)
    if check is None:
        return None
    with Attempt() as asked:  # a name that has moved is no reason to prove nothing at all
        group = object.__new__(airflow("sdk.definitions._internal.loop", "LoopTaskGroup"))
        groups = types.SimpleNamespace(get_task_group_dict=lambda: {"loop": group})
        check(types.SimpleNamespace(dag_id="any", task_group=groups))
    return f"{asked.error['type']}: {asked.error['message']}" if asked.error else ""


def greet() -> dict[str, Any]:
    """Import Airflow and the configured backend; return versions and what was resolved."""
    started = time.perf_counter()
    found: dict[str, Any] = {
        "backend": "",
        "settings": {},
        "codecs": [],
        "packages": {},
        "digest": "",
    }
    found["loops"] = None
    with Attempt() as attempt:
        importlib.import_module("airflow.sdk.execution_time.task_runner")
        found["backend"] = f"{backend().__module__}.{backend().__qualname__}"
        found["settings"] = settings_of("xcom")
        found["loops"] = refusal_of_loops()
        registered = importlib.import_module("fsspec.utils").compressions.values()
        found["codecs"] = sorted({str(codec) for codec in registered})
    found["state"] = {"backend": "", "settings": {}}
    with Attempt() as state:
        found["state"]["settings"] = settings_of("state")
        if setting("state_store_backend", section="workers"):
            chosen = backend("state")
            found["state"]["backend"] = f"{chosen.__module__}.{chosen.__qualname__}"
    found["state"]["error"] = state.error
    with Attempt():
        source = pathlib.Path(inspect.getfile(backend()))
        found["digest"] = hashlib.sha256(source.read_bytes()).hexdigest()
    with Attempt():  # imports only, to spare every fork; a missing package fails in the step itself
        protocol = found["settings"]["path"].partition("://")[0]
        airflow("sdk.io", "has_fs")(protocol)
        importlib.import_module("fsspec").get_filesystem_class(protocol)
        for name in ("sdk.execution_time.supervisor", "models.taskinstance"):
            importlib.import_module(f"airflow.{name}")  # what connections and plugins are found by
    found["import_ms"] = round((time.perf_counter() - started) * 1000)
    for name in (*(f"apache-airflow{part}" for part in AIRFLOW), *PACKAGES):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found["packages"][name] = importlib.metadata.version(name)
    return {"python": platform.python_version(), **found, "error": attempt.error}


def main() -> None:
    """Greet, then answer one request per line until stdin ends.

    A copy of this process answers on a socket meanwhile, if one is given: one import serves both.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with leave_nobody():
        greeting = greet()
    send(channel, greeting)
    for copied in map(int, sys.argv[1:]):
        if os.fork() == 0:
            channel.close()
            os.dup2(copied, 0)
            channel = os.fdopen(os.dup(copied), "w", encoding="utf-8")
        os.close(copied)
    for line in sys.stdin:
        run(json.loads(line)["requests"], channel)


if __name__ == "__main__":
    main()
