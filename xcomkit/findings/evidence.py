"""The run directory: evidence of each step, what was created, and the gate.

Layout of ``runs/<UTC>-<name>/``: ``evidence/<step>.json``, ``created.json``, ``values.yaml``,
``target``, ``steps``, ``requirements-agent.txt``, ``notebooks/<step>.ipynb``, and at the end
``record.html``, ``record.json``, ``record.junit.xml`` and ``manifest.sha256``.
"""

import fcntl
import glob
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from xcomkit.findings.errors import GateError, InputError, SettingsError
from xcomkit.findings.model import Check
from xcomkit.findings.text import number_of
from xcomkit.findings.text_file import SCHEMA, read_document, write_text

_TARGET, _BEGUN = "target", "steps"
_NAMED = "named in run_dir, or by xcomkit run"  # no stand-in, so nobody else goes on there
_CHECKS = TypeAdapter(tuple[Check, ...], config=ConfigDict(extra="forbid"))
_CREATED = TypeAdapter(dict[str, list[str]])


@contextmanager
def writing_to(run: Path) -> Iterator[None]:
    """Turn an error of the disk into one sentence.

    Raises:
        SettingsError: something cannot be written to the run directory, or removed from it.
    """
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"{run.name}: the run directory cannot be written to ({error.strerror}).",
            hint="name another folder in run_dir or --out.",
        ) from None


def make_run_directory(runs: Path, *, name: str, target: str = "") -> Path:
    """Return a new run directory below ``runs``; the target's name is the last part of its own.

    Notebooks that are run one by one go on in a directory that says which ``target`` it is of.

    Raises:
        SettingsError: it cannot be made there.
    """
    with writing_to(runs):
        path = make_new_folder(runs, name=name)
        (path / "evidence").mkdir()
        if target:
            write_text(path / _TARGET, target)
    return path


def make_new_folder(runs: Path, *, name: str) -> Path:
    """Make a directory that is nobody else's; another one of this second is waited out."""
    while True:
        path = runs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.is_dir():
                raise
            time.sleep(0.1)
        else:
            return path


def find_run_directory(runs: Path, *, name: str, target: str) -> Path | None:
    """Return the newest run directory below ``runs`` of this name that says it is of the target.

    One that was handed over is never gone on with: its manifest holds it as it is.
    """
    found = sorted(runs.glob(f"*Z-{glob.escape(name)}"), reverse=True)
    return next((path for path in found if _is_of(path, target=target)), None)


def _is_of(run: Path, *, target: str) -> bool:
    try:
        said = (run / _TARGET).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return said == target and not (run / "manifest.sha256").exists()


def claim_run_directory(run: Path, *, target: str) -> None:
    """Let a run directory that is named hold what belongs to one target only: the first that comes.

    The first line of its file ``target`` says which.

    Raises:
        SettingsError: it is of another target, or nothing can be written there.
    """
    path = run / _TARGET
    with writing_to(run):
        if not path.exists():
            write_text(path, f"{target}\n{_NAMED}")
        said, *_ = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    if said != target:
        raise SettingsError(
            f"{run.name}: this run directory is of another target, {said[:200]!r}.",
            hint="name another directory in run_dir, or none; or use the parameters of that run.",
        )


def note_begun(run: Path, *, steps: Iterable[str]) -> frozenset[str]:
    """Note which steps are begun in a run directory, and return those and all of earlier runs.

    Evidence in there counts as well: a notebook that was run by hand notes nothing.

    Raises:
        SettingsError: nothing can be written there.
    """
    path = run / _BEGUN
    with writing_to(run):
        earlier = path.read_text(encoding="utf-8").split() if path.exists() else []
        begun = {*earlier, *steps, *(one.stem for one in run.glob("evidence/*.json"))}
        write_text(path, "\n".join(sorted(begun)) + "\n")
    return frozenset(begun)


def write_evidence(run: Path, *, step: str, content: Mapping[str, Any]) -> Path:
    """Write the step's evidence as JSON with sorted keys, and return its path."""
    path = run / "evidence" / f"{step}.json"
    body = {"schema": SCHEMA, "step": step, **content}
    write_text(path, json.dumps(body, sort_keys=True, indent=1, default=_plain) + "\n")
    return path


def read_evidence(run: Path, *, step: str) -> dict[str, Any] | None:
    """Return the step's evidence, or ``None`` when the step left none.

    Raises:
        InputError: the file is there and is not evidence.
    """
    return _read(run / "evidence" / f"{step}.json", hint="run the step again.")


def _read(path: Path, *, hint: str) -> dict[str, Any] | None:
    """Return a file of a run directory, which anybody may have damaged; ``None``: there is none."""
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # a folder that is closed to this user
        raise InputError(f"{path.name} cannot be read: {error.strerror}.", hint=hint) from None
    if not is_file:  # a pipe would never end
        raise InputError(f"{path.name} is no file.", hint=hint)
    return read_document(path, name=path.name, hint=hint)


def remove_evidence(run: Path, *, step: str) -> None:
    """Remove the step's evidence: what is begun again has none until it is saved.

    Raises:
        SettingsError: it stays, because the folder is closed to this user.
    """
    with writing_to(run):
        (run / "evidence" / f"{step}.json").unlink(missing_ok=True)


def read_checks(run: Path, *, step: str) -> tuple[Check, ...]:
    """Return the checks of a step's evidence; none when the step left none.

    Raises:
        InputError: the file is there and is not evidence, or a check is none that can be.
    """
    loaded = read_evidence(run, step=step) or {}
    try:
        return _CHECKS.validate_python(loaded.get("checks", ()))
    except ValidationError:
        hint = "run the step again."
        raise InputError(f"{step}.json holds no checks.", hint=hint) from None


def record_created(run: Path, *, kind: str, names: Iterable[str]) -> None:
    """Add what this run made to ``created.json``, so that tear down removes exactly that.

    Raises:
        InputError: what was recorded before cannot be read.
    """
    with _alone_in(run):
        created = read_created(run)
        known = dict.fromkeys([*created.get(kind, []), *names])
        write_text(
            run / "created.json",
            json.dumps({"schema": SCHEMA, **created, kind: list(known)}, sort_keys=True, indent=1),
        )


@contextmanager
def _alone_in(run: Path) -> Iterator[None]:
    """Let other writers wait, by a lock on the directory itself: no file of it lies about."""
    run.mkdir(parents=True, exist_ok=True)
    directory = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # NFS locks no directories
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def read_created(run: Path) -> dict[str, list[str]]:
    """Return the names of what this run made, per kind.

    Raises:
        InputError: the file is there and is no such list, so nobody knows what was made.
    """
    hint = "restore created.json of this run, or remove by hand what the run made."
    loaded = _read(run / "created.json", hint=hint) or {}
    try:
        return _CREATED.validate_python({k: names for k, names in loaded.items() if k != "schema"})
    except ValidationError:
        problem = "created.json is not a list of names per kind."
        raise InputError(problem, hint=hint) from None


def gate(checks: Iterable[Check]) -> str:
    """Return the sentence of an open gate, or of a step that had nothing to look at.

    Raises:
        GateError: any check is red or unknown and not accepted by name, or there is none.
    """
    checks = tuple(checks)
    if not checks:
        raise GateError("Nothing was checked.", hint="run all cells, from the first one.")
    red = [check for check in checks if check.closes_gate]
    if red:
        named = "; ".join(f"{c.id} {c.status}, {c.headline}" for c in red)
        close = "closes" if len(red) == 1 else "close"
        count = number_of(len(checks), "check")
        raise GateError(f"{len(red)} of {count} {close} the gate: {named}.", hint=red[0].remedy)
    if all(check.status == "skip" for check in checks):
        count = number_of(len(checks), "check")
        return f"Not proved: there was nothing to look at, so {count} could not be made."
    return f"The gate is open: none of {number_of(len(checks), 'check')} is red or unknown."


def _plain(value: object) -> Any:
    """Return a JSON value for what json does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Path):
        return value.name
    raise TypeError(f"evidence cannot hold a {type(value).__name__}")
