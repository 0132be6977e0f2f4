"""The words by which ``lint`` and ``env`` know what to read."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xcomkit.findings.errors import InputError
from xcomkit.lint.file_types import KINDS, Kind

if TYPE_CHECKING:  # the command line is taught in a few milliseconds, whatever is asked of it
    from xcomkit.lint.configuration import Configuration


def add_files(parser: argparse.ArgumentParser) -> None:
    """Teach a command the files and their kind."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE",
        help="values.yaml, .env, airflow.cfg, docker-compose.yaml or pod spec; - is the standard"
        " input; later files override earlier ones as helm does",
    )  # fmt: skip
    parser.add_argument(
        "--kind", choices=("auto", *KINDS), default="auto",
        help="what the files are; auto tells by name and content",
    )  # fmt: skip


def read_files(options: argparse.Namespace) -> "Configuration":
    """Return what the files say together.

    Raises:
        InputError: something cannot be read.
    """
    from xcomkit.lint.sources.reading import read_configuration

    if folder := next((one for one in options.files if Path(one).is_dir()), ""):
        raise InputError(f"{folder}: a folder.", hint=f"name a file, or: xcomkit lint {folder}")
    return read_configuration(options.files, kind=read_kind(options))


def read_kind(options: argparse.Namespace) -> Kind | None:
    """Return the kind that was given, ``None`` where the files show it."""
    return None if options.kind == "auto" else options.kind
