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
from xcomkit.lint.dags.scan import RULES, XC040, scan

_HINT = "name the folder of the Dag files, or one of them: xcomkit scan-dags dags/"


def judge(paths: Sequence[Path], *, baseline: str = "") -> Report:
    """Return what the rules find in Dag files, without what comments or the baseline ignore.

    Raises:
        InputError: a path or the baseline cannot be read, or there is nothing to read.
    """
    for path in paths:
        if path.is_file() and path.suffix != ".py":
            raise InputError(f"{path}: no Python file.", hint=_HINT)
    # a file that is named twice, or with its folder, is one file
    findings = tuple(dict.fromkeys(found for path in paths for found in scan(path)))
    texts = _texts(paths, named={one.file for one in findings})
    counted, ignored = ignores.sort_out(findings, texts=texts, baseline=baseline)
    inputs = tuple(Input(str(path), _kind(path)) for path in paths)
    listed = [one for path in paths for one in list_files(path)]
    files = {str(file) for file, _, is_left_out in listed if not is_left_out}
    if not files:
        names = ", ".join(map(str, paths))
        problem = f"{names}: no Python file that Airflow loads, so nothing was read."
        raise InputError(problem, hint=_HINT)
    count = len(files - {one.file for one in findings if one.rule is XC040})
    return Report(counted, ignored, inputs, (*RULES, *ignores.RULES), files_read=count)


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
