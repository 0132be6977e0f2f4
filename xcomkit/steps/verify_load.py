"""Step 06, if asked: a load of pushes and pulls on the agents that are there."""

from dataclasses import asdict

from xcomkit.findings import evidence
from xcomkit.findings.errors import ServiceError, XcomkitError
from xcomkit.findings.model import Check, StoredXCom
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.objects.decode import decode, read_value
from xcomkit.plane import load
from xcomkit.plane.load import DAG_ID, XC712, PlainLoop
from xcomkit.steps.orchestration import DagStep, Orchestration
from xcomkit.steps.verify_dag import new_run_id, objects_of, place_of

_PUSHER, _COLLECTOR = "push_and_pull", "collect"
_MOST_OF_VALUE = 120_000  # bytes; the Dag pushes 10,000 of JSON


@cell
def run(step: DagStep) -> show.Table | show.Text:
    """Run the load Dag, then the same bytes without Airflow, and return the times of both."""
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
    settings, run_id = step.settings, new_run_id("load")
    place = place_of(step, run_id=run_id, dag_id=DAG_ID)
    evidence.record_created(step.run, kind="prefixes", names=[place])
    found.carry_out(DAG_ID, run_id=run_id, conf={"load_tasks": settings.load_tasks})
    states = found.deployment.read_states(DAG_ID, run_id, task_id=_PUSHER)
    objects = objects_of(step, run_id, dag_id=DAG_ID)
    pushed = max((one for one in objects if one.task_id == _PUSHER), key=_size, default=None)
    value_bytes, body = _open(step, pushed)
    result = load.parse(
        _measurements(step, objects),
        asked=settings.load_tasks,
        failed=states.total() - states["success"],
        value_bytes=value_bytes,
    )
    alone = _plain_loop(step, run_id=run_id, body=body) if body else None
    step.load = (result, alone)
    step.facts["load"] = {
        **asdict(result),
        "values_per_second": result.values_per_second,
        "mb_per_second": result.mb_per_second,
        "plain": alone,
    }
    return load.judge(result, alone=alone)


def _size(found: StoredXCom) -> int:
    return found.size


def _open(step: Step, found: StoredXCom | None) -> tuple[int, bytes]:
    """Return bytes of JSON and the stored bytes of a value; the largest is no measurement."""
    if found is None:
        return 0, b""
    body = step.cloud.read_object(found.key, limit=_MOST_OF_VALUE)
    return decode(body, codec=found.codec, limit_bytes=_MOST_OF_VALUE).size, body


def _measurements(step: Step, objects: list[StoredXCom]) -> object:
    """Return what the collecting task returned, an empty list where it returned nothing."""
    found = [one for one in objects if one.task_id == _COLLECTOR]
    if not found:
        return []
    if len(found) > 1:
        raise ServiceError("The load run has more than one list of measurements.", hint=load.HINT)
    body = step.cloud.read_object(found[0].key, limit=load.MEASUREMENTS_LIMIT)
    return read_value(body, codec=found[0].codec, limit_bytes=load.MEASUREMENTS_LIMIT)


def _plain_loop(step: Step, *, run_id: str, body: bytes) -> PlainLoop | None:
    """Return the times of the SDK alone, or say why there are none: they are no verdict."""
    keys = load.plain_keys(step.settings.prefix, run_id=run_id, values=step.settings.load_tasks)
    try:
        return load.plain_loop(step.cloud, body=body, keys=keys, progress=step.say)
    except XcomkitError as error:
        step.say(f"no comparison with the SDK alone: {error}")
        return None


def times(step: DagStep) -> show.Table | show.Text:
    """Return how long the tasks took, and the plain loop, in ms."""
    result, alone = step.load or (None, None)
    if result is None or result.push is None or result.pull is None:
        return show.Text("There is nothing to show.")
    found = {"push": result.push, "pull": result.pull}
    if alone and alone.push and alone.pull:
        found |= {"push, plain SDK": alone.push, "pull, plain SDK": alone.pull}
    rows = [
        (name, *(f"{ms:.1f}" for ms in (one.p50, one.p95, one.p99, one.max)))
        for name, one in found.items()
    ]
    headers = ("what", "p50 ms", "p95 ms", "p99 ms", "longest ms")
    return show.table(headers, rows, caption="Times of the load run")
