"""``xcomkit scan-dags``: what Dag files do with XCom that remote execution does not support."""

import argparse
from pathlib import Path

from xcomkit.cli.reporting import add_options, write_report

_EPILOG = """examples:
  xcomkit scan-dags dags/
  xcomkit scan-dags dags/etl.py dags/report.py --format sarif > dags.sarif

Nothing is imported or run. A line with  # xcomkit: ignore XC030 the reason  is left alone, and so\
 is the line below a comment of its own. docs/checks.md explains every rule.

takes about a second per hundred files

exit codes: 0 nothing failed, 1 something failed, 2 a path cannot be read"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    parser = commands.add_parser(
        "scan-dags",
        help="name XCom use in Dags that remote execution does not support",
        description="Read Dag files without running them: XCom in callbacks and triggers, object"
        " storage I/O while a file is parsed, values that cannot be written, settings in code.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="DIR", help="folders of Dag files, or single files"
    )
    add_options(parser)
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Scan the paths, write the report, and return 1 when something failed."""
    from xcomkit.lint.dags.run import judge

    report = judge(options.paths, baseline=options.baseline)
    write_report(report, style=options.format)
    return report.exit_code
