"""Step 04, before its first part: the process that stands for an agent, here or in its own pod."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from xcomkit.backend import drift, protocol
from xcomkit.backend.launch import Launch
from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import XCOM
from xcomkit.backend.round_trip import why_gone
from xcomkit.findings.errors import UnreachableError
from xcomkit.findings.model import Check, WorkerIdentity
from xcomkit.lint.rules.storage import is_durable
from xcomkit.notebook.effective import Component
from xcomkit.notebook.step import Step
from xcomkit.steps import helm_values
from xcomkit.values import image
from xcomkit.values.environment import list_images


@dataclass(frozen=True, slots=True)
class Agent:
    """A running worker, the component it stands for, and whose rights it has.

    ``pod`` is empty on this machine; ``environment`` is then all the process has.
    """

    worker: Worker
    component: Component
    identity: WorkerIdentity
    environment: Mapping[str, str] = field(repr=False)
    pod: str = ""


@contextmanager
def open_agent(step: Step) -> Iterator[Agent]:
    """Open the first worker group as a process; its token file is private.

    Raises:
        ProcessError: the process, or kubectl, cannot be started or does not answer.
    """
    if step.settings.run_in == "kubectl":
        with _open_in_pod(step) as agent:
            yield agent
        return
    component = step.values.first_worker
    with tempfile.TemporaryDirectory(prefix="xcomkit-identity-") as private:
        identity = step.cloud.worker_identity(component.subject, directory=private)
        environment, rivals = helm_values.process_environment(step, component, identity)
        if rivals and identity.agents:
            proves = f"{', '.join(rivals)} of the values file in place of the agents' identity"
            identity = replace(identity, proves=proves, agents=False)
        # at full depth the forks of one part are as many as a store on this machine can answer
        is_copied, timeout = step.settings.fault_depth == "quick", step.settings.step_timeout
        with open_worker(environment, timeout=timeout, is_copied=is_copied) as worker:
            worker.look = partial(look, step)
            yield Agent(worker, component, identity, environment)


@contextmanager
def _open_in_pod(step: Step) -> Iterator[Agent]:
    """Open a worker in the agent's pod; which component it is, the pod's own token tells."""
    components, first = step.values.components, step.values.first_worker
    secret = {name: text for one in components for name, text in one.environment.items()}
    launch = Launch(
        pod=step.settings.pod or f"deployment/{step.values.deployment(first)}",
        namespace=first.subject.split(":")[2],
        container=step.settings.container,
    )
    step.say(f"entering {launch.pod}")
    with open_worker(secret, timeout=step.settings.step_timeout, launch=launch) as worker:
        (own,) = worker.run([protocol.identity()])
        component = next((c for c in components if c.subject == own.subject), first)
        rivals = helm_values.rivals(step, component, given=step.cloud.agent_environment())
        proves = f"{launch.pod}, whose token is of {own.subject or f'nobody, {own.error}'}"
        if rivals:
            proves += f", with {', '.join(rivals)} of the values file in place of it"
        identity = WorkerIdentity(
            subject=component.subject,
            environment={},
            proves=proves,
            agents=own.subject == component.subject and not rivals,
        )
        yield Agent(worker, component, identity, component.environment, launch.pod)


def look(step: Step) -> None:
    """Ask whether the store is still there, so that nothing waits for one that is gone.

    Raises:
        UnreachableError: it is not.
    """
    if gone := why_gone(step.settings, reader=step.cloud):
        raise UnreachableError(gone)


def check_image(step: Step, agent: Agent) -> tuple[Check, ...]:
    """Return whether the agents' image holds the durable class (XC413), where the values name it.

    The pod has imported it, or has not; on this machine the label of the image is all there is.
    """
    hello = agent.worker.hello
    if not is_durable(agent.component.environment.get(XCOM.class_variable, "")):
        return ()
    if agent.pod:
        return (image.judge_pod("" if hello.error else hello.digest, pod=agent.pod),)
    return (image.judge_labels([name for _, name, _ in list_images(step.values.file)]),)


def check_drift(step: Step, agent: Agent) -> tuple[Check, ...]:
    """Return whether the pod runs with what the values file says (XC520); nothing elsewhere."""
    if not agent.pod:
        return ()
    return (drift.check(agent.worker, environment=step.values.written(agent.component)),)
