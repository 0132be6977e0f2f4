"""Step 06, before its Dag: the plane that runs it, on this machine or a customer's Deployment."""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from xcomkit.findings.errors import CredentialsError
from xcomkit.notebook.step import Step
from xcomkit.plane.agents import TRIGGERER, Agent, Agents, open_agents
from xcomkit.plane.control_plane import ControlPlane, attach, open_control_plane
from xcomkit.plane.dag_run import DagRun
from xcomkit.plane.deployment import Deployment, open_deployment
from xcomkit.plane.load import LoadResult
from xcomkit.settings.deployment import LOCAL
from xcomkit.steps import helm_values
from xcomkit.values.environment import worker_queues
from xcomkit.values.values import Values

_PATIENCE = 0.9  # of step_timeout
_LATE_LOGS = 5  # seconds


class DagStep(Step):
    """Step 06, with what its cells leave for those below them."""

    orchestration: "Orchestration | None" = None
    dag_run: DagRun | None = None
    load: LoadResult | None = None


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
        settings, hold = self._step.settings, self._resources.enter_context
        if settings.deployment != LOCAL:
            token = read_token(settings.token_variable)
            self.deployment = hold(open_deployment(settings.deployment, token=token))
            return
        self.plane = plane = attach() or hold(open_plane(original=self._step.values.original))
        plane.wait_until_healthy(timeout=self._left(), progress=self._step.say)
        self.seconds["control plane"] = time.monotonic() - self.begun
        private = hold(tempfile.TemporaryDirectory(prefix="xcomkit-identity-"))
        self.agents = hold(open_agents(plane, _members(self._step, private=Path(private))))
        self.agents.wait_until_registered(timeout=self._left(), progress=self._step.say)
        self.seconds["agents"] = time.monotonic() - self.begun - self.seconds["control plane"]
        token = plane.make_token()
        self.deployment = hold(open_deployment(plane.url, token=token, secrets=plane.secrets))

    def run(self, dag_id: str, *, run_id: str, conf: Mapping[str, object]) -> DagRun:
        """Return how a run of the Dag went, with the agents' own logs.

        Raises:
            XcomkitError: the Dag is not there, the run does not end, or cannot be read.
        """
        self.execute(dag_id, run_id=run_id, conf=conf)
        done = self.deployment.read_run(dag_id, run_id)
        for _ in range(_LATE_LOGS):  # an agent sends the last lines after the state
            if not done.unread:
                break
            time.sleep(1)
            done = self.deployment.read_run(dag_id, run_id)
        return replace(done, log=tuple(self.agents.read_log())) if self.agents else done

    def execute(self, dag_id: str, *, run_id: str, conf: Mapping[str, object]) -> None:
        """Trigger a run of the Dag and return when it has ended, well or not.

        Raises:
            XcomkitError: the Dag is not there, or the run does not end.
        """
        self._begin()
        self.deployment.wait_until_parsed(dag_id, timeout=self._left(), progress=self._step.say)
        self.start(dag_id, run_id=run_id, conf=conf)
        self._wait(dag_id, run_id)

    def start(self, dag_id: str, *, run_id: str, conf: Mapping[str, object]) -> None:
        """Start a run of a Dag that is there."""
        self.deployment.unpause(dag_id)
        self.deployment.trigger(dag_id, run_id=run_id, conf=conf)

    def finish(self, dag_id: str, *, run_id: str) -> DagRun:
        """Return how a run went, once it has ended.

        Raises:
            XcomkitError: it does not end, or cannot be read.
        """
        self._begin()
        self._wait(dag_id, run_id)
        return self.deployment.read_run(dag_id, run_id)

    def rerun(self, done: DagRun, *, task_ids: Sequence[str]) -> DagRun:
        """Return the run after some of its tasks were cleared and ran again.

        Raises:
            XcomkitError: it does not end, or cannot be read.
        """
        self.deployment.clear(done.dag_id, done.run_id, task_ids=task_ids)
        return self.finish(done.dag_id, run_id=done.run_id)

    def close(self) -> None:
        """End everything that was started for this step; a plane of the run ends with the run."""
        self._resources.close()

    def _begin(self) -> None:
        """Set when a cell stops waiting: before it counts as hung, so that it can tell why."""
        self._deadline = time.monotonic() + _PATIENCE * self._step.settings.step_timeout

    def _left(self) -> float:
        return max(round(self._deadline - time.monotonic(), 1), 1.0)

    def _wait(self, dag_id: str, run_id: str) -> None:
        self.deployment.wait_for_run(
            dag_id, run_id, timeout=self._left(), progress=self._step.say, watch=self._watch
        )

    def _watch(self) -> None:
        if self.plane is not None and self.agents is not None:
            self.plane.check_running()
            self.agents.check_running()


def open_plane(*, original: Values | None) -> AbstractContextManager[ControlPlane]:
    """Return the local plane, to be entered; it is not healthy yet.

    It knows the queues of all worker groups of the user's own file; merging changes none of them.
    """
    listed = worker_queues(original).values() if original else ()
    return open_control_plane(queues=[*dict.fromkeys(queue for group in listed for queue in group)])


def read_token(variable: str) -> str:
    """Return the token in an environment variable.

    Raises:
        CredentialsError: there is none.
    """
    token = os.environ.get(variable, "").strip()
    if not token:
        raise CredentialsError(
            f"the environment variable {variable} holds no token.",
            hint=f"make an API token of the Deployment and export it as {variable}.",
        )
    return token


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
        environment, _ = helm_values.process_environment(step, component, identity)
        found.append(Agent(group or TRIGGERER, environment, queues.get(group, ())))
    return tuple(found)
