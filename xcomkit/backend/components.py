"""Written by one component, read by every other: workers, Dag processor, triggerer."""

from collections.abc import Sequence
from dataclasses import replace

from xcomkit.backend.cross_read import Participant, Reading, cross_read
from xcomkit.backend.expectation import expect, rules
from xcomkit.backend.protocol import XCOM, Payload, Subject
from xcomkit.findings.model import Check, all_hold

DAG_ID = "xcomkit_components"
_READ = expect(
    ("XC526", "Every component can read the others' XComs"),
    ("XC545", "Every component can read the others' state"),
    why=(
        "A group with other variables or another service account reads paths as values.",
        "A retry may run on another worker group, and a trigger reads what a task stored.",
    ),
    remedy=(
        "Put XCom settings in commonEnv only, and let one identity trust every service account.",
        "Put the state store's settings in commonEnv only.",
    ),
    source="remote agents Helm reference: commonEnv, workers, dagProcessor, triggerer",
    fix_in="03",
    expected="the same value, whoever wrote and whoever reads",
    how="each component's own variables, a fresh process each",
)
RULES = rules(_READ)


def examine(
    components: Sequence[Participant], *, run_id: str, subject: Subject = XCOM
) -> tuple[Reading, ...]:
    """Return one reading of a small value per pair of components, itself included."""
    small = [Payload("small_dict")]
    return cross_read(components, payloads=small, dag_id=DAG_ID, run_id=run_id, subject=subject)


def one_pod_only(pod: str, *, subject: Subject = XCOM) -> Check:
    """Return the check where a single pod was entered, so that nothing could be read across."""
    observed = f"not proved: only {pod} was entered; run_in: local reads across"
    return _READ[subject].skip(observed)


def check(readings: Sequence[Reading], *, identity: str, subject: Subject = XCOM) -> Check:
    """Return whether every component reads what every other wrote; ``identity`` as whom."""
    holds = {"pass": True, "fail": False, "unknown": None}
    verdict = all_hold(holds[one.verdict] for one in readings)
    wrong = [one for one in readings if holds[one.verdict] is verdict]
    names = ", ".join(sorted({one.reader for one in readings}))
    observed = f"{len(readings)} readings among {names}, all the same"
    if not verdict:
        observed = "; ".join(f"{one.writer} to {one.reader}: {one.reason}" for one in wrong)
    how = f"each component's own variables, as {identity}, a fresh process each"
    read = replace(_READ[subject], how=how)
    return read.judge(verdict, observed or "no component was asked")
