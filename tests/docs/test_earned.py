"""The table of what earns each green tick: a row for every check of a run, and tests that exist."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

from xcomkit.findings.model import Basis
from xcomkit.lint.diagnosis import RULES as DOCTOR
from xcomkit.steps.rule_index import RULES_BY_ID

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs/decisions/2026-11-30-earned.md").read_text()
ROWS = [
    [cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"(?m)^\| XC.*", TABLE)
]
FILES_ONLY = "XC0xx of a file"


def test_every_check_of_a_run_has_exactly_one_row() -> None:
    others = {rule.id for rule in DOCTOR}  # the doctor gives findings, never a tick
    of_a_run = [name for name in RULES_BY_ID if not name.startswith("XC0") and name not in others]

    assert Counter(row[0] for row in ROWS) == Counter([FILES_ONLY, *of_a_run])


def test_every_basis_is_one_that_a_check_can_have() -> None:
    assert {basis for row in ROWS for basis in row[2].split("; ")} <= set(get_args(Basis))


def test_every_test_that_is_named_exists_and_few_are_missing() -> None:
    named = [name for row in ROWS for name in row[3].split(", ") if not row[3].startswith("none")]
    for file, _, test in (name.partition("::") for name in named):
        (path,) = (ROOT / "tests").rglob(f"{file}.py")
        assert re.search(rf"^ *def {test}\(", path.read_text(), re.MULTILINE), (file, test)

    assert len([row for row in ROWS if row[3].startswith("none yet")]) < 5
