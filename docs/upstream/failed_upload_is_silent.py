"""With compression, XComObjectStorageBackend reports a refused upload as done.

Expected: the push raises, as without compression. Happens: it stores a reference, no object
exists, and the pull returns that reference in place of the value.

Why: fsspec's open(compression=...) returns the codec's wrapper of the store's file, and "with"
closes the wrapper only: GzipFile, BZ2File, LZMAFile and ZipFile never close a file given to them.
A small object is sent when the file is closed, which is left to AbstractBufferedFile.__del__;
Python prints and drops what a finalizer raises. The pull answers FileNotFoundError with the
reference. Exits 0: defect, 1: none.
"""

import os
import sys
import tempfile
from importlib import reload
from importlib.metadata import version

from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
PACKAGES = ("apache-airflow", "apache-airflow-providers-common-io", "fsspec")
COORDINATES = {"key": "k", "dag_id": "d", "task_id": "t", "run_id": "r"}


class Upload(AbstractBufferedFile):  # sent when it is closed, as with s3fs, gcsfs and adlfs
    def _upload_chunk(self, **_):
        raise PermissionError(403, "Forbidden")


class Store(MemoryFileSystem):  # anybody may read, nobody may write
    def _open(self, path, mode="rb", **options):
        return Upload(self, path, mode) if mode == "wb" else super()._open(path, mode, **options)


class Supervisor:  # stands for the API server and its table of XComs
    def send(self, msg):
        if hasattr(msg, "value"):
            self.row = msg.value
        return comms.XComResult(key=msg.key, value=self.row)


with tempfile.TemporaryDirectory() as os.environ["AIRFLOW_HOME"]:
    os.environ.update({f"{OPTION}_PATH": "memory://bucket/xcom", f"{OPTION}_THRESHOLD": "0"})
    from airflow.providers.common.io.xcom import backend
    from airflow.sdk.execution_time import comms, task_runner
    from airflow.sdk.io import attach

    attach("memory", fs=Store())
    outcomes = {}
    for codec in ("", "gzip"):
        task_runner.SUPERVISOR_COMMS = Supervisor()
        os.environ[f"{OPTION}_COMPRESSION"] = codec
        stock = reload(backend).XComObjectStorageBackend  # it caches its options
        try:
            stock.set(value=["a value"] * 1000, **COORDINATES)
            outcomes[codec] = f"the pull returned {stock.get_one(**COORDINATES)!r}"
        except OSError as error:
            outcomes[codec] = f"raised {type(error).__name__}"

defect = outcomes["gzip"] != "raised PermissionError"
print("defect:" if defect else "no defect:", f"uncompressed, {outcomes['']};", end=" ")
print(f"gzip, {outcomes['gzip']};", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
sys.exit(not defect)
