"""``xcomkit diff-records``: what is different between two records."""

import argparse
from pathlib import Path

from xcomkit.cli.terminal import say


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    diff = commands.add_parser(
        "diff-records",
        help="say what is different between two records",
        description="Compare two records: verdict, checks that changed, are new or gone, settings"
        " and versions. Worth it after an upgrade, and in CI against a record you trust. Other"
        " words or times in what a check observed are shown, and count as the same.",
        epilog="example:\n"
        "  xcomkit diff-records runs/20260101T080000Z-aws runs/20260201T080000Z-aws\n"
        "takes about a second\n"
        "exit codes: 0 the same checks with the same statuses and bases, 1 a check changed, is new"
        " or is gone, 2 a record cannot be read",
    )
    diff.add_argument("before", type=Path, metavar="A", help="a run directory or a record.json")
    diff.add_argument("after", type=Path, metavar="B", help="the one to compare with it")
    diff.add_argument(
        "--format", choices=("text", "json"), default="text", help="text for people, json for tools"
    )
    diff.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Say the differences; 1 when the checks or their statuses are not the same."""
    from xcomkit.record.differences import compare, to_json, to_text
    from xcomkit.record.record import read_record

    found = compare(read_record(options.before), read_record(options.after))
    render = to_json if options.format == "json" else to_text
    say(render(found).rstrip("\n"))
    return 0 if found.has_same_checks else 1
