"""Which types survive the way through an object, beside the way through the database."""

from dataclasses import dataclass

from xcomkit.backend.configuration import send_small_values
from xcomkit.backend.expectation import Expectation
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import STATE, XCOM, Subject, Where, types
from xcomkit.backend.state_rules import XC546
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Check, Rule

DAG_ID = "xcomkit_types"
UNCHANGED = "kept"
KNOWN = frozenset({"tuple in a list", "tuple in a dict", "frozenset in a dict"})
"""What ``airflow.utils.json`` makes lists of; a value of your own is judged by the round trip."""

XC524 = Rule(
    id="XC524",
    title="Object storage changes no type beyond those known to change",
    severity="warn",
    why="A Dag that ran with XComs in the database gets another type, without an error; known are a"
    " tuple and a frozenset inside a list or dict, which come back as lists.",
    remedy="Let tasks return such values in a form that both ways keep; try your own with"
    " payload_file or payload_callable.",
    source="airflow.utils.json for objects, airflow.sdk.serde for the database",
)
RULES: tuple[Rule, ...] = (XC524,)
_HOW = "stored and read by Airflow in one process"
_UNCHANGED = {
    XCOM.name: Expectation(
        XC524, "the same on both ways, but for a tuple or frozenset inside a list or dict", _HOW
    ),
    STATE.name: Expectation(XC546, "the same on both ways", _HOW),
}


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


def examine(
    worker: Worker, *, run_id: str, subject: Subject = XCOM
) -> tuple[TypeResult, ...] | ProcessError:
    """Return what the configured backend and the database do with a value of each type."""
    where = Where(dag_id=DAG_ID, run_id=run_id, task_id="types", subject=subject.name)
    try:
        threshold = worker.hello.bound(subject).settings["threshold"]
        small = send_small_values(threshold, subject=subject)
        (outcome,) = worker.run([types(where)], environment=small)
    except ProcessError as error:
        return error
    if outcome.error:
        return ProcessError(f"The types could not be tried: {outcome.error}")
    return tuple(TypeResult(one["name"], one["object"], one["database"]) for one in outcome.types)


def check(found: tuple[TypeResult, ...] | ProcessError, *, subject: Subject = XCOM) -> Check:
    """Return whether the object alters more types than it is known to alter (XC524, XC546)."""
    unchanged = _UNCHANGED[subject.name]
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
