"""The words by which ``lint`` and ``env`` are told what to read."""

import argparse
from typing import TYPE_CHECKING

from xcomkit.lint.kinds import KINDS, Kind

if TYPE_CHECKING:  # the command line is taught in a few milliseconds, whatever is asked of it
    from xcomkit.chart.flags import Assignment
    from xcomkit.lint.configuration import Configuration


def add_files(parser: argparse.ArgumentParser) -> None:
    """Teach a command the files, their kind and helm's flags."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE",
        help="values.yaml, .env, airflow.cfg, docker-compose.yaml or pod spec; - is the standard"
        " input; later files override earlier ones as helm does",
    )  # fmt: skip
    parser.add_argument(
        "--kind", choices=("auto", *KINDS), default="auto",
        help="what the files are; auto tells by name and content",
    )  # fmt: skip
    parser.add_argument(
        "--set-json", action="append", default=[], metavar="KEY=JSON", help="as helm's own flag"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as helm's own flag"
    )
    parser.add_argument(
        "--set-string", action="append", default=[], metavar="KEY=TEXT", help="as helm's own flag"
    )


def read_files(options: argparse.Namespace) -> "Configuration":
    """Return what the files and flags say together.

    Raises:
        InputError: something cannot be read.
    """
    from xcomkit.lint.inputs.reading import read_configuration

    kind = read_kind(options)
    return read_configuration(options.files, kind=kind, flags=_flags(options))


def read_kind(options: argparse.Namespace) -> Kind | None:
    """Return the kind that was said, ``None`` where it is to be told by the files."""
    return None if options.kind == "auto" else options.kind


def _flags(options: argparse.Namespace) -> "list[Assignment]":
    """Return the flags in the order in which helm applies them, whatever order they stand in."""
    from xcomkit.chart.flags import read_flag

    return [
        *(found for text in options.set_json for found in read_flag("set-json", text)),
        *(found for text in options.set for found in read_flag("set", text)),
        *(found for text in options.set_string for found in read_flag("set-string", text)),
    ]
