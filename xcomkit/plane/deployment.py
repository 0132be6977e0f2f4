"""A running Airflow seen through its REST API: a customer's Deployment, or a plane right here.

Paths, fields and limits: airflow.api_fastapi.core_api of 3.3.2, compared with 3.1. Fields that are
missing or unknown are no errors, but a listing that is not whole is one.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from xcomkit.findings.errors import AccessDeniedError, MissingError, ProcessError, ServiceError
from xcomkit.findings.text import listed
from xcomkit.plane.dag_run import DagRun, TaskResult
from xcomkit.plane.rest_client import Call, Parameters, RestClient, path_of
from xcomkit.plane.run_reader import ENDED, RunReader

_POLL = 1.0  # seconds
_SLOWEST_POLL = 15.0
_NAMED = 10
_MOST_ROWS = 1_000_000
_RIGHT = "deployment.airflow."  # as Astro's reference of custom roles spells them


@contextmanager
def open_deployment(url: str, *, token: str, secrets: Iterable[str] = ()) -> Iterator["Deployment"]:
    """Yield the Airflow at ``url``; its connections are closed when the block ends.

    ``secrets`` are further texts that must not be stored. Errors are those of ``RestClient``.
    """
    with closing(RestClient(url, token=token, secrets=secrets)) as client:
        yield Deployment(client)


@dataclass(frozen=True, slots=True)
class Deployment:
    """An Airflow, and what this project asks of it.

    Every method raises what ``RestClient.get`` raises.
    """

    client: RestClient

    def check_access(self, dag_id: str) -> str:
        """Return the version of Airflow, having shown that the token reads Dags.

        Raises:
            ServiceError: this is no Airflow 3.
        """
        answer = self.client.get(path_of("version"), call=Call("tell the version of Airflow"))
        version = self.client.quoted(answer.get("version"), most=40)
        if not re.match(r"[3-9]\.", version):
            raise ServiceError(
                f"{self.client.url} is Airflow {version}.", hint="remote execution needs Airflow 3."
            )
        self._dag(dag_id)
        return version

    def wait_until_parsed(
        self, dag_id: str, *, timeout: float, progress: Callable[[str], None]
    ) -> None:
        """Return when the Dag of the file ``DAG_ID.py`` is known; ``timeout`` is in seconds.

        Raises:
            ProcessError: its file was read and cannot be imported.
            MissingError: it is not there in time.
        """
        deadline = time.monotonic() + timeout
        is_announced = False
        while (dag := self._dag(dag_id)) is None or dag.get("is_stale") is True:
            self._check_imports(f"{dag_id}.py")
            if time.monotonic() >= deadline:
                raise MissingError(
                    f"the Dag {dag_id} did not appear at {self.client.url} within {timeout:g} s.",
                    hint=f"put {dag_id}.py into the Dag bundle that the agents' Dag processor"
                    " reads (docs/deployment.md), and wait until it has read it.",
                )
            if not is_announced:
                progress(f"waiting until the Dag {dag_id} is read")
                is_announced = True
            time.sleep(_POLL)
        if dag.get("has_import_errors") is True:
            self._check_imports(f"{dag_id}.py")

    def unpause(self, dag_id: str) -> None:
        """Let runs of the Dag start; nothing is changed where they do already."""
        if (self._dag(dag_id) or {}).get("is_paused") is True:
            path = f"{path_of('dags', dag_id)}?update_mask=is_paused"
            call = Call(f"unpause the Dag {dag_id}", f"{_RIGHT}dag.update")
            self.client.send("PATCH", path, call=call, body={"is_paused": False})

    def trigger(self, dag_id: str, *, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run.

        Raises:
            ConflictError: there is a run of that id.
        """
        path = path_of("dags", dag_id, "dagRuns")
        call = Call(f"start the run {run_id} of {dag_id}", f"{_RIGHT}dagRun.create")
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self.client.send("POST", path, call=call, body=body)

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout: float,
        progress: Callable[[str], None],
        watch: Callable[[], None] = lambda: None,
    ) -> str:
        """Return the state the run ended in; ``timeout`` is in seconds.

        ``progress`` gets at every look what ended; ``watch`` is called every time and may raise,
        when there is nobody left to wait for.

        Raises:
            ProcessError: it did not end; names tasks that never started and their queue.
        """
        reader = RunReader(self.client, dag_id, run_id)
        deadline = time.monotonic() + timeout
        # of a run whose tasks were cleared the others have ended before
        ended = {task.name for task in reader.instances() if task.state in ENDED}
        while True:
            watch()
            asked = time.monotonic()
            # Asked in this order: tasks listed after the end of their run have all ended.
            state = str(reader.run().get("state"))
            instances = list(reader.instances())
            new = [t.name for t in instances if t.state in ENDED and t.name not in ended]
            if new:
                ended.update(new)
                progress(f"ended: {listed(new, most=_NAMED)}")
            if state in {"success", "failed"}:
                return state
            if time.monotonic() >= deadline:
                raise self._overdue(instances, f"the run {run_id} of {dag_id}", state, timeout)
            # A run of thousands takes long to list: it may cost a fifth of the time, no more.
            time.sleep(min(max(_POLL, 4 * (time.monotonic() - asked)), _SLOWEST_POLL))

    def read_run(self, dag_id: str, run_id: str) -> DagRun:
        """Return what is left of a run: states, rows, and the masked logs of all tries."""
        return RunReader(self.client, dag_id, run_id).read()

    def list_xcoms(self, *, pause: float) -> Iterator[dict[str, Any]]:
        """Yield the rows of XCom that the token may read, without their values."""
        path = "/api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries"
        call = Call("list the XComs of all runs", f"{_RIGHT}xcom.get")
        return self.client.pages(path, "xcom_entries", call=call, most=_MOST_ROWS, pause=pause)

    def oldest_running(self) -> datetime | None:
        """Return when the longest running Dag run began."""
        call = Call("list the running Dag runs", f"{_RIGHT}dagRun.get")
        params: Parameters = {"state": "running", "order_by": "start_date", "limit": 1}
        found = self.client.get("/api/v2/dags/~/dagRuns", call=call, params=params)
        try:
            starts = [datetime.fromisoformat(str(run["start_date"])) for run in found["dag_runs"]]
        except (LookupError, TypeError, ValueError):
            raise ServiceError(f"{self.client.url} answered with runs without a start.") from None
        return min((at if at.tzinfo else at.replace(tzinfo=UTC) for at in starts), default=None)

    def read_states(self, dag_id: str, run_id: str, *, task_id: str) -> Counter[str]:
        """Return how many instances of a mapped task are in which state."""
        found = RunReader(self.client, dag_id, run_id).instances()
        return Counter(one.state for one in found if one.task_id == task_id)

    def clear(self, dag_id: str, run_id: str, *, task_ids: Sequence[str]) -> None:
        """Let these tasks of an ended run, and no others, run once more.

        Raises:
            MissingError: the run has none of them.
        """
        path = path_of("dags", dag_id, "clearTaskInstances")
        call = Call(f"clear tasks of the run {run_id}", f"{_RIGHT}taskInstance.update")
        body = {
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "dry_run": False,
            "only_failed": False,
            "include_downstream": False,
            "reset_dag_runs": True,
        }
        if not self.client.send("POST", path, call=call, body=body).get("task_instances"):
            raise MissingError(
                f"the run {run_id} of {dag_id} has no task {', '.join(task_ids)} to clear.",
                hint="name tasks that ran.",
            )

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete the run, its task instances and its XCom rows; objects in a bucket stay.

        Raises:
            MissingError: it is not there. ConflictError: it is running.
        """
        call = Call(f"delete the run {run_id} of {dag_id}", f"{_RIGHT}dagRun.delete")
        self.client.send("DELETE", path_of("dags", dag_id, "dagRuns", run_id), call=call)

    def _dag(self, dag_id: str) -> dict[str, Any] | None:
        call = Call(f"read the Dag {dag_id}", f"{_RIGHT}dag.get")
        try:
            return self.client.get(path_of("dags", dag_id), call=call)
        except MissingError:
            return None

    def _check_imports(self, file_name: str) -> None:
        call = Call("list import errors", f"{_RIGHT}importError.get")
        try:
            found = list(self.client.pages(path_of("importErrors"), "import_errors", call=call))
        except AccessDeniedError:
            return  # not needed for a file that can be imported
        for error in found:
            if str(error.get("filename")).rpartition("/")[2] == file_name:
                trace = str(error.get("stack_trace")).strip()
                raise ProcessError(
                    f"{file_name} cannot be imported at {self.client.url}:"
                    f" {self.client.quoted(trace.rpartition(chr(10))[2])}",
                    hint="copy the shipped file unchanged, and look at the import errors in the"
                    " Airflow UI for the whole trace.",
                )

    def _overdue(
        self, instances: Sequence[TaskResult], run: str, state: str, timeout: float
    ) -> ProcessError:
        waiting = [
            f"{task.name} ({task.state}{'' if task.has_started else f' in queue {task.queue}'})"
            for task in instances
            if task.state not in ENDED
        ]
        return ProcessError(
            f"{run} was {self.client.quoted(state, most=40)} and had not ended after {timeout:g} s:"
            f" {listed(waiting, most=_NAMED) or 'no task was queued'}.",
            hint="for queued tasks look whether an agent that serves their queue is up and"
            " connected, for tasks without a state whether the Dag is paused and the scheduler"
            " healthy; for running ones raise step_timeout, or look at their logs.",
        )
