"""The command line: every command, and one line instead of a traceback."""

import argparse
import logging
import sys
from collections.abc import Sequence

from xcomkit.commands import matrix, run, verify_record
from xcomkit.errors import XcomkitError


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
        epilog=run.EXIT_CODES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (run, matrix, verify_record):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
