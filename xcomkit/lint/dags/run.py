"""Scans what a user named and says it as one report."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from xcomkit.findings.errors import InputError
from xcomkit.findings.reports import ignores
from xcomkit.findings.reports.report import Input, Report
from xcomkit.findings.text_file import read_text
from xcomkit.lint.dags.ignored import IGNORE_FILE
from xcomkit.lint.dags.reading import list_files
from xcomkit.lint.dags.scan import RULES, scan


def judge(paths: Sequence[Path], *, baseline: str = "") -> Report:
    """Return what the rules find in Dag files, without what comments or the baseline ignore.

    Raises:
        InputError: a path or the baseline cannot be read.
    """
    # a file that is named twice, or with its folder, is one file
    findings = tuple(dict.fromkeys(found for path in paths for found in scan(path)))
    texts = _texts(paths, named={one.file for one in findings})
    counted, ignored = ignores.sort_out(findings, texts=texts, baseline=baseline)
    inputs = tuple(Input(str(path), _kind(path)) for path in paths)
    return Report(counted, ignored, inputs, (*RULES, *ignores.RULES))


def _kind(path: Path) -> str:
    """Return what a path is, and how much of it is not judged."""
    if not path.is_dir():
        return "a Dag file"
    left_out = sum(is_ignored for _, _, is_ignored in list_files(path))
    more = f"; of {left_out} files that {IGNORE_FILE} names, only what others import is judged"
    return "a Dag folder" + (more if left_out else "")


def _texts(paths: Sequence[Path], *, named: AbstractSet[str]) -> dict[str, str]:
    """Return the files that may hold a comment to ignore something, if they are judged."""
    found = {}
    for file, _, is_left_out in (listed for path in paths for listed in list_files(path)):
        if is_left_out and str(file) not in named:
            continue
        try:
            text = read_text(file, name=str(file))
        except InputError:
            continue  # the scan has said so
        if ignores.MARK in text:
            found[str(file)] = text
    return found
