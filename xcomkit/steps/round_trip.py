"""Step 04: the backend of the values file, exercised with these values and this identity."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from xcomkit.backend import (
    advice as codecs,
)
from xcomkit.backend import (
    components,
    fault_checks,
    fault_matrix,
    lost_writes,
    round_trip,
    round_trip_rules,
    sign_in,
    silent_references,
    timing,
    type_fidelity,
)
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import Payload, Where, push
from xcomkit.findings import evidence
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Check, Measurement
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.steps import failures, fidelity
from xcomkit.steps.agent import Agent, check_drift, open_agent


@cell
def prove(step: Step) -> show.Table:
    """Return the checks of push, independent read-back, pull and purge; then time the codecs.

    Both happen in one worker process, because importing Airflow takes longer than the proof.
    """
    run_id = f"manual__{datetime.now(UTC).isoformat()}"
    step.say("starting a process with nothing but the effective environment")
    step.values = step.values.anew()
    _record_places(step, run_id=run_id)
    found: list[Check] = []  # a red finding is never lost with what breaks after it
    try:
        with open_agent(step) as agent:
            step.facts["identity"] = agent.identity.proves
            step.facts["component"] = agent.component.name
            for checks in _prove(step, agent, run_id=run_id):
                found += checks
        _record_objects(step, run_id=run_id)
        _sweep(step, run_id=run_id)
    except XcomkitError as error:
        return step.check(step.could_not(error), *found)
    return step.check(*found, caption="The round trip")


def _prove(step: Step, agent: Agent, *, run_id: str) -> Iterator[tuple[Check, ...]]:
    """Yield the checks of each part of the round trip, and record what was measured beside them."""
    worker, identity = agent.worker, agent.identity
    signed_in = _sign_in(step, agent)
    yield (*signed_in, *check_drift(step, agent))
    step.say(f"pushing, reading, pulling and purging as {identity.proves}")
    step.results["proof"] = proof = round_trip.prove(
        worker,
        settings=step.settings,
        environment=agent.component.environment,
        identity=identity,
        reader=step.cloud,
        run_id=run_id,
        obstacle="" if signed_in[0].status in ("pass", "skip") else signed_in[0].observed,
        payloads=(*round_trip.PAYLOADS, *fidelity.own_payloads(step)),
    )
    yield proof.checks
    step.results["backend"] = backend = worker.hello.backend
    configured = worker.hello.settings["compression"] or "none"
    step.results["codecs"] = timing.chosen(backend, configured, depth=step.settings.fault_depth)
    pushes = [check.status for check in proof.checks if check.id == round_trip_rules.XC503.id]
    is_kept = pushes == ["skip"] and proof.values  # a threshold above all values
    if pushes != ["pass"] and not is_kept:  # timing each codec's failure would only take time
        return
    step.facts["lost_writes"] = writes = lost_writes.probe(
        worker,
        reader=step.cloud,
        bucket=step.settings.bucket,
        codecs=step.results["codecs"],
        repetitions=step.settings.repetitions,
        run_id=run_id,
        progress=step.say,
    )
    yield (lost_writes.check(writes, configured=configured),)
    yield failures.examine(step, agent, run_id=run_id)
    yield fidelity.examine(step, agent, run_id=run_id)
    _leave_specimen(worker, run_id=run_id)
    every = timing.distinct(configured)
    measured = timing.measure(
        worker, settings=step.settings, codecs=every, progress=step.say, run_id=run_id
    )
    step.facts["measurements"] = measured.measurements
    step.facts["not_measured"] = measured.problems
    cells: tuple[fault_matrix.Cell, ...] = step.results.get("cells", ())
    step.facts["advice"] = codecs.advise(
        measured.measurements,
        writes=writes,
        silent=fault_checks.silent_faults(cells) if cells else None,
        configured=configured,
    )
    yield codecs.check(measured.measurements, configured=configured)


def _sign_in(step: Step, agent: Agent) -> tuple[Check, Check]:
    """Return whether the worker's token is accepted, and a stranger's refused.

    The token of a pod stays there: whether it is worth anything, the pushes tell.
    """
    # A store without workload identity is asked with all that the worker has.
    identity = replace(agent.identity, environment=dict(agent.environment))
    identity = replace(identity, agents=False, environment={}) if agent.pod else identity
    stranger = f"system:serviceaccount:{step.settings.namespace}:xcomkit-stranger"
    worker = sign_in.check_worker(identity, sign_in=step.cloud.sign_in)
    with tempfile.TemporaryDirectory(prefix="xcomkit-stranger-") as private:
        other = step.cloud.worker_identity(stranger, directory=private)
        return worker, sign_in.check_untrusted(other, sign_in=step.cloud.sign_in, worker=worker)


def _leave_specimen(worker: Worker, *, run_id: str) -> None:
    """Push one small value that step 05 can open; tear down removes it."""
    where = Where(dag_id=round_trip.DAG_ID, run_id=run_id, task_id="specimen")
    worker.run([push(Payload("small_dict"), where=where)])


def _places(step: Step, *, run_id: str) -> tuple[str, ...]:
    """Return the prefixes that this run alone writes below."""
    parts = (round_trip, lost_writes, fault_matrix, silent_references, type_fidelity, components)
    dag_ids = (*(part.DAG_ID for part in parts), timing.DAG_ID)
    return tuple(f"{step.settings.prefix}/{dag_id}/{run_id}/" for dag_id in dag_ids)


def _record_places(step: Step, *, run_id: str) -> None:
    """Record where this proof will write before it does, in case it is cut off."""
    evidence.record_created(step.run, kind="prefixes", names=_places(step, run_id=run_id))


def _record_objects(step: Step, *, run_id: str) -> None:
    """Record every key of this proof, also those of which only old versions are left."""
    places = _places(step, run_id=run_id)
    keys = [key for place in places for key in step.cloud.list_keys_ever(place)]
    evidence.record_created(step.run, kind="objects", names=keys)


def _sweep(step: Step, *, run_id: str) -> None:
    """Remove what the probes left: an upload that was late lands after its purge."""
    places = [p for p in _places(step, run_id=run_id) if round_trip.DAG_ID not in p]
    try:
        for place in places:
            step.cloud.delete_keys([*step.cloud.list_keys_ever(place)])
    except XcomkitError as error:  # all of it is recorded, and step 07 tries again
        step.say(f"test objects stay until step 07: {error}")


def report(step: Step) -> show.Table | show.Text:
    """Return what each value did on its way."""
    proof: round_trip.Proof | None = step.results.get("proof")
    if proof is None:
        return show.Text("Nothing was pushed.")
    rows = [
        (
            trip.payload.kind,
            f"{trip.encoded.bytes or 0:,}",
            str(trip.pushed.error or "") or trip.pushed.reference or "kept in the database",
            f"{trip.pushed.ms:.1f}",
        )
        for trip in proof.values
    ]
    headers = ("value", "JSON bytes", "stored as", "push ms")
    return show.table(headers, rows, caption="Values on their way")


def lost(step: Step) -> show.Table | show.Text:
    """Return which pushes were there at once and after the process had ended."""
    writes: tuple[lost_writes.Writes, ...] = step.facts.get("lost_writes", ())
    if not writes:
        return show.Text("Nothing was probed.")
    rows = [
        (failures.label(step.results, one.codec), f"{one.seen_at_once} of {one.at_once}",
         f"{one.seen_after_exit} of {one.at_exit}", one.problem or ("lost" if one.lost else "kept"))
        for one in writes
    ]  # fmt: skip
    headers = ("class and codec", "there at once", "there after exit", "verdict")
    return show.table(headers, rows, caption="Pushes found again, without any fault")


def lost_chart(step: Step) -> show.Picture | show.Text:
    """Return the share of pushes that were found again, as a picture."""
    writes: tuple[lost_writes.Writes, ...] = step.facts.get("lost_writes", ())
    known = [one for one in writes if not one.problem]
    shares = {failures.label(step.results, one.codec): 100 * one.share_found for one in known}
    if not shares:
        return show.Text("There is nothing to draw.")
    return show.bar_chart(shares, label="% of pushes found again")


def measurements(step: Step) -> show.Table | show.Text:
    """Return sizes, times and requests per payload and codec."""
    measured: tuple[Measurement, ...] = step.facts.get("measurements", ())
    backend = failures.name_class(step.results)
    nothing = show.Text("Nothing could be measured.")
    return show.measurements(measured, backend=backend) if measured else nothing


def chart(step: Step) -> show.Picture | show.Text:
    """Return the largest payload's sizes and times as a picture."""
    measured: tuple[Measurement, ...] = step.facts.get("measurements", ())
    backend, nothing = failures.name_class(step.results), show.Text("There is nothing to draw.")
    return show.codec_chart(measured, backend=backend) if measured else nothing


def advice(step: Step) -> show.Text:
    """Return the advice on the codec, and what could not be measured."""
    given = step.facts.get("advice", "Nothing was measured, so there is nothing to advise.")
    return show.Text(" ".join((given, *step.facts.get("not_measured", ()))))
