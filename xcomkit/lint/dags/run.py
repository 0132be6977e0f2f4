"""Scans what a user named and says it as one report."""

from collections.abc import Sequence
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.reports import ignores
from xcomkit.findings.reports.report import Input, Report
from xcomkit.findings.text_file import read_text
from xcomkit.lint.dags.reading import list_files
from xcomkit.lint.dags.scan import RULES, scan


def judge(paths: Sequence[Path], *, baseline: str = "") -> Report:
    """Return what the rules find in Dag files, without what comments or the baseline ignore.

    Raises:
        InputError: a path or the baseline cannot be read.
    """
    # a file that is named twice, or with its folder, is one file
    findings = tuple(dict.fromkeys(found for path in paths for found in scan(path)))
    counted, ignored = ignores.sort_out(findings, texts=_texts(paths), baseline=baseline)
    inputs = tuple(
        Input(str(path), "a Dag folder" if path.is_dir() else "a Dag file") for path in paths
    )
    return Report(counted, ignored, inputs, (*RULES, *ignores.RULES))


def _texts(paths: Sequence[Path]) -> dict[str, str]:
    """Return the files that may hold a comment to ignore something."""
    found = {}
    for file, _ in (listed for path in paths for listed in list_files(path)):
        try:
            text = read_text(file, name=str(file))
        except InputError:
            continue  # the scan has said so
        if ignores.MARK in text:
            found[str(file)] = text
    return found
