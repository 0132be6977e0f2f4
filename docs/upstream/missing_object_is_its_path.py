"""XComObjectStorageBackend returns the path of a missing object in place of the value.

Expected: the pull of an XCom whose object is gone (a lifecycle rule, a purge, a lost upload)
raises. Happens: it returns the reference, a str, and the task goes on with it.

Why: deserialize_value answers FileNotFoundError as it answers a value that is no reference: with
what the row holds. Exits 0: defect, 1: none.
"""

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
PACKAGES = ("apache-airflow", "apache-airflow-providers-common-io", "fsspec")
COORDINATES = {"key": "k", "dag_id": "d", "task_id": "t", "run_id": "r"}


class Supervisor:  # stands for the API server and its table of XComs
    def send(self, msg):
        if hasattr(msg, "value"):
            self.row = msg.value
        return comms.XComResult(key=msg.key, value=self.row)


with tempfile.TemporaryDirectory() as home:
    os.environ.update({"AIRFLOW_HOME": home, f"{OPTION}_PATH": f"file://{home}/xcom"})
    os.environ[f"{OPTION}_THRESHOLD"] = "0"
    from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend as Stock
    from airflow.sdk.execution_time import comms, task_runner

    task_runner.SUPERVISOR_COMMS = supervisor = Supervisor()
    Stock.set(value=["a value"], **COORDINATES)
    before = Stock.get_one(**COORDINATES)
    Path(supervisor.row.removeprefix("file://")).unlink()
    try:
        after = f"the pull returned {Stock.get_one(**COORDINATES)!r}"
    except FileNotFoundError as error:
        after = f"raised {type(error).__name__}"

defect = after.endswith(repr(supervisor.row))
print("defect:" if defect else "no defect:", f"with its object, {before!r};", end=" ")
print(f"without, {after};", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
sys.exit(not defect)
