"""The record of a run: what record.json holds, written by this version or an older one.

What is read is untrusted text: it is made printable before it is displayed.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check, FaultPair, Status
from xcomkit.findings.text_file import read_document

NAME = "record.json"
Outcome = Literal["done", "red", "crashed", "died", "timed out", "not run"]


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step went: outcome, status of its checks, seconds, and the checks."""

    name: str
    outcome: Outcome
    status: Status
    seconds: float
    checks: tuple[Check, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """What became of a resource that a step planned for: the names of its settings, by fate."""

    name: str
    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    fulfilled_already: tuple[str, ...] = ()
    not_made: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the run directory from which what was proved is recovered."""

    name: str
    sha256: str
    what: str


@dataclass(frozen=True, slots=True)
class Record:
    """A run as it is handed over; record.schema.json describes every member.

    ``ran`` counts the steps that ran, ``configured`` names class and codec of the agents.
    """

    schema: int
    run: str
    target: str
    where: str
    written: str
    commit: str
    verdict: Status
    sentence: str
    good: bool
    settings: dict[str, Any]
    versions: dict[str, Any]
    steps: tuple[StepResult, ...]
    who: str = ""
    practice: bool = False
    ran: int = 0
    changes: tuple[Resource, ...] = ()
    configured: str = ""
    faults: tuple[FaultPair, ...] = ()
    files: tuple[KeptFile, ...] = ()
    install: str = ""
    next: str = ""

    @property
    def checks(self) -> tuple[tuple[str, Check], ...]:
        """Return every check with the step it belongs to."""
        return tuple((step.name, check) for step in self.steps for check in step.checks)


def read_record(path: Path) -> Record:
    """Return the record of a run directory, or of a record.json itself.

    Raises:
        InputError: it is not there, or not a record of this schema.
    """
    file = path / NAME if path.is_dir() else path
    name = f"{path.name}/{NAME}" if path.is_dir() else path.name
    hint = f"name the directory of a finished run, or its {NAME}."
    body = read_document(file, name=name, hint=hint)
    try:
        json.dumps(body, allow_nan=False)
        return TypeAdapter(Record).validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError:
        problem = "not JSON"
    raise InputError(f"{name}: {problem}.", hint=hint)
