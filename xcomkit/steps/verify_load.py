"""Step 06, if asked: a load of pushes and pulls on the agents that are there."""

from dataclasses import asdict

from xcomkit.findings import evidence
from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import Check, StoredXCom
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.objects.decode import decode, read_value
from xcomkit.plane import load
from xcomkit.plane.load import DAG_ID, XC712
from xcomkit.steps.orchestration import DagStep, Orchestration
from xcomkit.steps.verify_dag import new_run_id, objects_of, place_of

_PUSHER, _COLLECTOR = "push_and_pull", "collect"
_MOST_OF_VALUE = 120_000  # bytes; the Dag pushes 10,000 of JSON


@cell
def run(step: DagStep) -> show.Checks | show.Text:
    """Run the load Dag, and return the times that its tasks took."""
    asked = step.settings.load_tasks
    if not asked:
        return show.Text("Not asked for: load_tasks is 0.")
    found = step.orchestration
    if found is None:
        return step.check(
            XC712.skip(
                expected=f"{asked} tasks measured, none failed",
                observed="not tried: there are no agents to load",
                how=f"deployment: {step.settings.deployment}",
            )
        )
    return step.check(_load(step, found), caption="Load")


def _load(step: DagStep, found: Orchestration) -> Check:
    asked, run_id = step.settings.load_tasks, new_run_id("load")
    place = place_of(step, run_id=run_id, dag_id=DAG_ID)
    evidence.record_created(step.run, kind="prefixes", names=[place])
    found.execute(DAG_ID, run_id=run_id, conf={"load_tasks": asked})
    states = found.deployment.read_states(DAG_ID, run_id, task_id=_PUSHER)
    objects = objects_of(step, run_id, dag_id=DAG_ID)
    result = load.parse(
        _measurements(step, objects),
        asked=asked,
        failed=states.total() - states["success"],
        value_bytes=_value_bytes(step, objects),
    )
    step.load = result
    step.facts["load"] = asdict(result)
    return load.judge(result)


def _value_bytes(step: Step, objects: list[StoredXCom]) -> int:
    """Return how large the JSON of a value is; the largest object is no measurement."""
    pushed = [one for one in objects if one.task_id == _PUSHER]
    if not pushed:
        return 0
    largest = max(pushed, key=lambda one: one.size)
    body = step.cloud.read_object(largest.key, limit=_MOST_OF_VALUE)
    return decode(body, codec=largest.codec, limit_bytes=_MOST_OF_VALUE).size


def _measurements(step: Step, objects: list[StoredXCom]) -> object:
    """Return what the collecting task returned, an empty list where it returned nothing."""
    found = [one for one in objects if one.task_id == _COLLECTOR]
    if not found:
        return []
    if len(found) > 1:
        raise ServiceError("The load run has more than one list of measurements.", hint=load.HINT)
    body = step.cloud.read_object(found[0].key, limit=load.MEASUREMENTS_LIMIT)
    return read_value(body, codec=found[0].codec, limit_bytes=load.MEASUREMENTS_LIMIT)


def times(step: DagStep) -> show.Table | show.Text:
    """Return how long the tasks took, in ms."""
    result = step.load
    if result is None or result.push is None or result.pull is None:
        return show.Text("There is nothing to show.")
    rows = [
        (name, *(f"{ms:.1f}" for ms in (one.p50, one.p95, one.p99, one.max)))
        for name, one in (("push", result.push), ("pull", result.pull))
    ]
    headers = ("what", "p50 ms", "p95 ms", "p99 ms", "longest ms")
    return show.table(headers, rows, caption="Times of the load run")
