"""Objects joined with rows of XCom: from exports, from a plane's database, and counted slowly."""

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import StoredObject
from xcomkit.objects.orphans import Join, Row, judge_orphans, read_export, read_oldest_running
from xcomkit.objects.sums import read_columns

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(days=7)
OLD = BEFORE - timedelta(days=1)


def key(number: int, task: str = "t") -> str:
    return f"p/dag{number % 3}/run/{task}/{number:08x}-0000-4000-8000-000000000000.gz"


def reference(name: str, *, bucket: str = "bucket") -> str:
    return f"s3://aws_default@{bucket}/{name}"


def joined(objects, rows, *, unread: str = ""):
    """Return what a join finds of objects, as keys with times, and rows, as values with times."""
    with closing(Join("bucket", "p")) as join:
        stored = [StoredObject(name, 10, at) for name, at in objects]
        for start in range(0, len(stored), 3):
            join.add_objects(read_columns(stored[start : start + 3]))
        join.add_rows(Row(at, json.dumps(value)) for value, at in rows)
        return join.result(source="rows", before=BEFORE, unread=unread)


NUMBERS = st.dictionaries(st.integers(0, 30), st.booleans(), max_size=31)


@given(NUMBERS, NUMBERS)
def test_join_is_that_of_a_slow_count(objects, rows):
    def at(is_old: bool) -> datetime:  # noqa: FBT001
        return OLD if is_old else NOW

    found = joined(
        [(key(n), at(old)) for n, old in objects.items()],
        [(reference(key(n)), at(old)) for n, old in rows.items()],
    )

    lost = [n for n, old in objects.items() if old and n not in rows]
    broken = [n for n, old in rows.items() if old and n not in objects]
    assert (found.objects, found.rows) == (len(objects), len(rows))
    assert found.matched == len(objects.keys() & rows.keys())
    assert (found.without_row.count, found.without_row.size) == (len(lost), 10 * len(lost))
    assert found.without_row.keys == sorted(map(key, lost))[:5]
    assert sum(total.count for total in found.dags) == len(lost)
    assert found.without_object.count == len(broken)


def test_values_beside_references_foreign_objects_and_states_are_left_out():
    found = joined(
        [(key(1), OLD), ("p/readme.txt", OLD), ("p/assets/a/b", OLD)],
        [(reference(key(1)), OLD), (reference(key(2), bucket="other"), OLD), ({"a": 1}, OLD),
         ([reference(key(3))], OLD), (None, OLD), ("<script>\x1b", OLD)],
    )  # fmt: skip

    assert (found.objects, found.matched, found.without_row.count) == (1, 1, 0)
    assert found.without_object.keys == [key(3)]


@pytest.mark.parametrize(
    ("objects", "rows", "is_whole", "unread", "statuses"),
    [
        ([1, 2], [1, 2], True, "", ["pass", "pass"]),
        ([1, 2], [1], True, "", ["warn", "pass"]),
        ([1], [1, 2], True, "", ["pass", "fail"]),
        ([1, 2], [1], False, "", ["unknown", "unknown"]),
        ([1, 2], [3], True, "", ["unknown", "unknown"]),  # of another prefix, or Deployment
        ([1], [], True, "", ["unknown", "unknown"]),
        ([1], [1], True, "not all read", ["pass", "unknown"]),
        ([1], [1, 2], True, "not all read", ["pass", "fail"]),
        ([], [], True, "", ["skip", "skip"]),
    ],
)
def test_part_and_rows_of_elsewhere_prove_nothing(objects, rows, is_whole, unread, statuses):
    found = joined(
        [(key(n), OLD) for n in objects], [(reference(key(n)), OLD) for n in rows], unread=unread
    )

    judged = judge_orphans(found, is_whole=is_whole)

    assert [check.status for check in judged] == statuses


VALUES = [reference(key(1)), {"a": [1]}, reference(key(2, task="<script>"))]


def exported(path, *, form: str):
    at = "2026-02-01 10:00:00.5+00:00"
    entries = [{"dag_id": "d", "value": value, "timestamp": at} for value in VALUES]
    if form == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["timestamp", "value", "dag_id"])
            writer.writeheader()
            writer.writerows({**one, "value": json.dumps(one["value"])} for one in entries)
    elif form == "csv without quotes":
        path.write_text(f"value,timestamp\n{VALUES[0]},2026-02-01T10:00:00.5\n1,2026-02-01\n"
                        f"{VALUES[2]},2026-02-01\n")  # fmt: skip
    elif form == "json":
        path.write_text(json.dumps(entries))
    elif form == "json lines":
        path.write_text("\n".join(map(json.dumps, entries)) + "\n")
    else:
        with closing(sqlite3.connect(path)) as database:
            for number, table in enumerate(form.split()):
                database.execute(f"CREATE TABLE {table} (id, value JSON, timestamp TEXT)")
                for value in VALUES[number :: len(form.split())]:
                    row = (7, json.dumps(value), "2026-02-01 10:00:00.500000")
                    database.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)
            database.execute("CREATE TABLE dag_run (state TEXT, start_date TEXT)")
            runs = [("running", "2026-02-03 01:00:00"), ("running", "2026-02-02 01:00:00"),
                    ("success", "2025-01-01 00:00:00"), ("running", None)]  # fmt: skip
            database.executemany("INSERT INTO dag_run VALUES (?, ?)", runs)
            database.commit()
    return path


@pytest.mark.parametrize(
    "form", ["csv", "csv without quotes", "json", "json lines", "xcom", "xcom_v1 xcom_v2"]
)
def test_rows_are_read_from_every_form_of_export(tmp_path, form):
    path = exported(tmp_path / "a rows? #1", form=form)
    with closing(Join("bucket", "p")) as join:
        join.add_objects(read_columns([StoredObject(key(1), 10, OLD)]))
        join.add_rows(read_export(path))
        found = join.result(source="x", before=NOW, unread="")
        newest = join.newest

    assert (found.rows, found.matched) == (3, 1)
    assert found.without_object.count == 0  # the task's id is none, so no key of an XCom
    assert newest == datetime(2026, 2, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    running = datetime(2026, 2, 2, 1, tzinfo=UTC) if form.startswith("xcom") else None
    assert read_oldest_running(path) == running


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"value,timestamp\n1,yesterday\n", b"[1]", b"{}", b"[" * 100_000,
     b'{"value": 1, "timestamp": 5}', b"\x00\xff", b"SQLite format 3\x00 and more",
     b"value,timestamp\n1\n", b'[{"value": "x"'],
)  # fmt: skip
def test_file_that_is_no_export_is_one_line(tmp_path, content):
    path = tmp_path / "rows"
    path.write_bytes(content)

    with pytest.raises(InputError, match="is no export of the rows of XCom") as caught:
        list(read_export(path))

    assert "value and timestamp" in caught.value.hint
    assert len(str(caught.value)) < 600


def test_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(InputError, match="FileNotFoundError"):
        list(read_export(tmp_path / "none"))
