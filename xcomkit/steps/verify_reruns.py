"""Step 06, after its run: what clearing and deleting do to objects."""

from collections.abc import Iterator
from contextlib import contextmanager

from xcomkit.clouds.rules import LIFECYCLE
from xcomkit.findings import evidence
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Check
from xcomkit.notebook import show
from xcomkit.notebook.step import cell
from xcomkit.plane.dag_run import SECOND_DAG_ID
from xcomkit.plane.reruns import XC709, XC710, judge_deletion, judge_rerun
from xcomkit.plane.residency import judge_state
from xcomkit.plane.verdict import earlier_keys, row_keys
from xcomkit.steps.orchestration import DagStep
from xcomkit.steps.verify_dag import has_state, new_run_id, objects_of, state_places

_CLEARED = ("push_small", "read_small", "push_after_retry")


@cell
def clear(step: DagStep) -> show.Checks:
    """Clear a pushing and a reading task, let them run again, and look for what is left."""
    found, done = step.orchestration, step.dag_run
    if found is None or done is None:
        return step.check(XC709.skip(expected="no object without a row", **_nothing(step)))
    places = state_places(step, run_id=done.run_id) if has_state(step) else ()
    state = [one.key for place in places for one in step.cloud.list_objects(place)]
    if done.state != "success":
        if places:
            step.check(judge_state(done, keys=state))
        return step.check(XC709.skip(expected="no object without a row", **_nothing(step)))
    before = {one.key for one in objects_of(step, done.run_id)}
    second, trouble = new_run_id("second"), list[Check]()
    if places:  # it runs beside what is cleared
        with _noting(step, trouble):
            found.start(SECOND_DAG_ID, run_id=second, conf={"first_run": done.run_id})
    again = found.rerun(done, task_ids=_CLEARED)
    objects = objects_of(step, done.run_id)
    after = {one.key for one in objects}
    evidence.record_created(step.run, kind="objects", names=after)
    rerun = judge_rerun(
        before=before,
        after=after,
        rows=row_keys(again, settings=step.settings),
        earlier=earlier_keys(again, objects=objects),
        how=f"cleared {' and '.join(_CLEARED)} over the REST API, then listed the prefix",
    )
    checks = [rerun]
    if places:
        later = None
        if not trouble:
            with _noting(step, trouble):
                later = found.finish(SECOND_DAG_ID, run_id=second)
        checks += [judge_state(done, keys=state, again=again, second=later), *trouble]
        if checks[1].status == "pass":
            found.deployment.delete_run(SECOND_DAG_ID, second)
    return step.check(*checks, caption="Cleared and run again")


@contextmanager
def _noting(step: DagStep, trouble: list[Check]) -> Iterator[None]:
    """Make a check of an error of the second run, so that what the first one showed is judged."""
    try:
        yield
    except XcomkitError as error:
        trouble.append(step.error_check(error))


@cell
def delete(step: DagStep) -> show.Checks:
    """Delete the run, unless something is red about it, and look at what stays in the bucket."""
    found, done = step.orchestration, step.dag_run
    expected = "the rows are gone, the objects stay"
    if found is None or done is None:
        return step.check(XC710.skip(expected=expected, **_nothing(step)))
    if any(check.closes_gate for check in step.checks):
        stays = f"not tried: {done.run_id} stays in Airflow, so that you can look at it"
        return step.check(XC710.skip(expected=expected, observed=stays, how="a check is red"))
    found.deployment.delete_run(done.dag_id, done.run_id)
    left = [one.key for one in objects_of(step, done.run_id)]
    expiry = [check for check in step.cloud.bucket.verify() if check.id == LIFECYCLE.id]
    return step.check(judge_deletion(left=left, expiry=expiry), caption="Deleted")


def _nothing(step: DagStep) -> dict[str, str]:
    reason = "no run that could be cleared or deleted"
    return {"observed": f"not tried: {reason}", "how": f"deployment: {step.settings.deployment}"}
