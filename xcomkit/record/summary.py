"""What the cover of a record says beside the checks, as the evidence of the steps has it.

Who ran it, what was changed, what each fault did, and the files from which the proof is recovered.
Evidence that somebody damaged says nothing here; the checks of its step are red already.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from xcomkit.findings import evidence
from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Change, Check, FaultPair, Plan
from xcomkit.findings.text import recorded_program
from xcomkit.notebook.guide import Guide, StepState
from xcomkit.record.record import KeptFile, Resource
from xcomkit.record.runner import Run
from xcomkit.steps import tear_down
from xcomkit.steps.opening import STEPS
from xcomkit.steps.prerequisites import CALLER

_VALUES, _PROOF, _TEAR_DOWN = STEPS[3], STEPS[4], STEPS[-1]
_Fate = Literal["created", "changed", "deleted", "fulfilled_already", "not_made"]
_FATES: Mapping[str, _Fate] = {"create": "created", "update": "changed", "delete": "deleted"}


@dataclass(frozen=True, slots=True)
class _Facts:
    caller: str = ""
    chart: str = ""
    compared: tuple[FaultPair, ...] = ()
    configured: tuple[str, str] = ("", "")
    files: dict[str, str] = field(default_factory=dict)
    install: str = ""


@dataclass(frozen=True, slots=True)
class _Evidence:
    plans: tuple[Plan, ...] = ()
    applied: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    facts: _Facts = field(default_factory=_Facts)


_EVIDENCE = TypeAdapter(_Evidence)


class Summary:
    """What the evidence says; ``values`` and ``proof`` are the facts of steps 03 and 04."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._found: dict[str, _Evidence] = {}
        for result in run.results:
            with suppress(InputError, ValidationError):
                loaded = evidence.read_evidence(run.directory, step=result.name) or {}
                self._found[result.name] = _EVIDENCE.validate_python(loaded)
        self.values, self.proof = (
            self._found.get(step, _Evidence()).facts for step in (_VALUES, _PROOF)
        )

    @property
    def caller(self) -> str:
        """Return who acted, as the cloud said to any of the steps; empty when none asked."""
        named = (one.facts.caller for one in self._found.values())
        asked = (c.observed for _, c in self._run.checks if c.id == CALLER.id)
        return next(filter(None, (*named, *asked)), "")

    @property
    def next(self) -> str:
        """Return in a sentence or two what to do next."""
        run = self._run
        if not run.is_good:
            steps = tuple(StepState(result.name, result.checks) for result in run.results)
            return Guide(run.directory.name, steps).next
        command = recorded_program(seen_from=Path.cwd())
        left = " ".join(step[:2] for step in STEPS if step not in self._found)
        if run.settings.is_embedded:
            file = f"parameters/{run.settings.cloud}.yaml"
            return f"Fill in {file} for your own account, then: {command} run -f {file}"
        if left:
            then = f"{command} run {left} -f FILE -p run_dir=DIR"
            return f"Run what is left into this directory: {then}"
        if run.settings.run_in == "kubectl":
            return "Hand this record over; run it all again after an upgrade of chart or image."
        needs_image = "image/Dockerfile" in self.values.files
        build = "Build the agents' image as image/Dockerfile says. " if needs_image else ""
        then = "Install the values file as step 03 says, then run step 04 with run_in: kubectl."
        return f"{build}{then}"

    def list_files(self) -> tuple[KeptFile, ...]:
        """Return the files that let others recover what was proved, with their digests."""
        paths = {name: self._run.directory / name for name in self.values.files}
        return tuple(
            KeptFile(name, hashlib.sha256(path.read_bytes()).hexdigest(), self.values.files[name])
            for name, path in paths.items()
            if path.is_file()
        )

    def list_changes(self) -> tuple[Resource, ...]:
        """Return what became of each resource that was planned for, and of the test objects."""
        made: dict[str, list[str]] = {}
        with suppress(InputError):
            made = evidence.read_created(self._run.directory)
        fates: dict[tuple[str, str, bool], tuple[_Fate, str]] = {}
        for step, one in self._found.items():
            for resource, setting, fate, why in _fates(one, made=made.get("resources", ())):
                if step != _TEAR_DOWN or fate == "deleted":
                    # A plan that was made again says "unchanged" of what the first one created.
                    fates.setdefault((resource, setting, fate == "deleted"), (fate, why))
        rows: dict[str, dict[str, list[str]]] = {}
        for (resource, setting, _), (fate, why) in fates.items():
            texts = rows.setdefault(resource, {}).setdefault(fate, [])
            texts.append(f"{setting} ({why})" if why else setting)
        found = (
            Resource(name, **{fate: tuple(texts) for fate, texts in row.items()})
            for name, row in rows.items()
        )
        return (*found, *_objects(self._run.checks, count=len(made.get("objects", ()))))


def _fates(found: _Evidence, *, made: Collection[str]) -> Iterator[tuple[str, str, _Fate, str]]:
    """Yield resource, setting and fate of each planned change, and why it was not made."""
    for plan in found.plans:
        for change in plan.changes:
            if change.setting != tear_down.OBJECTS_ROW:
                yield change.resource, change.setting, *_fate(change, plan, found, made)


def _fate(change: Change, plan: Plan, found: _Evidence, made: Collection[str]) -> tuple[_Fate, str]:
    if change.action == "unchanged":
        was_made = f"{change.setting} {change.resource}" in made
        return ("created" if was_made else "fulfilled_already"), ""
    if change.action not in _FATES:
        return "not_made", "left alone" if change.action == "keep" else "not supported"
    if plan.title not in found.applied:
        return "not_made", "planned only"
    not_made = found.applied[plan.title]
    if not_made is None:
        return "not_made", "unknown: it broke off"
    if any(text.startswith(f"{change.setting}: ") for text in not_made):
        return "not_made", "the service did not take it"
    return _FATES[change.action], ""


def _objects(checks: Collection[tuple[str, Check]], *, count: int) -> Iterator[Resource]:
    """Yield the test objects that were written, and whether all are gone again."""
    if count:
        text = (f"{count} objects",)
        ids = {check.id for _, check in checks if check.status == "pass"}
        gone = tear_down.OBJECTS.id in ids
        yield Resource("test objects", created=text, deleted=text if gone else ())
