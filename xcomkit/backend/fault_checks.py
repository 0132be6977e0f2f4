"""What the cells of the fault matrix mean for the configured class and codec."""

from collections.abc import Sequence

from xcomkit.backend.expectation import Expectation, all_hold
from xcomkit.backend.fault_matrix import SILENT, Cell, Operation
from xcomkit.backend.protocol import STATE, XCOM, Subject
from xcomkit.backend.state_rules import XC538, XC539, XC540
from xcomkit.findings.model import Check, Rule

XC511 = Rule(
    id="XC511",
    title="A failed upload cannot pass as a success",
    severity="fail",
    why="Behind a codec the stock backend uploads in a finalizer, where Python ignores errors: the"
    " push succeeds, no object exists, the reader gets the path instead of the value.",
    remedy="Set backend to durable, or compression to none.",
    source="airflow.providers.common.io.xcom.backend, fsspec.core.OpenFile",
    fix_in="03",
)
XC516 = Rule(
    id="XC516",
    title="A value that cannot be read is an error",
    severity="fail",
    why="The stock backend returns the reference string where the object is missing or no JSON: the"
    " task goes on with a path in place of its value.",
    remedy="Set backend to durable; keep objects longer than any re-run.",
    source="airflow.providers.common.io.xcom.backend, deserialize_value",
    fix_in="03",
)
XC517 = Rule(
    id="XC517",
    title="A refused delete is an error",
    severity="fail",
    why="The purge of a cleared task reports success and the old value stays in the bucket.",
    remedy="Set backend to durable; give the identity the right to delete below the prefix.",
    source="s3fs drops the error of a single key in a bulk delete",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC511, XC516, XC517)
_OPERATIONS: dict[str, dict[Operation, Rule]] = {
    XCOM.name: {"push": XC511, "pull": XC516, "purge": XC517},
    STATE.name: {"push": XC538, "pull": XC539, "purge": XC540},
}
_EXPECTED = "every fault raises, or is retried until the value is stored"
_HOW = "faults injected by a proxy, objects looked for without Airflow"


def check(cells: Sequence[Cell], *, configured: str, subject: Subject = XCOM) -> tuple[Check, ...]:
    """Return whether any fault is silent with the configured codec, per operation."""
    return tuple(
        _check(
            Expectation(rule, _EXPECTED, _HOW),
            [c for c in cells if c.codec == configured and c.case.operation == operation],
            configured=configured,
        )
        for operation, rule in _OPERATIONS[subject.name].items()
    )


def _check(expectation: Expectation, cells: Sequence[Cell], *, configured: str) -> Check:
    holds = all_hold(cell.holds for cell in cells)
    observed = "; ".join(
        f"{cell.case.label}: {cell.verdict}" + ("" if holds else f", {cell.observed}")
        for cell in cells
        if cell.holds is holds
    )
    return expectation.judge(holds, f"{configured}: {observed or 'no fault was tried'}")


def not_injected(
    reason: str, *, codec: str, backend: str, in_pod: bool = False, subject: Subject = XCOM
) -> tuple[Check, ...]:
    """Return the checks where no fault could be injected; what is known by rule stays red.

    In a pod that is on purpose, so there they are left out; elsewhere they are unknown.
    """
    expectations = [
        Expectation(rule, _EXPECTED, _HOW) for rule in _OPERATIONS[subject.name].values()
    ]
    observed = f"not proved: {reason}"
    checks = [one.skip(observed) if in_pod else one.judge(None, observed) for one in expectations]
    if codec and backend == subject.stock:
        how = "class and codec as Airflow resolves them; no fault was injected"
        known = Expectation(_OPERATIONS[subject.name]["push"], _EXPECTED, how, "rule")
        checks[0] = known.judge(False, f"{codec} with the stock backend")
    return tuple(checks)


def silent_faults(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Return, per codec tried, the faults that stay silent or were not proved to raise."""
    found: dict[str, list[str]] = {cell.codec: [] for cell in cells}
    for cell in cells:
        if not cell.holds:
            unproved = "" if cell.verdict in SILENT else " (not proved)"
            found[cell.codec].append(f"{cell.case.operation} {cell.case.label}{unproved}")
    return found
