"""What measures records, and cells that only show leave the evidence as it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
from make_findings import FACTS

from xcomkit import steps

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
READ_ONLY = {"facts", "results", "settings", "values", "run", "name"}
"""What a cell that only shows may ask a step for: neither to judge nor to do anything."""


def functions() -> dict[str, ast.FunctionDef]:
    """Return the functions of all modules behind the notebooks, as ``module.function``."""
    return {
        f"{path.stem}.{node.name}": node
        for path in Path(steps.__path__[0]).glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


def cells() -> Iterator[str]:
    """Yield the name of each function that a cell of a notebook calls with its step."""
    for path in sorted(NOTEBOOKS.glob("0*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and cell.source.endswith("(step)"):
                yield cell.source.removesuffix("(step)")


def asked(function: ast.FunctionDef) -> set[str]:
    """Return what a function asks its step for; ``step`` where it hands the step on."""
    found = {node.attr for node in ast.walk(function) if _is_of_step(node)}
    handed_on = (a for node in ast.walk(function) if isinstance(node, ast.Call) for a in node.args)
    return found | {a.id for a in handed_on if isinstance(a, ast.Name) and a.id == "step"}


def recorded(function: ast.FunctionDef) -> set[str]:
    """Return the facts that a function writes into the evidence."""
    return {
        str(node.slice.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        if _is_of_step(node.value) and node.value.attr == "facts"
        if isinstance(node.slice, ast.Constant)
    }


def _is_of_step(node: ast.AST) -> bool:
    is_attribute = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return is_attribute and node.value.id == "step"


def showing() -> set[str]:
    """Return the functions behind cells that do nothing but show."""
    known = functions()
    return {name for name in cells() if asked(known[name]) <= READ_ONLY}


def test_cell_that_only_shows_records_nothing():
    known = functions()

    assert {name: recorded(known[name]) for name in showing() if recorded(known[name])} == {}


def test_tables_and_pictures_of_step_04_only_show():
    assert showing() >= {
        "round_trip.report", "round_trip.lost", "round_trip.lost_chart", "failures.table",
        "failures.picture", "fidelity.types", "fidelity.readings", "round_trip.measurements",
        "round_trip.chart", "round_trip.advice",
    }  # fmt: skip


def test_facts_of_the_findings_are_recorded_by_what_measures():
    measuring = {name: one for name, one in functions().items() if name not in showing()}

    assert set(FACTS) <= {fact for one in measuring.values() for fact in recorded(one)}
