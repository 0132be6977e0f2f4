"""Written by one component, read by every other: workers, Dag processor, triggerer."""

from collections.abc import Sequence

from xcomkit.backend.cross_read import Participant, Reading, cross_read
from xcomkit.backend.expectation import Expectation, all_hold
from xcomkit.backend.protocol import Payload
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


def examine(components: Sequence[Participant], *, run_id: str) -> tuple[Reading, ...]:
    """Return one reading of a small value per pair of components, itself included."""
    small = [Payload("small_dict")]
    return cross_read(components, payloads=small, dag_id=DAG_ID, run_id=run_id)


def one_pod_only(pod: str) -> Check:
    """Return the check where a single pod was entered, so that nothing could be read across."""
    return Expectation(
        XC526, _EXPECTED, "each component's own variables, a fresh process each"
    ).skip(f"not proved: only {pod} was entered; run_in: local reads across")


def check(readings: Sequence[Reading], *, identity: str) -> Check:
    """Return whether every component reads what every other wrote (XC526); ``identity`` as whom."""
    holds = {"pass": True, "fail": False, "unknown": None}
    verdict = all_hold(holds[one.verdict] for one in readings)
    wrong = [one for one in readings if holds[one.verdict] is verdict]
    names = ", ".join(sorted({one.reader for one in readings}))
    observed = f"{len(readings)} readings among {names}, all the same"
    if not verdict:
        observed = "; ".join(f"{one.writer} to {one.reader}: {one.reason}" for one in wrong)
    how = f"each component's own variables, as {identity}, a fresh process each"
    return Expectation(XC526, _EXPECTED, how).judge(verdict, observed or "no component was asked")
