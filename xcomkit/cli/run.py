"""``xcomkit run``: the steps on one target, and the record."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xcomkit.cli.init import shipped
from xcomkit.cli.terminal import read_pair, relative, say
from xcomkit.findings.text import number_of, plain

if TYPE_CHECKING:
    from xcomkit.record.record import StepResult
    from xcomkit.record.runner import Run

_READING = ("00", "01", "02", "03", "05")
EXIT_CODES = "exit codes: 0 good, 1 the gate is closed, 2 bad parameters, 3 environment or service"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    run = commands.add_parser(
        "run",
        help="run the steps and write the record",
        description="Run the runbook's steps on one target and write OUT/<UTC>-NAME/record.html.",
        epilog="example:\n  xcomkit run -f parameters/local-aws.yaml -p compression=gzip\n"
        "takes about a minute on the stand-in, most of it steps 04 and 06; longer on a cloud, or"
        f" with fault_depth=full\n{EXIT_CODES}",
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
        help="verify: change nothing, and say what drifted since the last record; without STEP"
        " the steps that need read rights only",
    )
    run.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Run the steps, say how they stand, write the record, and return the exit code."""
    from xcomkit.settings.settings import Settings

    overrides: dict[str, object] = dict(read_pair(text) for text in options.parameter)
    if options.only == "verify":
        overrides["apply"] = False
    settings = Settings.from_yaml(options.file, overrides=overrides)
    say(f"xcomkit run {options.file.stem}: {settings.base_path}")

    from xcomkit.notebook.show import marked
    from xcomkit.record import cover
    from xcomkit.record.differences import compare_with_last, list_drift
    from xcomkit.record.record import read_record
    from xcomkit.record.runner import run_steps, select_steps
    from xcomkit.record.write import write_record
    from xcomkit.steps.opening import find_root

    notebooks = find_root(Path.cwd()) / "notebooks"
    steps = select_steps(options.steps or (_READING if options.only else ()))
    run = run_steps(
        settings,
        name=options.file.stem,
        steps=steps,
        notebooks=notebooks if notebooks.is_dir() else shipped() / "notebooks",
        out=options.out.resolve(),
        progress=_show_progress(steps),
    )
    path = write_record(run)
    report(run)
    record = read_record(run.directory)
    say(f"\n{cover.tell(record)}")
    if options.only:
        drift = compare_with_last(record, runs=options.out.resolve())
        say("\n".join(map(plain, list_drift(drift, record))))
    say(f"\n{marked(run.verdict)}: {run.sentence}")
    say(f"record: {relative(path)}")
    return run.exit_code


def _show_progress(steps: Sequence[str]) -> Callable[["StepResult"], None]:
    """Say that the first step begins; return what says how each ended, and that the next begins."""
    from xcomkit.notebook import show

    begun = time.monotonic()

    def place(number: int) -> str:
        return f"[{number + 1}/{len(steps)}] {steps[number]:<20}"

    def begin(number: int) -> None:
        if number < len(steps) and sys.stdout.isatty():  # a log has one line per step
            say(f"{place(number)} ... {datetime.now():%H:%M:%S}")  # noqa: DTZ005 - a person's clock

    def end(result: "StepResult") -> None:
        number = steps.index(result.name)
        elapsed = time.monotonic() - begun
        line = f"{place(number)} {show.marked(result.status):<10} {result.outcome:<10}"
        say(f"{line} {result.seconds:6.1f} s   {elapsed:6.1f} s in all")
        if result.error:
            say(f"      {plain(result.error[:300])}")
        begin(number + 1)

    begin(0)
    return end


def report(run: "Run") -> None:
    """Say every check in a table, those to which nothing objects in one line, red ones in full."""
    from xcomkit.lint.registry import NO_OBJECTION
    from xcomkit.notebook import show
    from xcomkit.notebook.show.words import in_words

    shown = [c for _, c in run.checks if c.observed != NO_OBJECTION]
    rows = [(c.id, show.marked(c.status), c.headline, in_words(c.observed)) for c in shown]
    if silent := len(run.checks) - len(shown):
        count = number_of(silent, "rule")
        rows.append(("", show.marked("pass"), f"{count} about the values", NO_OBJECTION))
    say("\n" + show.aligned(("id", "status", "check", "observed"), rows))
    for check in (c for _, c in run.checks if c.closes_gate):
        # The table cuts; what is wrong and what to do about it must be there to its end.
        next_ = "" if check.remedy in check.observed else f" Next: {check.remedy}"
        text = plain(f"{check.id} {check.headline}; observed: {in_words(check.observed)}{next_}")
        say(f"\n{show.MARKS[check.status]} {text}")
