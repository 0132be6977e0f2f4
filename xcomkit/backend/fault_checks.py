"""What the cells of the fault matrix mean for the configured backend and compression."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from xcomkit.backend.expectation import Expectation, expect, rules
from xcomkit.backend.fault_matrix import SILENT, Cell, Operation
from xcomkit.backend.protocol import XCOM, Subject
from xcomkit.backend.timing import worded
from xcomkit.findings.model import Check, all_hold

_raises = partial(
    expect,
    fix_in="03",
    expected="every fault raises, or is retried until the value is stored",
    how="faults injected by a proxy, objects looked for without Airflow",
)
_OPERATIONS: Mapping[Operation, Mapping[Subject, Expectation]] = {
    "push": _raises(
        ("XC511", "A failed upload cannot pass as a success"),
        ("XC538", "State that could not be uploaded is an error"),
        why="Behind a codec the stock class uploads in a finalizer, where Python ignores errors:"
        " the {push} succeeds, no object exists, {lost}.",
        remedy="Set backend to durable, or compression to none.",
        source="{module}, fsspec.core.OpenFile",
    ),
    "pull": _raises(
        ("XC516", "A value that cannot be read is an error"),
        ("XC539", "State that cannot be read is an error"),
        why="Where the object is missing the stock class gives {missing}: {then}.",
        remedy="Set backend to durable; {expiry}.",
        source="{module}",
    ),
    "purge": _raises(
        ("XC517", "A refused delete is an error"),
        ("XC540", "A refused delete of state is an error"),
        why="The {purge} reports success, and the old {value} stays in the bucket.",
        remedy="Set backend to durable; give the identity the right to delete below {prefix}.",
        source="s3fs drops the error of a single key in a bulk delete",
    ),
}
RULES = rules(*_OPERATIONS.values())


def check(cells: Sequence[Cell], *, configured: str, subject: Subject = XCOM) -> tuple[Check, ...]:
    """Return whether any fault is silent with the configured codec, per operation."""
    return tuple(
        _check(
            both[subject],
            [c for c in cells if c.codec == configured and c.case.operation == operation],
            configured=configured,
        )
        for operation, both in _OPERATIONS.items()
    )


def _check(expectation: Expectation, cells: Sequence[Cell], *, configured: str) -> Check:
    holds = all_hold(cell.holds for cell in cells)
    observed = "; ".join(
        f"{cell.case.label}: {cell.verdict}" + ("" if holds else f", {cell.observed}")
        for cell in cells
        if cell.holds is holds
    )
    return expectation.judge(holds, f"{worded(configured)}: {observed or 'no fault was tried'}")


def not_injected(
    reason: str, *, codec: str, backend: str, in_pod: bool = False, subject: Subject = XCOM
) -> tuple[Check, ...]:
    """Return the checks where no fault could be injected; what is known by rule stays red.

    In a pod that is on purpose, so there they are left out; elsewhere they are unknown.
    """
    expectations = [both[subject] for both in _OPERATIONS.values()]
    observed = f"not proved: {reason}"
    checks = [one.skip(observed) if in_pod else one.judge(None, observed) for one in expectations]
    if codec and backend == subject.stock:
        how = "backend and compression as Airflow resolves them; no fault was injected"
        known = replace(expectations[0], how=how, basis="rule")
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
