"""Push, pull and purge in one process per case, with what a task's log would show.

Reads cases as JSON, ``{name: {"env": {...}, "do": "push" | "pull"}}``, and prints ``{name: log}``.
Airflow is imported once; each case is a fork of that process.
"""

import gc
import json
import os
import signal
import sys
import tempfile
import traceback
import warnings
from types import SimpleNamespace


def backend():
    """Return the class as a task's process resolves it when it imports XCom."""
    from airflow.sdk.execution_time.xcom import resolve_xcom_backend

    return resolve_xcom_backend()


def push():
    backend().serialize_value({"a": 1}, key="k", task_id="t", dag_id="d", run_id="r")


def push_object():
    backend().serialize_value(object(), key="k", task_id="t", dag_id="d", run_id="r")


def pull():
    path = os.environ["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"]
    path = os.environ.get("WRITTEN_BELOW", path)
    reference = f"{path}/d/r/t/11111111-1111-1111-1111-111111111111"
    backend().deserialize_value(SimpleNamespace(value=reference))


def pull_foreign_class():
    from airflow.sdk.serde import deserialize

    deserialize({"__classname__": "shop.Order", "__version__": 1, "__data__": {}})


def hook():
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    S3Hook(extra_args="{}")


def connection():
    from airflow.sdk import Connection

    Connection.get("nowhere")


def main():
    import airflow.sdk.io.path  # noqa: F401 - once, for all forks

    logs = {}
    for name, case in json.load(sys.stdin).items():
        with tempfile.TemporaryFile("w+") as log:
            child = os.fork()
            if child == 0:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                signal.alarm(20)  # a client that tries for ever has said enough
                os.environ.update(case["env"])
                try:
                    globals()[case["do"]]()
                except Exception:  # noqa: BLE001 - whatever a task would log
                    traceback.print_exc()
                gc.collect()  # the stock class uploads when the file is collected
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(0)
            os.waitpid(child, 0)
            log.seek(0)
            logs[name] = log.read()
    json.dump(logs, sys.stdout)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
