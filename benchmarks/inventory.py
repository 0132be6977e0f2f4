"""What an inventory takes: python benchmarks/inventory.py ROWS [parquet|csv].

Writes an S3 Inventory of the keys of s3_endpoint.py into a folder of its own, reads it in a process
of its own, and compares count and bytes with those of the keys.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from s3_endpoint import PER_DAG, key_of, size_of

FILES = 20
_COLUMNS = "bucket, key, size, last_modified_date, e_tag, storage_class"


def write(folder: Path, rows: int, kind: str) -> None:
    import duckdb
    import pyarrow as pa

    database = duckdb.connect(config={"temp_directory": str(folder), "threads": 2})
    numbers = range(PER_DAG)
    of_a_dag = pa.table({"key": [key_of(0, n) for n in numbers], "size": [*map(size_of, numbers)]})
    database.register("of_a_dag", of_a_dag)
    (folder / "data").mkdir()
    dags = rows // PER_DAG
    for number in range(FILES):
        key = "replace(key, 'dag-00000', printf('dag-%05d', dag))"
        key = f"replace({key}, '-8000-000000000000', '-8000-' || md5(dag || key)[:12])"
        if kind == "csv":
            key = f"replace(url_encode({key}), '%2F', '/')"
        name = f"{number}.csv.gz" if kind == "csv" else f"{number}.parquet"
        options = "header false, compression gzip" if kind == "csv" else "format parquet"
        database.sql(
            f"COPY (SELECT 'bench' AS bucket, {key} AS key, size,"
            " strftime(TIMESTAMP '2026-10-01' + INTERVAL (dag % 20) DAY, '%Y-%m-%dT%H:%M:%S.000Z')"
            f" {'' if kind == 'csv' else '::TIMESTAMP'} AS last_modified_date,"
            " md5(key) AS e_tag, 'STANDARD' AS storage_class"
            f" FROM range({dags * number // FILES}, {dags * (number + 1) // FILES}) AS d(dag),"
            f" of_a_dag) TO '{folder / 'data' / name}' ({options})"
        )
    found = sorted((folder / "data").iterdir())
    manifest = {
        "sourceBucket": "bench", "creationTimestamp": "1793404800000",
        "fileFormat": "CSV" if kind == "csv" else "Parquet", "fileSchema": _COLUMNS,
        "files": [
            {"key": f"data/{one.name}", "size": one.stat().st_size,
             "MD5checksum": hashlib.md5(one.read_bytes()).hexdigest()}
            for one in found
        ],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


def measure(folder: Path, rows: int) -> None:
    from xcomkit.objects.inventory import count_inventory
    from xcomkit.settings.settings import Settings
    from xcomkit.steps.inspect_objects import begin_listing

    settings = Settings.from_mapping({"cloud": "aws", "bucket": "bench", "prefix": "xcom"})
    begun = time.perf_counter()
    listing = begin_listing(settings)
    count_inventory([folder], listing=listing, settings=settings, say=lambda _: None)
    wall = time.perf_counter() - begun
    assert listing.is_whole
    assert listing.sums.count == rows
    assert listing.sums.size == rows // PER_DAG * sum(map(size_of, range(PER_DAG)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{rows:,} rows: {wall:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU,"
        f" {used.ru_maxrss / 1024:.0f} MB at most"
    )


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        measure(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        count, kind = int(sys.argv[1]), [*sys.argv[2:], "parquet"][0]
        with tempfile.TemporaryDirectory(dir=".") as scratch:
            write(Path(scratch), count, kind)
            subprocess.run([sys.executable, __file__, "measure", scratch, str(count)], check=True)
