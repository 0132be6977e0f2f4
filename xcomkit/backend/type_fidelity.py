"""Which types survive the way through an object, beside the way through the database."""

from dataclasses import dataclass

from xcomkit.backend.expectation import expect, rules
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import XCOM, Subject, types
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Check

DAG_ID = "xcomkit_types"
UNCHANGED = "kept"
KNOWN = frozenset({"tuple in a list", "tuple in a dict", "frozenset in a dict"})
"""What ``airflow.utils.json`` makes lists of; a value of your own is judged by the round trip."""

_UNCHANGED = expect(
    ("XC524", "Object storage changes no type beyond those known to change"),
    ("XC546", "The state store changes no type that the database keeps"),
    severity="warn",
    why=(
        "A Dag gets another type, without an error; known: inner tuples, frozensets become lists.",
        "A Dag whose state was in the database gets another type, without an error.",
    ),
    remedy=(
        "Return what both ways keep; try your own values with payload_file or payload_callable.",
        "Store text, numbers, booleans, lists and dicts with text as keys only.",
    ),
    source=(
        "airflow.utils.json for objects, airflow.sdk.serde for the database",
        "airflow.sdk.execution_time.context, TaskStateStoreAccessor",
    ),
    expected=(
        "the same on both ways, but for a tuple or frozenset inside a list or dict",
        "the same on both ways",
    ),
    how="stored and read by Airflow in one process",
)
RULES = rules(_UNCHANGED)


@dataclass(frozen=True, slots=True)
class TypeResult:
    """What became of one type: ``kept``, what it turned into, or the error; on both ways."""

    name: str
    through_object: str
    through_database: str

    @property
    def is_altered(self) -> bool:
        """Tell whether only the object changes the value, and says nothing."""
        return self.through_object.startswith("becomes") and self.through_database == UNCHANGED


def examine(worker: Worker, *, run_id: str) -> tuple[TypeResult, ...] | ProcessError:
    """Return what the configured backend and the database do with a value of each type."""
    try:
        where = worker.where(DAG_ID, run_id, "types")
        (outcome,) = worker.run([types(where)], environment=worker.small)
    except ProcessError as error:
        return error
    if outcome.error:
        return ProcessError(f"The types could not be tried: {outcome.error}")
    return tuple(TypeResult(one["name"], one["object"], one["database"]) for one in outcome.types)


def check(found: tuple[TypeResult, ...] | ProcessError, *, subject: Subject = XCOM) -> Check:
    """Return whether the object alters more types than it is known to alter (XC524, XC546)."""
    unchanged = _UNCHANGED[subject]
    if isinstance(found, ProcessError):
        return unchanged.judge(None, str(found))
    altered = {one.name: one.through_object for one in found if one.is_altered}
    changes = "; ".join(f"{name} {became}" for name, became in altered.items())
    is_tried = any(one.through_object == one.through_database == UNCHANGED for one in found)
    known = KNOWN if subject is XCOM else frozenset()
    return unchanged.judge(
        altered.keys() <= known if is_tried else None,
        f"{len(found)} types tried; {changes or 'none changed'}",
    )
