"""The command line: every command, and one line instead of a traceback."""

import argparse
import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from xcomkit.cli.terminal import Parser, Version
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.text import plain

_COMMANDS = (
    "init", "run", "lab", "inspect", "lint", "env", "merge", "scan-dags", "matrix", "verify-record",
    "diff-records", "doctor",
)  # fmt: skip
# read files and log nothing, and are asked for every commit
_READERS = frozenset({"lint", "env", "merge", "scan-dags"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake never ends in a traceback."""
    asked = next(iter(sys.argv[1:] if arguments is None else arguments), "")
    if asked not in _READERS:
        _set_up_logging()
    elif arguments is None:  # a process of its own: what it would free goes when it ends
        gc.disable()
        atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no ✔ gets \u2714
            stream.reconfigure(errors="backslashreplace")
    options = _parser(asked).parse_args(arguments)
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
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"xcomkit: {plain('; '.join(('interrupted', *map(str, stop.args))))}.\n")
        return 130
    return code


def _set_up_logging() -> None:
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # What papermill has to say of a failed cell stands in the line of its step.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)


def _parser(asked: str) -> argparse.ArgumentParser:
    """Return the parser of the command that is asked for, or of all where it is none of them."""
    names = (asked,) if asked in _COMMANDS else _COMMANDS
    modules = [import_module(f"xcomkit.cli.{name.replace('-', '_')}") for name in names]
    parser = Parser(
        prog="xcomkit",
        description="From an empty cloud account to a proven Airflow XCom backend, with evidence.",
        epilog="xcomkit COMMAND --help has examples, and how long it takes\n"
        + next((module.EXIT_CODES for module in modules if hasattr(module, "EXIT_CODES")), ""),
    )
    parser.add_argument("--version", action=Version, nargs=0, help="say the version, and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in modules:
        module.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
