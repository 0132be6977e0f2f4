"""Step 04, its second part: requests fail on their way, and references lose their objects."""

from collections.abc import Sequence
from dataclasses import asdict

from xcomkit.backend import fault_checks, fault_matrix, silent_references
from xcomkit.backend.protocol import STATE
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Check
from xcomkit.notebook.step import Step
from xcomkit.stand_ins.fault_proxy.proxy import open_fault_proxy
from xcomkit.steps.agent import Agent
from xcomkit.steps.proof import Proof


def examine(step: Step, agent: Agent, proof: Proof, *, run_id: str) -> tuple[Check, ...]:
    """Return the checks of faults and of silent references; the faults are recorded."""
    worker, subject = agent.worker, proof.subject
    codec = worker.bound.settings["compression"]
    try:
        proof.cells = cells = _inject(step, agent, codecs=proof.codecs, run_id=run_id)
        proof.facts["faults"] = [
            {"operation": c.case.operation, "fault": c.case.label, "acts": c.case.fault.acts,
             **{k: v for k, v in asdict(c).items() if k != "case"}}
            for c in cells
        ]  # fmt: skip
        checks = fault_checks.check(cells, configured=codec or "none", subject=subject)
    except ProcessError as error:
        checks = fault_checks.not_injected(
            str(error), codec=codec, backend=proof.backend, in_pod=bool(agent.pod), subject=subject
        )
    step.say("moving the prefix, renaming the connection, letting an object expire")
    references = silent_references.check(
        worker,
        environment=agent.environment,
        reader=step.cloud,
        delete=step.cloud.delete_keys,
        bucket=step.settings.bucket,
        run_id=run_id,
    )
    return (*checks, *references)


def _inject(
    step: Step, agent: Agent, *, codecs: Sequence[str], run_id: str
) -> tuple[fault_matrix.Cell, ...]:
    """Return what became of each fault, of forks of the same worker that go through a proxy.

    Raises:
        ProcessError: nothing can stand between the worker and its store.
    """
    if agent.pod:
        message = f"nothing can stand between {agent.pod} and its store; run_in: local can"
        raise ProcessError(message)
    settings, depth = step.settings, step.settings.fault_depth
    cases = fault_matrix.cases(settings.cloud, depth=depth)
    is_state = agent.worker.subject is STATE
    if is_state and depth == "quick":  # one filesystem: what it tries again XCom has shown
        cases = tuple(case for case in cases if not case.fault.times)
    with open_fault_proxy(settings.cloud, environment=agent.environment) as proxy:
        return fault_matrix.run(
            agent.worker,
            proxy=proxy,
            cases=cases,
            codecs=codecs,
            reader=step.cloud,
            bucket=settings.bucket,
            prefix=settings.state_prefix if is_state else settings.prefix,
            run_id=run_id,
            progress=step.say,
        )
