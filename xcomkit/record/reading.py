"""Reads a record.json, of this version or an older one, whoever wrote it: bounded, and in one line.

What it says is somebody else's text; who shows it makes it plain first.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from xcomkit.findings import evidence
from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check, Status
from xcomkit.findings.text_file import read_text

NAME = "record.json"


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    checks: list[Check]


@dataclass(frozen=True, slots=True)
class _Body:
    """What of a record.json is read; later versions may add members."""

    run: str
    target: str
    where: str
    written: str
    commit: str
    verdict: Status
    settings: dict[str, Any]
    versions: dict[str, Any]
    steps: list[_Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCheck(Check):
    """A check as a record has it, and the step it belongs to."""

    step: str

    @property
    def standing(self) -> tuple[Status, bool, str]:
        """Return what counts when two records are compared: status, whether accepted, basis."""
        return self.status, bool(self.accepted), self.basis


@dataclass(frozen=True, slots=True)
class Record:
    """A record as its file has it; settings and versions as JSON texts, so that 1 is not True."""

    run: str
    target: str
    endpoint: str
    where: str
    written: str
    commit: str
    verdict: Status
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    checks: tuple[RecordedCheck, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the names of the steps that have checks, in order."""
        return tuple(dict.fromkeys(check.step for check in self.checks))


def read_record(path: Path) -> Record:
    """Return the record of a run directory, or of a record.json itself.

    Raises:
        InputError: it is not there, or not a record of this schema.
    """
    file = path / NAME if path.is_dir() else path
    name = f"{path.name}/{NAME}" if path.is_dir() else path.name
    text = read_text(file, name=name)
    try:
        body = json.loads(text)
        if not isinstance(body, dict) or body.get("schema") != evidence.SCHEMA:
            _refuse(name, f"not a record of schema {evidence.SCHEMA}")
        return _record(TypeAdapter(_Body).validate_python(body))
    except RecursionError:
        _refuse(name, "nested too deeply")
    except ValidationError as error:
        first = error.errors()[0]
        _refuse(name, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except InputError:
        raise
    except ValueError:
        _refuse(name, "not JSON")


def _record(body: _Body) -> Record:
    return Record(
        run=body.run,
        target=body.target,
        endpoint=str(body.settings.get("endpoint_url", "")),
        where=body.where,
        written=body.written,
        commit=body.commit,
        verdict=body.verdict,
        settings=_values(body.settings),
        versions=_values(body.versions),
        checks=tuple(
            RecordedCheck(**asdict(check), step=step.name)
            for step in body.steps
            for check in step.checks
        ),
    )


def _values(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: json.dumps(value, sort_keys=True, allow_nan=False) for key, value in values.items()
    }


def _refuse(name: str, problem: str) -> NoReturn:
    raise InputError(
        f"{name}: {problem}.",
        hint=f"name the directory of a finished run, or its {NAME}.",
    )
