"""``xcomkit verify-record``: whether a record is as it was written."""

import argparse
from pathlib import Path

from xcomkit.cli.terminal import say


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    verify = commands.add_parser(
        "verify-record",
        help="check that no file of a record was changed",
        description="Compare every file of a run directory with its manifest.sha256. Anybody who"
        " changes a file can write the manifest anew; docs/record.md tells how to sign it.",
        epilog="example:\n  xcomkit verify-record runs/20260101T080000Z-aws\n"
        "takes less than a second\nexit codes: 0 unchanged, 1 something changed, 2 no manifest",
    )
    verify.add_argument("directory", type=Path, metavar="DIR", help="a run directory")
    verify.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Name every file that differs from its manifest; 1 when something is wrong."""
    from xcomkit.findings.text import plain
    from xcomkit.record.manifest import find_differences

    found = find_differences(options.directory)
    for sentence in found:
        say(f"✖ {plain(sentence)}")
    if not found:
        say(f"✔ {plain(options.directory.resolve().name)}: every file is as it was written")
    return 1 if found else 0
