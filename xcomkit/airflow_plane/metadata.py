"""The metadata database of the local plane: made for it alone, and searched without Airflow."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xcomkit.airflow_plane.kept import Program
from xcomkit.errors import InputError, ServiceError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

SERVER = "XCOMKIT_PLANE_SERVER"
"""Tells the programs that make and drop a private database where the server is."""

_BUSY_SECONDS = 30
_ROWS = 500  # read at a time
# psycopg serves Airflow's synchronous and its asynchronous sessions alike
_DRIVERS = ("postgresql+psycopg", "postgresql+psycopg_async")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a text was found in the database: ``rows`` rows of ``table`` hold it in ``column``."""

    table: str
    column: str
    rows: int


@dataclass(frozen=True, slots=True)
class Database:
    """A database by its SQLAlchemy URL; ``server`` is where a private one is made and dropped."""

    url: str = field(repr=False)
    server: str = field(default="", repr=False)

    @classmethod
    def private(cls, home: Path, *, postgresql: str) -> "Database":
        """Return the database of a plane that lives in ``home``.

        Raises:
            InputError: ``postgresql`` is no URL of that kind.
        """
        if not postgresql:
            path = home / "metadata.db"
            return cls(f"sqlite:///{path}?timeout={_BUSY_SECONDS}")
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            given = make_url(postgresql)
        except (ArgumentError, ValueError):
            given = None
        if given is None or given.get_backend_name() not in ("postgresql", "postgres"):
            raise InputError(
                "The variable named in database_variable holds no PostgreSQL URL.",
                hint="set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
            )
        server = given.set(drivername=_DRIVERS[0])
        mine = server.set(database=f"xcomkit_plane_{uuid4().hex[:12]}")
        return cls(*(one.render_as_string(hide_password=False) for one in (mine, server)))

    @property
    def is_postgresql(self) -> bool:
        """Tell which of the two kinds this is."""
        return self.url.startswith("postgresql")

    @property
    def passwords(self) -> tuple[str, ...]:
        """Return what of the URL must never be kept."""
        from sqlalchemy.engine import make_url

        password = make_url(self.url).password
        return (self.url, password) if password else ()

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that bind Airflow to it."""
        section = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
        if not self.is_postgresql:
            return {section: self.url}
        return {section: self.url, f"{section}_ASYNC": self.url.replace(*_DRIVERS, 1)}

    def made_by(self, environment: Mapping[str, str]) -> tuple[Program, ...]:
        """Return the programs that make the database; SQLite makes its own."""
        return self._programs("create", environment)

    def dropped_by(self, environment: Mapping[str, str]) -> tuple[Program, ...]:
        """Return the programs that drop it again; the file of SQLite goes with its folder."""
        return self._programs("drop", environment)

    def _programs(self, what: str, environment: Mapping[str, str]) -> tuple[Program, ...]:
        if not self.is_postgresql:
            return ()
        command = (sys.executable, "-m", __name__, what)
        return (Program(f"database-{what}", command, {**environment, SERVER: self.server}),)

    def search(self, *texts: str) -> dict[str, tuple[Found, ...]]:
        """Return for each text every table and column that holds it, as text or as bytes.

        Every row of every table is read. What is compressed or encrypted there stays unseen.

        Raises:
            ServiceError: the database cannot be read.
        """
        from sqlalchemy.exc import SQLAlchemyError

        counts: dict[str, dict[tuple[str, str], int]] = {text: {} for text in texts}
        try:
            with self._connection() as connection:
                for table, columns, row in _rows(connection):
                    for column, value in zip(columns, row, strict=True):
                        shown = _shown(value)
                        for text in (text for text in texts if text in shown):
                            place = (table, column)
                            counts[text][place] = counts[text].get(place, 0) + 1
        except SQLAlchemyError as error:
            raise ServiceError(
                f"The plane's metadata database cannot be read: {type(error).__name__}.",
                hint="run the step again.",
            ) from None
        return {
            text: tuple(Found(*place, rows) for place, rows in sorted(found.items()))
            for text, found in counts.items()
        }

    @contextmanager
    def _connection(self) -> Iterator["Connection"]:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        with create_engine(self.url, poolclass=NullPool).connect() as connection:
            yield connection


def _rows(connection: "Connection") -> Iterator[tuple[str, Sequence[str], Sequence[Any]]]:
    """Yield table, columns and values of every row, as the driver gives them."""
    from sqlalchemy import inspect, text

    quote = connection.dialect.identifier_preparer.quote
    for table in inspect(connection).get_table_names():
        result = connection.execution_options(yield_per=_ROWS).execute(
            text(f"SELECT * FROM {quote(table)}")  # noqa: S608 - a name of the catalogue, quoted
        )
        columns = list(result.keys())
        for row in result:
            yield table, columns, row


def _shown(value: object) -> str:
    """Return a value as text to search in."""
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("utf-8", errors="replace")
    return value if isinstance(value, str) else str(value)


def _main() -> None:
    """Make or drop the private database, as the programs above ask."""
    import os

    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    own = make_url(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).database
    statements = {"create": f'CREATE DATABASE "{own}"', "drop": f'DROP DATABASE "{own}" (FORCE)'}
    engine = create_engine(os.environ[SERVER], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statements[sys.argv[1]]))


if __name__ == "__main__":
    _main()
