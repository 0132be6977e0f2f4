import sys
from importlib import metadata
from pathlib import Path

import pytest
from backend_target import THRESHOLD, Target

from xcomkit.backend.version_matrix import Behaviour, Matrix, Row, measure

OWN = metadata.version("apache-airflow")
OTHER = "3.0.99"
ROW = Row(OWN, Path(sys.executable))


def pretender(directory: Path, version: str, *, without: str = "") -> Row:
    """Return a row whose interpreter says it is another version, maybe without a package."""
    packages = directory / "packages"
    info = packages / f"apache_airflow-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: apache-airflow\nVersion: {version}\n"
    )
    if without:
        (packages / f"{without}.py").write_text(f"raise ImportError('no {without} here')\n")
    python = directory / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return Row(version, python)


def made(
    target: Target, rows: list[Row], *, without: tuple[str, ...] = (), threshold: str = "0",
    progress=str, **options,
) -> Matrix:  # fmt: skip
    identity = target.identity(without=without)
    environment = {**target.effective, **identity.environment, THRESHOLD: threshold}
    return measure(
        rows, environment=environment, run_id="run", timeout=60, progress=progress, **options
    )


def test_every_version_reads_what_every_version_wrote_and_nothing_is_left(target, tmp_path):
    said: list[str] = []

    matrix = made(target, [ROW, pretender(tmp_path, OTHER)], progress=said.append)

    assert [(c.verdict, c.passed, c.tried) for c in matrix.cells] == [("pass", 4, 4)] * 12
    assert {(c.writer, c.reader) for c in matrix.cells} == {
        (OWN, OWN), (OWN, OTHER), (OTHER, OWN), (OTHER, OTHER)
    }  # fmt: skip
    assert [one.packages["apache-airflow"] for one in matrix.environments] == [OWN, OTHER]
    stock = Behaviour(key="<id>.zip", missing="its path", zip="20751 of 20629", loops="has none")
    assert [one.behaviour for one in matrix.environments] == [stock, stock]
    assert target.keys() == set()
    assert said[0] == f"Airflow {OWN}: starting its worker"
    assert "every version writes with zip and reads what the others wrote" in said


def test_reader_that_cannot_read_a_value_fails_in_its_cells_only(target, tmp_path):
    rows = [ROW, pretender(tmp_path, OTHER, without="pandas"), Row("9.9.9", problem="why")]

    matrix = made(target, rows, codecs=("none",))

    red = matrix.cell(OWN, OTHER, "none")
    assert (red.verdict, red.passed, red.tried) == ("fail", 3, 4)
    assert red.reason.startswith("dataframe: pull raised ImportError: no pandas here")
    assert matrix.cell(OWN, OWN, "none").verdict == "pass"
    # What a version cannot even build is no part of its own round trip, and is said.
    own = matrix.cell(OTHER, OTHER, "none")
    assert (own.verdict, own.passed, own.tried) == ("pass", 3, 3)
    assert own.reason == f"{OTHER} cannot build dataframe (ImportError: no pandas here)"
    for pair in ((OWN, "9.9.9"), ("9.9.9", OWN), ("9.9.9", "9.9.9")):
        cell = matrix.cell(*pair, "none")
        assert (cell.verdict, cell.reason) == ("unknown", "9.9.9: why")


@pytest.mark.parametrize(
    ("options", "verdict", "reason"),
    [
        ({"threshold": "1000000"}, "pass", ""),
        ({"threshold": "-1"}, "fail", "stayed in the metadata database"),
        ({"without": ("s3:PutObject",)}, "fail", "push raised PermissionError"),
        ({"without": ("s3:DeleteObject",)}, "fail", "still there after the purge"),
    ],
    ids=["high threshold", "database", "no put", "no delete"],
)
def test_round_trip_of_a_version_is_red_with_its_cause(target, options, verdict, reason):
    (cell,) = made(target, [ROW], codecs=("none",), **options).cells

    assert cell.verdict == verdict
    assert reason in cell.reason
    assert (cell.passed, cell.tried) == (4 if verdict == "pass" else 0, 4)


def test_interpreter_with_another_version_stands_for_nothing(target, tmp_path):
    rows = [
        Row("3.0.1", Path(sys.executable)),
        Row("3.0.2", tmp_path / "none"),
        pretender(tmp_path, "3.0.3", without="airflow"),
    ]

    matrix = made(target, rows, codecs=("none",))

    assert {cell.verdict for cell in matrix.cells} == {"unknown"}
    wrong, absent, broken = (one.problem for one in matrix.environments)
    assert wrong == f"apache-airflow {OWN} is installed"
    assert "No such file" in absent
    assert "Airflow cannot be imported" in broken
