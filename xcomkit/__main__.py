"""The command line: run the steps, and check a record that was handed over."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from xcomkit.errors import SettingsError, XcomkitError

_EXIT_CODES = "exit codes: 0 good, 1 the gate is closed, 2 bad parameters, 3 environment or service"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake never ends in a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # What papermill has to say of a failed cell stands in the line of its step.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    options = _parser().parse_args(arguments)
    try:
        code: int = options.act(options)
    except XcomkitError as error:
        sys.stderr.write(f"xcomkit: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("xcomkit: interrupted; what ran so far is in the run directory.\n")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xcomkit",
        description="From an empty cloud account to a proven Airflow XCom backend, with evidence.",
        epilog=_EXIT_CODES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run the steps and write the record",
        description="Run the runbook's steps on one target and write OUT/<UTC>-NAME/record.html.",
        epilog="example: xcomkit run -f parameters/local-aws.yaml -p compression=gzip | "
        + _EXIT_CODES,
    )
    run.add_argument("steps", nargs="*", metavar="STEP", help="e.g. 04 or 04_round_trip; all steps")
    run.add_argument("-f", "--file", type=Path, required=True, help="a file of parameters/")
    run.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE",
        help="replace one parameter of the file; may be repeated",
    )  # fmt: skip
    run.add_argument("--out", type=Path, default=Path("runs"), help="folder for the run directory")
    run.add_argument(
        "--only",
        choices=("verify",),
        help="verify: bucket, identity and values stay as they are; test objects come and go",
    )
    run.add_argument("--notebooks", type=Path, default=None, help=argparse.SUPPRESS)
    run.set_defaults(act=_run)
    matrix = commands.add_parser(
        "matrix",
        help="prove which version of Airflow reads what which version wrote",
        description="Install each version of Airflow into an environment of its own (with uv, kept"
        " in the user's cache), push values with each of them without compression, with gzip and"
        " with zip, and read them with all of them. Worth it before an upgrade, and where agents"
        " of two versions share a prefix. The table goes to stdout, the evidence into matrix.json.",
        epilog="example: xcomkit matrix --airflow 3.1.8,3.3.2 -f parameters/local-aws.yaml | exit"
        " codes: 0 all pass, 1 some failed or are unknown, 2 bad parameters, 3 environment or"
        " service",
    )
    matrix.add_argument(
        "--airflow", required=True, metavar="VERSIONS",
        help="full versions with commas between them, e.g. the one you have and the one to come",
    )  # fmt: skip
    matrix.add_argument("-f", "--file", type=Path, required=True, help="a file of parameters/")
    matrix.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE",
        help="replace one parameter of the file; may be repeated",
    )  # fmt: skip
    matrix.add_argument(
        "--with", dest="more", action="append", default=[], metavar="REQUIREMENT",
        help='something your image pins, e.g. "pandas<3"; may be repeated',
    )  # fmt: skip
    matrix.add_argument(
        "--out", type=Path, metavar="DIR",
        help="folder for matrix.json; runs/<UTC>-NAME-matrix if nothing is said",
    )  # fmt: skip
    matrix.set_defaults(act=_matrix)
    verify = commands.add_parser(
        "verify-record",
        help="check that no file of a record was changed",
        description="Compare every file of a run directory with its manifest.sha256.",
        epilog="exit codes: 0 unchanged, 1 something changed, 2 no manifest",
    )
    verify.add_argument("directory", type=Path, metavar="DIR", help="a run directory")
    verify.set_defaults(act=_verify_record)
    return parser


def _run(options: argparse.Namespace) -> int:
    from xcomkit.settings import Settings

    overrides: dict[str, object] = dict(_pair(text) for text in options.parameter)
    if options.only == "verify":
        overrides["apply"] = False
    settings = Settings.from_yaml(options.file, overrides=overrides)
    _say(f"xcomkit run {options.file.stem}: {settings.base_path}")
    begun = time.monotonic()

    from xcomkit import show
    from xcomkit.opening import find_root
    from xcomkit.record.runner import StepResult, run_steps, select_steps
    from xcomkit.record.write import write_record

    steps = select_steps(options.steps)

    def progress(result: StepResult) -> None:
        place = f"[{steps.index(result.name) + 1}/{len(steps)}]"
        mark = f"{show.MARKS[result.status]} {result.status}"
        elapsed = time.monotonic() - begun
        line = f"{place} {result.name:<20} {mark:<10} {result.outcome:<10}"
        _say(f"{line} {result.seconds:6.1f} s   {elapsed:6.1f} s in all")
        if result.error:
            _say(f"      {result.error[:300]}")

    run = run_steps(
        settings,
        name=options.file.stem,
        steps=steps,
        notebooks=options.notebooks or find_root(Path.cwd()) / "notebooks",
        out=options.out.resolve(),
        progress=progress,
    )
    path = write_record(run)
    rows = [
        (c.id, f"{show.MARKS[c.status]} {c.status}", c.title, c.observed) for _, c in run.checks
    ]
    _say("\n" + show.aligned(("id", "status", "check", "observed"), rows))
    for check in (c for _, c in run.checks if c.closes_gate):
        # The table cuts; what is wrong and what to do about it must be there to its end.
        told = "" if check.remedy in check.observed else f" Next: {check.remedy}"
        _say(f"\n{show.MARKS[check.status]} {check.id} {check.title}: {check.observed}{told}")
    from xcomkit.record.page import verdict_sentence

    _say(f"\n{show.MARKS[run.verdict]} {run.verdict}: {verdict_sentence(run.verdict)}")
    _say(f"record: {_relative(path)}")
    return run.exit_code


def _matrix(options: argparse.Namespace) -> int:
    from xcomkit import matrix
    from xcomkit.settings import Settings

    versions = matrix.read_versions(options.airflow)
    more = matrix.read_requirements(options.more)
    overrides: dict[str, object] = dict(_pair(text) for text in options.parameter)
    settings = Settings.from_yaml(options.file, overrides=overrides)
    folder = matrix.open_folder(options.out, name=options.file.stem)

    def progress(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    rows = matrix.make_rows(versions, settings=settings, more=more, progress=progress)
    found = matrix.run(settings, folder=folder, rows=rows, progress=progress)
    _say(f"{matrix.to_text(found)}\nevidence: {_relative(folder / matrix.FILE)}")
    return matrix.exit_code(found)


def _verify_record(options: argparse.Namespace) -> int:
    from xcomkit.record.manifest import find_differences

    found = find_differences(options.directory)
    for sentence in found:
        _say(f"✖ {sentence}")
    if not found:
        _say(f"✔ {options.directory.name}: every file is as it was written")
    return 1 if found else 0


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise SettingsError(f"-p {text}: no value.", hint="write -p name=value.")
    return name, value


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
