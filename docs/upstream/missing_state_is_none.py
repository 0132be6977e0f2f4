"""StateStoreObjectStorageBackend reads a state whose object is gone as None, as if never stored.

Expected: the get of a key whose row names an object that is gone (a lifecycle rule, a lost upload)
raises. Happens: it returns None, which is the answer for a key that was never set: an operator
built on ResumableJobMixin then submits its external job a second time.

Why: _read_from_object_storage answers FileNotFoundError with None, and deserializing a reference
passes that on. Exits 0: defect, 1: none.
"""

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

SETTING = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"
PACKAGES = ("apache-airflow", "apache-airflow-providers-common-io", "fsspec")
CLASS = "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"


class Supervisor:  # stands for the API server and its table of states
    def send(self, msg):
        if hasattr(msg, "value"):
            self.row = msg.value
        return comms.TaskStateStoreResult.model_construct(value=self.row)


with tempfile.TemporaryDirectory() as home:
    os.environ.update({"AIRFLOW_HOME": home, SETTING: f"file://{home}/state"})
    os.environ["AIRFLOW__WORKERS__STATE_STORE_BACKEND"] = CLASS
    from airflow.sdk.execution_time import comms, task_runner
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor
    from airflow.sdk.state import TaskScope

    task_runner.SUPERVISOR_COMMS = supervisor = Supervisor()
    store = TaskStateStoreAccessor(ti_id=uuid4(), scope=TaskScope("d", "r", "t"))
    store.set("remote_job_id", "job-1")
    before = store.get("remote_job_id")
    (reference,) = supervisor.row.values()
    Path(reference.removeprefix("file://")).unlink()
    try:
        after = f"the get returned {store.get('remote_job_id')!r}"
    except FileNotFoundError as error:
        after = f"raised {type(error).__name__}"

defect = after.endswith("None")
print("defect:" if defect else "no defect:", f"with its object, {before!r};", end=" ")
print(f"without, {after};", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
sys.exit(not defect)
