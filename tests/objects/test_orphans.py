"""Objects joined with rows of XCom: from exports, from a plane's database, and counted slowly."""

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError, XcomkitError
from xcomkit.findings.model import StoredObject
from xcomkit.objects.orphans import Join, judge_orphans
from xcomkit.objects.rows import Row, read_export, read_oldest_running
from xcomkit.objects.sums import read_columns
from xcomkit.settings.settings import Settings
from xcomkit.steps.orphans import join_rows

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = NOW - timedelta(days=7)
OLD = BEFORE - timedelta(days=1)
SETTINGS = Settings.from_mapping({"cloud": "aws", "bucket": "bucket", "prefix": "p"})


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
        path.write_text(f"value,timestamp\n{VALUES[0]},2026-02-01T10:00:00.5\n"
                        f"1,2026-02-01 00:00\n{VALUES[2]},2026-02-01 00:00\n")  # fmt: skip
    elif form == "json":
        path.write_text(json.dumps(entries))
    elif form == "json lines":
        path.write_text("\ufeff" + "\n\n".join(map(json.dumps, entries)) + "\n\n")
    else:
        with closing(sqlite3.connect(path)) as database:
            for number, table in enumerate(form.split()):
                database.execute(f"CREATE TABLE {table} (id, value JSON, timestamp TEXT)")
                for value in VALUES[number :: len(form.split())]:
                    row = (7, json.dumps(value), "2026-02-01 10:00:00.500000")
                    database.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)
            database.execute("CREATE TABLE dag_run (state TEXT, start_date TEXT)")
            runs = [("running", "2026-02-03 01:00:00"), ("running", "2026-02-02 01:00:00"),
                    ("success", "2025-01-01 00:00:00"), ("queued", None)]  # fmt: skip
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
    unsure = timedelta(hours=14 if form == "csv without quotes" else 0)  # what zone was it?
    assert newest == datetime(2026, 2, 1, 10, 0, 0, 500_000, tzinfo=UTC) - unsure
    running = datetime(2026, 2, 2, 1, tzinfo=UTC) if form.startswith("xcom") else None
    assert read_oldest_running(path) == running


LONG = key(1).replace("/run/", f"/{'é' * 460}/")
TEXT = json.dumps(reference(key(1)))


@pytest.mark.parametrize(
    ("name", "value", "is_read"),
    [
        (LONG, json.dumps(reference(LONG)), True),
        (key(1), json.dumps(json.dumps(TEXT)), True),
        (key(1), json.dumps(json.dumps([TEXT])), False),
        (key(1), TEXT.replace("/", "\\/"), True),
        (key(1), json.dumps(f"see {reference(key(1))}#"), False),
        (key(1), TEXT.replace("4000", "\\u0034000").replace("bucket", "\\u0062ucket"), True),
        (key(1).replace("run", "\ufffd"), TEXT.replace("run", "\\ud800"), False),
        (key(0xAB), json.dumps(reference(key(0xAB))).upper(), False),
        (key(1), str([reference(key(1))]), False),
        (key(1), json.dumps([TEXT.replace("4000", "\\u0034000")]), False),
        (key(1), TEXT.replace("-", "%2D"), False),
        (key(1), f'"aaaaaaaa-bbbb-cccc-dddd-eeee{key(1)[-39:]}"', False),
    ],
    ids=["long", "packed thrice", "packed in a list", "slashes escaped", "in a text", "escaped",
         "surrogate", "upper case", "no JSON", "escaped in a list", "as in a URL", "overlapping"],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_object_is_no_orphan_however_its_row_is_written(tmp_path, name, value, is_read, start):
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(start)
        csv.writer(file).writerows([("value", "timestamp"), (value, OLD)])
    with closing(Join("bucket", "p")) as join:
        join.add_objects(read_columns([StoredObject(one, 10, OLD) for one in (name, key(2))]))
        join.add_rows(read_export(path))
        found = join.result(source="x", before=NOW, unread="")

    assert found.without_row.keys == [key(2)]
    assert found.matched == is_read


WITH_SURROGATE = f'"{reference(key(1)[:-39])}ti-{key(1)[-39:-3]}/\\ud800.json"'


@pytest.mark.parametrize(
    "value",
    ["", TEXT[:40], "b'x'", "gAAAAAB", '{"a": "s3://bu', '"\ud800"', f"[{TEXT}, {TEXT[:40]}",
     WITH_SURROGATE],
)  # fmt: skip
def test_nothing_is_an_orphan_while_a_row_cannot_be_understood(value):
    with closing(Join("bucket", "p")) as join:
        join.add_objects(read_columns([StoredObject(key(n), 10, OLD) for n in (1, 2)]))
        join.add_rows([Row(OLD, TEXT), Row(OLD, value)])
        found = join.result(source="x", before=NOW, unread="")

    for check in judge_orphans(found, is_whole=True):
        assert (check.status, check.observed) == ("unknown", "no JSON in 1 row")


BEGUN, EXPORTED = OLD - timedelta(days=30), OLD - timedelta(days=60)


@pytest.mark.parametrize(
    ("limit", "runs", "newest"),
    [
        (NOW - timedelta(days=7), [NOW], NOW),
        (BEGUN, [NOW, BEGUN], NOW),
        (EXPORTED - timedelta(days=7), [NOW, BEGUN], EXPORTED),
    ],
    ids=["days", "longest Dag run", "newest row"],
)
def test_only_what_is_old_and_has_no_row_is_an_orphan(tmp_path, monkeypatch, limit, runs, newest):
    class Clock(datetime):
        @classmethod
        def now(cls, _):
            return NOW

    monkeypatch.setattr("xcomkit.steps.orphans.datetime", Clock)
    path, moment = tmp_path / "airflow.db", timedelta(microseconds=1)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE xcom (value JSON, timestamp TEXT)")
        database.execute("CREATE TABLE dag_run (state TEXT, start_date TEXT)")
        newest = newest.astimezone(timezone(timedelta(hours=14)))
        rows = [(TEXT, f"{newest - moment}"), (json.dumps(reference(key(2))), f"{newest}")]
        database.executemany("INSERT INTO xcom VALUES (?, ?)", rows)
        starts = [("running", f"{at}") for at in runs]
        database.executemany("INSERT INTO dag_run VALUES (?, ?)", starts)
        database.commit()

    def read_until_runs_end(path):
        yield from read_export(path)
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE dag_run SET state = 'success'")
            database.commit()

    monkeypatch.setattr("xcomkit.steps.orphans.read_export", read_until_runs_end)
    times = {1: limit - moment, 2: OLD, 3: limit - moment, 4: limit, 5: limit + moment}
    with closing(Join("bucket", "p")) as join:
        join.add_objects(read_columns([StoredObject(key(n), 10, at) for n, at in times.items()]))
        found = join_rows(join, rows=str(path), settings=SETTINGS, days=7, say=print)

    assert (found.before, found.without_row.keys) == (limit, [key(3)])
    said = judge_orphans(found, is_whole=True)[0].observed
    assert f"written before {limit:%Y-%m-%d %H:%M} UTC" in said


def test_rows_of_times_to_come_are_one_line(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"value,timestamp\n1,{datetime.now(UTC) + timedelta(minutes=9)}\n")
    with closing(Join("bucket", "p")) as join, pytest.raises(InputError, match="the clock"):
        join_rows(join, rows=str(path), settings=SETTINGS, days=7, say=print)


def test_what_may_be_a_state_or_of_another_deployment_or_was_listed_twice_is_no_orphan():
    name = key(9).rpartition("/")[2]
    states = [f"p/d/{run}/t/-1/{name}" for run in ("a:b", f"r/region={name[:-3]}")]
    others = [f"p/other/{one}" for one in (key(2)[2:], f"assets/a/{name}")]

    found = joined([(one, OLD) for one in (key(1), *states, *others, key(3), key(3), key(4))],
                   [(reference(key(1)), OLD)])  # fmt: skip

    assert (found.objects, found.without_row.keys) == (7, [key(4)])


def test_temporary_file_that_finds_no_room_is_one_line():
    with closing(Join("bucket", "p")) as join:
        join._database.execute("PRAGMA max_page_count = 20")  # as on a disk that is full
        with pytest.raises(XcomkitError, match=r"is full.*SQLITE_TMPDIR"):
            join.add_rows(Row(OLD, json.dumps(reference(key(n)))) for n in range(1_000))


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\n1,2\n", b"value,timestamp\n1,to:day\n", b"[1]", b"{}", b"[" * 100_000,
     b'{"value": 1, "timestamp": 5}', b"\x00\xff", b"SQLite format 3\x00 and more",
     b"value,timestamp\n1\n", b'[{"value": "x"', b"timestamp,value\n2026-02-01 00:00\n",
     b"value,timestamp\n1,2026-02-01 00:00,2\n", b"value,timestamp\n1,2026-02-01 00:00",
     b'value,timestamp\n"{\\"a\\": 1}",2026-02-01 00:00\n', b"value,timestamp\n1,2026-02-01\n",
     b"value,timestamp,value\n1,2026-02-01 00:00,2\n", b"value,timestamp\n1,0001-01-01 00:00\n",
     b'{"value": 1, "timestamp": "2026-02-01 00:00", "value": 2}\n',
     b'{"value": 1, "timestamp": "2026-02-01 00:00"}'],
)  # fmt: skip
def test_file_that_is_no_export_is_one_line(tmp_path, content):
    path = tmp_path / "rows"
    path.write_bytes(content)

    with pytest.raises(InputError, match="is no export of the rows of XCom") as caught:
        list(read_export(path))

    assert "value and timestamp" in caught.value.hint
    assert len(str(caught.value)) < 600


def test_line_that_is_no_utf_8_is_named(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes("value,timestamp\n1,2026-02-01 00:00\né,2026-02-01\n".encode("latin-1"))

    with pytest.raises(InputError, match="line 3: UnicodeDecodeError"):
        list(read_export(path))


def test_database_with_other_tables_or_without_the_start_of_a_dag_run_is_one_line(tmp_path):
    path = tmp_path / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        for tables, words in (("other", "none"), ("xcom_v1", "xcom_v1"), ("xcom_v2 XCOM_v3", "v3")):
            for table in tables.split():
                database.execute(f"CREATE TABLE {table} (id)")
            database.commit()
            with pytest.raises(InputError, match=rf"not xcom, nor .* but .*{words}\."):
                list(read_export(path))
        with pytest.raises(InputError, match="no such table"):
            read_oldest_running(path)
        database.execute("CREATE TABLE dag_run (state TEXT, start_date TEXT)")
        database.execute("INSERT INTO dag_run VALUES ('running', NULL)")
        database.commit()
    with pytest.raises(InputError, match="a running Dag run has no start_date"):
        read_oldest_running(path)


def test_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(InputError, match="FileNotFoundError"):
        list(read_export(tmp_path / "none"))
