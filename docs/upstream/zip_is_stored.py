"""Compression "zip" of XComObjectStorageBackend compresses nothing.

Expected: with xcom_objectstorage_compression = zip an object is smaller than its JSON, as with
gzip. Happens: it is larger, by the headers of an archive.

Why: the backend hands the name to ObjectStoragePath.open, which hands it to fsspec. The entry
"zip" of fsspec's registry, fsspec.compression.unzip, writes into a ZipFile(infile, mode="w"), and
the default of ZipFile is ZIP_STORED. ZIP_DEFLATED would have to be passed as a keyword, which
neither fsspec's open nor Airflow does, so no configuration leads to it. Exits 0: defect, 1: none.
"""

import gc
import os
import sys
import tempfile
from importlib import reload
from importlib.metadata import version
from pathlib import Path

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
PACKAGES = ("apache-airflow", "apache-airflow-providers-common-io", "fsspec")
COORDINATES = {"key": "k", "dag_id": "d", "task_id": "t", "run_id": "r"}
VALUE = [{"id": n, "name": f"row {n}", "square": n * n} for n in range(20_000)]


class Supervisor:  # stands for the API server and its table of XComs
    def send(self, msg):
        if hasattr(msg, "value"):
            self.row = msg.value
        return comms.XComResult(key=msg.key, value=self.row)


with tempfile.TemporaryDirectory() as home:
    os.environ.update({"AIRFLOW_HOME": home, f"{OPTION}_PATH": f"file://{home}/xcom"})
    os.environ[f"{OPTION}_THRESHOLD"] = "0"
    from airflow.providers.common.io.xcom import backend
    from airflow.sdk.execution_time import comms, task_runner

    task_runner.SUPERVISOR_COMMS = supervisor = Supervisor()
    sizes, intact = {}, True
    for codec in ("", "zip", "gzip"):
        os.environ[f"{OPTION}_COMPRESSION"] = codec
        stock = reload(backend).XComObjectStorageBackend  # it caches its options
        stock.set(value=VALUE, **COORDINATES)
        gc.collect()  # closes what the backend has left open
        sizes[codec] = Path(supervisor.row.removeprefix("file://")).stat().st_size
        intact &= stock.get_one(**COORDINATES) == VALUE

defect = sizes["zip"] > sizes[""]
print("defect:" if defect else "no defect:", f"{sizes['']:,} bytes of JSON;", end=" ")
print(f"zip {sizes['zip']:,}; gzip {sizes['gzip']:,}; pulled intact: {intact};", end=" ")
print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
sys.exit(not defect)
