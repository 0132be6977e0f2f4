"""Objects joined with the XCom rows of a Deployment: which has no row, and which row no object.

A database in a file of its own, which SQLite deletes, holds both sides: memory does not grow.
"""

import csv
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import number_of, plain
from xcomkit.objects.keys import find_references, parse_key
from xcomkit.objects.summary import TOP, Total
from xcomkit.objects.sums import EXAMPLES, Columns, Examples

TABLES = ("xcom", "xcom_v1", "xcom_v2")
"""Where Airflow keeps XComs: up to 3.3, and from 3.4 on."""
MOST = 1_000
"""Rows of a Deployment whose value is asked for, one by one."""
_MOST = 100_000_000
"""Bytes of one value in an export, and of an export in JSON."""
_SCHEMA = """
CREATE TABLE objects (key TEXT PRIMARY KEY, dag TEXT, task TEXT, size INT, modified REAL);
CREATE INDEX object_task ON objects (task);
CREATE TABLE rows (key TEXT, task TEXT, at REAL, entry TEXT);
CREATE INDEX row_key ON rows (key);
CREATE INDEX row_task ON rows (task);
CREATE VIEW orphans AS SELECT * FROM objects
    WHERE NOT EXISTS (SELECT 1 FROM rows WHERE rows.key = objects.key)
    AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.task = objects.task);
CREATE VIEW broken AS SELECT key, max(at) AS at FROM rows WHERE key IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.key = rows.key) GROUP BY key;
CREATE VIEW unread AS SELECT entry, at FROM rows WHERE entry IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.task = rows.task);
"""
_UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, RecursionError, csv.Error, sqlite3.Error,
)  # fmt: skip
_SUMS = "count(*), coalesce(sum(size), 0)"
XC614 = Rule(
    id="XC614",
    title="Every object has its row of XCom",
    severity="warn",
    why="Airflow leaves objects behind when rows are deleted; nobody will ever read them.",
    remedy="Let the lifecycle of step 01 delete them; compare other Deployments with this prefix.",
    source="apache/airflow issue 31774; measured, deletion in the UI and db clean",
    fix_in="01",
)
XC615 = Rule(
    id="XC615",
    title="Every reference in a row leads to an object",
    severity="fail",
    why="The stock backend hands the task that pulls it the path in place of the value.",
    remedy="Clear the tasks that wrote them, and compare the lifecycle with the longest re-run.",
    source="measured with common.io, pull of a missing object",
)
RULES = (XC614, XC615)


class Entry(NamedTuple):
    """What names a row."""

    dag: str
    run: str
    task: str
    map_index: int
    key: str


class Row(NamedTuple):
    """A row of XCom: the JSON of its value, or its names where the value was not read."""

    at: datetime
    value: str = ""
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Orphans:
    """What was written before ``before`` and has no counterpart; sizes in bytes.

    ``matched`` objects have a row. ``unread`` says why not all rows were read.
    """

    source: str
    before: datetime
    rows: int
    objects: int
    matched: int
    without_row: Examples
    oldest: datetime | None
    dags: tuple[Total, ...]
    without_object: Examples
    unread: str


class Join:
    """Both sides; the objects first, then the rows."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix
        self._rows = 0
        self.newest: datetime | None = None
        """When the last row was written."""
        self._database = sqlite3.connect("", check_same_thread=False)  # a file that is deleted
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Throw both sides away."""
        self._database.close()

    def add_objects(self, columns: Columns) -> None:
        """Take the XComs of a batch of a listing; states have no rows of XCom."""
        read = (parse_key(columns.stored(n), prefix=self._prefix) for n in range(columns.count))
        self._database.executemany(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)",
            (
                (one.key, one.dag_id, json.dumps((one.dag_id, one.run_id, one.task_id)), one.size,
                 one.modified.timestamp())
                for one in read if one.layout in ("uuid", "key")
            ),
        )  # fmt: skip

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Take rows: what their values refer to, or whose they are where no value was read."""
        self._database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", self._of_rows(rows))

    def _of_rows(self, rows: Iterable[Row]) -> Iterator[tuple[object, ...]]:
        for row in rows:
            self._rows += 1
            self.newest = max(row.at, self.newest or row.at)
            if row.entry:
                yield None, json.dumps(row.entry[:3]), row.at.timestamp(), json.dumps(row.entry)
            # An export may have taken the quotes of the JSON away.
            text = f'{row.value} "{row.value}"'.encode("utf-8", "replace")
            for key in find_references(text, bucket=self._bucket, prefix=self._prefix):
                yield key, None, row.at.timestamp(), None

    def unread_rows(self, *, before: datetime) -> list[Row]:
        """Return rows whose value was not read and whose task has no object, at most so many."""
        found = self._select(
            "entry, at FROM unread WHERE at < ? LIMIT ?", before.timestamp(), MOST + 1
        )
        return [Row(_time(at), entry=Entry(*json.loads(entry))) for entry, at in found]

    def result(self, *, source: str, before: datetime, unread: str) -> Orphans:
        """Return what has no counterpart."""
        old = before.timestamp()
        ((count, size, oldest),) = self._select(
            f"{_SUMS}, min(modified) FROM orphans WHERE modified < ?", old
        )
        ((objects, matched),) = self._select(
            "count(*), count(*) - (SELECT count(*) FROM orphans) FROM objects"
        )
        ((broken,),) = self._select("count(*) FROM broken WHERE at < ?", old)
        lost = self._select("key FROM broken WHERE at < ? ORDER BY key LIMIT ?", old, EXAMPLES)
        dags = self._select(
            f"dag, {_SUMS} FROM orphans WHERE modified < ? GROUP BY dag ORDER BY 3 DESC, 1 LIMIT ?",
            old, TOP,
        )  # fmt: skip
        keys = [key for key, *_ in islice(self.orphans(before), EXAMPLES)]
        return Orphans(
            source,
            before,
            self._rows,
            objects,
            matched,
            Examples(count, size, keys),
            _time(oldest) if oldest else None,
            tuple(Total(*row) for row in dags),
            Examples(broken, 0, [key for (key,) in lost]),
            unread,
        )

    def orphans(self, before: datetime) -> Iterator[tuple[str, int, float]]:
        """Yield key, size and time of every object without a row that was written before."""
        return self._select(
            "key, size, modified FROM orphans WHERE modified < ? ORDER BY key", before.timestamp()
        )

    def _select(self, rest: str, *given: object) -> Iterator[tuple[Any, ...]]:
        return self._database.execute(f"SELECT {rest}", given)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def read_export(path: Path) -> Iterator[Row]:
    """Yield the rows of tables of XCom that were exported as CSV or JSON, or of a SQLite database.

    Needed are the columns ``value`` and ``timestamp``. JSON is a list of objects, or one a line.

    Raises:
        InputError: the file cannot be read as that.
    """
    try:
        with path.open("rb") as file:
            if file.read(16) == b"SQLite format 3\0":
                yield from _read_database(path)
                return
        with path.open(encoding="utf-8", errors="replace", newline="") as text:
            csv.field_size_limit(_MOST)
            begin = text.read(1)
            text.seek(0)
            if begin == "[":
                entries: Iterable[Any] = json.loads(text.read(_MOST))
            elif begin == "{":
                entries = map(json.loads, iter(lambda: text.readline(_MOST), ""))
            else:
                entries = csv.DictReader(text)
                if not {"value", "timestamp"}.issubset(entries.fieldnames or ()):
                    raise ValueError("no such columns")
            for entry in entries:
                yield _row(entry["value"], entry["timestamp"])
    except _UNREADABLE as error:
        raise InputError(
            f"{path} is no export of the rows of XCom: {type(error).__name__}: {error}"[:300] + ".",
            hint="export the table xcom (Airflow 3.4: xcom_v1 and xcom_v2) with its columns value"
            " and timestamp, as CSV with a header or as JSON.",
        ) from error


def _row(value: object, at: str) -> Row:
    when = datetime.fromisoformat(at)
    text = value if isinstance(value, str) else json.dumps(value)
    return Row(when if when.tzinfo else when.replace(tzinfo=UTC), text)


def _read_database(path: Path) -> Iterator[Row]:
    with closing(_open(path)) as database:
        listed = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = {name for (name,) in listed}
        for table in names.intersection(TABLES):
            rows = database.execute(f"SELECT value, timestamp FROM {table}")  # noqa: S608 - ours
            for value, at in rows:
                yield _row(value, at)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def read_oldest_running(path: Path) -> datetime | None:
    """Return when the longest running Dag run began, where the file is a plane's database."""
    with suppress(sqlite3.Error), closing(_open(path)) as database:
        found = database.execute("SELECT min(start_date) FROM dag_run WHERE state = 'running'")
        ((at,),) = found
        return _row("", at).at if at else None
    return None


def judge_orphans(found: Orphans, *, is_whole: bool) -> tuple[Check, Check]:
    """Return the checks of a join with the objects of a listing, which may be a part."""
    how = f"joined {found.objects:,} objects with {found.rows:,} rows of {plain(found.source)}"
    written = f"written before {found.before:%Y-%m-%d %H:%M} UTC"
    problem = "" if is_whole else "the listing was interrupted"
    if found.objects and not found.matched:
        problem = "no row refers to an object here: are these the rows of this prefix?"

    def judge(rule: Rule, one: Examples, what: str, unread: str = "") -> Check:
        if not found.objects and not found.rows:
            return rule.skip(expected="none", observed="neither objects nor rows", how=how)
        unknown = problem or ("" if one.count else unread)
        return rule.judge(
            None if unknown else not one.count,
            expected="none",
            observed=unknown or one.counted(f"{what}, {written}"),
            how=how,
            basis="behaviour",
        )

    return (
        judge(XC614, found.without_row, f"with {number_of(found.without_row.size, 'byte')}"),
        judge(XC615, found.without_object, "of them", found.unread),
    )
