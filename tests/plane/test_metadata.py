"""The search in the metadata database of a plane."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from xcomkit.findings.errors import ServiceError
from xcomkit.plane.metadata import search

MARK = "7f3a9c-mark"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "a home? 100% #1"
    folder.mkdir()
    return folder / "metadata.db"


def execute(database: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement, values in statements:
            connection.execute(statement, values)
        connection.commit()


def test_search_counts_rows_per_table_and_column(database):
    rows = [(f"before {MARK} after", f"x{MARK}".encode()), (MARK, None), ("none", b"\xff\xfe")]
    execute(
        database,
        ("CREATE TABLE xcom (value TEXT, pickled BLOB)", ()),
        ("CREATE TABLE other (number INTEGER, note TEXT)", ()),
        *(("INSERT INTO xcom VALUES (?, ?)", row) for row in rows),
        ("INSERT INTO xcom VALUES (CAST(x'ff' AS TEXT), NULL)", ()),  # no UTF-8
        ("INSERT INTO other VALUES (?, ?)", (42, "nothing")),
    )

    assert search(database, MARK, "42", "absent") == {
        MARK: ["xcom.pickled (1 row)", "xcom.value (2 rows)"],
        "42": ["other.number (1 row)"],
        "absent": [],
    }


@pytest.mark.parametrize(
    "name", ["order", "two words", 'with "quotes"', "it's", "a :bind", "Übung"]
)
def test_search_reads_a_table_and_a_column_of_any_name(database, name):
    quoted = '"' + name.replace('"', '""') + '"'
    execute(
        database,
        (f"CREATE TABLE {quoted} ({quoted} TEXT)", ()),
        (f"INSERT INTO {quoted} VALUES (?)", (MARK,)),
    )

    assert search(database, MARK) == {MARK: [f"{name}.{name} (1 row)"]}


@pytest.mark.parametrize(
    "content",
    [None, b"no database at all" * 99, b"SQLite format 3\0" + b"x" * 99],
    ids=["missing", "another file", "broken"],
)
def test_missing_or_broken_file_is_no_database_in_which_nothing_is_found(database, content):
    if content:
        database.write_bytes(content)

    with pytest.raises(ServiceError, match="metadata database cannot be read") as caught:
        search(database, MARK)

    assert caught.value.hint
    assert database.exists() is bool(content)
