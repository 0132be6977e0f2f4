"""Compression "zip" of XComObjectStorageBackend compresses nothing.

Expected: with xcom_objectstorage_compression = zip an object is smaller than its JSON, as with
gzip. Happens: it is larger, by the headers of an archive.

Why: the backend hands the name to ObjectStoragePath.open, which hands it to fsspec. The entry
"zip" of fsspec's registry, fsspec.compression.unzip, writes into a ZipFile(infile, mode="w"), and
the default of ZipFile is ZIP_STORED. ZIP_DEFLATED would have to be passed as a keyword, which
neither fsspec's open nor Airflow does, so no configuration leads to it.

Exits 0 when the defect is there and 1 when it is gone.
"""

import gc
import os
import sys
import tempfile
from importlib import reload
from importlib.metadata import version
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
PACKAGES = ("apache-airflow", "apache-airflow-providers-common-io", "fsspec")
VALUE = [{"id": n, "name": f"row {n}", "square": n * n} for n in range(20_000)]


def push(codec: str) -> Path:
    """Return the file in which the backend has stored VALUE."""
    from airflow.providers.common.io.xcom import backend

    os.environ[f"{OPTION}_COMPRESSION"] = codec
    reload(backend)  # it caches its configuration
    reference = backend.XComObjectStorageBackend.serialize_value(VALUE)
    gc.collect()  # closes what the backend has left open
    return Path(reference.removeprefix("file://"))


with tempfile.TemporaryDirectory() as home:
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW__CORE__XCOM_BACKEND"] = (
        "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
    )
    os.environ[f"{OPTION}_PATH"] = f"file://{home}/xcom"
    os.environ[f"{OPTION}_THRESHOLD"] = "0"
    zip_file = push("zip")
    zipped, gzipped, plain = (p.stat().st_size for p in (zip_file, push("gzip"), push("")))
    stored = ZipFile(zip_file).infolist()[0].compress_type == ZIP_STORED

print(
    f"zip: {plain:,} bytes of JSON stored as {zipped:,} bytes (gzip {gzipped:,});",
    f"ZIP_STORED: {stored};",
    ", ".join(f"{name} {version(name)}" for name in PACKAGES),
)
sys.exit(0 if zipped > plain else 1)
