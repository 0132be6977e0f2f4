"""The command line: every command, and one line instead of a traceback."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence

from xcomkit.cli import (
    diff_records,
    doctor,
    env,
    init,
    lab,
    lint,
    matrix,
    merge,
    run,
    scan_dags,
    verify_record,
)
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.text import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake never ends in a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # What papermill has to say of a failed cell stands in the line of its step.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no ✔ gets \u2714
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.act(options)
    except XcomkitError as error:
        sys.stderr.write(f"xcomkit: {plain(str(error))}\n")
        return error.exit_code
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"xcomkit: this command needs {error.name}, which is not installed."
            " Next: pip install 'xcomkit[runbook,local]'\n"
        )
        return 3
    except KeyboardInterrupt:
        sys.stderr.write("xcomkit: interrupted; what ran so far is in the run directory.\n")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xcomkit",
        description="From an empty cloud account to a proven Airflow XCom backend, with evidence.",
        epilog=run.EXIT_CODES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        init,
        run,
        lab,
        lint,
        env,
        merge,
        scan_dags,
        matrix,
        verify_record,
        diff_records,
        doctor,
    ):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
