"""Step 04, its second part: the store fails on the wire, and references lose what they lead to."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from xcomkit.backend import fault_checks, fault_matrix, silent_references, timing
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import BACKENDS, Check
from xcomkit.notebook import show
from xcomkit.notebook.step import Step
from xcomkit.stand_ins.fault_proxy.proxy import open_fault_proxy
from xcomkit.steps.agent import Agent

COLOURS = {
    "raised": "#91cc75",
    "retried and stored": "#c7e9b4",
    "silent loss": "#ee6666",
    "silent wrong value": "#fc8452",
    "silent leftover": "#fac858",
    "not proved": "#dddddd",
}


def examine(step: Step, agent: Agent, *, run_id: str) -> tuple[Check, ...]:
    """Return the checks of faults and of silent references; the faults are recorded."""
    worker = agent.worker
    codec = worker.hello.settings["compression"]
    try:
        step.results["cells"] = cells = _inject(step, agent, run_id=run_id)
        step.facts["faults"] = [
            {"operation": c.case.operation, "fault": c.case.label, "acts": c.case.fault.acts,
             **{k: v for k, v in asdict(c).items() if k != "case"}}
            for c in cells
        ]  # fmt: skip
        checks = fault_checks.check(cells, configured=codec or "none")
    except ProcessError as error:
        checks = fault_checks.not_injected(
            str(error), codec=codec, backend=worker.hello.backend, in_pod=bool(agent.pod)
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


def _inject(step: Step, agent: Agent, *, run_id: str) -> tuple[fault_matrix.Cell, ...]:
    """Return what became of each fault, of forks of the same worker that are led over a wire.

    Raises:
        ProcessError: nothing can stand between the worker and its store.
    """
    if agent.pod:
        message = f"nothing can stand between {agent.pod} and its store; run_in: local can"
        raise ProcessError(message)
    settings = step.settings
    with open_fault_proxy(settings.cloud, environment=agent.environment) as wire:
        return fault_matrix.run(
            agent.worker,
            wire=wire,
            cases=fault_matrix.cases(settings.cloud, depth=settings.fault_depth),
            codecs=step.results["codecs"],
            reader=step.cloud,
            bucket=settings.bucket,
            prefix=settings.prefix,
            run_id=run_id,
            progress=step.say,
        )


def name_class(results: Mapping[str, Any]) -> str:
    """Return the configured class as ``backend`` names it, or its own name."""
    path: str = results.get("backend", "")
    return next((n for n, known in BACKENDS.items() if known == path), path.rpartition(".")[2])


def label(results: Mapping[str, Any], codec: str) -> str:
    """Return class and codec, and whether they are configured or the contrast."""
    if codec == timing.CONTRAST:
        return timing.CONTRAST_LABEL
    return f"{name_class(results)}, {codec}{' (configured)' * (codec == results['codecs'][0])}"


def table(step: Step) -> show.Table | show.Text:
    """Return every fault that is not simply raised, and how it was seen."""
    cells: tuple[fault_matrix.Cell, ...] = step.results.get("cells", ())
    if not cells:
        return show.Text("No fault was injected.")
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for cell in cells:
        observed = cell.observed.split(" (")[0][:120]
        if cell.verdict == "raised":
            observed = observed.partition(":")[0]
        key = (cell.case.operation, cell.case.label, cell.verdict, observed)
        found.setdefault(key, []).append(label(step.results, cell.codec))
    rows = [
        (operation, fault, "; ".join(labels), verdict, observed)
        for (operation, fault, verdict, observed), labels in found.items()
    ]
    headers = ("what", "fault", "class and codec", "verdict", "seen")
    return show.table(headers, rows, caption="The store fails")


def picture(step: Step) -> show.Picture | show.Text:
    """Return the verdicts as a heat map: rows are faults, columns class and codec."""
    cells: tuple[fault_matrix.Cell, ...] = step.results.get("cells", ())
    if not cells:
        return show.Text("There is nothing to draw.")
    words = {
        (f"{c.case.operation}: {c.case.label}", label(step.results, c.codec)): str(c.verdict)
        for c in cells
    }
    rows = list(dict.fromkeys(row for row, _ in words))
    columns = list(dict.fromkeys(column for _, column in words))
    title = "What tasks see of a fault"
    return show.heat_map(rows, columns, words, colours=COLOURS, title=title)
