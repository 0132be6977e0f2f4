"""The words by which a report is asked for, and how it is written."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from xcomkit.cli.terminal import say

if TYPE_CHECKING:
    from xcomkit.findings.reports.report import Report


def add_options(parser: argparse.ArgumentParser) -> None:
    """Teach a command the baseline and the formats."""
    parser.add_argument(
        "--baseline", default="", metavar="JSON", help="an earlier report: only what is new counts"
    )
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "junit"), default="text",
        help="text for people, json for tools, sarif for code hosts, junit for CI",
    )  # fmt: skip


def write_report(report: "Report", *, style: str) -> None:
    """Write a report to the output in the format that was asked for."""
    match style:
        case "json":
            from xcomkit.findings.reports.machine import to_json as render
        case "sarif":
            from xcomkit.findings.reports.sarif import to_sarif as render
        case "junit":
            from xcomkit.findings.reports.junit import to_junit as render
        case _:
            from xcomkit.findings.reports.text import to_text

            width = min(_columns(), 100)
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            say(to_text(report, width=width, colour=colour).rstrip("\n"))
            return
    say(render(report).rstrip("\n"))


def _columns() -> int:
    """Return how wide the terminal is, 100 where there is none."""
    if columns := os.environ.get("COLUMNS", "").isdecimal() and int(os.environ["COLUMNS"]):
        return columns
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 100
    except (OSError, ValueError):
        return 100
