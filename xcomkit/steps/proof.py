"""What step 04 found, for the cells that display it; they measure and record nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from xcomkit.backend import timing
from xcomkit.backend.cross_read import Reading
from xcomkit.backend.fault_matrix import Cell, Operation
from xcomkit.backend.lost_writes import Writes
from xcomkit.backend.protocol import XCOM, PushedValue, Subject
from xcomkit.backend.type_fidelity import TypeResult
from xcomkit.findings.model import (
    BACKENDS,
    STATE_STORES,
    Check,
    FaultPair,
    Measurement,
    Status,
)
from xcomkit.notebook import show

_OPERATIONS: tuple[Operation, ...] = ("push", "pull", "purge")
NOTHING = show.Text("Nothing was tried: the checks above say why.")
_STATUS: Mapping[str, Status] = {
    "raised": "pass",
    "retried and stored": "pass",
    "retried and read": "pass",
    "retried and deleted": "pass",
    "not proved": "skip",
}
"""How a verdict on a fault is coloured; every other one is red."""


@dataclass
class Proof:
    """The parts of the proof; one that was not reached is empty.

    ``backend`` is the path of the class, ``codecs`` those that are tried, the configured one first;
    ``is_stored`` tells that values were stored, ``facts`` takes what is recorded. ``state`` is the
    same of the state store, where there is one.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    subject: Subject = XCOM
    state: Self | None = None

    checks: list[Check] = field(default_factory=list)
    table: show.Checks = field(default_factory=lambda: show.checks(()))
    pushed: tuple[PushedValue, ...] = ()
    is_stored: bool = False
    backend: str = ""
    codecs: tuple[str, ...] = ()
    writes: tuple[Writes, ...] = ()
    cells: tuple[Cell, ...] = ()
    types_seen: tuple[TypeResult, ...] = ()
    readings: tuple[Reading, ...] = ()
    measured: tuple[Measurement, ...] = ()
    sentences: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def __repr__(self) -> str:
        """Return the checks as text."""
        return repr(self.table)

    @property
    def class_name(self) -> str:
        """Return the configured class as ``backend`` names it, or its own name."""
        own = self.backend.rpartition(".")[2]
        classes = (*BACKENDS.items(), *STATE_STORES.items())
        return next((name for name, path in classes if path == self.backend), own)

    @property
    def compared(self) -> tuple[FaultPair, ...]:
        """Return how each fault ended as configured, and with the values the vendor recommends."""
        vendors = timing.CONTRAST if timing.CONTRAST in self.codecs else "zip"
        ends: dict[tuple[str, str, str], str] = {
            (one.case.operation, one.case.label, one.codec): one.verdict for one in self.cells
        }
        for one in self.writes:
            end = "not proved" if one.problem else "silent loss" if one.lost else "stored"
            ends["push", "no fault", one.codec] = end
        return tuple(
            FaultPair(
                what, fault, *(ends.get((what, fault, c), "") for c in (self.codecs[0], vendors))
            )
            for what, fault in dict.fromkeys((what, fault) for what, fault, _ in ends)
        )

    @property
    def both(self) -> "tuple[Proof, ...]":
        """Return the proof of XCom and that of the state store."""
        return (self, self.state) if self.state else (self,)

    @property
    def lead(self) -> str:
        """Return what a label begins with."""
        return "" if self.subject is XCOM else "state store: "

    def label(self, codec: str) -> str:
        """Return backend and compression, and whether they are configured or the contrast."""
        if codec == timing.CONTRAST:
            return f"{self.lead}{timing.CONTRAST_LABEL}"
        own = " (configured)" if codec == self.codecs[0] else ""
        return f"{self.lead}{self.class_name}, {timing.worded(codec)}{own}"

    def values(self) -> show.Table | show.Text:
        """Return what each value did on its way."""
        rows = [
            (
                f"{one.lead}{value.payload.kind}",
                f"{value.encoded.bytes or 0:,}",
                str(value.pushed.error or "") or value.pushed.reference or "kept in the database",
                f"{value.pushed.ms:.1f}",
            )
            for one in self.both
            for value in one.pushed
        ]
        headers = ("value", "JSON bytes", "stored as", "push ms")
        return show.table(headers, rows, caption="Values on their way") if rows else NOTHING

    def lost_writes(self) -> show.Table | show.Text:
        """Return which pushes were there at once and after the process had ended."""
        rows = [
            (proof.label(one.codec), f"{one.seen_at_once} of {one.at_once}",
             f"{one.seen_after_exit} of {one.at_exit}",
             one.problem or ("lost" if one.lost else "kept"))
            for proof in self.both
            for one in proof.writes
        ]  # fmt: skip
        headers = ("backend, compression", "there at once", "there after exit", "verdict")
        caption = "Pushes found again, without any fault"
        return show.table(headers, rows, caption=caption) if rows else NOTHING

    def faults(self) -> show.Table | show.Text:
        """Return what became of each fault, and how it was seen."""
        found: dict[tuple[str, str, str, str], list[str]] = {}
        for proof, cell in [(one, cell) for one in self.both for cell in one.cells]:
            observed = cell.observed.split(" (")[0][:120]
            if cell.verdict == "raised":
                observed = observed.partition(":")[0]
            verb = proof.subject.verbs[_OPERATIONS.index(cell.case.operation)]
            key = (verb, cell.case.label, cell.verdict, observed)
            found.setdefault(key, []).append(proof.label(cell.codec))
        rows = tuple(
            (
                show.Cell(f"{operation}: {fault}"), show.Cell("; ".join(labels)),
                show.Cell(verdict, status=_STATUS.get(verdict, "fail"), more=("seen", observed)),
            )
            for (operation, fault, verdict, observed), labels in found.items()
        )  # fmt: skip
        headers = ("fault", "backend, compression", "verdict")
        return show.Table("The store fails", headers, rows) if rows else NOTHING

    def types(self) -> show.Table | show.Text:
        """Return what became of a value of each type, on both ways."""
        rows = [
            (f"{proof.lead}{one.name}", one.through_object, one.through_database)
            for proof in self.both
            for one in proof.types_seen
        ]
        headers = ("type", "through the object", "through the database")
        return show.table(headers, rows, caption="What comes back") if rows else NOTHING

    def components(self) -> show.Table | show.Text:
        """Return who read what whom had written."""
        readers = list(dict.fromkeys(one.reader for one in self.readings))
        same = "the same"
        seen = {
            (f"{proof.lead}{one.writer}", one.reader): same if one.verdict == "pass" else one.reason
            for proof in self.both
            for one in proof.readings
        }
        rows = [
            (writer, *(seen.get((writer, reader), "") for reader in readers))
            for writer in dict.fromkeys(writer for writer, _ in seen)
        ]
        headers = ("written by", *(f"read by {reader}" for reader in readers))
        caption = "Written by one, read by every other"
        return show.table(headers, rows, caption=caption) if rows else NOTHING

    def measurements(self) -> show.Table | show.Text:
        """Return sizes, times and requests per payload and codec."""
        table = show.measurements(self.measured, backend=self.class_name)
        return table if self.measured else NOTHING

    def advice(self) -> show.Text:
        """Return the advice on the codec, and what could not be measured."""
        return show.Text(" ".join(self.sentences)) if self.sentences else NOTHING
