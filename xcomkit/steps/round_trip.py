"""Step 04: the backend of the values file, exercised with these values and this identity."""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from xcomkit.backend import (
    advice,
    components,
    fault_checks,
    fault_matrix,
    lost_writes,
    round_trip,
    sign_in,
    silent_references,
    state_scopes,
    timing,
    type_fidelity,
)
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import STATE, XCOM, Payload, Where, push
from xcomkit.backend.round_trip_rules import PUSH
from xcomkit.clouds.bucket import missing_bucket
from xcomkit.findings import evidence
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Check
from xcomkit.notebook.step import Step
from xcomkit.steps import failures, fidelity
from xcomkit.steps.agent import Agent, check_drift, check_image, open_agent
from xcomkit.steps.proof import Proof

_PARTS = (round_trip, lost_writes, fault_matrix, silent_references, type_fidelity, components)


def prove(step: Step) -> Proof:
    """Return the whole proof: values, lost writes, faults, types, components and codecs.

    All of it happens in one worker process, because importing Airflow takes longer than the proof.
    A red finding is never lost with what breaks after it.
    """
    proof = Proof(facts=step.facts)
    run_id = f"manual__{datetime.now(UTC).isoformat()}"
    with step.in_cell("round_trip.prove"):
        try:
            if missing := missing_bucket(step.cloud):
                proof.table = step.check(missing, caption="Nothing was tried")
                return proof
            step.say("starting a process with nothing but the effective environment")
            step.values = step.values.anew()
            # Recorded before anything is written, in case the proof is cut off.
            places = _places(step, run_id=run_id)
            evidence.record_created(step.run, kind="prefixes", names=places)
            with ThreadPoolExecutor(1) as beside, open_agent(step) as agent:
                step.facts["identity"] = agent.identity.proves
                step.facts["component"] = agent.component.name
                for checks in prove_parts(step, agent, proof, run_id=run_id, beside=beside):
                    proof.checks += checks
            # Also keys of which only old versions are left.
            keys = [key for place in places for key in step.cloud.list_keys_ever(place)]
            evidence.record_created(step.run, kind="objects", names=keys)
            _sweep(step, places)
        except XcomkitError as error:
            proof.checks.insert(0, step.error_check(error))
        proof.table = step.check(*proof.checks, caption="The round trip")
    return proof


def prove_parts(
    step: Step, agent: Agent, proof: Proof, *, run_id: str, beside: Executor
) -> Iterator[tuple[Check, ...]]:
    """Yield the checks of each part of the proof, and put what was measured beside them into it.

    ``beside`` is where the state store is proved while values of XCom are lost; when codecs are
    timed nothing else runs.
    """
    worker, settings = agent.worker, step.settings
    signed_in = _sign_in(step, agent)
    yield (*signed_in, *check_drift(step, agent), *check_image(step, agent))
    step.say(f"pushing, reading, pulling and purging as {agent.identity.proves}")
    yield _prove_values(
        step,
        agent,
        proof,
        run_id=run_id,
        obstacle="" if signed_in[0].status in ("pass", "skip") else signed_in[0].observed,
        payloads=(*round_trip.PAYLOADS, *fidelity.own_payloads(step)),
    )
    step.facts["configured"] = (proof.class_name, configured := proof.codecs[0])
    losses = _prove_losses(step, agent, proof, run_id=run_id) if proof.is_stored else iter(())
    other = worker.beside()
    own = replace(agent, worker=other or worker)
    state = prove_state(step, own, proof, run_id=run_id)
    if other is None:
        yield from losses
        yield from state
    else:
        yield from at_once(losses, state, beside=beside)
    if not proof.is_stored:  # timing each codec's failure would only take time
        return
    _leave_sample(worker, run_id=run_id)
    measured = timing.measure(
        worker, settings=settings, codecs=timing.distinct(configured), progress=step.say,
        run_id=run_id,
    )  # fmt: skip
    step.facts["measurements"] = proof.measured = measured.measurements
    step.facts["not_measured"] = measured.problems
    step.facts["advice"] = advised = advice.advise(
        measured.measurements,
        writes=proof.writes,
        silent=fault_checks.silent_faults(proof.cells) if proof.cells else None,
        configured=configured,
    )
    proof.sentences = (advised, *measured.problems)
    yield advice.check(measured.measurements, configured=configured)


def at_once(
    here: Iterator[tuple[Check, ...]], there: Iterator[tuple[Check, ...]], *, beside: Executor
) -> Iterator[tuple[Check, ...]]:
    """Yield the checks of two parts that run at the same time; an error of one ends no other.

    Raises:
        XcomkitError: the first error, once all that was found has been given.
    """
    found = list[tuple[Check, ...]]()
    done, trouble = beside.submit(found.extend, there), None
    try:
        yield from here
    except XcomkitError as error:
        trouble = error
    wait([done])
    yield from found
    if trouble is not None:
        raise trouble
    done.result()


def prove_state(
    step: Step, agent: Agent, proof: Proof, *, run_id: str
) -> Iterator[tuple[Check, ...]]:
    """Yield the checks of the state store by the same parts, where the values configure one."""
    agent = replace(agent, worker=agent.worker.about(STATE))
    if not agent.component.environment.get(STATE.class_variable) and not agent.worker.bound.backend:
        return
    step.say("proving the state store in the same way")
    proof.state = own = Proof(subject=STATE)
    step.facts["state_store"] = own.facts
    yield _prove_values(step, agent, own, run_id=run_id, payloads=round_trip.STATE_PAYLOADS)
    if own.is_stored:
        yield (state_scopes.check(state_scopes.examine(agent.worker, run_id=run_id)),)
        yield from _prove_losses(step, agent, own, run_id=run_id)


def _prove_values(
    step: Step,
    agent: Agent,
    proof: Proof,
    *,
    run_id: str,
    payloads: Sequence[Payload],
    obstacle: str = "",
) -> tuple[Check, ...]:
    """Return the checks of the round trip, and put into the proof what is proved from here on."""
    worker, settings = agent.worker, step.settings
    found = round_trip.prove(
        worker,
        settings=settings,
        environment=agent.component.environment,
        identity=agent.identity,
        reader=step.cloud,
        run_id=run_id,
        obstacle=obstacle,
        payloads=payloads,
    )
    proof.pushed, proof.backend = found.values, worker.bound.backend
    configured = worker.bound.settings.get("compression") or "none"
    proof.codecs = timing.chosen(
        proof.backend, configured, depth=settings.fault_depth, subject=proof.subject
    )
    pushes = [one.status for one in found.checks if one.id == PUSH[proof.subject].rule.id]
    # all of it may have stayed in the database by choice
    proof.is_stored = pushes == ["pass"] or (pushes == ["skip"] and bool(found.values))
    return found.checks


def _prove_losses(
    step: Step, agent: Agent, proof: Proof, *, run_id: str
) -> Iterator[tuple[Check, ...]]:
    """Yield the checks of lost writes, faults, references, types and components."""
    proof.facts["lost_writes"] = proof.writes = lost_writes.probe(
        agent.worker,
        reader=step.cloud,
        bucket=step.settings.bucket,
        codecs=proof.codecs,
        repetitions=step.settings.repetitions if proof.subject is XCOM else 2,
        run_id=run_id,
        progress=step.say,
    )
    configured, subject = proof.codecs[0], proof.subject
    yield (lost_writes.check(proof.writes, configured=configured, subject=subject),)
    yield failures.examine(step, agent, proof, run_id=run_id)
    proof.facts["compared"] = proof.compared
    yield fidelity.examine(step, agent, proof, run_id=run_id)


def _sign_in(step: Step, agent: Agent) -> tuple[Check, Check]:
    """Return whether the worker's token is accepted, and one of an untrusted account rejected.

    The token of a pod stays there: whether it is worth anything, the pushes tell.
    """
    # A store without workload identity is asked with all that the worker has.
    identity = replace(agent.identity, environment=dict(agent.environment))
    identity = replace(identity, agents=False, environment={}) if agent.pod else identity
    untrusted = f"system:serviceaccount:{step.settings.namespace}:xcomkit-untrusted"
    worker = sign_in.check_worker(identity, sign_in=step.cloud.sign_in)
    with tempfile.TemporaryDirectory(prefix="xcomkit-untrusted-") as private:
        other = step.cloud.worker_identity(untrusted, directory=private)
        return worker, sign_in.check_untrusted(other, sign_in=step.cloud.sign_in, worker=worker)


def _leave_sample(worker: Worker, *, run_id: str) -> None:
    """Push one small value that step 05 can open; tear down removes it."""
    where = Where(dag_id=round_trip.DAG_ID, run_id=run_id, task_id="sample")
    worker.run([push(Payload("small_dict"), where=where)])


def _places(step: Step, *, run_id: str) -> tuple[str, ...]:
    """Return the prefixes that this run alone writes below."""
    dag_ids = [part.DAG_ID for part in _PARTS]
    below = [f"{step.settings.prefix}/{one}/{run_id}/" for one in (*dag_ids, timing.DAG_ID)]
    if step.settings.state_store:
        quoted = quote(run_id, safe="")
        state = step.settings.state_prefix
        below += [f"{state}/{one}/{quoted}/" for one in dag_ids]
        below += [f"{state}/{one}" for one in state_scopes.prefixes(run_id)]
    return tuple(below)


def _sweep(step: Step, places: tuple[str, ...]) -> None:
    """Remove what the probes left, but for the sample: an upload that was late lands after all."""
    try:
        for place in places:
            if not place.startswith(f"{step.settings.prefix}/{round_trip.DAG_ID}/"):
                step.cloud.delete_keys([*step.cloud.list_keys_ever(place)])
    except XcomkitError as error:  # all of it is recorded, and step 07 tries again
        step.say(f"test objects stay until step 07: {error}")
