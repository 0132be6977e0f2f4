"""Step 06, before its Dag: the plane that runs it, on this machine or a customer's Deployment."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from xcomkit.notebook.step import Step
from xcomkit.plane.access import token_from_environment
from xcomkit.plane.agents import TRIGGERER, Agent, Agents, open_agents
from xcomkit.plane.control_plane import ControlPlane, attach, open_control_plane
from xcomkit.plane.dag_run import DagRun
from xcomkit.plane.load import LoadResult, PlainLoop
from xcomkit.plane.rest import Deployment, open_deployment
from xcomkit.settings.deployment import LOCAL
from xcomkit.steps import helm_values
from xcomkit.values.environment import worker_queues
from xcomkit.values.values import Values

_PATIENCE = 0.9  # of step_timeout
_LATE_LOGS = 5  # seconds
DATABASE = "XCOMKIT_PLANE_DATABASE"
"""Holds the URL of a PostgreSQL server for the metadata of a local plane; without it: SQLite."""

_T = TypeVar("_T")


class DagStep(Step):
    """Step 06, with what its cells leave for those below them."""

    orchestration: "Orchestration | None" = None
    dag_run: DagRun | None = None
    load: tuple[LoadResult, PlainLoop | None] | None = None


class Orchestration:
    """Where the Dag runs; ``open`` makes it ready.

    ``plane`` and ``agents`` are ``None`` for a customer's Deployment. ``seconds`` says how long
    each part was waited for, and ``begun`` is when (``time.monotonic``) the waiting began.
    """

    def __init__(self, step: Step) -> None:
        self.deployment: Deployment
        self.plane: ControlPlane | None = None
        self.agents: Agents | None = None
        self.seconds: dict[str, float] = {}
        self.begun = time.monotonic()
        self._step = step
        self._deadline = 0.0
        self._resources = ExitStack()

    def open(self) -> None:
        """Start what has to be started, and wait until all of it is ready.

        Raises:
            XcomkitError: something does not come up, or the token is not accepted.
        """
        self._begin()
        settings = self._step.settings
        if settings.deployment != LOCAL:
            token = token_from_environment(settings.token_variable)
            self.deployment = self._hold(open_deployment(settings.deployment, token=token))
            return
        plane = open_plane(original=self._step.values.original)
        self.plane = attach() or self._hold(plane)
        with self._timed("control plane"):
            self.plane.wait_until_healthy(timeout=self._left(), progress=self._step.say)
        self._start_agents(self.plane)
        self.deployment = self._hold(
            open_deployment(self.plane.url, token=self.plane.make_token, secrets=self.plane.secrets)
        )

    def _start_agents(self, plane: ControlPlane) -> None:
        private = self._hold(tempfile.TemporaryDirectory(prefix="xcomkit-identity-"))
        members = _members(self._step, private=Path(private))
        with self._timed("agents"):
            self.agents = self._hold(open_agents(plane, members))
            self.agents.wait_until_registered(timeout=self._left(), progress=self._step.say)

    def run(self, dag_id: str, *, run_id: str, conf: Mapping[str, object]) -> DagRun:
        """Return how a run of the Dag went, with what the agents themselves said.

        Raises:
            XcomkitError: the Dag is not there, the run does not end, or cannot be read.
        """
        self.carry_out(dag_id, run_id=run_id, conf=conf)
        done = self.deployment.read_run(dag_id, run_id)
        for _ in range(_LATE_LOGS):  # an agent sends the last lines after the state
            if not done.unread:
                break
            time.sleep(1)
            done = self.deployment.read_run(dag_id, run_id)
        return replace(done, log=tuple(self.agents.read_log())) if self.agents else done

    def carry_out(self, dag_id: str, *, run_id: str, conf: Mapping[str, object]) -> None:
        """Trigger a run of the Dag and return when it has ended, well or not.

        Raises:
            XcomkitError: the Dag is not there, or the run does not end.
        """
        self._begin()
        deployment = self.deployment
        deployment.wait_until_parsed(
            dag_id, file_name=f"{dag_id}.py", timeout=self._left(), progress=self._step.say
        )
        if deployment.is_paused(dag_id):
            deployment.unpause(dag_id)
        deployment.trigger(dag_id, run_id=run_id, conf=conf)
        deployment.wait_for_run(
            dag_id, run_id, timeout=self._left(), progress=self._step.say, watch=self.watch
        )

    def rerun(self, done: DagRun, *, task_ids: Sequence[str]) -> DagRun:
        """Return the run after some of its tasks were cleared and ran again.

        Raises:
            XcomkitError: it does not end, or cannot be read.
        """
        self._begin()
        names = (done.dag_id, done.run_id)
        self.deployment.clear(*names, task_ids=task_ids)
        self.deployment.wait_for_run(
            *names,
            timeout=self._left(),
            progress=self._step.say,
            watch=self.watch,
        )
        return self.deployment.read_run(*names)

    def watch(self) -> None:
        """Do nothing while everything that was started still runs.

        Raises:
            ProcessError: something ended; its log is quoted.
        """
        if self.plane is not None and self.agents is not None:
            self.plane.refuse_ended()
            self.agents.refuse_ended()

    def close(self) -> None:
        """End everything that was started for this step; a plane of the run ends with the run."""
        self._resources.close()

    def _begin(self) -> None:
        """Set when a cell stops waiting: before it counts as hung, so that it can tell why."""
        self._deadline = time.monotonic() + _PATIENCE * self._step.settings.step_timeout

    def _left(self) -> float:
        return max(round(self._deadline - time.monotonic(), 1), 1.0)

    def _hold(self, resource: AbstractContextManager[_T]) -> _T:
        return self._resources.enter_context(resource)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        before = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - before


def open_plane(*, original: Values | None) -> AbstractContextManager[ControlPlane]:
    """Return the local plane, to be entered; it is not healthy yet.

    It knows the queues of all worker groups of the user's own file; merging changes none of them.

    Raises:
        InputError: the database's URL cannot be read.
    """
    listed = worker_queues(original).values() if original else ()
    queues = tuple(dict.fromkeys(queue for queues in listed for queue in queues))
    return open_control_plane(postgresql=os.environ.get(DATABASE, ""), queues=queues)


def _members(step: Step, *, private: Path) -> tuple[Agent, ...]:
    """Return an agent per worker group, and the triggerer, each as the values file makes it."""
    queues = worker_queues(step.values.file)
    found = []
    for component in step.values.components:
        kind, _, group = component.name.partition(":")
        if kind not in ("worker", TRIGGERER):
            continue  # the Dag processor is the plane's here, without any of this
        folder = private / kind / group
        folder.mkdir(parents=True)
        identity = step.cloud.worker_identity(component.subject, directory=str(folder))
        seen, _ = helm_values.process_environment(step, component, identity)
        found.append(Agent(group or TRIGGERER, seen, queues.get(group, ())))
    return tuple(found)
