"""Reads a record.json, of this version or an older one, whoever wrote it: bounded, and in one line.

What it says is somebody else's text; who shows it makes it plain first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from xcomkit import evidence
from xcomkit.errors import InputError
from xcomkit.model import STATUSES, Status
from xcomkit.text_file import read_text

NAME = "record.json"


@dataclass(frozen=True, slots=True)
class RecordedCheck:
    """A check as a record has it."""

    step: str
    id: str
    title: str
    status: Status
    observed: str
    accepted: str
    basis: str

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
        return _record(body, name=name)
    except RecursionError:
        _refuse(name, "nested too deeply")
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        _refuse(name, "not JSON")


def _record(body: Any, *, name: str) -> Record:
    if not isinstance(body, dict) or body.get("schema") != evidence.SCHEMA:
        _refuse(name, f"not a record of schema {evidence.SCHEMA}")
    settings = _mapping(body.get("settings"), name=name, what="settings")
    steps = [
        (_text(step, "name", name=name), step)
        for step in _mappings(body.get("steps"), name=name, what="steps")
    ]
    return Record(
        run=_text(body, "run", name=name),
        target=_text(body, "target", name=name),
        endpoint=str(settings.get("endpoint_url", "")),
        where=_text(body, "where", name=name),
        written=_text(body, "written", name=name),
        commit=_text(body, "commit", name=name),
        verdict=_status(body.get("verdict"), name=name),
        settings=_values(settings),
        versions=_values(_mapping(body.get("versions"), name=name, what="versions")),
        checks=tuple(
            _check(check, step=step_name, name=name)
            for step_name, step in steps
            for check in _mappings(step.get("checks"), name=name, what="checks")
        ),
    )


def _check(check: Mapping[str, Any], *, step: str, name: str) -> RecordedCheck:
    return RecordedCheck(
        step=step,
        id=_text(check, "id", name=name),
        title=_text(check, "title", name=name),
        status=_status(check.get("status"), name=name),
        observed=_text(check, "observed", name=name),
        accepted=_text(check, "accepted", name=name),
        basis=_text(check, "basis", name=name),
    )


def _values(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: json.dumps(value, sort_keys=True, allow_nan=False) for key, value in values.items()
    }


def _text(values: Mapping[str, Any], key: str, *, name: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        _refuse(name, f"{key} is missing or no text")
    return value


def _status(value: object, *, name: str) -> Status:
    found = next((status for status in STATUSES if status == value), None)
    if found is None:
        _refuse(name, "a status is none of " + ", ".join(STATUSES))
    return found


def _mapping(value: object, *, name: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(name, f"{what} is missing or no mapping")
    return value


def _mappings(value: object, *, name: str, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        _refuse(name, f"{what} is missing or no list")
    return [_mapping(item, name=name, what=f"one of {what}") for item in value]


def _refuse(name: str, problem: str) -> NoReturn:
    raise InputError(
        f"{name}: {problem}.",
        hint=f"name the directory of a finished run, or its {NAME}.",
    )
