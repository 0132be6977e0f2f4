"""``xcomkit doctor``: what is wrong with agents that are installed, the worst first."""

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from xcomkit.cli import run
from xcomkit.cli.terminal import note, read_days, say
from xcomkit.findings.errors import SettingsError, UnreachableError, XcomkitError
from xcomkit.findings.text import number_of, plain
from xcomkit.lint.saved_files import FILES

if TYPE_CHECKING:
    from xcomkit.lint.diagnosis import Diagnosis
    from xcomkit.lint.saved_xcoms import Row, There

_EXAMPLES = """examples:
  xcomkit doctor --release astro-agent -n astro
  xcomkit doctor --from saved/
  xcomkit doctor --release astro-agent -n astro -f parameters/aws.yaml

Nothing is changed. Where AIRFLOW_API_URL and AIRFLOW_API_TOKEN are set, --release asks that Airflow
for the XCom rows of its newest runs as well, and with -f the bucket for their objects.
A folder for --from holds what somebody with access saved, each file optional:
{files}

exit codes: 0 nothing is wrong, 1 something is, 2 a file cannot be read, 3 the cluster cannot"""
_SECONDS = 60.0
_MOST_PODS = 50


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    files = "\n".join(f"  {name:<15} {command}" for name, command in FILES.items())
    doctor = commands.add_parser(
        "doctor",
        help="say what is wrong with agents that are installed",
        description="Read the release, its pods and their logs, and say what is wrong, what was"
        " lost already and what to do, the worst first.",
        epilog=_EXAMPLES.format(files=files),
    )
    doctor.add_argument("--release", default="", help="the release, as helm list names it")
    doctor.add_argument("-n", "--namespace", default="", help="its namespace")
    doctor.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="saved files")
    doctor.add_argument(
        "-f", "--file", type=Path, metavar="FILE",
        help="parameters of the target: bucket and rights are looked at as well",
    )  # fmt: skip
    doctor.add_argument(
        "--rerun-days", type=read_days, metavar="N",
        help="days after its run in which a task may still be cleared and run again",
    )  # fmt: skip
    doctor.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Look, say what was found, and return 1 when something is wrong.

    Raises:
        SettingsError: it is not said where to look.
    """
    from xcomkit.lint.diagnosis import diagnose

    if bool(options.release) == bool(options.folder):
        raise SettingsError(
            "doctor: where to look is not said.",
            hint="xcomkit doctor --release NAME -n NAMESPACE, or xcomkit doctor --from DIR.",
        )
    with _folder(options) as folder:
        rows = _read_rows() if options.release else None
        there = _look_up(rows, file=options.file) if rows and options.file else None
        found = diagnose(folder, rows=rows, there=there, rerun_days=options.rerun_days)
    _report(found)
    code = 1 if any(harm != "other" for harm, _ in found.findings) else 0
    if options.file:
        say("\n== Bucket and rights ==")
        steps = argparse.Namespace(
            steps=["01", "02"], file=options.file, parameter=[], only="verify", out=Path("runs")
        )
        code = max(code, run.act(steps))
    return code


@contextmanager
def _folder(options: argparse.Namespace) -> Iterator[Path]:
    """Give the folder that was named, or a private one with what the cluster says now."""
    if options.folder:
        yield options.folder
        return
    with tempfile.TemporaryDirectory(prefix="xcomkit-doctor-") as private:
        _save(Path(private), release=options.release, namespace=options.namespace)
        yield Path(private)


def _save(folder: Path, *, release: str, namespace: str) -> None:
    """Write what helm and kubectl say into a folder; what they refuse is noted and left out."""
    space = ["-n", namespace] if namespace else []
    wanted = {
        "values.yaml": ["helm", "get", "values", release, *space, "-o", "yaml"],
        "manifest.yaml": ["helm", "get", "manifest", release, *space],
        "pods.yaml": ["kubectl", "get", "pods", *space, "-o", "yaml"],
    }
    for name, command in wanted.items():
        _run(command, into=folder / name)
    if not any(folder.iterdir()):
        raise UnreachableError(
            "neither helm nor kubectl could be asked.",
            hint="choose the cluster in kubeconfig, or give saved files with --from DIR.",
        )
    listed = _run(["kubectl", "get", "pods", *space, "-o", "name"])
    for pod in listed.split()[:_MOST_PODS]:
        name = pod.partition("/")[2]
        command = ["kubectl", "logs", name, *space, "--all-containers", "--tail=2000"]
        _run(command, into=folder / f"{name}.log")


def _read_rows() -> "list[Row] | None":
    """Return XCom rows of the Airflow that the environment names, which is written nowhere."""
    url, token = (os.environ.get(f"AIRFLOW_API_{name}", "").strip() for name in ("URL", "TOKEN"))
    if not url:
        return None
    try:
        from xcomkit.plane.deployment import open_deployment
        from xcomkit.plane.newest_rows import read_newest_rows

        with open_deployment(url, token=token) as deployment:
            rows, total = read_newest_rows(deployment.client)
    except (XcomkitError, ModuleNotFoundError) as error:
        note(plain(f"not looked at: XCom rows: {error}"))
        return None
    note(f"read {len(rows)} of {number_of(total, 'XCom row')} of the newest runs")
    return rows


def _look_up(rows: "list[Row]", *, file: Path) -> "There":
    """Return what the bucket of the parameters tells of the objects of the rows."""
    from xcomkit.clouds import open_cloud
    from xcomkit.lint.rules.stores import cloud_of
    from xcomkit.objects.reading import is_there
    from xcomkit.plane.run_reader import together
    from xcomkit.settings.settings import Settings
    from xcomkit.steps.opening import open_platform
    from xcomkit.values.names import parse_base_path

    settings = Settings.from_yaml(file)
    values = {row["value"] for row in rows if isinstance(row.get("value"), str)}
    ours = (settings.cloud, settings.bucket)
    paths = filter(None, map(parse_base_path, values))
    found = [one for one in paths if (cloud_of(one.scheme), one.bucket) == ours]
    try:
        platform, _ = open_platform(settings)
        cloud = open_cloud(settings, platform=platform)
        answers = together(lambda one: is_there(one.prefix, reader=cloud), found)
    except XcomkitError as error:
        note(plain(f"not looked at: objects: {error}"))
        return lambda *_: None
    known = dict(zip(found, answers, strict=True))
    return lambda reference, _: known.get(reference)


def _run(command: list[str], *, into: Path | None = None) -> str:
    """Return what a command prints, written to a file as well; empty where it fails."""
    problem = f"{command[0]} is not on PATH"
    if shutil.which(command[0]):
        note(" ".join(command))
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            problem = f"no answer in {_SECONDS:g} s"
        else:
            text = done.stdout.decode(errors="replace")
            if done.returncode == 0:
                if into and text.strip():
                    into.write_text(text, encoding="utf-8")
                return text
            problem = done.stderr.decode(errors="replace").strip()[-300:]
    note(plain(f"not looked at: {' '.join(command)}: {problem}"))
    return ""


def _report(found: "Diagnosis") -> None:
    from xcomkit.findings.reports.text import to_lines
    from xcomkit.lint.diagnosis import HARMS

    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    say(f"Looked at: {', '.join(map(plain, found.looked_at))}.")
    before = ""
    for harm, finding in found.findings:
        if harm != before:
            say(f"\n== {HARMS[harm]} ==")
            before = harm
        say(to_lines(finding, width=width, colour=False))
    for name, command in found.not_looked_at:
        note(f"not looked at: {name} ({command})")
    wrong = sum(harm != "other" for harm, _ in found.findings)
    lost = sum(harm == "lost" for harm, _ in found.findings)
    verdict = "Nothing that is known is wrong in what was looked at."
    if wrong:
        verdict = f"{number_of(wrong, 'fault')}{'; values were lost already' if lost else ''}."
    if any(finding.is_unknown for _, finding in found.findings):
        verdict += " What is marked ? is not known."
    say(f"\n{verdict}")
