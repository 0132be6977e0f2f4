"""Rows of inventories and journals in DuckDB, whose columns vendors name in ways of their own.

They are known by these names without dashes and underscores:

- Amazon S3 Inventory:
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
- S3 Metadata's live inventory, in which the largest sequence number of a key is the newest, and its
  journal, which says who deleted what:
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/metadata-tables-inventory-schema.html
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/metadata-tables-schema.html
- Azure Blob Inventory, whose names begin with the container:
  https://learn.microsoft.com/en-us/azure/storage/blobs/blob-inventory
- Google Cloud Storage:
  https://cloud.google.com/storage/docs/insights/inventory-reports
"""

import csv
import gzip
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.text import plain
from xcomkit.objects.manifest import FORMATS, Report
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

KINDS = ("current", "elsewhere", "outside", "marker", "unreadable", "old")
"""What a row may be: an object, in another bucket, outside the prefix, a delete marker, ..."""
_MEMORY, _MORE = "100MB", "2GB"
"""What DuckDB may take; more where it has to find the newest of the versions of a key."""
_MOST_BYTES, _LAST = 2**50, 4_102_444_800_000_000  # a petabyte, and the year 2100
_VERSIONS = {"islatest", "iscurrentversion", "sequencenumber", "snapshot", "timedeleted"}
_COPY = "copy the inventory again, or name a whole one."
Texts = tuple[tuple[str, ...], ...]


class Rows:
    """Rows of one bucket in DuckDB, and how their columns stand in SQL."""

    def __init__(
        self, found: "DuckDBPyRelation", *, settings: Settings, is_quoted: bool = False
    ) -> None:
        self._rows = found
        self._columns = {
            _plain(name): ('"{}"'.format(name.replace('"', '""')), str(kind))
            for name, kind in zip(found.columns, found.types, strict=True)
        }
        self._settings = settings
        self._key = self._own_key(is_quoted=is_quoted)
        below = _text(f"{settings.prefix}/" if settings.prefix else "")
        self._inside = f"coalesce(starts_with(path, {below}), false)"

    @property
    def has_versions(self) -> bool:
        """Tell whether the rows say which objects are not the current ones."""
        return not self._columns.keys().isdisjoint(_VERSIONS)

    @property
    def is_sorted(self) -> bool:
        """Tell whether the rows of a key are sorted to find its current version."""
        return "sequencenumber" in self._columns

    def select(self) -> "DuckDBPyRelation":
        """Return key, size, time and kind of every row, the key empty outside the prefix.

        Raises:
            InputError: a column is missing, or these are no rows of an inventory.
        """
        if "recordtype" in self._columns:
            raise InputError("this is a journal of S3 Metadata.", hint="name it with --journal.")
        rows = self._rows.project(
            f"{self._key} AS path,"
            f" TRY_CAST({self._need('size', 'contentlength')} AS BIGINT) AS size,"
            f" {self._time('lastmodifieddate', 'lastmodified', 'updated')} AS written,"
            f" {self._flag('hdiisfolder')} AS is_folder,"
            f" {self._flag('isdeletemarker')} AS is_marker,"
            f" {self._is_old()} AS is_old"
        )
        number = {kind: str(place) for place, kind in enumerate(KINDS)}
        return rows.project(
            f"CASE WHEN {self._inside} THEN path ELSE '' END AS path, coalesce(size, 0) AS size,"
            " coalesce(written, 0) AS last_modified,"
            f" (CASE WHEN path IS NULL THEN {number['elsewhere']}"
            f" WHEN is_folder OR NOT {self._inside} THEN {number['outside']}"
            f" WHEN is_marker THEN {number['marker']}"
            f" WHEN coalesce(size, -1) NOT BETWEEN 0 AND {_MOST_BYTES}"
            f" OR coalesce(written, -1) NOT BETWEEN 0 AND {_LAST} THEN {number['unreadable']}"
            f" WHEN is_old THEN {number['old']} ELSE {number['current']} END)::UTINYINT AS kind"
        )

    def read_deletions(self, *, most: int) -> tuple[Texts, Texts, Texts]:
        """Return what a journal says was deleted below the prefix, as texts.

        Three counts: of all rows, of those of the bucket, and of deletions; then who deleted how
        many, the first and the last time; then the newest deletions.
        """
        when = f"make_timestamp({self._time('recordtimestamp')})"
        rows = self._rows.project(
            f"{self._key} AS path, {self._need('recordtype')} = 'DELETE' AS is_deleted,"
            f" strftime({when}, '%Y-%m-%d %H:%M:%S') AS at_time,"
            f" coalesce(nullif({self._text('requester')}, ''), 'not recorded') AS who,"
            f" {self._text('sourceipaddress')} AS address,"
            f" CASE WHEN {self._flag('isdeletemarker')} THEN 'delete marker' ELSE 'for good' END"
            " AS how"
        )
        deleted = rows.filter(f"is_deleted AND {self._inside}")
        counts = rows.aggregate(
            f"count(*) AS seen, count(path) AS own,"
            f" count(*) FILTER (is_deleted AND {self._inside}) AS deleted"
        )
        by = deleted.aggregate("who, count(*) AS number, min(at_time), max(at_time)", "who")
        newest = deleted.order("at_time DESC, path").project("at_time, path, who, address, how")
        return (
            _texts_of(counts),
            _texts_of(by.order("number DESC, who").limit(most)),
            _texts_of(newest.limit(most)),
        )

    def _need(self, *names: str) -> str:
        """Return the first of these columns that is there.

        Raises:
            InputError: none is.
        """
        for name in names:
            if name in self._columns:
                return self._columns[name][0]
        raise InputError(
            f"the inventory has no column {names[0]}.",
            hint="let it hold key, size and time of the last change, and read the next one.",
        )

    def _text(self, name: str) -> str:
        """Return a column as text, empty where there is nothing."""
        return f"coalesce({self._need(name)}::VARCHAR, '')" if name in self._columns else "''"

    def _flag(self, name: str) -> str:
        """Return whether a column is true."""
        return f"lower({self._text(name)}) = 'true'"

    def _time(self, *names: str) -> str:
        """Return microseconds since 1970, NULL where there is no time."""
        column = self._need(*names)
        kind = next(kind for name, kind in self._columns.values() if name == column)
        if kind == "BIGINT":  # milliseconds, as Azure writes them
            return f"{column} * 1000"
        if kind == "VARCHAR":
            header = "'%a, %d %b %Y %H:%M:%S GMT'"  # as in one of HTTP
            column = f"coalesce(TRY_CAST({column} AS TIMESTAMP), try_strptime({column}, {header}))"
        elif kind != "TIMESTAMP WITH TIME ZONE":
            column = f"{column}::TIMESTAMP"
        return f"epoch_us({column})"

    def _own_key(self, *, is_quoted: bool) -> str:
        """Return the key of a row; NULL in another bucket."""
        key, bucket = self._need("key", "name"), self._settings.bucket
        if is_quoted:
            key = f"url_decode(replace({key}, '+', ' '))"
        if self._settings.cloud == "azure":  # a name begins with the container
            inside = f"starts_with({key}, {_text(f'{bucket}/')})"
            return f"CASE WHEN {inside} THEN substr({key}, {len(bucket) + 2}) END"
        if "bucket" not in self._columns:
            return key
        return f"CASE WHEN {self._text('bucket')} = {_text(bucket)} THEN {key} END"

    def _is_old(self) -> str:
        """Return whether a row is of a version that is not the current one."""
        tests = [f"{self._text(name)} <> ''" for name in ("snapshot", "timedeleted")]
        tests.append(self._flag("deleted"))
        version = self._text("versionid")
        if "islatest" in self._columns:
            tests.append(f"NOT {self._flag('islatest')}")
        if "iscurrentversion" in self._columns:
            tests.append(f"({version} <> '' AND NOT {self._flag('iscurrentversion')})")
        if self.is_sorted:  # of S3 Metadata: the largest of a key is the newest
            some = self._rows.filter(f"{version} NOT IN ('', 'null')").limit(1)
            if some.to_arrow_table().num_rows:
                newest = f"PARTITION BY {self._key} ORDER BY {self._need('sequencenumber')} DESC"
                tests.append(f"row_number() OVER ({newest}) > 1")
        return " OR ".join(tests)


@contextmanager
def open_rows(report: Report, *, settings: Settings) -> Iterator[Rows]:
    """Open the files of a report, with little memory and a folder for what does not fit.

    Raises:
        InputError: DuckDB is not installed, or something cannot be read.
    """
    try:
        import duckdb
        import pyarrow as pa
    except ImportError:
        raise InputError("duckdb is not here.", hint="pip install 'xcomkit[runbook]'") from None
    with tempfile.TemporaryDirectory(prefix="xcomkit-") as folder:
        config: dict[str, Any] = {
            "memory_limit": _MEMORY, "temp_directory": folder, "threads": 2,
            "preserve_insertion_order": False, "autoinstall_known_extensions": False,
        }  # fmt: skip
        try:
            with duckdb.connect(config=config) as database:
                found = _open(database, report)
                rows = Rows(found, settings=settings, is_quoted=report.is_quoted)
                if rows.is_sorted:
                    database.execute(f"SET memory_limit = '{_MORE}'")
                yield rows
        except (
            duckdb.Error, pa.ArrowException, OSError, EOFError, UnicodeDecodeError, csv.Error
        ) as error:  # fmt: skip
            reason = plain(str(error).partition("\n")[0])[:200]
            raise InputError(f"the inventory cannot be read: {reason}.", hint=_COPY) from None


def _open(database: "DuckDBPyConnection", report: Report) -> "DuckDBPyRelation":
    """Return the rows of a report's files, which are of one format."""
    match FORMATS[report.files[0].suffix]:
        case "csv":
            return database.sql(f"FROM {_csv(report)}")
        case "orc":
            from pyarrow import dataset

            return database.from_arrow(dataset.dataset([*map(str, report.files)], format="orc"))
        case _:
            return database.sql(f"FROM read_parquet({_list(report.files)}, union_by_name = true)")


def _csv(report: Report) -> str:
    """Return how DuckDB reads CSV, in which every column is text.

    Raises:
        InputError: there is no header that says which columns there are.
    """
    columns = report.columns
    if not columns:
        headers = {_header(one, delimiter=report.delimiter) for one in report.files}
        columns = headers.pop()
        if headers or {"key", "name"}.isdisjoint(map(_plain, columns)):
            raise InputError(
                f"{plain(str(report.files[0]))}: no manifest and no header names its columns.",
                hint="name the folder that holds the manifest too.",
            )
    types = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({_list(report.files)}, header = {not report.columns}, columns = {{{types}}},"
        f" delim = {_text(report.delimiter)}, quote = '\"', escape = '\"', auto_detect = false)"
    )


def _header(file: Path, *, delimiter: str) -> tuple[str, ...]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig", newline="") as lines:
        return tuple(next(csv.reader(lines, delimiter=delimiter), ()))


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def _text(value: object) -> str:
    """Return a literal of SQL."""
    return "'{}'".format(str(value).replace("'", "''"))


def _list(values: Iterable[object]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _texts_of(found: "DuckDBPyRelation") -> Texts:
    columns = found.to_arrow_table().to_pydict().values()
    return tuple(tuple(map(str, row)) for row in zip(*columns, strict=True))
