import sys
from importlib import metadata
from pathlib import Path

from backend_target import Target

from xcomkit.backend.version_matrix import Behaviour, Matrix, Row, measure

OWN = metadata.version("apache-airflow")
OTHER = "3.0.99"


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


def made(target: Target, rows: list[Row], **options) -> Matrix:
    environment = {**target.effective, **target.identity().environment}
    return measure(rows, environment=environment, run_id="run", timeout=60,
                   progress=options.pop("progress", lambda _: None), **options)  # fmt: skip


def test_every_version_reads_what_every_version_wrote_and_nothing_is_left(target, tmp_path):
    told: list[str] = []
    rows = [Row(OWN, Path(sys.executable)), pretender(tmp_path, OTHER)]

    matrix = made(target, rows, progress=told.append)

    assert [(c.verdict, c.passed, c.tried) for c in matrix.cells] == [("pass", 4, 4)] * 12
    assert {(c.writer, c.reader) for c in matrix.cells} == {
        (OWN, OWN), (OWN, OTHER), (OTHER, OWN), (OTHER, OTHER)
    }  # fmt: skip
    assert [one.packages["apache-airflow"] for one in matrix.environments] == [OWN, OTHER]
    stock = Behaviour(key="<id>.zip", missing="its path", zip="20751 of 20629", loops="has none")
    assert [one.behaviour for one in matrix.environments] == [stock, stock]
    assert target.keys() == set()
    assert told[0] == f"Airflow {OWN}: starting its worker"
    assert f"Airflow {OTHER} writes with zip, the others read it" in told


def test_reader_that_cannot_read_a_value_fails_in_its_cells_only(target, tmp_path):
    rows = [Row(OWN, Path(sys.executable)), pretender(tmp_path, OTHER, without="pandas")]

    matrix = made(target, rows, codecs=("none",))

    red = matrix.cell(OWN, OTHER, "none")
    assert (red.verdict, red.passed, red.tried) == ("fail", 3, 4)
    assert red.reason.startswith("dataframe: the pull raised ImportError: no pandas here")
    assert matrix.cell(OWN, OWN, "none").verdict == "pass"
    # What a version cannot even build is no part of its own round trip, and is told.
    own = matrix.cell(OTHER, OTHER, "none")
    assert (own.verdict, own.passed, own.tried) == ("pass", 3, 3)
    assert own.reason == f"{OTHER} cannot build dataframe (ImportError: no pandas here)"


def test_threshold_above_a_small_value_is_no_difference_between_versions(target):
    high = {"AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "1000000"}
    environment = {**target.effective, **high, **target.identity().environment}

    matrix = measure([Row(OWN, Path(sys.executable))], environment=environment, run_id="run",
                     timeout=60, progress=lambda _: None, codecs=("none",))  # fmt: skip

    assert [(c.verdict, c.passed, c.tried) for c in matrix.cells] == [("pass", 4, 4)]


def test_writer_without_the_right_to_put_is_red_with_the_refusal(target):
    environment = {**target.effective, **target.identity(without=("s3:PutObject",)).environment}

    matrix = measure([Row(OWN, Path(sys.executable))], environment=environment, run_id="run",
                     timeout=60, progress=lambda _: None, codecs=("none",))  # fmt: skip

    (cell,) = matrix.cells
    assert (cell.verdict, cell.passed) == ("fail", 0)
    assert "the push raised PermissionError" in cell.reason


def test_purge_that_is_refused_is_red_in_the_round_trip(target):
    environment = {**target.effective, **target.identity(without=("s3:DeleteObject",)).environment}

    matrix = measure([Row(OWN, Path(sys.executable))], environment=environment, run_id="run",
                     timeout=60, progress=lambda _: None, codecs=("none",))  # fmt: skip

    assert matrix.cells[0].verdict == "fail"
    assert "purge" in matrix.cells[0].reason


def test_version_without_an_interpreter_is_unknown_in_its_row_and_column(target):
    rows = [Row(OWN, Path(sys.executable)), Row("9.9.9", problem="cannot be installed: why")]

    matrix = made(target, rows, codecs=("none",))

    assert matrix.cell(OWN, OWN, "none").verdict == "pass"
    for pair in ((OWN, "9.9.9"), ("9.9.9", OWN), ("9.9.9", "9.9.9")):
        cell = matrix.cell(*pair, "none")
        assert (cell.verdict, cell.reason) == ("unknown", "9.9.9: cannot be installed: why")


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


def test_values_that_never_leave_the_database_are_no_pass(target):
    environment = {
        **target.effective, **target.identity().environment,
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "-1",
    }  # fmt: skip

    matrix = measure([Row(OWN, Path(sys.executable))], environment=environment, run_id="run",
                     timeout=60, progress=lambda _: None, codecs=("none",))  # fmt: skip

    assert matrix.cells[0].verdict == "fail"
    assert "kept inline" in matrix.cells[0].reason
