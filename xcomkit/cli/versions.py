"""``xcomkit matrix``: which version of Airflow reads what which version has written, on a target.

The target is that of a parameter file, the environment that of its values file: what differs
between the rows is the version alone.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from xcomkit.backend import interpreters
from xcomkit.backend.cross_read import Reading, Verdict
from xcomkit.backend.version_matrix import CODECS, DAG_ID, Matrix, Row, measure
from xcomkit.clouds import Platform, open_cloud
from xcomkit.findings.errors import MissingError, SettingsError, XcomkitError
from xcomkit.findings.text import program
from xcomkit.findings.text_file import SCHEMA, write_text
from xcomkit.notebook import show
from xcomkit.notebook.step import Step
from xcomkit.record.runner import hold_target
from xcomkit.settings.settings import Settings
from xcomkit.steps import helm_values
from xcomkit.steps.opening import open_platform

FILE = "matrix.json"
_PACKAGES = {
    "task SDK": "apache-airflow-task-sdk",
    "common-io": "apache-airflow-providers-common-io",
    "fsspec": "fsspec",
    "pandas": "pandas",
}
_BEHAVIOURS = {
    "object name": "key",
    "missing object": "missing",
    "zip, of JSON": "zip",
    "task loops": "loops",
}
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")


def read_versions(text: str) -> tuple[str, ...]:
    """Return the versions of a list such as ``3.1.8,3.3.2``, each once, in its order.

    Raises:
        SettingsError: there is none, or one is no version.
    """
    named = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    wrong = [part for part in named if not _VERSION.fullmatch(part)]
    if wrong or not named:
        raise SettingsError(
            f"--airflow {text}: {wrong[0] if wrong else 'nothing'} is no version of Airflow.",
            hint="write full versions with commas between them: --airflow 3.1.8,3.3.2.",
        )
    return named


def open_folder(out: Path | None, *, name: str) -> Path:
    """Return the folder for the evidence, made now, before anything takes time.

    Raises:
        SettingsError: it cannot be written to.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = out or Path("runs") / f"{stamp}-{name}-matrix"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).unlink(missing_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(
            f"{folder}: the folder cannot be written to ({error.strerror}).",
            hint="name another folder in --out.",
        ) from None
    return folder.resolve()


def read_requirements(texts: Sequence[str], *, versions: Sequence[str]) -> tuple[str, ...]:
    """Return further requirements, with a pandas that all versions can store if none is named.

    Airflow before 3.3 neither stores nor reads a DataFrame of pandas 3, and the rows are to differ
    in Airflow's version alone.

    Raises:
        SettingsError: one is no requirement.
    """
    try:
        names = [Requirement(text).name for text in texts]
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"--with: {reason}.", hint='write it as in --with "pandas<3".'
        ) from None
    is_old = any(Version(version) < Version("3.3") for version in versions)
    return (*texts, "pandas<3") if is_old and "pandas" not in names else tuple(texts)


def make_rows(
    versions: Sequence[str],
    *,
    settings: Settings,
    more: Sequence[str],
    progress: Callable[[str], None],
) -> tuple[Row, ...]:
    """Return a row per version, installed now where it was not yet; what does not fit says why.

    Before any stand-in is there: those of Azure and Google Cloud are the only proxy of a process,
    and let nothing through to a package index.

    Raises:
        ProcessError: there is no uv.
    """
    agent_packages = open_cloud(settings, platform=Platform(label="", issuer="")).agent_packages
    rows = []
    for version in versions:
        progress(f"Airflow {version}: looking for its environment, or installing it")
        try:
            python = interpreters.install(version, agent_packages=agent_packages, more=more)
        except interpreters.NotInstallableError as error:
            rows.append(Row(version, problem=f"cannot be installed: {error.args[0]}"))
        else:
            rows.append(Row(version, python))
    return tuple(rows)


def run(
    settings: Settings,
    *,
    folder: Path,
    rows: Sequence[Row],
    progress: Callable[[str], None],
) -> Matrix:
    """Return the matrix on the target of the settings, and write it as evidence into the folder.

    On the embedded stand-in bucket and access are made; a real target must have them, because
    a matrix changes nothing but objects below its own run id, which it removes.

    Raises:
        XcomkitError: the target cannot be reached or is not there.
    """
    begun = time.monotonic()
    with hold_target(settings, steps=()):
        platform, _ = open_platform(settings)
        cloud = open_cloud(settings, platform=platform)
        step = Step("matrix", settings, folder, platform, cloud)
        _prepare(step)
        found = _measure(step, rows=rows, progress=progress)
    content = {
        "schema": SCHEMA,
        "target": {"cloud": settings.cloud, "where": platform.label, "path": settings.base_path},
        "seconds": round(time.monotonic() - begun, 1),
        **asdict(found),
    }
    write_text(folder / FILE, json.dumps(content, sort_keys=True, indent=1) + "\n")
    return found


def _prepare(step: Step) -> None:
    """Make bucket and access on the stand-in; refuse a real target that lacks the bucket."""
    if step.settings.is_embedded:
        step.cloud.bucket.apply(step.cloud.bucket.plan())
        subjects = step.values.subjects
        step.cloud.access.apply(step.cloud.access.plan(subjects), subjects)
        return
    try:
        next(step.cloud.list_objects(f"{step.settings.prefix}/{DAG_ID}/"), None)
    except MissingError:
        raise MissingError(
            f"{step.settings.place}: there is no such bucket.",
            hint="make bucket and access first:"
            f" {program(seen_from=Path.cwd())} run 00 01 02 -f FILE -p apply=true.",
        ) from None


def _measure(step: Step, *, rows: Sequence[Row], progress: Callable[[str], None]) -> Matrix:
    """Measure with the environment of the first worker group, as its identity."""
    run_id = f"manual__{datetime.now(UTC).isoformat()}"
    component = step.values.first_worker
    with tempfile.TemporaryDirectory(prefix="xcomkit-identity-") as private, _swept(step, run_id):
        identity = step.cloud.worker_identity(component.subject, directory=private)
        environment, _ = helm_values.process_environment(step, component, identity)
        return measure(
            rows,
            environment=environment,
            run_id=run_id,
            timeout=step.settings.step_timeout,
            progress=progress,
        )


@contextmanager
def _swept(step: Step, run_id: str) -> Iterator[None]:
    """Remove in the end whatever no worker has purged."""
    try:
        yield
    finally:
        place = f"{step.settings.prefix}/{DAG_ID}/{run_id}/"
        with suppress(XcomkitError):  # the bucket's own expiry removes what stays
            step.cloud.delete_keys([*step.cloud.list_keys_ever(place)])


def to_text(matrix: Matrix) -> str:
    """Return the matrix as text of at most 100 columns: writers down, readers across."""
    versions = [one.version for one in matrix.environments]
    codecs = [codec for codec in CODECS if any(cell.codec == codec for cell in matrix.cells)]
    cells = [
        (writer, codec, *(_mark(matrix.cell(writer, reader, codec)) for reader in versions))
        for writer in versions
        for codec in codecs
    ]
    behaviours = [
        (title, *(getattr(one.behaviour, name) or "not seen" for one in matrix.environments))
        for title, name in _BEHAVIOURS.items()
    ]
    return "\n".join(
        (
            show.aligned(("written by", "codec", *(f"read by {v}" for v in versions)), cells),
            *_reasons(matrix),
            "",
            show.aligned(("with Airflow", *versions), behaviours),
            "",
            *(
                f"Airflow {one.version}: Python {one.python}, "
                + ", ".join(f"{k} {one.packages.get(name, '-')}" for k, name in _PACKAGES.items())
                for one in matrix.environments
                if one.python
            ),
        )
    )


def _mark(cell: Reading) -> str:
    """Return a verdict with the count of values behind it."""
    count = f" {cell.passed} of {cell.tried}" if cell.tried else ""
    return f"{show.MARKS[cell.verdict]} {cell.verdict}{count}"


def _reasons(matrix: Matrix) -> Iterator[str]:
    """Yield each reason once, with the cells it stands for."""
    cells: dict[tuple[Verdict, str], list[str]] = {}
    for cell in matrix.cells:
        if cell.reason:  # also of a pass: not every value could be tried
            pair = f"{cell.writer} to {cell.reader} {cell.codec}"
            cells.setdefault((cell.verdict, cell.reason), []).append(pair)
    for (verdict, reason), pairs in cells.items():
        more = f" and {len(pairs) - 2} more" if len(pairs) > 2 else ""
        yield f"{show.MARKS[verdict]} {', '.join(pairs[:2])}{more}: {reason}"


def exit_code(matrix: Matrix) -> int:
    """Return 0 when every cell passes, 1 when one does not, 3 when nothing could be tried."""
    verdicts = {cell.verdict for cell in matrix.cells}
    if verdicts == {"pass"}:
        return 0
    return 3 if verdicts <= {"unknown"} else 1
