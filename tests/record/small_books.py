"""Small notebooks that write evidence of their own, or go wrong in one way."""

import nbformat

EVIDENCE = """
from pathlib import Path
from xcomkit.findings import evidence
from xcomkit.findings.model import Rule
rule = Rule("XC201", "Bucket", "fail", "why", "mend it", "source", blocks={blocks})
check = rule.judge({holds}, expected="e", observed={observed!r}, how="h", basis="echo")
evidence.write_evidence(Path(run_dir), step="{step}", content={{"checks": [check]}})
evidence.gate([check])
"""


def notebook(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "p", "language": "python"}
    return made


def judged(step: str, *, holds: bool = True, blocks: bool = False, observed: str = "o") -> str:
    return EVIDENCE.format(step=step, holds=holds, blocks=blocks, observed=observed)
