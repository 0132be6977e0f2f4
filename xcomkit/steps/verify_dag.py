"""Step 06: a real Dag on remote agents: its rows, its objects, its logs."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from xcomkit.findings import evidence
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Check, StoredXCom
from xcomkit.findings.text_file import write_text
from xcomkit.lint.dags.callbacks import XC030
from xcomkit.lint.dags.reading import list_files
from xcomkit.lint.dags.run import judge as judge_dags
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.objects.keys import parse_key
from xcomkit.plane.dag_run import DAG_ID, DAGS_FOLDER, DagRun
from xcomkit.plane.residency import judge_residency, judge_separation
from xcomkit.plane.verdict import judge, judge_place, judge_triggerer
from xcomkit.settings.deployment import LOCAL
from xcomkit.steps.orchestration import DagStep, Orchestration

_OWN = "triggering, reading and judging"
MOST_SHOWN = 5  # per rule; xcomkit scan-dags shows them all


@cell
def scan(step: Step) -> show.Table:
    """Return what the user's own Dag files do with XCom that remote execution does not support."""
    return step.check(*_scan(step), caption="Your Dag files")


def _scan(step: Step) -> Iterator[Check]:
    folder = step.settings.dags_folder
    path = Path(folder).expanduser()
    if not folder or (path.is_dir() and not [*list_files(path)]):
        yield XC030.skip(
            expected="no XCom use that remote execution does not support",
            observed="your own Dag files were not looked at",
            how=f"{folder} holds no Python file" if folder else "dags_folder is empty",
            remedy="name the folder of your Dag files in dags_folder.",
        )
        return
    found = judge_dags([path])
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


@cell
def start(step: DagStep) -> show.Text | show.Table:
    """Bring up the plane and its agents, or reach the Deployment."""
    stop(step)  # the cell may be run again
    step.values = step.values.anew()
    step.orchestration = found = Orchestration(step)
    if step.settings.deployment != LOCAL:
        for path in DAGS_FOLDER.glob("*.py"):  # to be put into the Dag bundle
            write_text(step.run / "dags" / path.name, path.read_text(encoding="utf-8"))
    try:
        found.open()
        version = found.deployment.check_access(DAG_ID)
    except XcomkitError as error:
        stop(step)
        return step.check(step.error_check(error), caption="Nobody is there to run the Dag")
    names = ", ".join(found.agents.names) if found.agents else "those of the Deployment"
    step.facts["airflow"] = {"version": version, "agents": names}
    return show.facts(
        {
            "orchestration plane": f"Airflow {version} at {found.deployment.url}",
            "agents": names,
            **{f"waited for {name}": f"{found.seconds[name]:.1f} s" for name in found.seconds},
        },
        caption="Who runs the Dag",
    )


@cell
def stop(step: DagStep) -> show.Text | show.Table:
    """End what was started for this step, and say where its time went."""
    found, step.orchestration = step.orchestration, None
    if found is None:
        return show.Text("Nothing is left running.")
    found.close()
    split: dict[str, float] = step.facts.get("seconds", {})
    if not split:
        return show.Text("What was started has ended.")
    rows = {name: f"{seconds:.1f} s" for name, seconds in split.items()}
    airflow = sum(split.values()) - split[_OWN]
    rows["all of it"] = f"{sum(split.values()) / airflow:.2f} times what Airflow itself took"
    return show.facts(rows, caption="What was started has ended; where the time went")


@cell
def run(step: DagStep) -> show.Text | show.Table:
    """Run the shipped Dag, and say how it ended."""
    found = step.orchestration
    if found is None:
        return show.Text("The Dag did not run.")
    done = _run(step, found)
    step.facts["dag_run"] = {"run_id": done.run_id, "state": done.state, "seconds": done.seconds}
    step.dag_run = done
    return show.Text(f"{done.run_id} ended as {done.state} after {done.seconds:.1f} s.")


def _run(step: DagStep, found: Orchestration) -> DagRun:
    """Return how a run of the Dag went; what it writes is recorded, so that step 07 removes it."""
    run_id = new_run_id("runbook")
    place = place_of(step, run_id=run_id)
    evidence.record_created(step.run, kind="prefixes", names=[place])
    done = found.run(DAG_ID, run_id=run_id, conf={})
    evidence.record_created(step.run, kind="objects", names=step.cloud.list_keys_ever(place))
    return done


def tasks(step: DagStep) -> show.Table | show.Text:
    """Return the state of every task, who ran it, and which wrote an XCom."""
    done = step.dag_run
    if done is None:
        return show.Text("The Dag did not run.")
    wrote = {(row.task_id, row.map_index) for row in done.xcoms}
    rows = [
        (task.name, task.state, task.tries, task.hostname or "unknown",
         "yes" if (task.task_id, task.map_index) in wrote else "no")
        for task in done.tasks
    ]  # fmt: skip
    return show.table(("task", "state", "tries", "on", "pushed an XCom"), rows, caption="Tasks")


@cell
def verify(step: DagStep) -> show.Table:
    """Return the checks of tasks, rows, objects, logs, and of where values were found."""
    done = step.dag_run
    if done is None:
        return show.checks(step.checks, caption="The Dag did not run")
    try:
        objects: list[StoredXCom] | None = objects_of(step, done.run_id)
    except XcomkitError:
        objects = None  # judged as unknown: a refused listing is not an empty bucket
    step.check(*judge(done, objects=objects, settings=step.settings))
    worker = step.values.first_worker
    pods = step.values.deployment(worker).removesuffix(worker.name.removeprefix("worker:"))
    step.check(
        judge_place(done, deployment=step.settings.deployment, pods=pods), judge_triggerer(done)
    )
    found = step.orchestration
    if found is not None:
        step.facts["seconds"] = _split(found, done)
        step.check(*_residency(done, found))
    return show.checks(step.checks, caption="The Dag")


def _split(found: Orchestration, done: DagRun) -> dict[str, float]:
    """Return the seconds from starting the plane to the verdict, by who took them."""
    total = time.monotonic() - found.begun
    waited = {f"waiting for {name}": seconds for name, seconds in found.seconds.items()}
    airflow = {**waited, "the Dag run, by Airflow's clock": done.seconds}
    return {**airflow, _OWN: max(total - sum(airflow.values()), 0.0)}


def _residency(done: DagRun, found: Orchestration) -> Iterator[Check]:
    if found.plane is not None and found.agents is not None:
        yield judge_separation(done, plane=found.plane, agents=found.agents.names)
    yield from judge_residency(done, plane=found.plane)


def new_run_id(kind: str) -> str:
    """Return the id of a run that nobody has triggered yet, also where a cell is run again."""
    return f"{kind}__{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


def place_of(step: Step, *, run_id: str, dag_id: str = DAG_ID) -> str:
    """Return the prefix of a run's objects."""
    return f"{step.settings.prefix}/{dag_id}/{run_id}/"


def objects_of(step: Step, run_id: str, *, dag_id: str = DAG_ID) -> list[StoredXCom]:
    """Return every object of a run of a shipped Dag.

    Raises:
        XcomkitError: the prefix cannot be listed.
    """
    found = step.cloud.list_objects(place_of(step, run_id=run_id, dag_id=dag_id))
    return [parse_key(one, prefix=step.settings.prefix) for one in found]
