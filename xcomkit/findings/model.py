"""What a run talks about: rules, checks, changes, measurements and stored objects.

Plain frozen data without rendering or I/O. The vocabularies are closed on purpose: a status that
is not listed here cannot be written into evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal, get_args

Status = Literal["pass", "warn", "fail", "unknown", "skip"]
Severity = Literal["fail", "warn", "info"]
Basis = Literal["behaviour", "simulation", "echo", "rule", "not-supported-here"]
Action = Literal["create", "update", "unchanged", "delete", "keep", "unsupported"]
Codec = Literal["none", "gzip", "zip", "bz2", "lzma", "xz"]
StoredCodec = Codec | Literal["zstd", "lz4"]
"""What a suffix may name: fsspec writes the last two where somebody installed their packages."""
Layout = Literal["uuid", "key", "state", "foreign"]
CloudName = Literal["aws", "azure", "gcp"]

STATUSES: tuple[Status, ...] = get_args(Status)
CODECS: tuple[Codec, ...] = get_args(Codec)
STOCK_BACKEND = "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
DURABLE_BACKEND = "xcomkit.durable.DurableXComObjectStorageBackend"
STOCK_STATE_STORE = "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"
DURABLE_STATE_STORE = "xcomkit.durable.DurableStateStoreObjectStorageBackend"
STATE_STORES = MappingProxyType({"stock": STOCK_STATE_STORE, "durable": DURABLE_STATE_STORE})
BACKENDS = MappingProxyType({"stock": STOCK_BACKEND, "durable": DURABLE_BACKEND})
"""Class paths per choice of ``backend``: Airflow's own, and ours that confirms its writes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and how it stands.

    ``basis`` says how strong the evidence is: ``behaviour`` we saw it happen, ``simulation`` the
    service's own evaluator computed it, ``echo`` the service returned the setting, ``rule`` read
    from a file, ``not-supported-here`` this service cannot show it. What does not hold says ``why``
    it matters, ``where`` it is (``file:line``), and what to ``paste``, each where it is known.
    """

    id: str
    title: str
    status: Status
    severity: Severity
    expected: str
    observed: str
    how: str
    remedy: str
    basis: Basis
    accepted: str = ""
    fix_in: str = ""
    why: str = ""
    where: str = ""
    paste: str = ""

    @property
    def closes_gate(self) -> bool:
        """Tell whether this check stops a run: red or unknown, and not accepted by name."""
        return self.status in ("fail", "unknown") and not self.accepted

    @property
    def headline(self) -> str:
        """Return the title; beside a red mark it reads as what was expected, not as what is."""
        return self.title if self.status in ("pass", "skip") else f"expected: {self.title}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A check that can be made: stable id, why it matters, what to do when it does not hold.

    ``blocks`` marks rules without which the following steps would act on the wrong target.
    ``fix_in`` is the number of the step in which the remedy is carried out, such as ``03``; empty
    is the step that made the check.
    """

    id: str
    title: str
    severity: Severity
    why: str
    remedy: str
    source: str
    blocks: bool = False
    fix_in: str = ""

    def judge(
        self,
        holds: bool | None,  # noqa: FBT001 - the verdict is the subject of the sentence
        *,
        observed: str,
        how: str,
        basis: Basis,
        expected: str = "",
        remedy: str = "",
        fix_in: str = "",
        where: str = "",
        paste: str = "",
    ) -> Check:
        """Return the check: ``True`` passes, ``False`` takes the severity, ``None`` is unknown.

        What is expected is the title where nothing else is given. A remedy that is given stands in
        place of the rule's own, and so does its ``fix_in``. ``where`` and ``paste`` are for what
        does not hold.
        """
        if holds:
            return self._check("pass", expected, observed, how, basis)
        against: Status = "fail" if self.severity == "fail" else "warn"
        check = self._check("unknown" if holds is None else against, expected, observed, how, basis)
        return replace(
            check,
            remedy=remedy or self.remedy,
            fix_in=fix_in if remedy else self.fix_in,
            why=self.why,
            where=where,
            paste=paste,
        )

    def unsupported(self, *, observed: str, how: str, expected: str = "") -> Check:
        """Return the check for a service that does not know the setting: a warning, with why."""
        check = self._check("warn", expected, observed, how, "not-supported-here")
        return replace(check, remedy=f"What follows: {self.why}")

    def skip(self, *, observed: str, how: str, expected: str = "", remedy: str = "") -> Check:
        """Return the check as not made, with what stays unproved in ``observed``."""
        check = self._check("skip", expected, observed, how, "not-supported-here")
        return replace(check, remedy=remedy)

    def _check(self, status: Status, expected: str, observed: str, how: str, basis: Basis) -> Check:
        return Check(
            id=self.id,
            title=self.title,
            status=status,
            severity=self.severity,
            expected=expected or self.title,
            observed=observed,
            how=how,
            remedy="",
            basis=basis,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule objects to at one place of a file; lines count from 1.

    ``fix`` is text to paste, empty where only a person knows what belongs there; ``is_unknown``
    marks what the file cannot tell, which is a warning whatever the rule's severity. ``subject`` is
    the setting or object it is about, by which it is known again after an edit; ``advice`` is what
    to do where that is not the rule's remedy.
    """

    rule: Rule
    file: str
    line: int
    observed: str
    expected: str
    fix: str = ""
    is_unknown: bool = False
    subject: str = ""
    advice: str = ""

    @property
    def severity(self) -> Severity:
        """Return how much this finding weighs."""
        return "warn" if self.is_unknown else self.rule.severity

    @property
    def where(self) -> str:
        """Return the place as words."""
        return f"{self.file}:{self.line}"

    @property
    def remedy(self) -> str:
        """Return what to do: fix it, or look where the file does not tell."""
        if self.advice:
            return self.advice
        if self.is_unknown:
            return "Look where it comes from; step 04 of the runbook proves what agents make of it."
        return self.rule.remedy


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a plan: a setting of a resource, before, after, and the command for it."""

    resource: str
    setting: str
    before: str
    after: str
    action: Action
    command: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes a step would make, in the order in which it would make them."""

    title: str
    changes: tuple[Change, ...]

    @property
    def pending(self) -> tuple[Change, ...]:
        """Return the rows that would change something."""
        return tuple(c for c in self.changes if c.action in ("create", "update", "delete"))


@dataclass(frozen=True, slots=True)
class FaultPair:
    """What a task saw of one fault, with the configured values and with the vendor's recommended.

    Empty where the fault does not occur.
    """

    operation: str
    fault: str
    configured: str
    recommended: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated measurements of one quantity: median, smallest and largest, in milliseconds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One payload through one codec: sizes in bytes, times in ms, requests per operation."""

    payload: str
    codec: str
    repetitions: int
    json_bytes: int
    stored_bytes: int
    serialize_ms: Spread
    push_ms: Spread
    pull_ms: Spread
    push_requests: int | None
    pull_requests: int | None

    @property
    def ratio(self) -> float:
        """Return stored bytes per byte of JSON."""
        return self.stored_bytes / self.json_bytes


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the store lists it; ``size`` in bytes, ``modified`` in UTC."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that was begun and not finished; ``size`` is ``None`` if not measured."""

    key: str
    size: int | None
    begun: datetime


@dataclass(frozen=True, slots=True)
class ObjectDetails(StoredObject):
    """What the store says of one object beside its bytes."""

    version: str = ""
    encryption: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StoredXCom(StoredObject):
    """An object whose key was read: which task wrote it, in which layout and codec.

    ``state`` is the layout of Airflow's state store, in which an asset stands in place of a task.
    ``task_instance`` is the id of the try that wrote it, where the layout has one.
    """

    layout: Layout
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    codec: StoredCodec = "none"
    task_instance: str = ""


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who a worker process is: the variables the platform injects beside the values file.

    ``proves`` says in words whose rights are exercised; ``agents`` is true when they are the
    agents' own role, false when the caller of the runbook stands in for it.
    """

    subject: str
    environment: dict[str, str] = field(repr=False)
    proves: str = ""
    agents: bool = True


def worst(checks: Iterable[Check]) -> Status:
    """Return the status that sums up the checks; accepted ones count as warn."""
    checks = tuple(checks)
    for status in ("fail", "unknown"):
        if any(c.status == status and not c.accepted for c in checks):
            return status
    if any(c.status == "warn" or (c.accepted and c.status != "pass") for c in checks):
        return "warn"
    return "pass" if any(c.status == "pass" for c in checks) else "skip"


def all_hold(verdicts: Iterable[bool | None]) -> bool | None:
    """Return False if one is, else None if one is or there is none at all, else True."""
    found = set(verdicts)
    if False in found:
        return False
    return None if None in found or not found else True
