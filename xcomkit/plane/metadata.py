"""The metadata database of the local plane: made for it alone, and searched without Airflow."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xcomkit.findings.errors import InputError, ServiceError
from xcomkit.findings.redaction import secret_texts
from xcomkit.plane.kept import Program

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

SERVER = "XCOMKIT_PLANE_SERVER"
"""Tells the programs that make and drop a private database where the server is."""

_BUSY_SECONDS = 30
_CONNECT_SECONDS = 10  # to make or to drop
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
        from sqlalchemy.engine import URL, make_url

        if not postgresql:
            query = {"timeout": str(_BUSY_SECONDS)}
            made = URL.create("sqlite", database=str(home / "metadata.db"), query=query)
            return cls(made.render_as_string())
        from sqlalchemy.exc import ArgumentError

        try:
            given = make_url(postgresql)
        except (ArgumentError, ValueError):
            given = None
        if given is None or given.get_backend_name() not in ("postgresql", "postgres"):
            raise InputError(
                "XCOMKIT_PLANE_DATABASE holds no PostgreSQL URL.",
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
        """Return what of the URL must never be kept, in every way it may be spelled."""
        return secret_texts(self.environment) if self.is_postgresql else ()

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
        command = (sys.executable, "-P", "-m", __name__, what)
        # the folder of this very package, in case it is not an installed one
        own = {SERVER: self.server, "PYTHONPATH": str(Path(__file__).parents[2])}
        return (Program(f"database-{what}", command, {**environment, **own}),)

    def search(self, *texts: str) -> dict[str, tuple[Found, ...]]:
        """Return for each text every table and column that holds it: as text, in JSON or as bytes.

        Every row of every table is read. What is compressed or encrypted there stays unseen.

        Raises:
            ServiceError: the database cannot be read.
        """
        from sqlalchemy.exc import SQLAlchemyError

        counts: dict[str, dict[tuple[str, str], int]] = {text: {} for text in texts}
        spelled = {text: {text, json.dumps(text)[1:-1]} for text in texts}
        try:
            with self._connection() as connection:
                for table, columns, row in _rows(connection):
                    for column, value in zip(columns, row, strict=True):
                        shown = _shown(value)
                        place = (table, column)
                        for text in (
                            one for one in spelled if any(s in shown for s in spelled[one])
                        ):
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
        from sqlalchemy.engine import make_url
        from sqlalchemy.pool import NullPool

        if not (self.is_postgresql or Path(make_url(self.url).database or "").is_file()):
            raise ServiceError(  # SQLite would make an empty one, in which nothing is found
                "The plane's metadata database is not there.",
                hint="run the step again, while the plane is up.",
            )
        with create_engine(self.url, poolclass=NullPool).connect() as connection:
            yield connection


def _rows(connection: "Connection") -> Iterator[tuple[str, Sequence[str], Sequence[Any]]]:
    """Yield table, columns and values of every row, as the driver gives them."""
    from sqlalchemy import Select, inspect, literal_column, select
    from sqlalchemy import table as named

    for table in inspect(connection).get_table_names():
        every: Select[Any] = select(literal_column("*")).select_from(named(table))
        result = connection.execution_options(yield_per=_ROWS).execute(every)
        columns = list(result.keys())
        for row in result:
            yield table, columns, row


def _shown(value: object) -> str:
    """Return a value as text to search in."""
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str)
    return str(value)


def _main() -> None:
    """Make or drop the private database, as the programs above ask."""
    import os

    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    what = sys.argv[1]
    own = make_url(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).database
    statements = {
        "create": f'CREATE DATABASE "{own}"',
        "drop": f'DROP DATABASE IF EXISTS "{own}" (FORCE)',
    }
    engine = create_engine(
        os.environ[SERVER],
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )
    try:
        with engine.connect() as connection:
            connection.execute(text(statements[what]))
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", error)).split())
        raise SystemExit(f"cannot {what} the database {own}: {cause}") from None


if __name__ == "__main__":
    _main()
