"""Step 04, its third part: which types survive, and whether every component reads every other."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from xcomkit.backend import components, type_fidelity
from xcomkit.backend.cross_read import Participant, Reading
from xcomkit.backend.process import Worker, open_worker
from xcomkit.backend.protocol import Payload
from xcomkit.findings.errors import InputError, ProcessError
from xcomkit.findings.model import Check
from xcomkit.notebook import show
from xcomkit.notebook.step import Step
from xcomkit.steps import helm_values
from xcomkit.steps.agent import Agent

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
    try:
        path = path.expanduser()
        if path.stat().st_size > MOST_FILE_BYTES:
            raise InputError(
                f"{path.name} is larger than {MOST_FILE_BYTES:,} bytes.",
                hint="name a smaller sample in payload_file.",
            )
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path.name} is no JSON: {error}.", hint="name a JSON file in payload_file."
        ) from None
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path.name} cannot be read: {error}.", hint="correct payload_file."
        ) from None
    return text


def examine(step: Step, agent: Agent, *, run_id: str) -> tuple[Check, ...]:
    """Return the checks of types and of components that read one another."""
    step.say("sending every type through object and database")
    found = type_fidelity.examine(agent.worker, run_id=run_id)
    if not isinstance(found, ProcessError):
        step.facts["types"] = found
    if agent.pod:
        return type_fidelity.check(found), components.one_pod_only(agent.pod)
    step.say("reading across workers, Dag processor and triggerer")
    with _seats(step, agent) as seats:
        step.facts["components"] = readings = components.examine(seats, run_id=run_id)
    own = "its own service account" if agent.identity.agents else agent.identity.proves
    return (type_fidelity.check(found), components.check(readings, identity=own))


@contextmanager
def _seats(step: Step, agent: Agent) -> Iterator[list[Participant]]:
    """Yield a seat per component; one whose variables are those of the first shares its worker."""
    with ExitStack() as stack:
        workers: list[tuple[Mapping[str, str], Worker]] = [
            (agent.component.environment, agent.worker)
        ]
        seats = []
        for component in step.values.components:
            private = stack.enter_context(tempfile.TemporaryDirectory(prefix="xcomkit-seat-"))
            identity = step.cloud.worker_identity(component.subject, directory=private)
            environment, _ = helm_values.process_environment(step, component, identity)
            own = next((w for e, w in workers if e == component.environment), None)
            if own is None:
                step.say(f"{component.name} has variables of its own: another process")
                timeout = step.settings.step_timeout
                own = stack.enter_context(open_worker(environment, timeout=timeout))
                workers.append((component.environment, own))
            seats.append(Participant(component.name, own, environment))
        yield seats


def types(step: Step) -> show.Table | show.Text:
    """Return what became of a value of each type, on both ways."""
    found: tuple[type_fidelity.TypeResult, ...] = step.facts.get("types", ())
    if not found:
        return show.Text("No type was tried.")
    rows = [(fate.name, fate.through_object, fate.through_database) for fate in found]
    headers = ("type", "through the object", "through the database")
    return show.table(headers, rows, caption="What comes back")


def readings(step: Step) -> show.Table | show.Text:
    """Return who read what whom had written."""
    found: tuple[Reading, ...] = step.facts.get("components", ())
    if not found:
        return show.Text("Nothing was read across components.")
    readers = list(dict.fromkeys(one.reader for one in found))
    told = {(one.writer, one.reader): one.reason or "the same" for one in found}
    rows = [
        (writer, *(told.get((writer, reader), "") for reader in readers))
        for writer in dict.fromkeys(one.writer for one in found)
    ]
    headers = ("written by", *(f"read by {reader}" for reader in readers))
    return show.table(headers, rows, caption="Written by one, read by every other")
