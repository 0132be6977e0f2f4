"""The private database of a plane: its URL, what makes and drops it, and the search in it."""

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from postgresql_server import PASSWORD, PostgresqlServer

from xcomkit.findings.errors import InputError, ServiceError
from xcomkit.plane.kept import Program
from xcomkit.plane.metadata import Database, Found

MARK = "7f3a9c-mark"
ODD_NAMES = (
    "order", "two words", 'with "quotes"', "it's", "per%cent", "a :bind", "Übung", "semi;colon"
)  # fmt: skip


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "a home? 100% #1"
    folder.mkdir()
    return folder


@pytest.fixture
def sqlite(home: Path):
    """Return what runs statements on the private file and gives the database as a plane has it."""

    def make(*statements: str | tuple[str, tuple[object, ...]]) -> Database:
        with closing(sqlite3.connect(home / "metadata.db")) as connection:
            for one in statements:
                connection.execute(*((one,) if isinstance(one, str) else one))
            connection.commit()
        return Database.private(home, postgresql="")

    return make


@pytest.fixture
def made(postgresql: PostgresqlServer, home: Path):
    """Return a database that was made on the server; it is dropped whatever the test does."""
    database = Database.private(home, postgresql=postgresql.url())
    assert run(*database.made_by(environment(database))) == (0, "")
    yield database
    run(*database.dropped_by(environment(database)))


def environment(database: Database) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **database.environment}


def run(program: Program) -> tuple[int, str]:
    done = subprocess.run(
        program.command, env=program.environment, cwd="/", check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout.strip()


def name_of(database: Database) -> str:
    return database.url.rpartition("/")[2]


def test_search_counts_rows_per_table_and_column(sqlite):
    rows = [(f"before {MARK} after", f"x{MARK}".encode()), (MARK, None), ("none", b"\xff\xfe")]
    database = sqlite(
        "CREATE TABLE xcom (value TEXT, pickled BLOB)",
        "CREATE TABLE other (number INTEGER, note TEXT)",
        *(("INSERT INTO xcom VALUES (?, ?)", row) for row in rows),
        ("INSERT INTO other VALUES (?, ?)", (42, "nothing")),
    )

    assert database.search(MARK, "42", "absent") == {
        MARK: (Found("xcom", "pickled", 1), Found("xcom", "value", 2)),
        "42": (Found("other", "number", 1),),
        "absent": (),
    }


def test_search_reads_tables_larger_than_what_it_reads_at_a_time(sqlite):
    database = sqlite(
        "CREATE TABLE log (line TEXT)",
        *(("INSERT INTO log VALUES (?)", (f"{MARK} {number}",)) for number in range(1201)),
    )

    assert database.search(MARK) == {MARK: (Found("log", "line", 1201),)}


@pytest.mark.parametrize("text", ["Grüße, 東京", 'with "quotes"', "two\nlines", "back\\slash"])
def test_search_finds_a_text_that_json_spells_in_another_way(sqlite, text):
    database = sqlite(
        "CREATE TABLE xcom (value JSON)",
        ("INSERT INTO xcom VALUES (?)", (json.dumps({"nested": [text]}),)),
        ("INSERT INTO xcom VALUES (?)", (json.dumps({"nested": [text]}, ensure_ascii=False),)),
    )

    found = database.search(text)[text]

    assert found == (Found("xcom", "value", 2 if text.isascii() else found[0].rows),)
    assert found[0].rows


@pytest.mark.parametrize("name", ODD_NAMES)
def test_search_reads_a_table_and_a_column_of_any_name(sqlite, name):
    database = sqlite(
        f"CREATE TABLE {quoted(name)} ({quoted(name)} TEXT)",
        (f"INSERT INTO {quoted(name)} VALUES (?)", (MARK,)),
    )

    assert database.search(MARK) == {MARK: (Found(name, name, 1),)}


def test_missing_file_is_no_database_in_which_nothing_is_found(home):
    with pytest.raises(ServiceError, match="is not there") as caught:
        Database.private(home, postgresql="").search(MARK)

    assert caught.value.hint
    assert not list(home.iterdir())


@pytest.mark.parametrize("content", [b"no database at all" * 99, b"SQLite format 3\0" + b"x" * 99])
def test_broken_file_is_told(home, content):
    (home / "metadata.db").write_bytes(content)

    with pytest.raises(ServiceError, match="metadata database cannot be read") as caught:
        Database.private(home, postgresql="").search(MARK)

    assert caught.value.hint


def test_sqlite_needs_no_programs_and_has_no_password(home):
    database = Database.private(home, postgresql="")

    assert not database.made_by({})
    assert not database.dropped_by({})
    assert database.passwords == ()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p-4711@host:port/db",
        "mysql://u:p-4711@host/db",
        "sqlite:////tmp/p-4711",
        "p-4711",
        "postgresql//u:p-4711@host",
        "host=h password=p-4711",
        "postgresql://u:p-4711@[::1/db",
    ],
)
def test_what_is_no_url_of_postgresql_is_refused_without_repeating_it(home, url):
    with pytest.raises(InputError) as caught:
        Database.private(home, postgresql=url)

    assert "p-4711" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
    assert "postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in caught.value.hint


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_way_to_write_the_url_leads_to_one_driver(home, scheme):
    database = Database.private(home, postgresql=f"{scheme}://u:pw-4711@host/db?sslmode=require")

    assert database.is_postgresql
    assert database.url.startswith("postgresql+psycopg://u:pw-4711@host/xcomkit_plane_")
    assert database.url.endswith("?sslmode=require")
    assert [url.partition(":")[0] for url in database.environment.values()] == [
        "postgresql+psycopg",
        "postgresql+psycopg_async",
    ]
    assert "4711" not in repr(database)


def test_password_is_hidden_in_every_way_it_may_be_spelled(home, postgresql):
    database = Database.private(home, postgresql=postgresql.url())

    spelled = {PASSWORD, database.url, *database.environment.values()}
    assert spelled <= set(database.passwords)
    assert any(text not in PASSWORD and text in database.url for text in database.passwords)


def test_database_is_made_and_dropped_again(postgresql, home):
    database = Database.private(home, postgresql=postgresql.url())
    before = postgresql.databases()

    assert run(*database.made_by(environment(database))) == (0, "")
    assert postgresql.databases() - before == {name_of(database)}
    assert run(*database.dropped_by(environment(database))) == (0, "")
    assert postgresql.databases() == before


def test_database_is_dropped_while_somebody_is_connected_and_only_once(postgresql, made):
    with postgresql.connect(name_of(made)):
        assert run(*made.dropped_by(environment(made))) == (0, "")

    assert name_of(made) not in postgresql.databases()
    assert run(*made.dropped_by(environment(made))) == (0, "")


def test_search_reads_json_bytes_and_odd_names_on_postgresql(postgresql, made):
    with postgresql.connect(name_of(made)) as connection:
        connection.execute("CREATE TABLE xcom (value JSON, other JSONB, pickled BYTEA, at DATE)")
        for text in (MARK, "Grüße"):
            as_json = json.dumps({"nested": [text]}, ensure_ascii=False)
            connection.execute(
                "INSERT INTO xcom VALUES (%s, %s, %s, %s)",
                (as_json, as_json, text.encode(), "2024-02-29"),
            )
        for name in ODD_NAMES:
            words = quoted(name).replace("%", "%%")
            connection.execute(f"CREATE TABLE {words} (mark TEXT)".encode(), ())
            connection.execute(f"INSERT INTO {words} VALUES (%s)".encode(), (MARK,))

    found = made.search(MARK, "Grüße", "2024-02-29")

    in_xcom = tuple(Found("xcom", column, 1) for column in ("other", "pickled", "value"))
    assert set(found[MARK]) == {*in_xcom, *(Found(name, "mark", 1) for name in ODD_NAMES)}
    assert found["Grüße"] == in_xcom
    assert found["2024-02-29"] == (Found("xcom", "at", 2),)


@pytest.mark.parametrize(
    ("user", "password", "cause"),
    [
        ("runbook", "wrong-4711", "password authentication failed"),
        ("poor", "own-4711", "permission denied to create database"),
    ],
)
def test_why_no_database_can_be_made_is_one_line_without_the_password(
    postgresql, home, user, password, cause
):
    postgresql.run("DROP ROLE IF EXISTS poor")
    postgresql.run("CREATE ROLE poor LOGIN PASSWORD 'own-4711'")
    url = postgresql.url(user=user, password=password)
    database = Database.private(home, postgresql=url)

    status, said = run(*database.made_by(environment(database)))

    assert status == 1
    assert said.startswith(f"cannot create the database {name_of(database)}: ")
    assert cause in said
    assert "\n" not in said
    assert "4711" not in said


def test_database_that_is_not_there_is_told_without_the_password(postgresql, home):
    with pytest.raises(ServiceError, match="cannot be read: OperationalError") as caught:
        Database.private(home, postgresql=postgresql.url()).search(MARK)

    assert PASSWORD not in str(caught.value)
