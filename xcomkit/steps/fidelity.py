"""Step 04, its third part: which types survive, and whether every component reads every other."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from xcomkit.backend import components, type_fidelity
from xcomkit.backend.cross_read import Participant
from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import Payload
from xcomkit.findings.errors import InputError, ProcessError
from xcomkit.findings.model import Check
from xcomkit.notebook.step import Step
from xcomkit.steps import helm_values
from xcomkit.steps.agent import Agent
from xcomkit.steps.proof import Proof

MOST_FILE_BYTES = 50_000_000


def own_payloads(step: Step) -> tuple[Payload, ...]:
    """Return the user's own values, from a JSON file and from a function of theirs.

    Raises:
        InputError: the file is absent, too large or no JSON.
    """
    found = []
    if given := step.settings.payload_file:
        found.append(Payload("json", text=_read(Path(given))))
    if given := step.settings.payload_callable:
        found.append(Payload("callable", text=given))
    return tuple(found)


def _read(path: Path) -> str:
    hint = "name a JSON file in payload_file."
    try:
        path = path.expanduser()
        is_small = path.stat().st_size <= MOST_FILE_BYTES
        text = path.read_text(encoding="utf-8") if is_small else "null"
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is no JSON: {error}.", hint=hint) from None
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}.", hint=hint) from None
    if not is_small:
        raise InputError(f"{path.name} is larger than {MOST_FILE_BYTES:,} bytes.", hint=hint)
    return text


def examine(step: Step, agent: Agent, proof: Proof, *, run_id: str) -> tuple[Check, ...]:
    """Return the checks of types and of components that read one another."""
    subject = proof.subject
    step.say("sending every type through object and database")
    found = type_fidelity.examine(agent.worker, run_id=run_id)
    if not isinstance(found, ProcessError):
        proof.facts["types"] = proof.types_seen = found
    unchanged = type_fidelity.check(found, subject=subject)
    if agent.pod:
        return unchanged, components.one_pod_only(agent.pod, subject=subject)
    step.say("reading across workers, Dag processor and triggerer")
    with _processes(step, agent) as processes:
        readings = components.examine(processes, run_id=run_id, subject=subject)
    proof.facts["components"] = proof.readings = readings
    own = "its own service account" if agent.identity.agents else agent.identity.proves
    return unchanged, components.check(readings, identity=own, subject=subject)


@contextmanager
def _processes(step: Step, agent: Agent) -> Iterator[list[Participant]]:
    """Yield a process per component; those whose variables are the same share one."""
    with ExitStack() as stack:
        workers: list[tuple[Mapping[str, str], Worker]] = [
            (agent.component.environment, agent.worker)
        ]
        found = []
        for component in step.values.components:
            private = stack.enter_context(tempfile.TemporaryDirectory(prefix="xcomkit-identity-"))
            identity = step.cloud.worker_identity(component.subject, directory=private)
            environment, _ = helm_values.process_environment(step, component, identity)
            own = next((w for e, w in workers if e == component.environment), None)
            if own is None:
                step.say(f"{component.name} has variables of its own: another process")
                timeout = step.settings.step_timeout
                own = stack.enter_context(open_worker(environment, timeout=timeout))
                workers.append((component.environment, own))
            found.append(Participant(component.name, own, environment))
        yield found
