"""Which types survive the way through an object, beside the way through the database."""

from dataclasses import dataclass

from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import Where, types
from xcomkit.errors import ProcessError
from xcomkit.model import Check, Rule

DAG_ID = "xcomkit_types"
KEPT = "kept"

XC524 = Rule(
    id="XC524",
    title="The object keeps every type that the database would keep",
    severity="warn",
    why="a Dag that ran with XComs in the database gets another type, without an error",
    remedy="let tasks return such values in a form that both ways keep",
    source="airflow.utils.json for objects, airflow.sdk.serde for the database",
)
RULES: tuple[Rule, ...] = (XC524,)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one type: ``kept``, what it turned into, or the error; on both ways."""

    name: str
    through_object: str
    through_database: str

    @property
    def is_altered(self) -> bool:
        """Tell whether only the object changes the value, and says nothing."""
        return self.through_object.startswith("becomes") and self.through_database == KEPT


def examine(worker: Worker, *, run_id: str) -> tuple[Fate, ...] | ProcessError:
    """Return what the configured backend and the database do with a value of each type."""
    where = Where(dag_id=DAG_ID, run_id=run_id, task_id="types")
    try:
        (outcome,) = worker.run([types(where)])
    except ProcessError as error:
        return error
    if outcome.error:
        return ProcessError(f"The types could not be tried: {outcome.error}")
    return tuple(Fate(one["name"], one["object"], one["database"]) for one in outcome.types)


def check(found: tuple[Fate, ...] | ProcessError) -> Check:
    """Return whether any type is altered silently, and only because of the object (XC524)."""
    expected, how = "the same on both ways", "pushed and pulled by Airflow in one process"
    if isinstance(found, ProcessError):
        return XC524.judge(None, expected=expected, observed=str(found), how=how, basis="behaviour")
    altered = [fate for fate in found if fate.is_altered]
    observed = "; ".join(f"{fate.name} {fate.through_object}" for fate in altered)
    return XC524.judge(
        not altered,
        expected=expected,
        observed=observed or f"{len(found)} types the same on both ways",
        how=how,
        basis="behaviour",
    )
