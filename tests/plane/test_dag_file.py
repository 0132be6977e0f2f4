"""The Dag file on its own: what it may import, and that its readers notice a wrong value."""

import ast
import sys
from decimal import Decimal
from typing import Any

import pytest

from xcomkit.plane.dag_run import DAG_ID, DAGS_FOLDER
from xcomkit.plane.residency import mark

TREE = ast.parse((DAGS_FOLDER / f"{DAG_ID}.py").read_text(encoding="utf-8"))


def imported() -> set[str]:
    plain = (node for node in ast.walk(TREE) if isinstance(node, ast.Import))
    of = (node for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom))
    return {name.name for node in plain for name in node.names} | {str(n.module) for n in of}


@pytest.fixture
def functions() -> dict[str, Any]:
    """Return the file's undecorated functions, made without importing Airflow."""
    kept = [
        node
        for node in TREE.body
        if not (isinstance(node, ast.FunctionDef) and node.decorator_list)
        and not (isinstance(node, ast.ImportFrom) and str(node.module).startswith("airflow."))
        and not isinstance(node, ast.Expr)
    ]
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module(kept, []), "dag", "exec"), namespace)
    return namespace


def test_dag_file_needs_airflow_and_its_standard_provider_alone() -> None:
    foreign = {name for name in imported() if name.split(".")[0] not in sys.stdlib_module_names}

    assert foreign == {"airflow.sdk", "airflow.providers.standard.sensors.date_time"}


def test_large_value_is_the_same_each_time_and_as_large_as_asked(functions: dict[str, Any]) -> None:
    mark = functions["mark"]("run", "stored")
    value = functions["large_value"](200_000, mark)

    assert value == functions["large_value"](200_000, mark)
    assert 180_000 < len(str(value)) < 260_000


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ((1, 2), [1, 2]),
        ([(1, 2)], [[1, 2]]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": {1}}, {"a": [1]}),
        (1, True),
        (Decimal("0.10"), Decimal("0.1")),
        (None, {}),
        ({"a": 1, "b": 2}, {"a": 1}),
    ],
)
def test_reader_notices_another_type_or_value(
    functions: dict[str, Any], read: Any, written: Any
) -> None:
    with pytest.raises(ValueError, match="XCom returned"):
        functions["expect"](read, written)


def test_reader_accepts_what_was_written(functions: dict[str, Any]) -> None:
    functions["expect"](functions["typed_value"](), functions["typed_value"]())


def test_dag_and_search_agree_on_the_mark_which_is_another_one_in_every_run(
    functions: dict[str, Any],
) -> None:
    made = {functions["mark"](run, name) for run in ("a", "b") for name in ("stored", "argument")}

    assert made == {mark(run, name) for run in ("a", "b") for name in ("stored", "argument")}
    assert len(made) == 4


def test_reader_says_when_the_reference_came_back_and_never_shows_a_value(
    functions: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="the reference s3://c@b/p instead of the value"):
        functions["expect"]("s3://c@b/p", {"a": 1})
    with pytest.raises(ValueError, match="XCom returned") as caught:
        functions["expect"](["private text"], ["other text"])

    assert "text" not in str(caught.value)
