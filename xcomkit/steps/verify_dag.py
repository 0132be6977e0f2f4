"""Step 06: a real Dag on remote agents: its rows, its objects, its logs."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from xcomkit.findings import evidence
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Check, StoredXCom
from xcomkit.findings.text import listed
from xcomkit.findings.text_file import write_text
from xcomkit.lint.dags.callbacks import XC030
from xcomkit.lint.dags.reading import list_files
from xcomkit.lint.dags.run import judge as judge_dags
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.objects.keys import parse_key
from xcomkit.plane.dag_run import ASSET_NAMES, DAG_ID, DAGS_FOLDER
from xcomkit.plane.residency import judge_residency, judge_separation
from xcomkit.plane.verdict import judge, judge_place, judge_triggerer
from xcomkit.settings.deployment import LOCAL
from xcomkit.steps.orchestration import DagStep, Orchestration
from xcomkit.values.names import STATE_BACKEND

MOST_SHOWN = 5  # per rule; xcomkit scan-dags shows them all


@cell
def scan(step: Step) -> show.Checks:
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
            remedy="Name the folder of your Dag files in dags_folder.",
        )
        return
    found = judge_dags([path])
    for rule in (rule for rule in found.rules if rule.severity != "info"):
        hits = [finding for finding in found.findings if finding.rule == rule]
        ignored = sum(entry.finding.rule == rule for entry in found.ignored)
        places = [f"{finding.where}: {finding.observed}" for finding in hits]
        observed = listed(places, most=MOST_SHOWN, separator="; ") or "none"
        is_certain = any(not finding.is_unknown for finding in hits)
        yield rule.judge(
            False if is_certain else None if hits else True,
            expected="no place in your Dag files",
            observed=observed + (f"; {ignored} ignored by comments" if ignored else ""),
            how=f"read from {folder}, without running it",
            basis="rule",
        )


@cell
def start(step: DagStep) -> show.Text | show.Table | show.Checks:
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
            "orchestration plane": f"Airflow {version} at {found.deployment.client.url}",
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
    seconds: dict[str, float] = step.facts.get("seconds", {})
    rows = {name: f"{took:.1f} s" for name, took in seconds.items()}
    return show.facts(rows, caption="What was started has ended; where the time went")


@cell
def run(step: DagStep) -> show.Text | show.Table:
    """Run the shipped Dag, and say how it ended."""
    found = step.orchestration
    if found is None:
        return show.Text("The Dag did not run.")
    run_id = new_run_id("runbook")
    places = (place_of(step, run_id=run_id), *state_places(step, run_id=run_id))
    evidence.record_created(step.run, kind="prefixes", names=places)  # step 07 removes them
    done = found.run(DAG_ID, run_id=run_id, conf={})
    for place in places:
        evidence.record_created(step.run, kind="objects", names=step.cloud.list_keys_ever(place))
    step.facts["dag_run"] = {"run_id": done.run_id, "state": done.state, "seconds": done.seconds}
    step.dag_run = done
    return show.Text(f"{done.run_id} ended as {done.state} after {done.seconds:.1f} s.")


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
def verify(step: DagStep) -> show.Checks:
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
        waited = {f"waiting for {name}": took for name, took in found.seconds.items()}
        airflow = {**waited, "the Dag run, by Airflow's clock": done.seconds}
        rest = time.monotonic() - found.begun - sum(airflow.values())
        step.facts["seconds"] = {**airflow, "triggering, reading and judging": max(rest, 0.0)}
        if found.plane is not None and found.agents is not None:
            step.check(judge_separation(done, plane=found.plane, agents=found.agents.names))
        step.check(*judge_residency(done, plane=found.plane, has_state=has_state(step)))
    return show.checks(step.checks, caption="The Dag")


def new_run_id(kind: str) -> str:
    """Return the id of a run that nobody has triggered yet, also where a cell is run again."""
    return f"{kind}__{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"


def place_of(step: Step, *, run_id: str, dag_id: str = DAG_ID) -> str:
    """Return the prefix of a run's objects."""
    return f"{step.settings.prefix}/{dag_id}/{run_id}/"


def has_state(step: Step) -> bool:
    """Tell whether the agents have a state store."""
    return bool(step.values.first_worker.environment.get(STATE_BACKEND))


def state_places(step: Step, *, run_id: str) -> tuple[str, ...]:
    """Return how the keys of the state of a run begin: of its tasks, and of the Dag's asset."""
    prefix, run = step.settings.state_prefix, quote(run_id, safe="")
    assets = (f"{prefix}/assets/{quote(name, safe='')}/{run}" for name in ASSET_NAMES)
    return (f"{prefix}/{DAG_ID}/{run}/", *assets)


def objects_of(step: Step, run_id: str, *, dag_id: str = DAG_ID) -> list[StoredXCom]:
    """Return every object of a run of a shipped Dag.

    Raises:
        XcomkitError: the prefix cannot be listed.
    """
    found = step.cloud.list_objects(place_of(step, run_id=run_id, dag_id=dag_id))
    return [parse_key(one, prefix=step.settings.prefix) for one in found]
