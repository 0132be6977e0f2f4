"""Written by one component, read by every other: workers, Dag processor, triggerer."""

from collections.abc import Sequence

from xcomkit.backend.cross_read import Participant, Reading, cross_read
from xcomkit.backend.expectation import Expectation, all_hold
from xcomkit.backend.protocol import STATE, XCOM, Payload, Subject
from xcomkit.backend.state_rules import XC545
from xcomkit.findings.model import Check, Rule

DAG_ID = "xcomkit_components"
_EXPECTED = "the same value, whoever wrote and whoever reads"

XC526 = Rule(
    id="XC526",
    title="Every component can read the others' XComs",
    severity="fail",
    why="A group with other variables or another service account reads paths as values.",
    remedy="Put XCom settings in commonEnv only, and let one identity trust every service account.",
    source="remote agents Helm reference: commonEnv, workers, dagProcessor, triggerer",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC526,)
_RULES = {XCOM.name: XC526, STATE.name: XC545}


def examine(
    components: Sequence[Participant], *, run_id: str, subject: Subject = XCOM
) -> tuple[Reading, ...]:
    """Return one reading of a small value per pair of components, itself included."""
    small = [Payload("small_dict")]
    return cross_read(components, payloads=small, dag_id=DAG_ID, run_id=run_id, subject=subject)


def one_pod_only(pod: str, *, subject: Subject = XCOM) -> Check:
    """Return the check where a single pod was entered, so that nothing could be read across."""
    return Expectation(
        _RULES[subject.name], _EXPECTED, "each component's own variables, a fresh process each"
    ).skip(f"not proved: only {pod} was entered; run_in: local reads across")


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
    expected = Expectation(_RULES[subject.name], _EXPECTED, how)
    return expected.judge(verdict, observed or "no component was asked")
