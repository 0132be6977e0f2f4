"""How the tests hand the text of one Dag file to the scan."""

import contextlib
import tempfile
import textwrap
from pathlib import Path

from xcomkit.findings.model import Finding
from xcomkit.lint.dags import scan


def scan_text(text: str) -> tuple[Finding, ...]:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("orders.py").write_text(textwrap.dedent(text))
        return scan(Path("orders.py"))


def found(text: str, rule_id: str) -> list[Finding]:
    return [one for one in scan_text(text) if one.rule.id == rule_id]
