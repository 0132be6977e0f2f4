"""Objects joined with the XCom rows of a Deployment: which has no row, and which row no object.

A database in a file of its own, which SQLite deletes, holds both sides: memory does not grow.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import number_of, plain
from xcomkit.objects.keys import find_ids, find_references, own_id, parse_key
from xcomkit.objects.rows import Entry, Row
from xcomkit.objects.summary import TOP, Total
from xcomkit.objects.sums import EXAMPLES, Columns, Examples

MOST = 1_000
"""Rows of a Deployment whose value is asked for, one by one."""
_LONGEST = 5_000_000
"""Characters of a value that is parsed."""
_ENCODINGS = 4
"""How often a value may be packed into JSON, one in the other."""
_FAR = timedelta(hours=14)
"""How far a zone may be ahead of UTC."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SCHEMA = """
CREATE TABLE objects (key TEXT PRIMARY KEY, id TEXT, dag TEXT, task TEXT, size INT, modified REAL,
    sure INT);
CREATE INDEX object_task ON objects (task);
CREATE TABLE mentioned (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE rows (key TEXT, task TEXT, at REAL, entry TEXT);
CREATE INDEX row_key ON rows (key);
CREATE INDEX row_task ON rows (task);
CREATE VIEW orphans AS SELECT * FROM objects
    WHERE NOT EXISTS (SELECT 1 FROM mentioned WHERE mentioned.id = objects.id)
    AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.task = objects.task) AND sure;
CREATE VIEW broken AS SELECT key, max(at) AS at FROM rows WHERE key IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.key = rows.key) GROUP BY key;
CREATE VIEW unread AS SELECT entry, at FROM rows WHERE entry IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.task = rows.task);
"""
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


@dataclass(frozen=True, slots=True)
class Orphans:
    """What was written before ``before`` and has no counterpart; sizes in bytes.

    ``matched`` objects have a row; whose UUID only stands in one are not without, either.
    ``unread`` says why not all rows were read, ``strange`` counts
    those whose value is no JSON, of which nobody can say what they refer to.
    """

    source: str
    before: datetime
    rows: int
    strange: int
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
        self._rows = self._strange = 0
        self.newest: datetime | None = None
        """When the last row was written, or before, where the zone of its time is not known."""
        self._database = sqlite3.connect("", check_same_thread=False)  # a file that is deleted
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Throw both sides away."""
        self._database.close()

    def add_objects(self, columns: Columns) -> None:
        """Take the XComs of a batch of a listing; states have no rows of XCom.

        Not sure is what two objects share, as names with and without a slash behind them do, and
        what may be a state or below the prefix of another Deployment: it is never an orphan.
        """
        read = (parse_key(columns.stored(n), prefix=self._prefix) for n in range(columns.count))
        self._insert(
            "objects VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET sure = 0",
            (
                (one.key, own_id(one), one.dag_id,
                 json.dumps((one.dag_id, one.run_id, one.task_id)), one.size,
                 one.modified.timestamp(), "/" not in one.run_id and one.run_id != "assets")
                for one in read if one.layout in ("uuid", "key")
            ),
        )  # fmt: skip

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Take rows: what their values refer to, or whose they are where no value was read."""
        self._insert("rows VALUES (?, ?, ?, ?)", self._of_rows(rows))

    def _of_rows(self, rows: Iterable[Row]) -> Iterator[tuple[object, ...]]:
        for row in rows:
            self._rows += 1
            at = row.at if row.has_zone else row.at - _FAR
            self.newest = max(at, self.newest or at)
            if row.entry:
                yield None, json.dumps(row.entry[:3]), row.at.timestamp(), json.dumps(row.entry)
                continue
            for key in self._references(row.value):
                yield key, None, row.at.timestamp(), None

    def _references(self, value: str) -> set[str]:
        """Return the keys that a value refers to; every UUID in it saves its objects as well."""
        found: set[str] = set()
        texts = _unpack(value)
        for text in texts:
            ids = ((one,) for one in find_ids(text))
            self._database.executemany("INSERT OR IGNORE INTO mentioned VALUES (?)", ids)
            # An export may have taken the quotes of the JSON away.
            for one in (text, f'"{text}"'):
                body = one.encode("utf-8", "surrogatepass")
                found.update(find_references(body, bucket=self._bucket, prefix=self._prefix))
        is_json = len(texts) > 1 and not any(map(_SURROGATE.search, texts))
        # Without quotes in it, a reference is the whole value.
        self._strange += not (is_json or (found and '"' not in value))
        return found

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
            "count(*), count(*) FILTER (WHERE EXISTS (SELECT 1 FROM rows WHERE rows.key ="
            " objects.key) OR EXISTS (SELECT 1 FROM rows WHERE rows.task = objects.task))"
            " FROM objects"
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
            self._strange,
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
        with _room():
            # Not of the cursor itself: what is left of it would close it behind its database.
            yield from map(tuple, self._database.execute(f"SELECT {rest}", given))

    def _insert(self, rest: str, rows: Iterable[tuple[object, ...]]) -> None:
        with _room():
            self._database.executemany(f"INSERT INTO {rest}", rows)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise XcomkitError(
            f"The temporary file that joins objects with rows cannot be kept: {error}.",
            hint="set the variable SQLITE_TMPDIR to a folder with more room, and run it again.",
        ) from error


def _unpack(value: str) -> list[str]:
    """Return a value as it is, and taken out of its JSON as often as it was packed into that."""
    found = [value]
    with suppress(ValueError, RecursionError):
        while len(value) <= _LONGEST and len(found) <= _ENCODINGS:
            inside = json.loads(found[-1], strict=False)
            is_text = isinstance(inside, str)
            found.append(inside if is_text else json.dumps(inside, ensure_ascii=False))
            if not is_text:
                break
    return found


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def judge_orphans(found: Orphans, *, is_whole: bool) -> tuple[Check, Check]:
    """Return the checks of a join with the objects of a listing, which may be a part."""
    how = f"joined {found.objects:,} objects with {found.rows:,} rows of {plain(found.source)}"
    written = f"written before {found.before:%Y-%m-%d %H:%M} UTC"
    problem = "" if is_whole else "the listing was interrupted"
    if found.objects and not found.matched:
        problem = "no row refers to an object here: are these the rows of this prefix?"

    strange = f"no JSON in {number_of(found.strange, 'row')}" if found.strange else ""

    def judge(rule: Rule, one: Examples, what: str, unread: str) -> Check:
        if not found.objects and not found.rows:
            return rule.skip(expected="none", observed="neither objects nor rows", how=how)
        unknown = problem or unread
        return rule.judge(
            None if unknown else not one.count,
            expected="none",
            observed=unknown or one.counted(f"{what}, {written}"),
            how=how,
            basis="behaviour",
        )

    orphans, broken = found.without_row, found.without_object
    with_bytes = f"with {number_of(orphans.size, 'byte')}"
    return (
        judge(XC614, orphans, with_bytes, strange if orphans.count else ""),
        judge(XC615, broken, "of them", "" if broken.count else found.unread or strange),
    )
