"""A running Airflow seen through its REST API: a customer's Deployment, or a plane right here.

Paths, fields and limits: airflow.api_fastapi.core_api of 3.3.2, compared with 3.1. Fields that are
missing or unknown are no errors, but a listing that is not whole is one.
"""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xcomkit.findings.errors import AccessDeniedError, MissingError, ProcessError, ServiceError
from xcomkit.findings.text import listed
from xcomkit.plane.access import path_of
from xcomkit.plane.answers import Call
from xcomkit.plane.api import Api
from xcomkit.plane.dag_run import DagRun
from xcomkit.plane.run_reader import ENDED, Instance, RunReader

_POLL = 1.0  # seconds
_SLOWEST_POLL = 15.0
_NAMED = 5
_MAPPED_FAR = 10  # instances of one task
_RIGHT = "deployment.airflow."  # as Astro's reference of custom roles spells them


@contextlib.contextmanager
def open_deployment(
    url: str, *, token: Callable[[], str] | str, secrets: Iterable[str] = ()
) -> Iterator["Deployment"]:
    """Yield the Airflow at ``url``; its connections are closed when the block ends.

    ``token`` is the token or returns one, and is asked again when the server answers 401;
    ``secrets`` are further texts that must not be kept.

    Raises:
        SettingsError: when the URL is none that may receive a token.
    """
    with Api(url, token=token, secrets=secrets) as api:
        yield Deployment(api)


@dataclass(frozen=True, slots=True)
class Deployment:
    """An Airflow, and what this project asks of it; every method raises what ``Api.get`` raises."""

    api: Api

    @property
    def url(self) -> str:
        """Return the URL that the API lives under."""
        return self.api.url

    def check_access(self, dag_id: str) -> str:
        """Return the version of Airflow, having shown that the token reads Dags.

        Raises:
            CredentialsError: when the token is not accepted (401).
            AccessDeniedError: when it may not read the Dag (403).
            ServiceError: when this is no Airflow 3.
        """
        told = self.api.get(path_of("version"), call=Call("tell the version of Airflow"))
        version = self.api.quoted(told.get("version"), most=40)
        if not re.match(r"[3-9]\.", version):
            raise ServiceError(
                f"{self.url} is Airflow {version}.", hint="remote execution needs Airflow 3."
            )
        self._dag(dag_id)
        return version

    def wait_until_parsed(
        self, dag_id: str, *, file_name: str, timeout: float, progress: Callable[[str], None]
    ) -> None:
        """Return when the Dag is known; ``timeout`` is in seconds.

        Raises:
            ProcessError: when its file was read and cannot be imported.
            MissingError: when it is not there in time.
        """
        deadline = time.monotonic() + timeout
        is_told = False
        while (dag := self._dag(dag_id)) is None or dag.get("is_stale") is True:
            self._refuse_broken(file_name)
            if time.monotonic() >= deadline:
                raise MissingError(
                    f"the Dag {dag_id} did not appear at {self.url} within {timeout:g} s.",
                    hint=f"put {file_name} into the Dag bundle that the agents' Dag processor"
                    " reads (docs/deployment.md), and wait until it has read it.",
                )
            if not is_told:
                progress(f"waiting until the Dag {dag_id} is read")
                is_told = True
            time.sleep(_POLL)
        if dag.get("has_import_errors") is True:
            self._refuse_broken(file_name)

    def is_paused(self, dag_id: str) -> bool:
        """Say whether the Dag is paused, so that no run of it would start."""
        return (self._dag(dag_id) or {}).get("is_paused") is True

    def unpause(self, dag_id: str) -> None:
        """Let runs of the Dag start."""
        path = f"{path_of('dags', dag_id)}?update_mask=is_paused"
        call = Call(f"unpause the Dag {dag_id}", f"{_RIGHT}dag.update")
        self.api.send("PATCH", path, call=call, body={"is_paused": False})

    def trigger(self, dag_id: str, *, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run.

        Raises:
            ConflictError: when there is a run of that id.
        """
        path = path_of("dags", dag_id, "dagRuns")
        call = Call(f"start the run {run_id} of {dag_id}", f"{_RIGHT}dagRun.create")
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self.api.send("POST", path, call=call, body=body)

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

        ``progress`` is told at every look what ended, and a count where a task is mapped far;
        ``watch`` is called every time and may raise, when there is nobody left to wait for.

        Raises:
            ProcessError: when it did not end; names tasks that never started and their queue.
        """
        reader = RunReader(self.api, dag_id, run_id)
        deadline = time.monotonic() + timeout
        # of a run whose tasks were cleared the others have ended before
        ended = {task.name for task in reader.instances() if task.state in ENDED}
        while True:
            watch()
            asked = time.monotonic()
            # Asked in this order: tasks listed after the end of their run have all ended.
            state = str(reader.run().get("state"))
            instances = list(reader.instances())
            _tell(instances, known=ended, progress=progress)
            if state in {"success", "failed"}:
                return state
            if time.monotonic() >= deadline:
                raise self._overdue(dag_id, run_id, state, reader=reader, timeout=timeout)
            # A run of thousands takes long to list: it may cost a fifth of the time, no more.
            time.sleep(min(max(_POLL, 4 * (time.monotonic() - asked)), _SLOWEST_POLL))

    def read_run(self, dag_id: str, run_id: str) -> DagRun:
        """Return what is left of a run: states, rows, and the masked logs of all tries."""
        return RunReader(self.api, dag_id, run_id).read()

    def read_states(self, dag_id: str, run_id: str, *, task_id: str) -> Counter[str]:
        """Return how many instances of a mapped task are in which state."""
        found = RunReader(self.api, dag_id, run_id).instances()
        return Counter(one.state for one in found if one.task_id == task_id)

    def clear(
        self, dag_id: str, run_id: str, *, task_ids: Sequence[str], downstream: bool = False
    ) -> None:
        """Let these tasks of an ended run, and those after them if asked, run once more.

        Raises:
            MissingError: when the run has none of them.
        """
        path = path_of("dags", dag_id, "clearTaskInstances")
        call = Call(f"clear tasks of the run {run_id}", f"{_RIGHT}taskInstance.update")
        body = {
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "dry_run": False,
            "only_failed": False,
            "include_downstream": downstream,
            "reset_dag_runs": True,
        }
        if not self.api.send("POST", path, call=call, body=body).get("task_instances"):
            raise MissingError(
                f"the run {run_id} of {dag_id} has no task {', '.join(task_ids)} to clear.",
                hint="name tasks that ran.",
            )

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete the run, its task instances and its XCom rows; objects in a bucket stay.

        Raises:
            MissingError: when it is not there, ConflictError: while it is running.
        """
        call = Call(f"delete the run {run_id} of {dag_id}", f"{_RIGHT}dagRun.delete")
        self.api.send("DELETE", path_of("dags", dag_id, "dagRuns", run_id), call=call)

    def _dag(self, dag_id: str) -> dict[str, Any] | None:
        call = Call(f"read the Dag {dag_id}", f"{_RIGHT}dag.get")
        try:
            return self.api.get(path_of("dags", dag_id), call=call)
        except MissingError:
            return None

    def _refuse_broken(self, file_name: str) -> None:
        call = Call("list import errors", f"{_RIGHT}importError.get")
        try:
            found = list(self.api.pages(path_of("importErrors"), "import_errors", call=call))
        except AccessDeniedError:
            return  # not needed for a file that can be imported
        for error in found:
            if str(error.get("filename")).rpartition("/")[2] == file_name:
                trace = str(error.get("stack_trace")).strip()
                raise ProcessError(
                    f"{file_name} cannot be imported at {self.url}:"
                    f" {self.api.quoted(trace.rpartition(chr(10))[2])}",
                    hint="copy the shipped file unchanged, and look at the import errors in the"
                    " Airflow UI for the whole trace.",
                )

    def _overdue(
        self, dag_id: str, run_id: str, state: str, *, reader: RunReader, timeout: float
    ) -> ProcessError:
        said = f"the run {run_id} of {dag_id} was {self.api.quoted(state, most=40)}"
        said = f"{said} and had not ended after {timeout:g} s"
        open_ones = [task for task in reader.instances() if task.state not in ENDED]
        waiting = [task for task in open_ones if not task.has_started]
        queued = [task for task in waiting if task.state == "queued"]
        if queued:
            queues = ", ".join(sorted({self.api.quoted(task.queue, most=60) for task in queued}))
            return ProcessError(
                f"{said}: never started {listed([task.name for task in queued], most=_NAMED)},"
                f" queued for {queues}.",
                hint=f"look whether an agent that serves the queue {queues} is up and connected.",
            )
        if len(waiting) == len(open_ones) and state == "queued":
            return ProcessError(
                f"{said}: none of its tasks was queued.",
                hint="look whether the Dag is paused, other runs of it are in the way, and the"
                " scheduler is healthy.",
            )
        names = [f"{task.name} ({task.state or 'not queued'})" for task in open_ones]
        return ProcessError(
            f"{said}: {listed(names, most=_NAMED)}.",
            hint="raise step_timeout, or look at the logs of these tasks and of their agent.",
        )


def _tell(
    instances: Sequence[Instance], *, known: set[str], progress: Callable[[str], None]
) -> None:
    """Say which tasks ended that are not ``known`` yet, and how many where a task is mapped far."""
    per_task = Counter(task.task_id for task in instances)
    ended = [task for task in instances if task.state in ENDED]
    new = [task for task in ended if task.name not in known]
    known.update(task.name for task in new)
    few = [task.name for task in new if per_task[task.task_id] <= _MAPPED_FAR]
    if few:
        progress(f"ended: {', '.join(few)}")
    if len(few) < len(new):
        progress(f"{len(ended)} of {len(instances)} tasks ended")
