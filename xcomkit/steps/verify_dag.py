"""Step 06: a real Dag under the effective environment, its rows and its objects."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from xcomkit import evidence, show
from xcomkit.airflow_plane.dag_run import DAG_ID, DagRun
from xcomkit.airflow_plane.in_process import run_dag
from xcomkit.airflow_plane.verdict import judge
from xcomkit.dag_scan.callbacks import XC030
from xcomkit.dag_scan.run import judge as judge_dags
from xcomkit.errors import XcomkitError
from xcomkit.model import Check, StoredXCom
from xcomkit.step import Step
from xcomkit.steps import helm_values
from xcomkit.steps.inspect_objects import list_xcoms

MOST_SHOWN = 5  # per rule; xcomkit scan-dags shows them all


def scan(step: Step) -> show.Table:
    """Return what the user's own Dag files do with XCom that remote execution does not support."""
    return step.judge(lambda: _scan(step), caption="Your Dag files")


def _scan(step: Step) -> Iterator[Check]:
    folder = step.settings.dags_folder
    if not folder:
        yield XC030.skip(
            expected="no XCom use that remote execution does not support",
            observed="your own Dag files were not looked at",
            how="dags_folder is empty",
            remedy="name the folder of your Dag files in dags_folder.",
        )
        return
    found = judge_dags([Path(folder).expanduser()])
    for rule in (rule for rule in found.rules if rule.severity != "info"):
        hits = [finding for finding in found.findings if finding.rule == rule]
        ignored = [entry for entry in found.ignored if entry.finding.rule == rule]
        told = [f"{finding.where}: {finding.observed}" for finding in hits[:MOST_SHOWN]]
        told += [f"and {len(hits) - MOST_SHOWN} more"] if len(hits) > MOST_SHOWN else []
        told += [f"{len(ignored)} ignored by comments"] if ignored else []
        certain = [finding for finding in hits if not finding.is_unknown]
        yield rule.judge(
            False if certain else None if hits else True,
            expected="no place in your Dag files",
            observed="; ".join(told) or "none",
            how=f"read from {folder}, without running it",
            basis="rule",
        )


def run(step: Step) -> show.Text | show.Table:
    """Run the shipped Dag as the first worker would, and say how it ended."""
    # The run's id is known only afterwards: until then nobody knows which objects are this run's.
    place = f"{step.settings.prefix}/{DAG_ID}/ since {step.started:%Y-%m-%dT%H:%M:%S.%fZ}"
    evidence.record_created(step.run, kind="begun", names=[place])
    try:
        worker = helm_values.first_worker(step)
        with tempfile.TemporaryDirectory(prefix="xcomkit-identity-") as private:
            identity = step.cloud.worker_identity(worker.subject, directory=private)
            environment, _ = helm_values.process_environment(step, worker, identity)
            done = run_dag(
                environment,
                timeout=step.settings.step_timeout,
                progress=step.say,
            )
        _record_objects(step, done)
        evidence.record_created(step.run, kind="ended", names=[place])
    except XcomkitError as error:
        return step.check(step.could_not(error))
    step.facts["dag_run"] = {"run_id": done.run_id, "state": done.state, "seconds": done.seconds}
    step.results["dag_run"] = done
    return show.Text(f"{done.run_id} ended as {done.state} after {done.seconds:.1f} s.")


def tasks(step: Step) -> show.Table | show.Text:
    """Return the state of every task, and which wrote an XCom."""
    done = _done(step)
    if done is None:
        return show.Text("The Dag did not run.")
    wrote = {(row.task_id, row.map_index) for row in done.xcoms}
    rows = [
        (task.name, task.state, "yes" if (task.task_id, task.map_index) in wrote else "no")
        for task in done.tasks
    ]
    return show.table(("task", "state", "pushed an XCom"), rows, caption="Tasks")


def verify(step: Step) -> show.Table:
    """Return the checks of tasks, rows, objects and log."""
    done = _done(step)
    if done is None:
        return show.checks(step.checks, caption="The Dag did not run")
    try:
        objects: list[StoredXCom] | None = _objects_of(step, done)
    except XcomkitError:
        objects = None  # judged as unknown: a refused listing is not an empty bucket
    return step.check(*judge(done, objects=objects, settings=step.settings), caption="The Dag")


def _done(step: Step) -> DagRun | None:
    done: DagRun | None = step.results.get("dag_run")
    return done


def _objects_of(step: Step, done: DagRun) -> list[StoredXCom]:
    return [
        found for found in list_xcoms(step)
        if (found.dag_id, found.run_id) == (DAG_ID, done.run_id)
    ]  # fmt: skip


def _record_objects(step: Step, done: DagRun) -> None:
    """Record what the Dag left in the bucket, so that tear down removes exactly that."""
    below = f"{step.settings.prefix}/{DAG_ID}/{done.run_id}/"
    evidence.record_created(step.run, kind="objects", names=step.cloud.list_keys_ever(below))
