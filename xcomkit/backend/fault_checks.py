"""What the cells of the fault matrix mean for the configured class and codec."""

from collections.abc import Sequence

from xcomkit.backend.fault_matrix import SILENT, Cell, Operation
from xcomkit.findings.model import STOCK_BACKEND, Check, Rule

XC511 = Rule(
    id="XC511",
    title="A failed upload cannot pass as a success",
    severity="fail",
    why="behind a codec the stock backend uploads in a finalizer, where Python ignores errors: the"
    " push succeeds, no object exists, the reader gets the path instead of the value",
    remedy="set backend to durable, or compression to none",
    source="airflow.providers.common.io.xcom.backend, fsspec.core.OpenFile",
    fix_in="03",
)
XC516 = Rule(
    id="XC516",
    title="A value that cannot be read is an error",
    severity="fail",
    why="the stock backend returns the reference string where the object is missing or no JSON: the"
    " task goes on with a path in place of its value",
    remedy="set backend to durable; keep objects longer than any re-run",
    source="airflow.providers.common.io.xcom.backend, deserialize_value",
    fix_in="03",
)
XC517 = Rule(
    id="XC517",
    title="A refused delete is an error",
    severity="fail",
    why="the purge of a cleared task reports success and the old value stays in the bucket",
    remedy="set backend to durable; give the identity the right to delete below the prefix",
    source="s3fs drops the error of a single key in a bulk delete",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC511, XC516, XC517)
_OF: dict[Operation, Rule] = {"push": XC511, "pull": XC516, "purge": XC517}
HOW = "faults injected on the wire, objects looked for without Airflow"
EXPECTED = "every fault raises, or is retried until the value is stored"


def check(cells: Sequence[Cell], *, configured: str) -> tuple[Check, ...]:
    """Return whether any fault is silent with the configured codec, per operation."""
    return tuple(_check(operation, cells, configured=configured) for operation in _OF)


def _check(operation: Operation, cells: Sequence[Cell], *, configured: str) -> Check:
    own = [c for c in cells if c.codec == configured and c.case.operation == operation]
    silent = [cell for cell in own if cell.verdict in SILENT]
    open_ones = [cell for cell in own if cell.verdict == "not proved"]
    told = silent or open_ones or own
    if told is own:
        observed = "; ".join(f"{cell.case.label}: {cell.verdict}" for cell in own)
    else:
        observed = "; ".join(f"{c.case.label}: {c.verdict}, {c.observed}" for c in told)
    return _OF[operation].judge(
        False if silent else None if open_ones or not own else True,
        expected=EXPECTED,
        observed=f"{configured}: {observed or 'no fault was tried'}",
        how=HOW,
        basis="behaviour",
    )


def not_injected(
    reason: str, *, codec: str, backend: str, in_pod: bool = False
) -> tuple[Check, ...]:
    """Return the checks where no fault could be injected; what is known by rule stays red.

    In a pod nothing is spoilt on purpose, so there they are left out; elsewhere they are unknown.
    """
    observed = f"not proved: {reason}"
    checks = [
        rule.skip(expected=EXPECTED, observed=observed, how=HOW)
        if in_pod
        else rule.judge(None, expected=EXPECTED, observed=observed, how=HOW, basis="behaviour")
        for rule in RULES
    ]
    if codec and backend == STOCK_BACKEND:
        checks[0] = XC511.judge(
            False,
            expected=EXPECTED,
            observed=f"{codec} with the stock backend",
            how="class and codec as Airflow resolves them; no fault was injected",
            basis="rule",
        )
    return tuple(checks)


def silent_faults(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Return, per codec tried, the faults that stay silent or were not proved to raise."""
    found: dict[str, list[str]] = {cell.codec: [] for cell in cells}
    for cell in cells:
        if cell.verdict in SILENT or cell.verdict == "not proved":
            told = "" if cell.verdict in SILENT else " (not proved)"
            found[cell.codec].append(f"{cell.case.operation} {cell.case.label}{told}")
    return found
