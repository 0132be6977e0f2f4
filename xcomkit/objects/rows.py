"""Rows of XCom: read from exports and from the database of a local plane, whole or not at all."""

import csv
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from xcomkit.findings.errors import InputError

_TABLES = ({"xcom"}, {"xcom_v1", "xcom_v2"})
"""Where Airflow keeps XComs: up to 3.3, and from 3.4 on."""
_MOST = 100_000_000
"""Bytes of one value in an export, and of an export in JSON."""
_SQLITE = b"SQLite format 3\0"
_UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, RecursionError, csv.Error, sqlite3.Error,
)  # fmt: skip


class Entry(NamedTuple):
    """What names a row."""

    dag: str
    run: str
    task: str
    map_index: int
    key: str


class Row(NamedTuple):
    """A row of XCom: the JSON of its value, or its names where the value was not read.

    A time is in UTC; one whose zone is not known is read as that.
    """

    at: datetime
    value: str = ""
    entry: Entry | None = None
    has_zone: bool = True


def read_export(path: Path) -> Iterator[Row]:
    """Yield the rows of tables of XCom that were exported as CSV or JSON, or of a SQLite database.

    Needed are the columns ``value`` and ``timestamp``. JSON is a list of objects, or one a line.

    Raises:
        InputError: the file cannot be read as that, to the last row.
    """
    number = 0

    def lines(file: IO[bytes]) -> Iterator[str]:
        nonlocal number
        for number, line in enumerate(iter(lambda: file.readline(_MOST), b""), 1):
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        if number and not line.endswith(b"\n"):
            raise ValueError("it does not end with a line break, so it may be cut off here")

    with _readable(path, lambda: f"line {number}: " if number else ""), path.open("rb") as file:
        begin = file.read(100)
        file.seek(0)
        sign = begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if begin.startswith(_SQLITE):
            yield from _read_database(path)
        elif sign in (b"[", b"{"):
            each = (_loads(line) for line in lines(file) if line.strip())
            entries: Iterable[Any] = _loads(file.read(_MOST)) if sign == b"[" else each
            yield from (_row(json.dumps(one["value"]), one["timestamp"]) for one in entries)
        else:
            yield from _read_csv(lines(file))


def _read_csv(lines: Iterable[str]) -> Iterator[Row]:
    csv.field_size_limit(_MOST)
    entries = csv.DictReader(lines, strict=True)
    _once([(name, name) for name in entries.fieldnames or ()])
    if not {"value", "timestamp"}.issubset(entries.fieldnames or ()):
        raise ValueError("no such columns")
    for entry in entries:
        if None in entry or None in entry.values():
            raise ValueError("it has not as many fields as the header")
        yield _row(entry["value"], entry["timestamp"])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


_loads = partial(json.loads, object_pairs_hook=_once)


@contextmanager
def _readable(path: Path, place: Callable[[], str] = lambda: "") -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        why = f"{place()}{type(error).__name__}: {error}"
        raise InputError(
            f"{path} is no export of the rows of XCom: {why}"[:300] + ".",
            hint="export the table xcom (Airflow 3.4: xcom_v1 and xcom_v2) with its columns value"
            " and timestamp, as CSV in UTF-8 with a header or as JSON; or name the database of a"
            " local plane.",
        ) from error


def _row(value: str, at: str) -> Row:
    when, has_zone = read_time(at)
    return Row(when, value, has_zone=has_zone)


def read_time(text: str) -> tuple[datetime, bool]:
    """Return a time of Airflow, which has one of day, in UTC, and whether it names a zone."""
    when = datetime.fromisoformat(text)
    if ":" not in text or not 1970 < when.year < 9999:
        raise ValueError(f"{text!r} is not the date and time of a row")
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC), bool(when.tzinfo)


def _read_database(path: Path) -> Iterator[Row]:
    with closing(_open(path)) as database:
        listed = "SELECT lower(name) FROM sqlite_master WHERE type = 'table' AND name LIKE 'xcom%'"
        tables = {name for (name,) in database.execute(listed)}
        if tables not in _TABLES:
            found = ", ".join(sorted(tables)) or "none"
            raise ValueError(f"its tables are not xcom, nor xcom_v1 and xcom_v2, but {found}")
        for table in tables:
            rows = database.execute(f"SELECT value, timestamp FROM {table}")  # noqa: S608 - ours
            for value, at in rows:  # Airflow writes UTC
                yield Row(read_time(at)[0], value if isinstance(value, str) else json.dumps(value))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def read_oldest_running(path: Path) -> datetime | None:
    """Return when the longest running Dag run began; only a database tells.

    Raises:
        InputError: it is a database and does not tell.
    """
    with _readable(path), path.open("rb") as file:
        if not file.read(16).startswith(_SQLITE):
            return None
        with closing(_open(path)) as database:
            runs = database.execute("SELECT start_date FROM dag_run WHERE state = 'running'")
            starts = [at for (at,) in runs]
            if None in starts:
                raise ValueError("a running Dag run has no start_date")
            return min((read_time(at)[0] for at in starts), default=None)
