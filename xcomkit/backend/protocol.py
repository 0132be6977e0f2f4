"""What the worker is asked and what it answers: payloads, steps and outcomes, as plain data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from xcomkit.backend.comparison import difference
from xcomkit.findings.model import (
    DURABLE_BACKEND,
    DURABLE_STATE_STORE,
    STOCK_BACKEND,
    STOCK_STATE_STORE,
)
from xcomkit.values.names import STATE_SETTINGS, XCOM_SETTINGS

PayloadKind = Literal[
    "small_dict", "records", "random", "text", "typed", "dataframe", "json", "callable"
]
Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is proved: XComs or the state store, each with its class and its settings.

    ``missing`` is what the stock class gives for an object that is not there.
    """

    name: Literal["xcom", "state"]
    class_variable: str
    path_variable: str
    threshold_variable: str
    codec_variable: str
    stock: str
    durable: str
    verbs: tuple[str, str, str]
    missing: str

    @property
    def module(self) -> str:
        """Return the module of the stock class."""
        return self.stock.rpartition(".")[0]

    def send_small_values(self, threshold: str) -> dict[str, str]:
        """Return the variable under which a probe's small value leaves for the bucket as well.

        A threshold that keeps it in the database by choice is judged by XC503 and XC512; one that
        is unset or no number stays as it is.
        """
        is_chosen = threshold.strip().isdigit() and int(threshold) > 0
        return {self.threshold_variable: "0"} if is_chosen else {}


XCOM = Subject(
    "xcom",
    *XCOM_SETTINGS,
    STOCK_BACKEND,
    DURABLE_BACKEND,
    ("push", "pull", "purge"),
    "the reference string",
)
STATE = Subject(
    "state",
    *STATE_SETTINGS,
    STOCK_STATE_STORE,
    DURABLE_STATE_STORE,
    ("set", "get", "delete"),
    "None, as if nothing had ever been stored",
)


@dataclass(frozen=True, slots=True)
class Payload:
    """A value by description; the worker builds it. ``size`` in bytes of JSON, about.

    ``text`` is a ``json`` value as JSON text, or a ``callable`` as ``module:function``.
    """

    kind: PayloadKind
    size: int = 0
    text: str = ""

    @property
    def spec(self) -> dict[str, Any]:
        """Return the description as the worker reads it."""
        match self.kind:
            case "json":
                return {"kind": self.kind, "value": json.loads(self.text)}
            case "callable":
                return {"kind": self.kind, "name": self.text}
        return {"kind": self.kind, "bytes": self.size}


@dataclass(frozen=True, slots=True)
class Where:
    """The task a value is pushed for; the backend makes the object key of it.

    State is of the task, or of the asset with a name or a URI.
    """

    dag_id: str
    run_id: str
    task_id: str
    key: str = "return_value"
    map_index: int = -1
    subject: Literal["xcom", "state"] = "xcom"
    asset_name: str = ""
    asset_uri: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What Airflow's class raised: type, first line, and type and first line of its cause."""

    type: str
    message: str
    cause: str = ""

    def __str__(self) -> str:
        """Return type and message, or the cause instead of a message that it repeats."""
        if self.cause and self.message in self.cause:
            return f"{self.type} from {self.cause}"
        return f"{self.type}: {self.message}" + (f" ({self.cause})" if self.cause else "")


@dataclass(frozen=True, slots=True)
class Hello:
    """What the worker found: versions, the backend class Airflow resolves, its settings.

    ``settings`` holds path, threshold and compression as Airflow reads them, ``codecs`` what
    fsspec has registered in this environment, ``import_ms`` the time of all imports. ``loops`` is
    why Airflow refuses Dags with task loops, ``None`` for a version that has none; ``digest`` is
    the SHA-256 of the file that holds the class.
    """

    python: str
    packages: dict[str, str]
    backend: str
    settings: dict[str, str]
    codecs: Sequence[str]
    import_ms: int
    error: Failure | None
    loops: str | None
    state: Mapping[str, Any]
    digest: str = ""

    def bound(self, subject: Subject) -> "Bound":
        """Return class, settings and error of a subject, as Airflow resolves them."""
        if subject is XCOM:
            return Bound(self.backend, self.settings, self.error)
        state = self.state
        return Bound(state["backend"], state["settings"], self.error or state["error"])


@dataclass(frozen=True, slots=True)
class Bound:
    """Class and settings of one subject, and why there are none."""

    backend: str
    settings: Mapping[str, str]
    error: Failure | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step did: ``ms`` in the backend, and what was seen beside the result.

    ``requests`` counts HTTP attempts per operation (``None``: nothing there counts them),
    ``ignored`` holds exceptions Python could only ignore, ``log`` lines from WARNING up. The
    remaining fields belong to single steps; ``reference`` is empty for a value that stays in the
    database, and ``signs`` tells that a connection holds a key of its own.
    """

    ms: float
    error: Failure | None
    log: tuple[str, ...]
    ignored: tuple[str, ...]
    requests: dict[str, int] | None
    reference: str = ""
    bytes: int | None = None
    sha256: str = ""
    is_reference: bool = False
    resolved: bool | None = None
    reasons: tuple[str, ...] = ()
    value: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    types: tuple[dict[str, str], ...] = ()
    subject: str = ""
    signs: bool = False

    @property
    def canonical(self) -> list[Any]:
        """Return the described value as nested pairs of type and body; an empty text without."""
        pair = (self.value or {}).get("canonical")
        return pair if isinstance(pair, list) else ["builtins.str", ""]

    @property
    def is_none(self) -> bool:
        """Tell whether a pull gave ``None``, which no test value is."""
        return bool(self.canonical[0] == "builtins.NoneType")

    def difference(self, encoded: "Outcome") -> str:
        """Return how this pull differs from what was encoded, ``""`` for the same value."""
        if self.error:
            return f"pull raised {self.error}"
        if self.is_reference:
            return "the reference string came back instead of the value"
        digest = (self.value or {}).get("digest")
        if digest and digest == (encoded.value or {}).get("digest"):
            return ""
        if self.is_none:
            return "None came back, as if nothing had ever been stored"
        return difference(encoded.canonical, self.canonical) or "another value came back"


STAYED = "the value stayed in the metadata database"


@dataclass(frozen=True, slots=True)
class PushedValue:
    """A payload as it was encoded and pushed; ``key`` is its object's, empty without one."""

    payload: Payload
    encoded: Outcome
    pushed: Outcome
    key: str = ""
    where: Where | None = None

    @property
    def is_unavailable(self) -> bool:
        """Tell whether the environment cannot build this value: it has no pandas, for one."""
        error = self.encoded.error
        is_ours = self.payload.kind == "dataframe"
        return (
            is_ours and error is not None and error.type in ("ImportError", "ModuleNotFoundError")
        )

    @property
    def problem(self) -> str:
        """Return why there is no object to read, ``""`` when there is one."""
        if error := self.encoded.error or self.pushed.error:
            return f"push raised {error}"
        return "" if self.pushed.reference else STAYED


@dataclass(frozen=True, slots=True)
class Request:
    """Steps for one fresh fork, variables that differ for it alone, and its deadline in seconds.

    ``timeout`` 0 is the worker's own deadline, which no request exceeds.
    """

    steps: Sequence[Step]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: int = 0


def connection(conn_id: str) -> Step:
    """Return the step that looks a connection up the way a task does."""
    return {"do": "connection", "conn_id": conn_id}


def encode(
    payload: Payload, *, describe: bool = False, subject: Literal["xcom", "state"] = "xcom"
) -> Step:
    """Return the step that has Airflow's encoder write a payload as JSON, without storing it."""
    return {"do": "encode", "payload": payload.spec, "describe": describe, "subject": subject}


def push(payload: Payload, *, where: Where, backend: str = "") -> Step:
    """Return the step that pushes a payload through the backend, or through another class."""
    return {"do": "push", "payload": payload.spec, "where": asdict(where), "backend": backend}


def encode_and_push(payload: Payload, *, where: Where, backend: str = "") -> list[Step]:
    """Return the two steps after which a pull can be compared."""
    encoded = encode(payload, describe=True, subject=where.subject)
    return [encoded, push(payload, where=where, backend=backend)]


def pull(reference: str = "", *, describe: bool = False, where: Where | None = None) -> Step:
    """Return the step that pulls a reference; without one, the latest push of the same request.

    ``where`` is needed for a state, which is found by its key; the place of an XCom is all one.
    """
    place = asdict(where) if where else None
    return {"do": "pull", "reference": reference, "describe": describe, "where": place}


def purge(reference: str = "", *, where: Where | None = None) -> Step:
    """Return the step that purges a reference, or the latest push of the same request."""
    return {"do": "purge", "reference": reference, "where": asdict(where) if where else None}


def types(where: Where) -> Step:
    """Return the step that sends a value of every type through object and database."""
    return {"do": "types", "where": asdict(where)}


def size(reference: str = "") -> Step:
    """Return the step that asks the agent's filesystem for the stored size in bytes."""
    return {"do": "size", "reference": reference}


def identity() -> Step:
    """Return the step that reads whose service account the worker's pod has."""
    return {"do": "identity"}


def environment(expected: Mapping[str, str], *, known: Sequence[str] = ()) -> Step:
    """Return the step that compares digests of values with the worker's own variables.

    ``expected`` maps a name to the SHA-256 of its value; ``known`` names are no surprise either.
    """
    return {"do": "environment", "expected": dict(expected), "known": [*expected, *known]}
