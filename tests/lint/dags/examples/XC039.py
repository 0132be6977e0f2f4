"""A Dag that sets variables of its own and only reads those of XCom."""

import os

from airflow.sdk import DAG, task

os.environ["TZ"] = "UTC"
os.environ.setdefault("AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG", "1")

with DAG("orders", schedule="@daily"):

    @task
    def where():
        return os.environ.get("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", "")

    where()
