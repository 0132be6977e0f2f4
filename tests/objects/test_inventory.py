"""Inventories of each vendor say what a listing of the same objects says."""

import csv
import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc
from test_listing import KEYS, LONG, MANY, counted_one_by_one

from xcomkit.__main__ import main
from xcomkit.findings.errors import InputError
from xcomkit.findings.model import StoredObject
from xcomkit.objects.checks import checks
from xcomkit.objects.inventory import count_inventory, read_journal
from xcomkit.objects.summary import to_summary
from xcomkit.objects.sums import Sums
from xcomkit.settings.settings import Settings
from xcomkit.steps.inspect_objects import begin_listing

NOW = datetime(2026, 3, 1, tzinfo=UTC)
S3 = Settings.from_mapping({"cloud": "aws", "bucket": "bucket", "prefix": "p"})
GCS = Settings.from_mapping(
    {"cloud": "gcp", "bucket": "bucket", "prefix": "p", "project": "project"}
)
AZURE = Settings.from_mapping(
    {"cloud": "azure", "bucket": "bucket", "prefix": "p", "storage_account": "account",
     "resource_group": "group", "subscription_id": "0f8fad5b-d9cb-469f-a165-70867728950e"}
)  # fmt: skip
NAMES = {  # of key, size and time, and what else a row has
    "aws": ("key", "size", "last_modified_date", {"bucket": "bucket"}),
    "gcp": ("name", "size", "updated", {"bucket": "bucket", "timeDeleted": None}),
    "azure": ("Name", "Content-Length", "Last-Modified", {"hdi_isfolder": None}),
}


def objects(keys) -> list[StoredObject]:
    """Return objects whose times have no more than milliseconds, as inventories say them."""
    return [
        StoredObject(key, number * 7 % 50, NOW - timedelta(hours=number, milliseconds=7))
        for number, key in enumerate(keys)
    ]


FOUND = objects([f"p/{key}" for key in (*KEYS, *LONG)] + MANY)
OTHERS = objects(["q/elsewhere", "p2/near", "p"])


def rows_of(found, *, cloud: str) -> list[dict[str, Any]]:
    key, size, time, more = NAMES[cloud]
    base = "bucket/" if cloud == "azure" else ""
    return [{key: base + one.key, size: one.size, time: one.modified, **more} for one in found]


@dataclass
class Inventory:
    """Writes what a vendor delivers; ``changes`` are those of its manifest."""

    folder: Path
    settings: Settings
    kind: str

    def write(self, rows, *, shards: int = 2, **changes: Any) -> Path:
        cloud = self.settings.cloud
        self.folder.mkdir(exist_ok=True)
        names = [f"part-{n}.{self.kind}" for n in range(shards)]
        for number, name in enumerate(names):
            self.put(self.folder / "data" / name, rows[number::shards])
        manifest = getattr(self, f"_{cloud}")(rows, names) | changes
        path = self.folder / "2026" / {"aws": "manifest.json"}.get(cloud, "r-manifest.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(manifest))
        return self.folder

    def put(self, path: Path, rows) -> None:
        path.parent.mkdir(exist_ok=True)
        if self.kind in ("parquet", "orc"):
            write = pq.write_table if self.kind == "parquet" else orc.write_table
            write(pa.Table.from_pylist(rows), path)
            return
        text = io.StringIO()
        names = [*rows[0]]
        writer = csv.DictWriter(text, names)
        if self.settings.cloud != "aws":
            writer.writeheader()
        for row in rows:
            writer.writerow({name: self._cell(name, row[name]) for name in names})
        raw = text.getvalue().encode()
        path.write_bytes(gzip.compress(raw) if self.kind == "csv.gz" else raw)

    def _cell(self, name: str, value: Any) -> str:
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        if name == "key":
            return quote_plus(value, safe="/")
        return (
            "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        )

    def _aws(self, rows, names) -> dict[str, Any]:
        files = [self.folder / "data" / name for name in names]
        formats = {"csv.gz": "CSV", "parquet": "Parquet", "orc": "ORC"}
        columns = ", ".join(name.replace("_", " ").title().replace(" ", "") for name in rows[0])
        return {
            "sourceBucket": "bucket", "version": "2016-11-30",
            "creationTimestamp": str(int(NOW.timestamp() * 1000)),
            "fileFormat": formats[self.kind], "fileSchema": columns,
            "files": [
                {"key": f"inv/bucket/all/data/{one.name}", "size": one.stat().st_size,
                 "MD5checksum": hashlib.md5(one.read_bytes()).hexdigest()}
                for one in files
            ],
        }  # fmt: skip

    def _azure(self, rows, names) -> dict[str, Any]:
        files = [self.folder / "data" / name for name in names]
        return {
            "endpoint": "https://account.blob.core.windows.net", "status": "Succeeded",
            "files": [{"blob": f"2026/03/01/{f.name}", "size": f.stat().st_size} for f in files],
            "inventoryStartTime": NOW.isoformat(), "ruleName": "r",
            "ruleDefinition": {"objectType": "blob", "filters": {"prefixMatch": ["bucket/p"]}},
            "summary": {"objectCount": len(rows), "totalObjectSize": 0},
        }  # fmt: skip

    def _gcp(self, rows, names) -> dict[str, Any]:
        return {
            "report_config": {
                "objectMetadataReportOptions": {"storageFilters": {"bucket": "bucket"}}
            },
            "records_processed": len(rows), "snapshot_time": NOW.isoformat(),
            "shard_count": len(names), "report_shards_file_names": names,
        }  # fmt: skip


DELIVERED = [
    *((S3, kind) for kind in ("parquet", "csv.gz", "orc")),
    *((one, kind) for one in (AZURE, GCS) for kind in ("parquet", "csv")),
]


@pytest.fixture(params=DELIVERED, ids=lambda one: f"{one[0].cloud}-{one[1]}")
def inventory(request, tmp_path) -> Inventory:
    return Inventory(tmp_path / "inv", *request.param)


def read(folder, settings):
    listing = begin_listing(settings)
    beside = count_inventory([folder], listing=listing, settings=settings, say=print)
    return listing, beside


def listed(found=FOUND) -> Sums:
    sums = Sums("p", NOW, 30)
    for start in range(0, len(found), 100):
        sums.add(found[start : start + 100])
    return sums


def in_order(sums: Sums) -> Sums:
    """Return sums without what depends on the order in which objects came."""
    sums.largest.sort(key=lambda ranked: ranked[:2])
    for examples in (sums.empty, sums.past, sums.foreign, sums.state):
        examples.keys.clear()
    return sums


def test_sums_are_those_of_a_listing_and_of_a_slow_count(inventory):
    folder = inventory.write(rows_of([*FOUND, *OTHERS], cloud=inventory.settings.cloud))

    listing, _ = read(folder, inventory.settings)

    assert listing.is_whole
    assert listing.sums.groups == counted_one_by_one(FOUND, prefix="p")
    assert in_order(listing.sums) == in_order(listed())


OLD = {  # per cloud: what a current row has, and what rows have that are not current
    "aws": (
        {"is_latest": True, "is_delete_marker": False},
        [{"is_latest": False}, {"is_latest": True, "is_delete_marker": True, "size": None}],
        (1, 1),
    ),
    "azure": (
        {"VersionId": "v1", "IsCurrentVersion": True, "Snapshot": None, "Deleted": None},
        [{"IsCurrentVersion": None}, {"Snapshot": "2026"}, {"Deleted": True},
         {"hdi_isfolder": True}],
        (3, 0),
    ),
    "gcp": ({"timeDeleted": None}, [{"timeDeleted": NOW}], (1, 0)),
}  # fmt: skip


def test_old_versions_are_beside_the_objects_and_not_in_the_sums(inventory):
    if inventory.kind == "orc":  # its columns are those of Parquet
        inventory.kind = "parquet"
    current, others, (old, markers) = OLD[inventory.settings.cloud]
    rows = [row | current for row in rows_of(FOUND, cloud=inventory.settings.cloud)]

    folder = inventory.write([*rows, *(rows[9] | current | other for other in others)])
    listing, beside = read(folder, inventory.settings)

    assert in_order(listing.sums) == in_order(listed())
    assert (beside.old, beside.old_size, beside.markers) == (old, old * FOUND[9].size, markers)


def test_newest_row_of_a_key_is_the_object_in_the_live_inventory_of_s3_metadata(tmp_path):
    rows = [
        row | {"sequence_number": f"{sequence:02}", "version_id": f"v{sequence}",
               "is_delete_marker": False}
        for row, sequence in zip(rows_of(FOUND[:3] * 2, cloud="aws"), range(6), strict=True)
    ]  # fmt: skip
    rows[-1] |= {"is_delete_marker": True, "size": None}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "part.parquet")

    listing, beside = read(tmp_path, S3)

    assert listing.sums.count == 2
    assert (beside.old, beside.markers) == (3, 1)


@pytest.mark.parametrize(
    ("settings", "changes", "why"),
    [
        (GCS, {"shard_count": 5}, "the manifest names 2 of 5 shards"),
        (GCS, {"records_processed": 1}, "of 1 row"),
        (GCS, {"report_shards_file_names": ["part-0.csv", "gone.csv"]}, "1 of 2 files"),
        (AZURE, {"status": "PartiallySucceeded"}, "succeeded in part"),
        (AZURE, {"ruleDefinition": {"objectType": "blob",
                                    "filters": {"prefixMatch": ["bucket/p/a"]}}}, "only below"),
    ],
)  # fmt: skip
def test_part_of_an_inventory_is_a_part_and_proves_nothing_of_the_rest(
    tmp_path, settings, changes, why
):
    rows = rows_of(FOUND, cloud=settings.cloud)
    folder = Inventory(tmp_path / "inv", settings, "csv").write(rows, **changes)

    listing, _ = read(folder, settings)
    found = {check.id: check for check in checks(to_summary(listing.sums, part=listing.part))}

    assert why in listing.part
    assert not listing.is_whole
    assert found["XC602"].status == "unknown"
    assert why in found["XC602"].observed


def test_part_without_an_object_is_no_empty_bucket(tmp_path):
    folder = Inventory(tmp_path / "inv", GCS, "csv").write(
        rows_of(OTHERS, cloud="gcp"), records_processed=9
    )

    listing, _ = read(folder, GCS)

    found = checks(to_summary(listing.sums, part=listing.part))
    assert {check.status for check in found if check.id in {"XC601", "XC602"}} == {"unknown"}


def test_rows_that_say_no_size_or_time_are_counted_as_left_out(tmp_path):
    rows = rows_of(FOUND[:5], cloud="aws")
    rows[0]["size"], rows[1]["size"], rows[2]["last_modified_date"] = None, -1, None
    rows[3]["last_modified_date"] = datetime(9999, 1, 1, tzinfo=UTC)

    listing, _ = read(Inventory(tmp_path / "inv", S3, "parquet").write(rows), S3)

    assert listing.sums.count == 1
    assert "4 rows below the prefix without a size or a time" in listing.part


def test_newest_inventory_of_the_bucket_is_read_among_those_of_others(tmp_path):
    for name, count, changes in (
        ("old", 3, {"creationTimestamp": "1000"}),
        ("new", 2, {}),
        ("foreign", 1, {"sourceBucket": "other", "creationTimestamp": "9999999999999"}),
    ):
        rows = rows_of(FOUND[:count], cloud="aws")
        Inventory(tmp_path / name, S3, "parquet").write(rows, **changes)

    listing, _ = read(tmp_path, S3)

    assert listing.sums.count == 2
    assert listing.sums.now == NOW


DAMAGE = [
    (lambda inv: inv.write(rows_of(FOUND, cloud="aws"), sourceBucket="other"), "bucket other"),
    (lambda inv: inv.write([r | {"bucket": "other"} for r in rows_of(FOUND, cloud="aws")]),
     "none of 229 rows of the inventory is of bucket"),
    (lambda inv: inv.write(rows_of(FOUND, cloud="aws"), files=7), "no manifest of an inventory"),
    (lambda inv: inv.write(rows_of(FOUND, cloud="aws"), creationTimestamp="x"), "no manifest of"),
    (lambda inv: inv.write([{"key": "p/a"}], shards=1), "no column size"),
    (lambda inv: inv.folder / "nowhere", "no such file or folder"),
    (lambda inv: _written(inv, "manifest.json", b"{"), "no manifest of an inventory"),
    (lambda inv: _written(inv, "manifest.json", b"[" * 9_999), "no manifest of an inventory"),
    (lambda inv: _written(inv, "a.txt", b""), "no data and no manifest"),
    (lambda inv: _written(inv, "a.csv.gz", gzip.compress(b"bucket,p/a")), "names its columns"),
    (lambda inv: _written(inv, "a.csv.gz", b"no gzip"), "cannot be read: Not a gzipped file"),
    (lambda inv: _written(inv, "a.parquet", b"PAR1"), "cannot be read: "),
    (lambda inv: _written(inv, "a.orc", b"ORC"), "cannot be read: "),
    (lambda inv: _cut(inv, 0, -9), "bytes, its manifest says"),
    (lambda inv: _cut(inv, 9, None), "its MD5 is not that of the manifest"),
]  # fmt: skip


def _written(inventory, name, body) -> Path:
    inventory.folder.mkdir()
    (inventory.folder / name).write_bytes(body)
    return inventory.folder


def _cut(inventory, start, end) -> Path:
    """Take bytes off a file; those at its beginning are replaced by others."""
    folder = inventory.write(rows_of(FOUND, cloud="aws"))
    file = folder / "data" / f"part-1.{inventory.kind}"
    file.write_bytes(b"x" * start + file.read_bytes()[start:end])
    return folder


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_what_is_no_inventory_of_this_bucket_is_one_line(tmp_path, damage, says):
    folder = damage(Inventory(tmp_path / "inv", S3, "parquet"))

    with pytest.raises(InputError) as error:
        read(folder, S3)

    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert error.value.hint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"endpoint": "https://other.blob.core.windows.net"}, "storage account other"),
        ({"status": "Pending"}, "is Pending"),
        ({"ruleDefinition": {"objectType": "container"}}, "names no blob"),
    ],
)
def test_run_of_azure_that_did_not_end_or_is_of_something_else_is_not_read(tmp_path, changes, says):
    folder = Inventory(tmp_path / "inv", AZURE, "csv").write(
        rows_of(FOUND, cloud="azure"), **changes
    )

    with pytest.raises(InputError, match=says):
        read(folder, AZURE)


def test_csv_that_was_cut_off_is_a_part(tmp_path):
    folder = Inventory(tmp_path / "inv", GCS, "csv").write(rows_of(FOUND, cloud="gcp"))
    file = folder / "data" / "part-0.csv"
    file.write_bytes(file.read_bytes()[: -len("\n")].rpartition(b"\n")[0] + b"\n")

    listing, _ = read(folder, GCS)

    assert listing.part == "the files have 228 of 229 rows"


def test_empty_bucket_has_an_inventory_without_files(tmp_path):
    listing, beside = read(Inventory(tmp_path / "inv", S3, "orc").write([{}], shards=0), S3)

    assert listing.is_whole
    assert (listing.sums.count, beside) == (0, None)


def test_journal_says_who_deleted_what_and_when(tmp_path, capsys):
    rows = [
        {"bucket": "bucket", "key": key, "record_type": kind, "sequence_number": f"{n:02}",
         "record_timestamp": NOW + timedelta(hours=n), "requester": who, "is_delete_marker": soft,
         "source_ip_address": "192.0.2.1" if who else None}
        for n, (key, kind, who, soft) in enumerate([
            ("p/a", "CREATE", "111122223333", False), ("p/a", "DELETE", "s3.amazonaws.com", True),
            ("p/b\x1b[31m", "DELETE", "111122223333", True), ("p/c", "DELETE", None, None),
            ("q/d", "DELETE", "111122223333", True), ("p/e", "DELETE", "111122223333", True),
        ])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "journal.parquet")

    found = read_journal([tmp_path], settings=S3)

    assert found.count == 4
    assert found.by == (
        ("111122223333", "2", "2026-03-01 02:00:00", "2026-03-01 05:00:00"),
        ("not recorded", "1", *["2026-03-01 03:00:00"] * 2),
        ("s3.amazonaws.com", "1", *["2026-03-01 01:00:00"] * 2),
    )
    assert found.newest[0] == (
        "2026-03-01 05:00:00", "p/e", "111122223333", "192.0.2.1", "delete marker"
    )  # fmt: skip
    assert found.newest[1][2:] == ("not recorded", "", "for good")
    with pytest.raises(InputError, match="--journal"):
        read(tmp_path, S3)
    file = tmp_path / "target.yaml"
    file.write_text("cloud: aws\nbucket: bucket\nprefix: p\n")
    shown = []
    for more in ([], ["--format", "json"]):
        assert main(["inspect", "-f", str(file), "--journal", str(tmp_path), *more]) == 0
        shown.append(capsys.readouterr().out)
    assert "4 deletions below the prefix" in shown[0]
    assert "\x1b" not in shown[0] + shown[1]
    assert json.loads(shown[1])["deletions"]["newest"] == [*map(list, found.newest)]
    with pytest.raises(InputError, match="none of 6 rows"):
        read_journal([tmp_path], settings=S3.model_copy(update={"bucket": "another"}))
